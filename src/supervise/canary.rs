//! A share of an instance's calls goes to another generation of it: which calls, how those of both ended, and
//! what follows from that, which is pure.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_channel::{Receiver, Sender};
use histogram::AtomicHistogram;
use hotshoe_abi::{SECOND, TIMED, outcome};

use super::meter::{LONGEST, PRECISION};
use super::supervisor::is_failure;
use crate::config::CanaryPolicy;

/// So much longer is nobody's fault: whoever gets few calls finds the processor's caches cold.
const NOTICEABLE: Duration = Duration::from_micros(50);

/// The calls of a window.
#[derive(Debug)]
pub(crate) struct Canary {
    policy: CanaryPolicy,
    calls: AtomicU64,
    old: Side,
    new: Side,
    /// The new one gets no more.
    given_up: AtomicBool,
    alarm: Sender<String>,
}

/// Those of one generation.
#[derive(Debug)]
struct Side {
    begun: AtomicU64,
    left: AtomicU64,
    answered: AtomicU64,
    failed: AtomicU64,
    latency: AtomicHistogram,
}

/// What was seen of one generation's calls.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Figures {
    /// With errors, too.
    pub(super) answered: u64,
    /// By the plugin's doing.
    pub(super) failed: u64,
    /// Still under way.
    pub(super) pending: u64,
    /// Half of them took no longer.
    pub(super) p50: Duration,
    /// Nine of ten took no longer.
    pub(super) p90: Duration,
}

/// What is to become of the new generation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// It is too early to tell.
    Wait,
    /// All calls are to go to it.
    Promote,
    /// None; for people.
    Withdraw(String),
}

impl Canary {
    /// Also what is told as soon as it is clear that the new one is to be withdrawn.
    pub(crate) fn new(policy: CanaryPolicy) -> (Arc<Self>, Receiver<String>) {
        let (alarm, alarmed) = async_channel::bounded(1);
        let canary = Self {
            policy,
            calls: AtomicU64::new(0),
            old: Side::new(),
            new: Side::new(),
            given_up: AtomicBool::new(false),
            alarm,
        };
        (Arc::new(canary), alarmed)
    }

    /// Lets a call in: what its ticket says.
    pub(super) fn admit(&self) -> u64 {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let goes = is_of_share(number, self.policy.share) && !self.given_up.load(Ordering::Relaxed);
        let ticket = if goes { TIMED | SECOND } else { TIMED };
        self.side(ticket).begun.fetch_add(1, Ordering::Relaxed);
        ticket
    }

    /// A call with this ticket has left.
    pub(super) fn left(&self, ticket: u64) {
        self.side(ticket).left.fetch_add(1, Ordering::Relaxed);
    }

    /// It had got to the plugin, and ended like this.
    pub(super) fn ended(&self, ticket: u64, ended: u32, nanos: u64) {
        if ended == outcome::DROPPED {
            return;
        }
        let side = self.side(ticket);
        side.answered.fetch_add(1, Ordering::Relaxed);
        let _ = side.latency.increment(nanos.min((1 << LONGEST) - 1));
        if !is_failure(ended) {
            return;
        }
        side.failed.fetch_add(1, Ordering::Relaxed);
        if ticket & SECOND != 0
            && let Verdict::Withdraw(why) = self.verdict(false)
            && !self.given_up.swap(true, Ordering::Relaxed)
        {
            let _ = self.alarm.try_send(why);
        }
    }

    /// What is to become of the new one; `over` says that the window is.
    pub(crate) fn verdict(&self, over: bool) -> Verdict {
        judge(&self.policy, over, &self.old.figures(over), &self.new.figures(over))
    }

    fn side(&self, ticket: u64) -> &Side {
        if ticket & SECOND != 0 { &self.new } else { &self.old }
    }
}

impl Side {
    fn new() -> Self {
        let latency = AtomicHistogram::new(PRECISION, LONGEST);
        Self {
            begun: AtomicU64::new(0),
            left: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            latency: latency.expect("the precision is less than the range"),
        }
    }

    /// Latencies only where they are asked for: that takes a while.
    fn figures(&self, latencies: bool) -> Figures {
        let [answered, failed, left, begun] =
            [&self.answered, &self.failed, &self.left, &self.begun]
                .map(|count| count.load(Ordering::Relaxed));
        let times = latencies.then(|| self.latency.load());
        let at = |quantile| {
            let bucket = times.as_ref()?.quantile_bucket(quantile).ok().flatten()?;
            Some(Duration::from_nanos(bucket.end()))
        };
        Figures {
            answered,
            failed: failed.min(answered),
            pending: begun.saturating_sub(left),
            p50: at(0.5).unwrap_or_default(),
            p90: at(0.9).unwrap_or_default(),
        }
    }
}

