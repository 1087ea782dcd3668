//! How long an instance has served, of the time since it first did.

use std::time::Duration;

/// Moments are counted from any beginning.
#[derive(Debug, Default)]
pub(super) struct Uptime {
    /// When it first served.
    first: Option<Duration>,
    /// For how long it served, up to the last time that it was taken down.
    served: Duration,
    /// Since when it serves.
    since: Option<Duration>,
}

impl Uptime {
    pub(super) fn up(&mut self, now: Duration) {
        self.first.get_or_insert(now);
        self.since.get_or_insert(now);
    }

    pub(super) fn down(&mut self, now: Duration) {
        if let Some(since) = self.since.take() {
            self.served += now.saturating_sub(since);
        }
    }

    /// The share of the time, of 1; none if it has never served.
    pub(super) fn share(&self, now: Duration) -> Option<f64> {
        let all = now.saturating_sub(self.first?);
        let current = self.since.map_or(Duration::ZERO, |since| now.saturating_sub(since));
        if all.is_zero() {
            return Some(1.0);
        }
        Some((self.served + current).as_secs_f64() / all.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_is_the_time_since_it_first_served() {
        let at = Duration::from_secs;
        let mut uptime = Uptime::default();
        assert_eq!(uptime.share(at(5)), None);
        uptime.up(at(10));
        assert_eq!(uptime.share(at(10)), Some(1.0));
        uptime.down(at(40));
        // Once more is once.
        uptime.down(at(45));
        assert_eq!(uptime.share(at(50)), Some(0.75));
        uptime.up(at(50));
        assert_eq!(uptime.share(at(110)), Some(0.9));
    }
}
