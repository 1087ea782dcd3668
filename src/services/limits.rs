//! How often an instance may ask something of the host.
//!
//! The generic cell rate algorithm (ITU-T I.371): one number, the theoretical arrival time, moves
//! forward by one interval a call; a call is refused if that time lies more than one burst ahead.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::config::HostLimits;
use crate::contract::{Error, ErrorKind, Result};
use crate::settings::Quota;

/// A limit of so many in so long; the whole count may come at once.
#[derive(Debug)]
pub(crate) struct Bucket {
    quota: Quota,
    epoch: Instant,
    /// Nanoseconds since `epoch`.
    arrival: AtomicU64,
}

impl Bucket {
    pub(crate) fn new(quota: Quota) -> Self {
        Self { quota, epoch: Instant::now(), arrival: AtomicU64::new(0) }
    }

    /// Whether one more is within the limit; counts it if so.
    pub(crate) fn take(&self) -> bool {
        self.take_at(u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    fn take_at(&self, now: u64) -> bool {
        let burst = u64::try_from(self.quota.per().as_nanos()).unwrap_or(u64::MAX);
        let interval = burst / u64::from(self.quota.count().get());
        self.arrival
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |arrival| {
                let next = arrival.max(now).saturating_add(interval);
                (next <= now.saturating_add(burst)).then_some(next)
            })
            .is_ok()
    }
}

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
        format!("at most {} {what} were expected, this is one more", bucket.quota),
    )
    .with_plugin(instance)
    .with_help(format!(
        "raise `{what}` in [plugins.{instance}.limits], if it is no loop gone wild"
    )))
}

#[cfg(test)]
mod tests {
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
