//! The circuit breaker of one instance: after too many failures its calls are refused for a while, and
//! then a few are tried.
//!
//! Pure: what time it is and how many calls there were is told. As long as it is closed, calls that
//! succeed tell it nothing; the totals that every port counts anyway say how many there were. So a
//! closed breaker costs a call nothing.
//!
//! Source: Nygard, *Release It!* (2007), "Circuit Breaker"; the window of a failure rate as in
//! resilience4j.

use std::collections::VecDeque;
use std::time::Duration;

use crate::config::BreakerPolicy;
use crate::monitor::BreakerState;

/// What a breaker says to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Pass,
    /// Pass, and tell [`Breaker::tried`] of this round how it ended.
    Try(Round),
    /// Not before that moment, as far as is known.
    Refuse {
        until: Duration,
    },
}

/// One time of being half open. A trial of an earlier one says nothing about this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Round(u32);

/// How a trial ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trial {
    Succeeded,
    Failed,
    /// Given up by its caller: it may be made again.
    Dropped,
}

/// Moments are counted from any beginning.
#[derive(Debug)]
pub(crate) struct Breaker {
    policy: BreakerPolicy,
    state: State,
    rounds: u32,
}

#[derive(Debug)]
enum State {
    Closed(Closed),
    Open { until: Duration },
    HalfOpen { running: u32, succeeded: u32 },
}

#[derive(Debug, Default)]
struct Closed {
    in_a_row: u32,
    /// How many calls had ended when it closed.
    before: u64,
    /// How many had succeeded since, at the last failure.
    succeeded: u64,
    failures: u64,
    /// Totals some moments ago: when, calls, failures. The first is at or before the window's beginning.
    points: VecDeque<(Duration, u64, u64)>,
}

/// The window is so many points long.
const POINTS: u32 = 16;

impl Breaker {
    /// Closed. `total` calls have ended so far.
    pub(crate) fn new(policy: BreakerPolicy, now: Duration, total: u64) -> Self {
        Self { policy, state: State::Closed(Closed::new(now, total)), rounds: 0 }
    }

