//! When an instance that is down or unwell is restarted, and when no more.
//!
//! Pure: what time it is is told, counted from any beginning. Nothing is added by chance to the waits:
//! that keeps many machines from coming back at the same moment, and this is one process, whose restarts
//! go one after another anyway.

use std::time::Duration;

use crate::config::RestartPolicy;

/// The restarts of one instance.
#[derive(Debug)]
pub(crate) struct Backoff {
    policy: RestartPolicy,
    in_a_row: u32,
    gave_up: bool,
    /// Since when it works, if it does.
    up: Option<Duration>,
}

/// What is done about an instance that is down or unwell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The restart of this number, after so long.
    Restart { attempt: u32, after: Duration },
    /// Nothing more, after so many restarts.
    GiveUp { after: u32 },
}

impl Backoff {
    pub(crate) fn new(policy: RestartPolicy) -> Self {
        Self { policy, in_a_row: 0, gave_up: false, up: None }
    }

    /// So many restarts there are in a row.
    pub(crate) fn most(&self) -> u32 {
        self.policy.max_restarts
    }

    /// It works: it said so just now. From the first time on it is up, until the last time before it is
    /// down.
    pub(crate) fn is_up(&mut self, now: Duration) {
        let since = *self.up.get_or_insert(now);
        if now.saturating_sub(since) >= self.policy.reset_after {
            self.in_a_row = 0;
            self.gave_up = false;
        }
    }

    /// It is down or unwell. Nothing is to be done if that is known to be in vain.
    pub(crate) fn is_down(&mut self) -> Option<Next> {
        self.up = None;
        if self.gave_up {
            return None;
        }
        if self.in_a_row >= self.policy.max_restarts {
            self.gave_up = true;
            return Some(Next::GiveUp { after: self.in_a_row });
        }
        self.in_a_row += 1;
        Some(Next::Restart { attempt: self.in_a_row, after: self.wait() })
    }

    /// Before the restart that is due.
    fn wait(&self) -> Duration {
        let RestartPolicy { initial_backoff, factor, max_backoff, .. } = self.policy;
        let exponent = i32::try_from(self.in_a_row - 1).unwrap_or(i32::MAX);
        let wait = initial_backoff.as_secs_f64() * factor.powi(exponent);
        // What cannot be counted is longer than the longest.
        Duration::try_from_secs_f64(wait).map_or(max_backoff, |wait| wait.min(max_backoff))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn policy() -> RestartPolicy {
        RestartPolicy {
            max_restarts: 3,
            initial_backoff: Duration::from_secs(1),
            factor: 2.0,
            max_backoff: Duration::from_secs(3),
            reset_after: Duration::from_secs(60),
        }
    }

    fn restart(attempt: u32, secs: u64) -> Option<Next> {
        Some(Next::Restart { attempt, after: Duration::from_secs(secs) })
    }

    #[test]
    fn each_wait_is_longer_up_to_the_longest_and_then_it_gives_up_once() {
        let mut backoff = Backoff::new(policy());
        let mut down = || backoff.is_down();
        let all = [down(), down(), down(), down(), down()];
        let gave_up = Some(Next::GiveUp { after: 3 });
        assert_eq!(all, [restart(1, 1), restart(2, 2), restart(3, 3), gave_up, None]);
    }

    #[test]
    fn having_given_up_it_begins_anew_once_the_instance_was_up_for_long() {
        let mut backoff = Backoff::new(RestartPolicy { max_restarts: 0, ..policy() });
        let up = |backoff: &mut Backoff, secs| backoff.is_up(Duration::from_secs(secs));
        assert_eq!(backoff.is_down(), Some(Next::GiveUp { after: 0 }));
        up(&mut backoff, 1);
        up(&mut backoff, 60);
        assert_eq!(backoff.is_down(), None);
        up(&mut backoff, 61);
        up(&mut backoff, 121);
        assert_eq!(backoff.is_down(), Some(Next::GiveUp { after: 0 }));
    }

    #[test]
    fn numbers_that_make_no_sense_wait_the_longest() {
        for factor in [f64::NAN, -1.0, f64::INFINITY, 1e300] {
            let mut backoff = Backoff::new(RestartPolicy { factor, max_restarts: 9, ..policy() });
            backoff.is_down();
            assert_eq!(backoff.is_down(), restart(2, 3), "{factor}");
        }
    }

    /// What happens to an instance, one thing after another.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        Pass(u64),
        Up,
        Down,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![(0u64..40).prop_map(Step::Pass), Just(Step::Up), Just(Step::Down),];
        proptest::collection::vec(step, 1..200)
    }

    /// By rote: whether it was up for long enough before it went down just now.
    fn was_up_for_long(history: &[(u64, bool)]) -> bool {
        let ups: Vec<u64> =
            history.iter().rev().take_while(|(_, up)| *up).map(|(at, _)| *at).collect();
        ups.first().zip(ups.last()).is_some_and(|(last, first)| last - first >= 60)
    }

    proptest! {
        #[test]
        fn it_does_what_one_does_that_looks_through_all_that_happened(
            steps in steps(),
            max_restarts in 0u32..5,
        ) {
            let policy = RestartPolicy { max_restarts, ..policy() };
            let mut backoff = Backoff::new(policy);
            let (mut now, mut history) = (0, Vec::new());
            let mut restarts = Vec::new();
            let mut given_up = false;
            for step in steps {
                match step {
                    Step::Pass(secs) => now += secs,
                    Step::Up => {
                        history.push((now, true));
                        backoff.is_up(Duration::from_secs(now));
                    }
                    Step::Down => {
                        if was_up_for_long(&history) {
                            restarts.clear();
                            given_up = false;
                        }
                        history.push((now, false));
                        let next = backoff.is_down();
                        let number = restarts.len() as u32 + 1;
                        let expected = if given_up {
                            None
                        } else if number > max_restarts {
                            given_up = true;
                            Some(Next::GiveUp { after: max_restarts })
                        } else {
                            restarts.push(number);
                            restart(number, 3.min(1 << (number - 1)))
                        };
                        prop_assert_eq!(next, expected);
                    }
                }
            }
        }
    }
}