/// Whether the call with this number is one of the share. As if by chance, so that no rhythm of the calls
/// meets one of its own; the same in each window.
fn is_of_share(number: u64, share: f64) -> bool {
    // SplitMix64 (Steele, Lea, Flood 2014).
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    // Exact: 53 bits are those of a float.
    (mixed >> 11) as f64 / (1u64 << 53) as f64 <= share && share > 0.0
}

/// Errors are judged at any time, latencies at the end: the first calls of a new one are no measure. One of
/// which too little was seen at the end has nothing against it.
pub(super) fn judge(policy: &CanaryPolicy, over: bool, old: &Figures, new: &Figures) -> Verdict {
    let least = u64::from(policy.min_calls.get());
    let against = if new.answered >= least {
        errs(policy, old, new).or_else(|| {
            let comparable = over && old.answered >= least;
            if comparable { is_slow(policy, old, new) } else { None }
        })
    } else {
        // The same calls are answered by the old one.
        let silent = over && old.answered >= least && new.answered + new.pending >= least;
        silent.then(|| {
            let all = new.answered + new.pending;
            format!("{} of its {all} calls are without an answer", new.pending)
        })
    };
    match against {
        Some(why) => Verdict::Withdraw(why),
        None if over => Verdict::Promote,
        None => Verdict::Wait,
    }
}

fn errs(policy: &CanaryPolicy, old: &Figures, new: &Figures) -> Option<String> {
    let rate = |of: &Figures| of.failed as f64 / of.answered.max(1) as f64;
    (rate(new) > rate(old) + policy.max_error_rate_above).then(|| {
        format!(
            "{} of its {} calls failed, of the one before {} of {}",
            new.failed, new.answered, old.failed, old.answered
        )
    })
}

