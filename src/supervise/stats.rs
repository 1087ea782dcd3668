//! What was counted of an instance's calls, at one moment.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::contribution::Contribution;
use super::meter::Latency;
use super::port::AnyPort;
use crate::monitor::{BreakerState, Refusal};

/// The calls of one instance since the host knows it.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct CallStats {
    /// When a call was last seen, to within a second.
    pub last_used: Option<SystemTime>,
    /// The share of the time in which the instance took calls, since it first did; of 1.
    pub uptime: Option<f64>,
    /// CPU time of the instance's own threads, if it has some; since it was last started.
    pub cpu_time: Option<Duration>,
    /// Threads of its own.
    pub threads: u32,
    /// Threads that do not come back from it, of all times.
    pub stuck: u64,
    /// Over all contributions.
    pub latency: Latency,
    /// Where its circuit breaker stands, if it has one.
    pub breaker: Option<BreakerState>,
    /// Places taken in its bulkhead.
    pub places: u64,
    /// Calls that wait for one.
    pub waiting: u64,
    /// Calls that did not answer at once and are awaited with a deadline.
    pub pending: u64,
    /// Each by itself, by name.
    pub contributions: Vec<ContributionStats>,
}

/// The calls of one contribution.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct ContributionStats {
    /// `GET /search`, `service geo.lookup`, `storage sqlite`, …
    pub name: String,
    /// Calls that were let in.
    pub calls: u64,
    /// Those that are inside now.
    pub in_flight: u64,
    /// Those that failed, by the kind of their error.
    pub errors: BTreeMap<&'static str, u64>,
    /// Those whose callers did not wait for the answer.
    pub dropped: u64,
    /// Calls that were not let in, by what stood in their way.
    pub refused: BTreeMap<Refusal, u64>,
    /// Bytes of requests, of bodies whose length was known.
    pub bytes_received: u64,
    /// Bytes of responses.
    pub bytes_sent: u64,
    /// How long they took.
    pub latency: Latency,
    #[serde(skip)]
    by_the_host: bool,
}

impl CallStats {
    /// Calls that were let in, without what the host itself asks of it.
    pub fn calls(&self) -> u64 {
        self.by_others().map(|one| one.calls).sum()
    }

    /// Calls that failed, of the same.
    pub fn errors(&self) -> u64 {
        self.by_others().flat_map(|one| one.errors.values()).sum()
    }

    fn by_others(&self) -> impl Iterator<Item = &ContributionStats> {
        self.contributions.iter().filter(|one| !one.by_the_host)
    }

    /// Calls that are inside now.
    pub fn in_flight(&self) -> u64 {
        self.contributions.iter().map(|one| one.in_flight).sum()
    }

    /// Bytes received and sent.
    pub fn bytes(&self) -> (u64, u64) {
        let all = self.contributions.iter();
        all.fold((0, 0), |(received, sent), one| {
            (received + one.bytes_received, sent + one.bytes_sent)
        })
    }

    /// Calls that were not let in.
    pub fn refused(&self) -> u64 {
        self.contributions.iter().flat_map(|one| one.refused.values()).sum()
    }
}

impl ContributionStats {
    pub(super) fn of(port: &dyn AnyPort) -> Self {
        let watch = port.watch();
        // The refusals first: each of them is among the calls that have begun.
        let refused = watch.meter.refused();
        let (entered, left) = port.counts();
        let (bytes_received, bytes_sent) = watch.meter.traffic();
        Self {
            by_the_host: watch.contribution == Contribution::Own,
            bytes_received,
            bytes_sent,
            name: watch.contribution.to_string(),
            calls: entered.saturating_sub(refused.values().sum()),
            in_flight: entered - left,
            errors: watch.meter.errors(),
            dropped: watch.meter.dropped(),
            refused,
            latency: watch.meter.latency(),
        }
    }
}
