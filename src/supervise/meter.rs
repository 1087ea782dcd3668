//! What is counted of the calls of one contribution, besides how many there are: that the port does.
//!
//! Only what went wrong, what was refused, and one of [`SAMPLE`](hotshoe_abi::SAMPLE) calls, which is
//! timed, ever get here.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use histogram::{AtomicHistogram, Histogram};
use hotshoe_abi::outcome;

use super::traffic::{LANES, Traffic, lane};
use crate::contract::ErrorKind;
use crate::monitor::Refusal;

/// Errors are counted by the number of their kind; newer kinds together.
const KINDS: usize = 24;
/// Sixteen steps for each doubling: a latency is known to within 6%.
pub(super) const PRECISION: u8 = 4;
/// Latencies up to 2^36 ns, a minute; beyond they count as that.
pub(super) const LONGEST: u8 = 36;

/// Counts. Most contributions are hardly ever called, and there may be thousands: what is counted of
/// calls has its room from the first of them on.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    failed: OnceLock<Box<Failed>>,
    traffic: Traffic,
    /// One for each of a few groups of threads, because two that write to one wait for each other.
    latency: OnceLock<Box<[OnceLock<AtomicHistogram>; LANES]>>,
}

/// Calls that were not answered.
#[derive(Debug, Default)]
struct Failed {
    errors: [AtomicU64; KINDS],
    dropped: AtomicU64,
    refused: [AtomicU64; Refusal::ALL.len()],
}

impl Meter {
    /// Counts how a call ended, unless it just answered.
    pub(crate) fn ended(&self, ended: u32) {
        match (ended, outcome::kind(ended)) {
            (outcome::DROPPED, _) => &self.failed().dropped,
            (_, Some(kind)) => &self.failed().errors[index(kind)],
            _ => return,
        }
        .fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one that was not let in.
    pub(crate) fn refuse(&self, why: Refusal) {
        self.failed().refused[why as usize].fetch_add(1, Ordering::Relaxed);
    }

    fn failed(&self) -> &Failed {
        self.failed.get_or_init(Box::default)
    }

    /// Counts the bytes of a request and its response.
    pub(crate) fn bytes(&self, received: u64, sent: u64) {
        self.traffic.add(received, sent);
    }

    /// Received by the plugin, sent by it.
    pub(crate) fn traffic(&self) -> (u64, u64) {
        self.traffic.sums()
    }

    /// How long a call took that was timed.
    pub(crate) fn time(&self, nanos: u64) {
        let latency = &self.latency.get_or_init(Box::default)[lane()];
        let latency = latency.get_or_init(|| {
            AtomicHistogram::new(PRECISION, LONGEST).expect("the precision is less than the range")
        });
        // It is no more than the longest.
        let _ = latency.increment(nanos.min((1 << LONGEST) - 1));
    }

    /// Calls that came in and did not come to an answer or an error of their own.
    pub(crate) fn without_answer(&self) -> u64 {
        let Some(failed) = self.failed.get() else { return 0 };
        let refused: u64 = failed.refused.iter().map(|count| count.load(Ordering::Relaxed)).sum();
        refused + failed.dropped.load(Ordering::Relaxed)
    }

    pub(crate) fn refused(&self) -> BTreeMap<Refusal, u64> {
        let Some(failed) = self.failed.get() else { return BTreeMap::new() };
        let counts = Refusal::ALL.map(|why| (why, &failed.refused[why as usize]));
        counts
            .into_iter()
            .map(|(why, count)| (why, count.load(Ordering::Relaxed)))
            .filter(|(_, count)| *count > 0)
            .collect()
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.failed.get().map_or(0, |failed| failed.dropped.load(Ordering::Relaxed))
    }

    /// Errors by their kind's name.
    pub(crate) fn errors(&self) -> BTreeMap<&'static str, u64> {
        let mut errors = BTreeMap::new();
        let counts =
            self.failed.get().into_iter().flat_map(|failed| failed.errors.iter().enumerate());
        for (at, count) in counts {
            let count = count.load(Ordering::Relaxed);
            if count > 0 {
                // The outcome of a kind is one more than its number.
                let kind = outcome::kind(at as u32 + 1).unwrap_or(ErrorKind::Other);
                *errors.entry(kind.as_str()).or_default() += count;
            }
        }
        errors
    }

    /// Errors that are the plugin's doing.
    pub(crate) fn failures(&self) -> u64 {
        let counts =
            self.failed.get().into_iter().flat_map(|failed| failed.errors.iter().enumerate());
        let kinds = counts.filter(|(at, _)| outcome::kind(*at as u32 + 1).is_none_or(is_failing));
        kinds.map(|(_, count)| count.load(Ordering::Relaxed)).sum()
    }

    /// The timed calls of all of these, if there were any.
    pub(crate) fn histogram(meters: &[&Self]) -> Option<Histogram> {
        let own = meters.iter().filter_map(|meter| meter.latency.get());
        let own = own.flat_map(|lanes| lanes.iter()).filter_map(OnceLock::get);
        let own: Vec<Histogram> = own.map(AtomicHistogram::load).collect();
        let own: Vec<&Histogram> = own.iter().collect();
        Histogram::checked_sum(&own).ok()
    }

    /// The timed calls.
    pub(crate) fn latency(&self) -> Latency {
        Latency::of(&[self])
    }
}

/// Whether such an error is a failure of the plugin. One that says something of the input, or that there
/// was too much of it, is an answer.
pub(crate) fn is_failing(kind: ErrorKind) -> bool {
    !matches!(
        kind,
        ErrorKind::InvalidInput
            | ErrorKind::NotFound
            | ErrorKind::AlreadyExists
            | ErrorKind::Conflict
            | ErrorKind::PermissionDenied
            | ErrorKind::ResourceLimit
            | ErrorKind::Unsupported
    )
}

fn index(kind: ErrorKind) -> usize {
    (outcome::failed(kind) as usize - 1).min(KINDS - 1)
}

/// How long calls took: of those that were timed, one of 64 of each thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Latency {
    /// How many were timed.
    pub samples: u64,
    /// Half of them took no longer; to within 6%, as all of these.
    pub p50: Duration,
    /// Nine of ten took no longer.
    pub p90: Duration,
    /// All but one of a hundred took no longer.
    pub p99: Duration,
    /// The longest.
    pub max: Duration,
}

impl Latency {
    /// Over all of these.
    pub(crate) fn of(meters: &[&Meter]) -> Self {
        let Some(all) = Meter::histogram(meters) else { return Self::default() };
        let at = |quantile: f64| {
            let found = all.quantile_bucket(quantile).ok().flatten();
            found.map_or(Duration::ZERO, |bucket| Duration::from_nanos(bucket.end()))
        };
        Self {
            samples: all.as_slice().iter().sum(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            max: at(1.0),
        }
    }
}
