//! [`HostEvent`]: one thing that happened, as a record. What plugins and the system said is in it as
//! text of one line, escaped and cut.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hotshoe_abi::plain::Line;
use serde::{Serialize, Serializer};

use crate::contract::{Error, Health, HealthStatus};
use crate::lifecycle::State;

/// One thing that happened in a host. Its `Display` is one line in plain words.
///
/// It serialises as a record with the time as in RFC 3339; what happened is told by `kind`:
///
/// ```json
/// {
///   "at": "2026-01-31T12:00:00.000Z", "instance": "db",
///   "kind": "restarting", "attempt": 1, "of": 5, "after": { "secs": 1, "nanos": 0 }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct HostEvent {
    /// When.
    #[serde(serialize_with = "in_words")]
    pub at: SystemTime,
    /// To which instance; none if it concerns all of them.
    pub instance: Option<String>,
    /// What.
    #[serde(flatten)]
    pub kind: HostEventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum HostEventKind {
    /// The instance is in another state.
    #[non_exhaustive]
    StateChanged {
        /// Where it was.
        from: State,
        /// Where it is.
        to: State,
    },
    /// The instance is well or unwell, and was not before.
    #[non_exhaustive]
    HealthChanged {
        /// How it is.
        health: Health,
    },
    /// The instance will be restarted, because its policy says so.
    #[non_exhaustive]
    Restarting {
        /// The how manieth restart in a row this is, counted from 1.
        attempt: u32,
        /// So many there are at most.
        of: u32,
        /// It waits so long before it.
        after: Duration,
    },
    /// The instance was restarted and serves again.
    #[non_exhaustive]
    Restarted {
        /// The how manieth restart in a row it was; none if somebody asked for it.
        attempt: Option<u32>,
    },
    /// The instance is not restarted any more by itself.
    #[non_exhaustive]
    GaveUp {
        /// After so many restarts in a row.
        after: u32,
    },
    /// The instance was stopped and started again because one that it needs was restarted.
    #[non_exhaustive]
    DependencyRestarted {
        /// The one that it needs, directly or by way of others.
        dependency: String,
    },
    /// The instance was exchanged while it served.
    #[non_exhaustive]
    Swapped {
        /// The version before.
        from: String,
        /// The version that serves now.
        to: String,
        /// For how long calls were held.
        pause: Duration,
        /// How many calls were still inside of the old one.
        left_behind: u64,
    },
    /// A share of the instance's calls goes to another version. What becomes of that is told as `Swapped` or
    /// `SwapFailed`.
    #[non_exhaustive]
    CanaryBegun {
        /// The version that the others go to.
        from: String,
        /// The version that gets the share.
        to: String,
        /// So many of 1.
        share: f64,
    },
    /// The instance was to be exchanged, and goes on as it was.
    #[non_exhaustive]
    SwapFailed {
        /// For people.
        why: String,
    },
    /// After an exchange the generation from before serves again.
    #[non_exhaustive]
    RolledBack {
        /// The version that had been swapped in.
        from: String,
        /// The version that serves now.
        to: String,
        /// For people.
        why: String,
        /// For how long calls were held: from when its breaker opened, if it did.
        pause: Duration,
    },
    /// After an exchange there is no way back any more.
    #[non_exhaustive]
    Promoted {
        /// The version that serves.
        version: String,
    },
    /// The breaker of the instance opened or closed.
    #[non_exhaustive]
    BreakerChanged {
        /// Where it was.
        from: BreakerState,
        /// Where it is.
        to: BreakerState,
        /// For people.
        why: String,
    },
    /// Calls were refused. Told at most once a second for each instance and limit, however many there
    /// were.
    #[non_exhaustive]
    Refused {
        /// What refused them.
        by: Refusal,
        /// How many since that was last told.
        count: u64,
    },
    /// Something is wrong with the instance, as its figures show.
    #[non_exhaustive]
    Problem {
        /// What.
        symptom: Symptom,
        /// When it was first seen.
        #[serde(serialize_with = "in_words")]
        since: SystemTime,
    },
    /// That is over.
    #[non_exhaustive]
    ProblemOver {
        /// As it was told when it began.
        symptom: Symptom,
    },
    /// Whoever listens was too slow: the oldest events were dropped. Only that listener is told.
    #[non_exhaustive]
    Missed {
        /// How many.
        count: u64,
    },
}

/// Where a breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BreakerState {
    /// Calls go through.
    Closed,
    /// Calls are refused.
    Open,
    /// A few calls are tried.
    HalfOpen,
}

/// What a call was refused by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Refusal {
    /// The instance did not serve.
    Stopped,
    /// Its breaker was open.
    Breaker,
    /// The rate of the instance.
    InstanceRate,
    /// The rate of one route.
    RouteRate,
    /// So many calls may be inside at one time, and so many may wait for that.
    Bulkhead,
    /// So many calls may wait for the instance's own threads.
    Lane,
    /// Calls were held while the instance was exchanged, for longer than this one had time.
    Held,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Stopped,
        Self::Breaker,
        Self::InstanceRate,
        Self::RouteRate,
        Self::Bulkhead,
        Self::Lane,
        Self::Held,
    ];

    /// As it appears in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Breaker => "breaker",
            Self::InstanceRate => "instance_rate",
            Self::RouteRate => "route_rate",
            Self::Bulkhead => "bulkhead",
            Self::Lane => "lane",
            Self::Held => "held",
        }
    }
}

