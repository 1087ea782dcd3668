//! GCRA, the generic cell rate algorithm: a token bucket in one number.
//!
//! The number is when the bucket will be full again, `full_at`. A request moves it one interval
//! further; it is refused if that would be further ahead than a whole bucket takes to fill. Time is
//! nanoseconds on any clock that does not go back.

use std::num::NonZeroU32;
use std::time::Duration;

/// How fast a bucket fills and how much it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    /// Nanoseconds for one request; rounded up, so that a limit is never exceeded.
    interval: u64,
    burst: u32,
}

/// What became of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub allowed: bool,
    /// When the bucket will be full; unchanged if refused.
    pub full_at: u64,
    /// How many requests would be allowed right after this one.
    pub remaining: u32,
    /// After how many nanoseconds the next request will be allowed; 0 if it would be now.
    pub retry_after: u64,
}

impl Rate {
    pub(crate) fn new(count: NonZeroU32, per: Duration, burst: NonZeroU32) -> Self {
        let interval = per.as_nanos().div_ceil(u128::from(count.get()));
        // A century an interval, and a bucket of them still fits into the clock.
        const LONGEST: u64 = 100 * 365 * 86_400 * 1_000_000_000;
        let longest = LONGEST / u64::from(burst.get());
        let interval = u64::try_from(interval).unwrap_or(u64::MAX).min(longest).max(1);
        Self { interval, burst: burst.get() }
    }

    /// How much a bucket holds.
    pub(crate) fn burst(self) -> u32 {
        self.burst
    }

    /// Nanoseconds in which an empty bucket becomes full.
    fn capacity(self) -> u64 {
        self.interval * u64::from(self.burst)
    }

    /// Judges a request at `now` of a client whose bucket will be full at `full_at`.
    pub(crate) fn check(self, full_at: u64, now: u64) -> Verdict {
        let capacity = self.capacity();
        // No honest bucket is further from full than that; a state that was handed over may be.
        let full_at = full_at.clamp(now, now.saturating_add(capacity));
        let next = full_at.saturating_add(self.interval);
        let missing = next - now;
        if missing > capacity {
            let retry_after = missing - capacity;
            return Verdict { allowed: false, full_at, remaining: 0, retry_after };
        }
        let remaining = u32::try_from((capacity - missing) / self.interval).unwrap_or(u32::MAX);
        let retry_after = (missing + self.interval).saturating_sub(capacity);
        Verdict { allowed: true, full_at: next, remaining, retry_after }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn rate(count: u32, per: Duration, burst: u32) -> Rate {
        Rate::new(NonZeroU32::new(count).unwrap(), per, NonZeroU32::new(burst).unwrap())
    }

    /// A token bucket as a textbook writes it, in whole nanoseconds.
    struct Bucket {
        filled: u64,
        at: u64,
    }

    impl Bucket {
        fn take(&mut self, rate: Rate, now: u64) -> bool {
            self.filled = rate.capacity().min(self.filled + (now - self.at));
            self.at = now;
            let enough = self.filled >= rate.interval;
            if enough {
                self.filled -= rate.interval;
            }
            enough
        }
    }

    #[test]
    fn a_burst_then_one_an_interval() {
        let rate = rate(60, Duration::from_secs(60), 3);
        let mut full_at = 0;
        let mut ask = |now: u64| {
            let verdict = rate.check(full_at, now);
            full_at = verdict.full_at;
            (verdict.allowed, verdict.remaining, verdict.retry_after)
        };
        let start = 100 * SECOND;
        assert_eq!(ask(start), (true, 2, 0));
        assert_eq!(ask(start), (true, 1, 0));
        assert_eq!(ask(start), (true, 0, SECOND));
        assert_eq!(ask(start), (false, 0, SECOND));
        assert_eq!(ask(start + SECOND / 4), (false, 0, SECOND * 3 / 4));
        assert_eq!(ask(start + SECOND), (true, 0, SECOND));
        assert_eq!(ask(start + SECOND), (false, 0, SECOND));
        assert_eq!(ask(start + 1000 * SECOND), (true, 2, 0));
    }

    #[test]
    fn extreme_limits_neither_overflow_nor_allow_nothing() {
        for per in [Duration::from_nanos(1), Duration::MAX] {
            for count in [1, u32::MAX] {
                for burst in [1, u32::MAX] {
                    let rate = rate(count, per, burst);
                    assert!(rate.check(0, 0).allowed);
                    assert!(rate.check(0, u64::MAX / 2).allowed);
                    let _ = rate.check(u64::MAX, u64::MAX);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn it_allows_what_a_token_bucket_allows(
            count in 1u32..50,
            burst in 1u32..20,
            steps in prop::collection::vec(0u64..3 * SECOND, 1..200),
        ) {
            let rate = rate(count, Duration::from_secs(10), burst);
            let mut bucket = Bucket { filled: rate.capacity(), at: 0 };
            let (mut now, mut full_at) = (0, 0);
            for step in steps {
                now += step;
                let verdict = rate.check(full_at, now);
                prop_assert_eq!(verdict.allowed, bucket.take(rate, now));
                prop_assert_eq!(u64::from(verdict.remaining), bucket.filled / rate.interval);
                full_at = verdict.full_at;
            }
        }

        #[test]
        fn whoever_waits_as_told_is_served_and_not_a_nanosecond_earlier(
            count in 1u32..1000,
            burst in 1u32..20,
            waits in prop::collection::vec(0u64..SECOND, 1..60),
        ) {
            let rate = rate(count, Duration::from_secs(7), burst);
            let (mut now, mut full_at) = (0, 0);
            for wait in waits {
                now += wait;
                let verdict = rate.check(full_at, now);
                full_at = verdict.full_at;
                if verdict.retry_after > 0 {
                    prop_assert!(rate.check(full_at, now + verdict.retry_after).allowed);
                    prop_assert!(!rate.check(full_at, now + verdict.retry_after - 1).allowed);
                } else {
                    prop_assert!(rate.check(full_at, now).allowed);
                }
            }
        }

        #[test]
        fn no_span_of_time_sees_more_than_the_burst_and_what_was_filled_meanwhile(
            count in 1u32..50,
            burst in 1u32..20,
            steps in prop::collection::vec(0u64..SECOND, 1..200),
        ) {
            let rate = rate(count, Duration::from_secs(10), burst);
            let (mut now, mut full_at) = (0, 0);
            let mut served = Vec::new();
            for step in steps {
                now += step;
                let verdict = rate.check(full_at, now);
                full_at = verdict.full_at;
                if verdict.allowed {
                    served.push(now);
                }
            }
            for (from, first) in served.iter().enumerate() {
                for (to, last) in served.iter().enumerate().skip(from) {
                    let most = u64::from(burst) + (last - first) / rate.interval;
                    prop_assert!((to - from + 1) as u64 <= most);
                }
            }
        }
    }
}
