//! How long requests take.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Upper bounds of the buckets: in microseconds, and in seconds as Prometheus writes them.
pub(crate) const BOUNDS: [(u64, &str); 12] = [
    (250, "0.00025"),
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (1_000_000, "1"),
    (10_000_000, "10"),
];

/// Counts in buckets. Readers may see a sample that is being added in one figure and not yet in
/// another.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    /// The last one is for what is longer than every bound.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

impl Histogram {
    pub(crate) fn add(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let place = BOUNDS.partition_point(|(bound, _)| *bound < micros);
        if let Some(bucket) = self.buckets.get(place) {
            bucket.fetch_add(1, Relaxed);
        }
        self.micros.fetch_add(micros, Relaxed);
    }

    /// How many samples are at most each bound, then how many there are.
    pub(crate) fn cumulative(&self) -> Vec<u64> {
        let mut sum = 0;
        let add = |bucket: &AtomicU64| {
            sum += bucket.load(Relaxed);
            sum
        };
        self.buckets.iter().map(add).collect()
    }

    /// The sum of all samples, in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        self.micros.load(Relaxed) as f64 / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_in_every_bucket_whose_bound_it_does_not_exceed() {
        let histogram = Histogram::default();
        for micros in [0, 250, 251, 1_000_000, 60_000_000] {
            histogram.add(Duration::from_micros(micros));
        }
        let expected = [2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 4, 5];
        assert_eq!(histogram.cumulative(), expected);
        assert!((histogram.seconds() - 61.000_501).abs() < 1e-9);
    }

    #[test]
    fn the_two_spellings_of_a_bound_agree() {
        for (micros, seconds) in BOUNDS {
            assert_eq!(micros as f64 / 1e6, seconds.parse::<f64>().unwrap());
        }
    }
}
