//! How often an instance may ask something of the host.

use std::num::NonZeroU32;

use crate::config::HostLimits;
use crate::contract::{Error, ErrorKind, Result};
use crate::settings::Quota;
use crate::supervise::Bucket;

/// The limits of one instance towards the host.
#[derive(Debug)]
pub(crate) struct Limits {
    calls: Bucket,
    events: Bucket,
    log_lines: Bucket,
    pub(crate) tasks: u32,
    pub(crate) subscriptions: u32,
    pub(crate) figures: u32,
}

impl Limits {
    /// As configured; otherwise ample for anything that is not a loop gone wild.
    pub(crate) fn new(configured: &HostLimits) -> Self {
        let or = |quota: Option<Quota>, default: u32| {
            let default = NonZeroU32::new(default).unwrap_or(NonZeroU32::MIN);
            Bucket::new(quota.unwrap_or_else(|| Quota::per_second(default)))
        };
        Self {
            calls: or(configured.calls, 100_000),
            events: or(configured.events, 10_000),
            log_lines: or(configured.log_lines, 1_000),
            tasks: configured.tasks.unwrap_or(64),
            subscriptions: configured.subscriptions.unwrap_or(256),
            figures: 1_000,
        }
    }

    /// Counts a call of another plugin, a service or the host's routes.
    pub(crate) fn call(&self, instance: &str) -> Result<()> {
        take(&self.calls, instance, "calls")
    }

    /// Counts a published event.
    pub(crate) fn event(&self, instance: &str) -> Result<()> {
        take(&self.events, instance, "events")
    }

    /// Whether one more log line is within the limit.
    pub(crate) fn log_line(&self) -> bool {
        self.log_lines.take()
    }
}

fn take(bucket: &Bucket, instance: &str, what: &str) -> Result<()> {
    if bucket.take() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::ResourceLimit,
        format!("at most {} {what} were expected, this is one more", bucket.quota()),
    )
    .with_plugin(instance)
    .with_help(format!(
        "raise `{what}` in [plugins.{instance}.limits], if it is no loop gone wild"
    )))
}