fn is_slow(policy: &CanaryPolicy, old: &Figures, new: &Figures) -> Option<String> {
    let quantiles = [("half", old.p50, new.p50), ("nine of ten", old.p90, new.p90)];
    quantiles.into_iter().find_map(|(share, then, now)| {
        let most = then.as_secs_f64() * policy.max_latency_ratio;
        let slow = now.as_secs_f64() > most && now.saturating_sub(then) > NOTICEABLE;
        slow.then(|| {
            format!("{share} of its calls take up to {now:.1?}, of the one before {then:.1?}")
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn policies() -> impl Strategy<Value = CanaryPolicy> {
        (1u32..50, 0.0..=1.0f64, 1.0..5.0f64).prop_map(|(least, above, ratio)| CanaryPolicy {
            min_calls: least.try_into().unwrap(),
            max_error_rate_above: above,
            max_latency_ratio: ratio,
            ..CanaryPolicy::default()
        })
    }

    fn figures() -> impl Strategy<Value = Figures> {
        let times = (0u64..10_000_000, 0u64..10_000_000);
        (0u64..100, 0.0..=1.0f64, 0u64..100, times).prop_map(
            |(answered, failing, pending, (p50, more))| Figures {
                answered,
                failed: (answered as f64 * failing) as u64,
                pending,
                p50: Duration::from_nanos(p50),
                p90: Duration::from_nanos(p50 + more),
            },
        )
    }

    proptest! {
        #[test]
        fn it_waits_until_the_end_and_no_longer(p in policies(), old in figures(), new in figures()) {
            prop_assert_ne!(judge(&p, false, &old, &new), Verdict::Promote);
            prop_assert_ne!(judge(&p, true, &old, &new), Verdict::Wait);
        }

        #[test]
        fn what_is_clear_early_is_so_at_the_end(p in policies(), old in figures(), new in figures()) {
            let early = judge(&p, false, &old, &new);
            if early != Verdict::Wait {
                prop_assert_eq!(early, judge(&p, true, &old, &new));
            }
        }

        #[test]
        fn who_does_as_well_is_promoted(p in policies(), of in figures()) {
            let of = Figures { pending: 0, ..of };
            prop_assert_eq!(judge(&p, true, &of, &of), Verdict::Promote);
        }

        #[test]
        fn of_few_calls_no_error_and_no_time_counts(
            p in policies(),
            old in figures(),
            new in figures(),
        ) {
            let new = Figures { pending: 0, ..new };
            prop_assume!(new.answered < u64::from(p.min_calls.get()));
            prop_assert_eq!(judge(&p, true, &old, &new), Verdict::Promote);
        }

        #[test]
        fn it_is_withdrawn_by_errors_exactly_where_they_are_above(
            p in policies(),
            old in figures(),
            new in figures(),
        ) {
            prop_assume!(new.answered >= u64::from(p.min_calls.get()));
            let rate = |of: &Figures| of.failed as f64 / of.answered.max(1) as f64;
            let above = rate(&new) > rate(&old) + p.max_error_rate_above;
            let withdrawn = matches!(judge(&p, false, &old, &new), Verdict::Withdraw(_));
            prop_assert_eq!(withdrawn, above);
        }

        #[test]
        fn more_errors_and_longer_times_help_nobody(
            p in policies(),
            old in figures(),
            new in figures(),
            longer in 0u64..1_000_000,
        ) {
            if judge(&p, true, &old, &new) != Verdict::Promote {
                let worse = Figures {
                    failed: new.answered,
                    p50: new.p50 + Duration::from_nanos(longer),
                    p90: new.p90 + Duration::from_nanos(longer),
                    ..new
                };
                prop_assert_ne!(judge(&p, true, &old, &worse), Verdict::Promote);
            }
        }

        #[test]
        fn its_share_is_its_share(share in 0.01..=1.0f64) {
            let of = 10_000;
            let found = (0..of).filter(|number| is_of_share(*number, share)).count() as f64;
            prop_assert!((found / of as f64 - share).abs() < 0.02, "{found} of {of} for {share}");
        }
    }

    #[test]
    fn why_it_is_withdrawn_is_said() {
        let ms = Duration::from_millis;
        let policy = CanaryPolicy::default();
        let old = Figures { answered: 180, failed: 1, pending: 0, p50: ms(2), p90: ms(3) };
        let new = Figures { answered: 20, failed: 0, pending: 0, p50: ms(2), p90: ms(3) };
        let why = |over, new: &Figures| match judge(&policy, over, &old, new) {
            Verdict::Withdraw(why) => why,
            other => panic!("{other:?}"),
        };
        let errs = Figures { failed: 3, ..new };
        let slow = Figures { p90: ms(7), ..new };
        let silent = Figures { answered: 1, pending: 19, ..new };
        insta::assert_snapshot!(
            [why(false, &errs), why(true, &slow), why(true, &silent)].join("\n"),
            @"
        3 of its 20 calls failed, of the one before 1 of 180
        nine of ten of its calls take up to 7.0ms, of the one before 3.0ms
        19 of its 20 calls are without an answer
        "
        );
        assert_eq!(judge(&policy, false, &old, &slow), Verdict::Wait);
    }

    #[test]
    fn what_is_slow_is_found_at_the_end() {
        let (canary, _alarm) = Canary::new(CanaryPolicy { share: 0.5, ..CanaryPolicy::default() });
        let run = |nanos_of_the_new: u64| {
            for _ in 0..200 {
                let ticket = canary.admit();
                canary.left(ticket);
                let nanos = if ticket & SECOND == 0 { 1_000_000 } else { nanos_of_the_new };
                canary.ended(ticket, outcome::DONE, nanos);
            }
        };
        run(1_500_000);
        assert_eq!(canary.verdict(true), Verdict::Promote);
        // What nobody waited for says nothing.
        (0..1000).for_each(|_| canary.ended(TIMED | SECOND, outcome::DROPPED, 9_000_000));
        assert_eq!(canary.verdict(true), Verdict::Promote);
        run(9_000_000);
        assert_eq!(canary.verdict(false), Verdict::Wait);
        assert!(matches!(canary.verdict(true), Verdict::Withdraw(_)));
    }

    #[test]
    fn what_errs_gets_no_more_calls_and_that_is_told_once() {
        let policy = CanaryPolicy { share: 1.0, ..CanaryPolicy::default() };
        let (canary, alarm) = Canary::new(policy);
        let failed = outcome::failed(crate::contract::ErrorKind::Other);
        for _ in 0..policy.min_calls.get() {
            let ticket = canary.admit();
            assert_eq!(ticket, TIMED | SECOND);
            canary.left(ticket);
            canary.ended(ticket, failed, 1);
        }
        assert!(alarm.try_recv().is_ok());
        assert_eq!(canary.admit(), TIMED);
        canary.ended(TIMED | SECOND, failed, 1);
        assert!(alarm.try_recv().is_err());
    }
}
