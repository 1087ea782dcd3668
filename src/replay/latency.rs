//! How long calls took, recorded and replayed.

use std::fmt;
use std::time::Duration;

use histogram::Histogram;

use super::tap::nanos;

/// 128 steps for each doubling: to within 1%.
const PRECISION: u8 = 7;
/// Up to 2^40 ns, a quarter of an hour; beyond they count as that.
const LONGEST: u8 = 40;

/// How long the compared calls took, by those who answered: to within 1%.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Latencies {
    /// Half of them took no longer, when they were recorded.
    pub recorded_median: Duration,
    /// Nor now.
    pub median: Duration,
    /// 99 of 100 took no longer, when they were recorded.
    pub recorded_p99: Duration,
    /// Nor now.
    pub p99: Duration,
}

impl Latencies {
    /// How many times as long as recorded they took, by the worse of both figures.
    pub fn ratio(&self) -> f64 {
        let ratio = |now: Duration, then: Duration| {
            // Shorter is not measured.
            nanos(now).max(1) as f64 / nanos(then).max(1) as f64
        };
        ratio(self.median, self.recorded_median).max(ratio(self.p99, self.recorded_p99))
    }
}

impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "median {:.1?} (recorded {:.1?}), p99 {:.1?} (recorded {:.1?})",
            self.median, self.recorded_median, self.p99, self.recorded_p99
        )
    }
}

/// Both, while they are taken.
pub(super) struct Stopwatch {
    recorded: Histogram,
    replayed: Histogram,
}

impl Stopwatch {
    pub(super) fn new() -> Self {
        let histogram =
            || Histogram::new(PRECISION, LONGEST).expect("the precision is less than the range");
        Self { recorded: histogram(), replayed: histogram() }
    }

    pub(super) fn note(&mut self, recorded: u64, replayed: Duration) {
        const MOST: u64 = (1 << LONGEST) - 1;
        // It is no more than the longest.
        let _ = self.recorded.increment(recorded.min(MOST));
        let _ = self.replayed.increment(nanos(replayed).min(MOST));
    }

    pub(super) fn read(&self) -> Latencies {
        let at = |histogram: &Histogram, quantile: f64| {
            let found = histogram.quantile_bucket(quantile).ok().flatten();
            found.map_or(Duration::ZERO, |bucket| Duration::from_nanos(bucket.end()))
        };
        Latencies {
            recorded_median: at(&self.recorded, 0.5),
            median: at(&self.replayed, 0.5),
            recorded_p99: at(&self.recorded, 0.99),
            p99: at(&self.replayed, 0.99),
        }
    }
}