    pub(crate) fn state(&self) -> BreakerState {
        match self.state {
            State::Closed(_) => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// Whether a call may go on. Only an open breaker has to be asked.
    pub(crate) fn admit(&mut self, now: Duration) -> Verdict {
        if let State::Open { until } = self.state {
            if now < until {
                return Verdict::Refuse { until };
            }
            self.rounds = self.rounds.wrapping_add(1);
            self.state = State::HalfOpen { running: 0, succeeded: 0 };
        }
        match &mut self.state {
            State::HalfOpen { running, succeeded } => {
                if *running + *succeeded >= self.policy.half_open_limit.get() {
                    return Verdict::Refuse { until: now };
                }
                *running += 1;
                Verdict::Try(Round(self.rounds))
            }
            State::Closed(_) | State::Open { .. } => Verdict::Pass,
        }
    }

    /// Whether [`admit`](Self::admit) would let a call pass.
    pub(crate) fn would_admit(&self, now: Duration) -> bool {
        match self.state {
            State::Closed(_) => true,
            State::Open { until } => now >= until,
            State::HalfOpen { running, succeeded } => {
                running + succeeded < self.policy.half_open_limit.get()
            }
        }
    }

    /// A call that was no trial has failed; `total` calls have ended so far, this one among them.
    /// Whether that opens the breaker.
    pub(crate) fn failed(&mut self, now: Duration, total: u64) -> bool {
        let State::Closed(closed) = &mut self.state else { return false };
        if !closed.failed(&self.policy, now, total) {
            return false;
        }
        self.open(now);
        true
    }

    /// A trial has ended. Whether that changes the breaker.
    pub(crate) fn tried(&mut self, round: Round, trial: Trial, now: Duration, total: u64) -> bool {
        let State::HalfOpen { running, succeeded } = &mut self.state else { return false };
        if round.0 != self.rounds {
            return false;
        }
        *running -= 1;
        match trial {
            Trial::Dropped => false,
            Trial::Failed => {
                self.open(now);
                true
            }
            Trial::Succeeded => {
                *succeeded += 1;
                let enough = *succeeded >= self.policy.half_open_limit.get();
                if enough {
                    self.state = State::Closed(Closed::new(now, total));
                }
                enough
            }
        }
    }

    /// Now and then while calls come: the rate is the finer for it.
    pub(crate) fn tick(&mut self, now: Duration, total: u64) {
        if let State::Closed(closed) = &mut self.state {
            closed.note(&self.policy, now, total);
        }
    }

    /// Closed again, whatever was before. Trials that are still running say nothing any more.
    pub(crate) fn reset(&mut self, now: Duration, total: u64) {
        self.rounds = self.rounds.wrapping_add(1);
        self.state = State::Closed(Closed::new(now, total));
    }

    fn open(&mut self, now: Duration) {
        self.state = State::Open { until: now.saturating_add(self.policy.open_for) };
    }
}

impl Closed {
    fn new(now: Duration, total: u64) -> Self {
        Self { before: total, points: VecDeque::from([(now, total, 0)]), ..Self::default() }
    }

    fn failed(&mut self, policy: &BreakerPolicy, now: Duration, total: u64) -> bool {
        self.note(policy, now, total.saturating_sub(1));
        self.failures += 1;
        // What ended and was no failure succeeded. A failure is told before it is among those that have ended:
        // while others are about to be, there seem to be fewer that succeeded than there are, never more.
        let succeeded = total.saturating_sub(self.before).saturating_sub(self.failures);
        let alone = succeeded <= self.succeeded;
        self.in_a_row = if alone { self.in_a_row.saturating_add(1) } else { 1 };
        self.succeeded = self.succeeded.max(succeeded);
        let in_a_row = policy.failure_threshold.is_some_and(|limit| self.in_a_row >= limit.get());
        in_a_row || self.rate_is_reached(policy, total)
    }

    fn rate_is_reached(&self, policy: &BreakerPolicy, total: u64) -> bool {
        let (Some(rate), Some(&(_, calls, failures))) = (policy.failure_rate, self.points.front())
        else {
            return false;
        };
        let calls = total.saturating_sub(calls);
        let failures = self.failures - failures;
        calls >= policy.min_calls && failures as f64 >= rate * calls as f64
    }

    /// Keeps one point at or before the window's beginning, and those within it.
    fn note(&mut self, policy: &BreakerPolicy, now: Duration, total: u64) {
        let apart = policy.window / POINTS;
        if self.points.back().is_none_or(|(at, ..)| now.saturating_sub(*at) >= apart) {
            self.points.push_back((now, total, self.failures));
        }
        while self.points.get(1).is_some_and(|(at, ..)| now.saturating_sub(*at) >= policy.window) {
            self.points.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::*;

    fn policy(threshold: Option<u32>, rate: Option<f64>) -> BreakerPolicy {
        BreakerPolicy {
            failure_threshold: threshold.and_then(NonZeroU32::new),
            failure_rate: rate,
            window: Duration::from_secs(10),
            min_calls: 5,
            open_for: Duration::from_secs(30),
            half_open_limit: NonZeroU32::new(2).unwrap(),
        }
    }

    #[test]
    fn failures_at_the_same_moment_are_a_row_like_those_one_after_the_other() {
        let mut breaker = Breaker::new(policy(Some(5), None), Duration::ZERO, 100);
        // Two are told before either is among those that have ended; then two more.
        let told = [101, 101, 103, 103, 105].map(|total| breaker.failed(Duration::ZERO, total));
        assert_eq!(told, [false, false, false, false, true]);
    }

    /// What happens to a breaker, one thing after another.
    #[derive(Clone, Debug)]
    enum Step {
        Pass(u64),
        Call {
            works: bool,
        },
        /// A trial that is going ends.
        End(Trial),
        Tick,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            2 => (0u64..20_000).prop_map(Step::Pass),
            6 => any::<bool>().prop_map(|works| Step::Call { works }),
            2 => prop_oneof![Just(Trial::Succeeded), Just(Trial::Failed), Just(Trial::Dropped)]
                .prop_map(Step::End),
            1 => Just(Step::Tick),
        ];
        proptest::collection::vec(step, 1..200)
    }

    /// As often as somebody looks at least.
    const LOOK: Duration = Duration::from_millis(500);

    /// The same by rote: every result is kept.
    struct Model {
        policy: BreakerPolicy,
        results: Vec<(Duration, bool)>,
        state: ModelState,
    }

    #[derive(Debug, PartialEq)]
    enum ModelState {
        Closed,
        Open(Duration),
        HalfOpen { running: u32, succeeded: u32 },
    }

    impl Model {
        fn opens_by_the_row(&self) -> bool {
            let failures = self.results.iter().rev().take_while(|(_, works)| !works).count();
            self.policy.failure_threshold.is_some_and(|limit| failures >= limit.get() as usize)
        }

        /// The share of failures among those of the last `window`, and how many there were.
        fn share(&self, now: Duration, window: Duration) -> (f64, u64) {
            let within = self.results.iter().filter(|(at, _)| now.saturating_sub(*at) < window);
            let (calls, failures) = within.fold((0u64, 0u64), |(calls, failures), (_, works)| {
                (calls + 1, failures + u64::from(!works))
            });
            (failures as f64 / calls.max(1) as f64, calls)
        }
    }

    proptest! {
        #[test]
        fn it_does_what_a_breaker_does_that_remembers_every_call(
            steps in steps(),
            threshold in 1u32..6,
        ) {
            let policy = policy(Some(threshold), None);
            let mut breaker = Breaker::new(policy, Duration::ZERO, 0);
            let mut model = Model { policy, results: Vec::new(), state: ModelState::Closed };
            let (mut now, mut total) = (Duration::ZERO, 0);
            let mut trials: Vec<Round> = Vec::new();
            for step in steps {
                match step {
                    Step::Pass(millis) => now += Duration::from_millis(millis),
                    Step::Tick => breaker.tick(now, total),
                    Step::Call { works } => {
                        if let ModelState::Open(until) = model.state && now >= until {
                            model.state = ModelState::HalfOpen { running: 0, succeeded: 0 };
                            trials.clear();
                        }
                        let would = breaker.would_admit(now);
                        let verdict = breaker.admit(now);
                        prop_assert_eq!(would, !matches!(verdict, Verdict::Refuse { .. }));
                        match (verdict, &mut model.state) {
                            (Verdict::Refuse { until }, ModelState::Open(own)) => {
                                prop_assert_eq!(until, *own);
                            }
                            (Verdict::Refuse { .. }, ModelState::HalfOpen { running, succeeded }) => {
                                prop_assert_eq!(*running + *succeeded, 2);
                            }
                            (Verdict::Try(round), ModelState::HalfOpen { running, succeeded }) => {
                                *running += 1;
                                prop_assert!(*running + *succeeded <= 2);
                                trials.push(round);
                            }
                            (Verdict::Pass, ModelState::Closed) => {
                                total += 1;
                                model.results.push((now, works));
                                let opened = !works && breaker.failed(now, total);
                                prop_assert_eq!(opened, model.opens_by_the_row());
                                if opened {
                                    model.state = ModelState::Open(now + policy.open_for);
                                }
                            }
                            (verdict, state) => prop_assert!(false, "{verdict:?} while {state:?}"),
                        }
                    }
                    Step::End(trial) => {
                        let Some(round) = trials.pop() else { continue };
                        total += 1;
                        let changed = breaker.tried(round, trial, now, total);
                        let ModelState::HalfOpen { running, succeeded } = &mut model.state else {
                            prop_assert!(!changed, "a trial of an earlier round says nothing");
                            continue;
                        };
                        *running -= 1;
                        match trial {
                            Trial::Dropped => prop_assert!(!changed),
                            Trial::Failed => {
                                prop_assert!(changed);
                                model.state = ModelState::Open(now + policy.open_for);
                            }
                            Trial::Succeeded => {
                                *succeeded += 1;
                                prop_assert_eq!(changed, *succeeded == 2);
                                if changed {
                                    model.results.clear();
                                    model.state = ModelState::Closed;
                                }
                            }
                        }
                    }
                }
                let state = match model.state {
                    ModelState::Closed => BreakerState::Closed,
                    ModelState::Open(_) => BreakerState::Open,
                    ModelState::HalfOpen { .. } => BreakerState::HalfOpen,
                };
                prop_assert_eq!(breaker.state(), state);
            }
        }

        /// The totals are known at some moments only, so the window is one of those that begin within
        /// a little more than one length ago.
        #[test]
        fn a_rate_opens_it_where_the_share_says_so_however_the_window_is_taken(
            calls in proptest::collection::vec((0u64..3_000, any::<bool>()), 1..300),
        ) {
            let policy = policy(None, Some(0.5));
            let longest = policy.window * 23 / 20;
            let mut breaker = Breaker::new(policy, Duration::ZERO, 0);
            let mut model = Model { policy, results: Vec::new(), state: ModelState::Closed };
            let (mut now, mut look) = (Duration::ZERO, LOOK);
            for (total, (millis, works)) in (1u64..).zip(calls) {
                now += Duration::from_millis(millis);
                while look <= now {
                    breaker.tick(look, total - 1);
                    look += LOOK;
                }
                model.results.push((now, works));
                let opened = !works && breaker.failed(now, total);
                // The share changes only where one more result is within.
                let ages = model.results.iter().map(|(at, _)| now - *at + Duration::from_nanos(1));
                let between = ages.filter(|age| (policy.window..longest).contains(age));
                let windows = between.chain([policy.window, longest]);
                let shares: Vec<(f64, u64)> =
                    windows.map(|window| model.share(now, window)).collect();
                let says = |&(share, calls): &(f64, u64)| share >= 0.5 && calls >= policy.min_calls;
                if opened {
                    prop_assert!(shares.iter().any(says), "{shares:?}");
                    break;
                }
                prop_assert!(works || !shares.iter().all(says), "{shares:?}");
            }
        }
    }

    #[test]
    fn a_success_between_two_failures_begins_the_row_anew() {
        let mut breaker = Breaker::new(policy(Some(2), None), Duration::ZERO, 0);
        assert!(!breaker.failed(Duration::ZERO, 1));
        // The second call succeeded, and said nothing.
        assert!(!breaker.failed(Duration::ZERO, 3));
        assert!(breaker.failed(Duration::ZERO, 4));
    }

    #[test]
    fn a_trial_of_an_earlier_round_decides_nothing() {
        let policy = policy(Some(1), None);
        let mut breaker = Breaker::new(policy, Duration::ZERO, 0);
        assert!(breaker.failed(Duration::ZERO, 1));
        let Verdict::Try(first) = breaker.admit(policy.open_for) else { panic!("no trial") };
        let Verdict::Try(other) = breaker.admit(policy.open_for) else { panic!("no trial") };
        assert!(breaker.tried(first, Trial::Failed, policy.open_for, 2));
        let later = policy.open_for * 2;
        assert!(matches!(breaker.admit(later), Verdict::Try(_)));
        assert!(!breaker.tried(other, Trial::Failed, later, 3));
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
    }
}
