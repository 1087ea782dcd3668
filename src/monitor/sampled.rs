//! [`Sampled`]: how often something happened, told now and then.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// From one report to the next.
const APART: Duration = Duration::from_secs(1);

/// Counts what may happen very often, such as refusals, and says when it is time to tell. Moments are
/// counted from any beginning.
#[derive(Debug, Default)]
pub(crate) struct Sampled {
    untold: AtomicU64,
    /// No report before this moment, in nanoseconds.
    next: AtomicU64,
}

impl Sampled {
    /// It happened. How often since the last report, if it is time for one.
    pub(crate) fn happened(&self, now: Duration) -> Option<u64> {
        self.untold.fetch_add(1, Ordering::Relaxed);
        self.due(now)
    }

    /// The same without another one: to be asked now and then, so that the last ones are told, too.
    pub(crate) fn due(&self, now: Duration) -> Option<u64> {
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let next = self.next.load(Ordering::Relaxed);
        if now < next || self.untold.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let later = now.saturating_add(APART.as_nanos() as u64);
        // Of several at once one tells.
        self.next.compare_exchange(next, later, Ordering::Relaxed, Ordering::Relaxed).ok()?;
        Some(self.untold.swap(0, Ordering::Relaxed)).filter(|count| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_told_at_once_and_the_others_together() {
        let refusals = Sampled::default();
        let at = Duration::from_millis;
        assert_eq!(refusals.due(at(5)), None);
        assert_eq!(refusals.happened(at(5)), Some(1));
        for millis in 6..1_005 {
            assert_eq!(refusals.happened(at(millis)), None);
        }
        assert_eq!(refusals.due(at(1_004)), None);
        assert_eq!(refusals.due(at(1_005)), Some(999));
        assert_eq!(refusals.due(at(9_000)), None);
        assert_eq!(refusals.happened(at(9_000)), Some(1));
    }
}