/// What is wrong with an instance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Symptom {
    /// One call in a hundred takes longer than it should.
    #[non_exhaustive]
    Slow {
        /// How long that one takes at least.
        p99: Duration,
        /// How long it should take at most.
        limit: Duration,
    },
    /// Too many calls fail.
    #[non_exhaustive]
    Erring {
        /// So many of 1.
        rate: f64,
    },
    /// What it holds grows without end.
    #[non_exhaustive]
    Leaking {
        /// What it holds.
        what: Resource,
        /// So much when that began.
        from: u64,
        /// So much now.
        to: u64,
    },
    /// Threads do not come back from it.
    #[non_exhaustive]
    Stuck {
        /// How many.
        threads: u64,
    },
}

/// What an instance holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Resource {
    /// Periodic jobs.
    Tasks,
    /// Subscriptions to topics.
    Subscriptions,
    /// Bytes of memory.
    Heap,
}

impl HostEvent {
    /// It happens now.
    pub(crate) fn now(instance: &str, kind: HostEventKind) -> Self {
        let instance = (!instance.is_empty()).then(|| instance.to_owned());
        Self { at: SystemTime::now(), instance, kind }
    }
}

impl HostEventKind {
    pub(crate) fn state_changed(from: &State, to: &State) -> Self {
        Self::StateChanged { from: in_short(from), to: in_short(to) }
    }

    pub(crate) fn health_changed(health: &Health) -> Self {
        let message = Line(&health.message).to_string();
        let health = match health.status {
            HealthStatus::Healthy => Health { message, ..Health::healthy() },
            HealthStatus::Degraded => Health::degraded(message),
            HealthStatus::Unhealthy => Health::unhealthy(message),
        };
        Self::HealthChanged { health }
    }

    pub(crate) fn swap_failed(error: &Error) -> Self {
        Self::SwapFailed { why: Line(error.message()).to_string() }
    }

    /// Whether `explain` may tell of it: what state an instance is in, it tells anyway.
    pub(super) fn is_kept(&self) -> bool {
        !matches!(self, Self::StateChanged { .. } | Self::Missed { .. })
    }
}

/// The state, with an error that is no longer than a line.
fn in_short(state: &State) -> State {
    match state {
        State::Failed { phase, error } => {
            State::Failed { phase: *phase, error: Line(error).to_string() }
        }
        other => other.clone(),
    }
}

fn in_words<S: Serializer>(at: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
    // A clock before 1970 has no such text.
    to.collect_str(&humantime::format_rfc3339_millis((*at).max(UNIX_EPOCH)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::Phase;

    #[test]
    fn a_record_has_the_time_in_words_and_says_what_happened_by_its_kind() {
        let at = UNIX_EPOCH + Duration::from_millis(1_500);
        let kind = HostEventKind::BreakerChanged {
            from: BreakerState::HalfOpen,
            to: BreakerState::Open,
            why: "a trial failed".into(),
        };
        let event = HostEvent { at, instance: Some("db".into()), kind };
        assert_eq!(
            serde_json::to_value(event).unwrap(),
            serde_json::json!({
                "at": "1970-01-01T00:00:01.500Z", "instance": "db", "kind": "breaker_changed",
                "from": "half_open", "to": "open", "why": "a trial failed",
            })
        );
        let slow = Symptom::Slow { p99: Duration::from_secs(2), limit: Duration::from_secs(1) };
        let kind = HostEventKind::Problem { symptom: slow, since: UNIX_EPOCH };
        assert_eq!(
            serde_json::to_value(HostEvent { at, instance: None, kind }).unwrap(),
            serde_json::json!({
                "at": "1970-01-01T00:00:01.500Z", "instance": null, "kind": "problem",
                "since": "1970-01-01T00:00:00.000Z",
                "symptom": {
                    "is": "slow",
                    "p99": { "secs": 2, "nanos": 0 }, "limit": { "secs": 1, "nanos": 0 },
                },
            })
        );
    }

    #[test]
    fn what_a_plugin_said_is_kept_as_one_line_that_is_not_long() {
        let said = "\u{1b}[2J\nall is well\n".to_owned() + &"x".repeat(1 << 20);
        let failed = State::Failed { phase: Phase::Start, error: said.clone() };
        let kinds = [
            HostEventKind::state_changed(&State::Active, &failed),
            HostEventKind::health_changed(&Health::unhealthy(&*said)),
        ];
        for kind in kinds {
            let record = serde_json::to_value(HostEvent::now("it", kind)).unwrap();
            let said = record.pointer("/to/error").or(record.pointer("/health/message")).unwrap();
            let said = said.as_str().unwrap();
            assert!(said.len() < 4096 && !said.contains(char::is_control), "{said}");
        }
    }
}
