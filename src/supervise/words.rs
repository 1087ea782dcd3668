//! What a call is told that does not go in, or does not come back in time.

use std::time::Duration;

use super::bucket::Bucket;
use super::contribution::Contribution;
use super::watch::Watch;
use crate::contract::{Error, ErrorKind};
use crate::monitor::Refusal;

impl Watch {
    pub(super) fn closed(&self) -> Error {
        let help = "try again when the plugin is active; `PluginHost::explain` says why it is not";
        let what = match &self.contribution {
            Contribution::Route { .. } | Contribution::Middleware(_) => {
                "it is being stopped or replaced and takes no requests now".to_owned()
            }
            other => format!("{other} is being stopped or replaced and takes no calls now"),
        };
        Error::new(ErrorKind::Unavailable, what).with_help(help)
    }

    pub(super) fn broken(&self, left: Duration) -> Error {
        let message = format!(
            "too many of its calls failed: its circuit breaker refuses {} for another {left:.0?}",
            self.contribution
        );
        let help =
            "its errors are in the log; `circuit_breaker` in its configuration says when it opens";
        self.refuse(Refusal::Breaker, Error::new(ErrorKind::Unavailable, message).with_help(help))
    }

    pub(super) fn too_often(&self, bucket: &Bucket, why: Refusal) -> Error {
        let whose = match why {
            Refusal::RouteRate => self.contribution.to_string(),
            _ => "the instance".to_owned(),
        };
        Error::new(
            ErrorKind::ResourceLimit,
            format!("at most {} calls of {whose} were expected, this is one more", bucket.quota()),
        )
        .with_help(
            "call it less often, or raise `rate_limit` or `route_limits` in its configuration",
        )
    }

    pub(super) fn full(&self) -> Error {
        let (max, queue) = self.places();
        let waiting = match queue {
            0 => String::new(),
            _ => format!(" and {queue} waiting"),
        };
        Error::new(
            ErrorKind::ResourceLimit,
            format!("at most {max} calls inside{waiting} were expected, this is one more"),
        )
        .with_help("try again later, or raise `max_in_flight` or `queue` in its configuration")
    }

    pub(super) fn waited(&self) -> Error {
        let (max, _) = self.places();
        let message = format!(
            "{} was expected to begin within {:?}, {max} other calls were inside all the time",
            self.contribution,
            self.supervisor.limit.unwrap_or_default()
        );
        let error = Error::new(ErrorKind::Timeout, message)
            .with_help("raise `max_in_flight` or `call_timeout` in its configuration");
        self.supervisor.refused(Refusal::Bulkhead);
        error.with_plugin(self.supervisor.instance())
    }

    pub(super) fn held_too_long(&self) -> Error {
        let message = format!(
            "{} was expected to begin within {:?}, it was being exchanged all the time",
            self.contribution,
            self.supervisor.limit.unwrap_or_default()
        );
        Error::new(ErrorKind::Timeout, message)
            .with_help("try again, or raise `call_timeout` in its configuration")
            .with_plugin(self.supervisor.instance())
    }

    pub(super) fn on_purpose(&self, kind: ErrorKind, what: &str) -> Error {
        let message = format!("a fault on purpose in {}: {what}", self.contribution);
        Error::new(kind, message)
            .with_help("`faults` in its configuration, or `PluginHost::inject`, say when")
            .with_plugin(self.supervisor.instance())
    }

    pub(super) fn endless(&self) -> Error {
        let message = format!(
            "a fault on purpose in {}: `never` was expected to have an end where the caller's thread \
             waits, and there is none",
            self.contribution
        );
        Error::new(ErrorKind::InvalidConfig, message)
            .with_help("set `call_timeout` in its configuration, or use another fault")
            .with_plugin(self.supervisor.instance())
    }

    pub(super) fn late(&self) -> Error {
        let what = match &self.contribution {
            Contribution::Execute => "the output of `execute`".to_owned(),
            other => format!("the answer of {other}"),
        };
        let limit = self.supervisor.limit.unwrap_or_default();
        Error::new(
            ErrorKind::Timeout,
            format!("{what} was expected within {limit:?}, it did not come"),
        )
        .with_plugin(self.supervisor.instance())
    }
}
