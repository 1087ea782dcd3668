//! So many in so long.
//!
//! The generic cell rate algorithm (ITU-T I.371): one number, the theoretical arrival time, moves
//! forward by one interval a call; a call is refused if that time lies more than one burst ahead.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::settings::Quota;

/// A limit of so many in so long; the whole count may come at once.
#[derive(Debug)]
pub(crate) struct Bucket {
    quota: Quota,
    /// In nanoseconds, as all below: how far ahead calls may be, and how far one of them moves.
    burst: u64,
    interval: u64,
    epoch: Instant,
    /// Since `epoch`.
    arrival: AtomicU64,
}

impl Bucket {
    pub(crate) fn new(quota: Quota) -> Self {
        let burst = u64::try_from(quota.per().as_nanos()).unwrap_or(u64::MAX);
        let interval = burst / u64::from(quota.count().get());
        Self { quota, burst, interval, epoch: Instant::now(), arrival: AtomicU64::new(0) }
    }

    pub(crate) fn quota(&self) -> Quota {
        self.quota
    }

    /// Whether one more is within the limit; counts it if so.
    pub(crate) fn take(&self) -> bool {
        self.take_at(u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    fn take_at(&self, now: u64) -> bool {
        self.arrival
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |arrival| {
                let next = arrival.max(now).saturating_add(self.interval);
                (next <= now.saturating_add(self.burst)).then_some(next)
            })
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_window_lets_more_through_than_twice_the_quota(
            mut moments in proptest::collection::vec(0u64..5_000_000_000, 1..400),
            count in 1u32..50,
        ) {
            moments.sort_unstable();
            let bucket = Bucket::new(Quota::per_second(NonZeroU32::new(count).unwrap()));
            let passed: Vec<u64> =
                moments.into_iter().filter(|moment| bucket.take_at(*moment)).collect();
            for (at, start) in passed.iter().enumerate() {
                let window = passed[at..].iter().take_while(|m| **m < start + 1_000_000_000).count();
                prop_assert!(window <= 2 * count as usize, "{window} in one second, quota {count}");
            }
        }

        #[test]
        fn what_stays_below_the_quota_is_never_refused(count in 1u32..1000) {
            let bucket = Bucket::new(Quota::per_second(NonZeroU32::new(count).unwrap()));
            let interval = 1_000_000_000 / u64::from(count);
            for at in 0..2000 {
                prop_assert!(bucket.take_at(at * interval));
            }
        }
    }

    #[test]
    fn a_burst_of_the_whole_quota_passes_and_one_more_does_not() {
        let bucket = Bucket::new(Quota::per_second(NonZeroU32::new(3).unwrap()));
        let passed: Vec<bool> = (0..4).map(|_| bucket.take_at(0)).collect();
        assert_eq!(passed, [true, true, true, false]);
        assert!(bucket.take_at(400_000_000));
    }
}
