//! What is wrong with an instance, as its figures show.
//!
//! Pure: figures in, problems that begin and end out. What is wrong must show more than once before it is
//! told, and what is over must have been over for longer: a problem that comes and goes is one problem.

use std::time::{Duration, SystemTime};

use crate::monitor::{HostEventKind, Resource, Symptom};

/// What counts as wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Thresholds {
    /// One call in a hundred that takes so long is one too many.
    pub(crate) slow: Duration,
    /// Such a share of failures is too high.
    pub(crate) error_rate: f64,
    /// Fewer calls since the last look say nothing.
    pub(crate) min_calls: u64,
    /// What grew in so many looks in a row leaks, ...
    pub(crate) growing: u32,
    /// ... if it has grown by such a share meanwhile. What fills a cache slows down.
    pub(crate) growth: f64,
}

impl Thresholds {
    /// Those of an instance whose calls may take so long. Half of that is slow: whoever waits for longer
    /// is soon answered by the time-out. Without any, a second is.
    pub(crate) fn of(call_timeout: Option<Duration>) -> Self {
        let slow = call_timeout.map_or(Duration::from_secs(1), |timeout| timeout / 2);
        Self { slow, error_rate: 0.1, min_calls: 20, growing: 12, growth: 0.2 }
    }
}

/// The figures of an instance at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Snapshot {
    /// Calls that have ended, of all time.
    pub(crate) calls: u64,
    /// Those of them that failed.
    pub(crate) errors: u64,
    /// How long one call in a hundred took at least, since the last look.
    pub(crate) p99: Option<Duration>,
    pub(crate) tasks: u64,
    pub(crate) subscriptions: u64,
    /// Bytes in use, where they are counted.
    pub(crate) heap: Option<u64>,
    /// Threads that do not come back from it.
    pub(crate) stuck: u64,
}

/// Looks at the figures of one running instance. Its successor has another one.
#[derive(Debug)]
pub(crate) struct Detector {
    limits: Thresholds,
    before: Snapshot,
    slow: Case,
    erring: Case,
    stuck: Case,
    leaks: [(Resource, Growth, Case); 3],
}

/// So many bad looks in a row begin a problem, so many good ones end it.
const BEGINS: u32 = 2;
const ENDS: u32 = 3;
/// A problem is over only where a value is at most such a share of what is too much.
const CALM: f64 = 0.8;

/// What a look at one figure says.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Finding {
    Bad(Symptom),
    /// Neither too much nor much less.
    Between,
    Good,
    /// Nothing: there was too little to see.
    Unknown,
}

/// What may be wrong, and whether it is.
#[derive(Debug)]
struct Case {
    begins: u32,
    bad: u32,
    good: u32,
    first: SystemTime,
    open: Option<Symptom>,
}

/// How long something has grown.
#[derive(Debug, Default)]
struct Growth {
    from: u64,
    last: Option<u64>,
    looks: u32,
}

impl Detector {
    /// For an instance with these figures now.
    pub(crate) fn new(limits: Thresholds, now: Snapshot) -> Self {
        let leak = |what| (what, Growth::default(), Case::new(1));
        Self {
            limits,
            before: now,
            slow: Case::new(BEGINS),
            erring: Case::new(BEGINS),
            stuck: Case::new(BEGINS),
            leaks: [leak(Resource::Tasks), leak(Resource::Subscriptions), leak(Resource::Heap)],
        }
    }

    /// Takes figures in; which problems begin and end with that.
    pub(crate) fn look(&mut self, now: SystemTime, snapshot: Snapshot) -> Vec<HostEventKind> {
        let limits = self.limits;
        let calls = snapshot.calls.saturating_sub(self.before.calls);
        let errors = snapshot.errors.saturating_sub(self.before.errors);
        self.before = snapshot;
        let enough = calls >= limits.min_calls.max(1);
        let slow = match snapshot.p99.filter(|_| enough) {
            None => Finding::Unknown,
            Some(p99) if p99 >= limits.slow => {
                Finding::Bad(Symptom::Slow { p99, limit: limits.slow })
            }
            Some(p99) if p99 <= limits.slow.mul_f64(CALM) => Finding::Good,
            Some(_) => Finding::Between,
        };
        let rate = errors as f64 / calls.max(1) as f64;
        let erring = match rate {
            _ if !enough => Finding::Unknown,
            rate if rate >= limits.error_rate => Finding::Bad(Symptom::Erring { rate }),
            rate if rate <= limits.error_rate * CALM => Finding::Good,
            _ => Finding::Between,
        };
        let stuck = match snapshot.stuck {
            0 => Finding::Good,
            threads => Finding::Bad(Symptom::Stuck { threads }),
        };
        let mut changes = Vec::new();
        changes.extend(self.slow.take(now, slow));
        changes.extend(self.erring.take(now, erring));
        changes.extend(self.stuck.take(now, stuck));
        let held = [Some(snapshot.tasks), Some(snapshot.subscriptions), snapshot.heap];
        for ((what, growth, case), held) in self.leaks.iter_mut().zip(held) {
            let finding = held.map_or(Finding::Unknown, |held| growth.take(*what, held, &limits));
            changes.extend(case.take(now, finding));
        }
        changes
    }

    /// What is wrong.
    #[cfg(test)]
    pub(crate) fn open(&self) -> impl Iterator<Item = Symptom> {
        let leaks = self.leaks.iter().map(|(.., case)| case);
        [&self.slow, &self.erring, &self.stuck]
            .into_iter()
            .chain(leaks)
            .filter_map(|case| case.open)
    }
}

impl Case {
    fn new(begins: u32) -> Self {
        Self { begins, bad: 0, good: 0, first: SystemTime::UNIX_EPOCH, open: None }
    }

    fn take(&mut self, now: SystemTime, finding: Finding) -> Option<HostEventKind> {
        match finding {
            Finding::Unknown => None,
            Finding::Between => {
                (self.bad, self.good) = (0, 0);
                None
            }
            Finding::Bad(symptom) => {
                self.good = 0;
                if self.bad == 0 {
                    self.first = now;
                }
                self.bad = self.bad.saturating_add(1);
                if self.bad < self.begins || self.open.is_some() {
                    return None;
                }
                self.open = Some(symptom);
                Some(HostEventKind::Problem { symptom, since: self.first })
            }
            Finding::Good => {
                self.bad = 0;
                self.good = self.good.saturating_add(1);
                let symptom = self.open.take_if(|_| self.good >= ENDS)?;
                Some(HostEventKind::ProblemOver { symptom })
            }
        }
    }
}

impl Growth {
    fn take(&mut self, what: Resource, now: u64, limits: &Thresholds) -> Finding {
        if self.last.replace(now).is_none_or(|last| now <= last) {
            (self.from, self.looks) = (now, 0);
            return Finding::Good;
        }
        self.looks = self.looks.saturating_add(1);
        let grown = now as f64 >= self.from as f64 * (1.0 + limits.growth);
        if self.looks >= limits.growing && grown {
            Finding::Bad(Symptom::Leaking { what, from: self.from, to: now })
        } else {
            Finding::Between
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(look: usize) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(look as u64)
    }

    fn detector() -> Detector {
        Detector::new(Thresholds::of(Some(Duration::from_secs(2))), Snapshot::default())
    }

    /// After each of these figures: what begins and ends.
    fn told(snapshots: impl IntoIterator<Item = Snapshot>) -> Vec<(usize, HostEventKind)> {
        let mut detector = detector();
        let looks = snapshots.into_iter().enumerate();
        looks
            .flat_map(|(look, snapshot)| {
                let changes = detector.look(at(look), snapshot);
                changes.into_iter().map(move |change| (look, change))
            })
            .collect()
    }

    #[test]
    fn what_is_slow_twice_is_told_once_and_over_when_it_is_quicker_for_long() {
        let millis = [1_000, 900, 1_200, 1_500, 2_000, 900, 500, 500, 900, 500, 500, 500, 500];
        let snapshots = millis.iter().enumerate().map(|(look, millis)| Snapshot {
            calls: 20 * (look as u64 + 1),
            p99: Some(Duration::from_millis(*millis)),
            ..Snapshot::default()
        });
        let limit = Duration::from_secs(1);
        let symptom = Symptom::Slow { p99: Duration::from_millis(1_500), limit };
        assert_eq!(
            told(snapshots),
            [
                (3, HostEventKind::Problem { symptom, since: at(2) }),
                (11, HostEventKind::ProblemOver { symptom }),
            ]
        );
    }

    #[test]
    fn few_calls_say_nothing() {
        let snapshots = (1..50).map(|look| Snapshot {
            calls: look * 19,
            errors: look * 19,
            p99: Some(Duration::from_secs(9)),
            ..Snapshot::default()
        });
        assert_eq!(told(snapshots), []);
    }

    #[test]
    fn what_fails_too_often_and_what_keeps_threads_is_told() {
        let snapshots = (1..=3).map(|look| Snapshot {
            calls: look * 100,
            errors: look * 10,
            stuck: look,
            ..Snapshot::default()
        });
        let kinds = [Symptom::Erring { rate: 0.1 }, Symptom::Stuck { threads: 2 }]
            .map(|symptom| (1, HostEventKind::Problem { symptom, since: at(0) }));
        assert_eq!(told(snapshots), kinds);
    }

    #[test]
    fn what_grows_without_a_break_leaks_and_what_fills_up_does_not() {
        let heap = |heap| Snapshot { heap: Some(heap), ..Snapshot::default() };
        let leak = (0..20).map(|look| heap(1_000 + 100 * look)).chain([heap(2_900); 4]);
        let symptom = Symptom::Leaking { what: Resource::Heap, from: 1_000, to: 2_200 };
        assert_eq!(
            told(leak),
            [
                (12, HostEventKind::Problem { symptom, since: at(12) }),
                (22, HostEventKind::ProblemOver { symptom }),
            ]
        );
        assert_eq!(told((0..100).map(|look| heap(1_000_000 + look))), [], "it hardly grows");
        assert_eq!(told((0..100).map(|look| heap(1_000 + 500 * (look % 11)))), [], "it is freed");
    }

    fn findings() -> impl Strategy<Value = Vec<Finding>> {
        let finding = prop_oneof![
            3 => Just(Finding::Bad(Symptom::Stuck { threads: 1 })),
            1 => Just(Finding::Between),
            3 => Just(Finding::Good),
            1 => Just(Finding::Unknown),
        ];
        proptest::collection::vec(finding, 0..100)
    }

    proptest! {
        #[test]
        fn a_problem_begins_and_ends_where_the_last_looks_agree(findings in findings()) {
            let mut case = Case::new(BEGINS);
            let (mut open, mut seen) = (false, Vec::new());
            for (look, finding) in findings.into_iter().enumerate() {
                let change = case.take(at(look), finding);
                let mut expected = None;
                if finding != Finding::Unknown {
                    seen.push((look, finding));
                    let last = |good: bool| {
                        let agree = seen.iter().rev().take_while(|(_, finding)| match finding {
                            Finding::Good => good,
                            Finding::Bad(_) => !good,
                            _ => false,
                        });
                        agree.map(|(look, _)| *look).collect::<Vec<_>>()
                    };
                    let (bad, good) = (last(false), last(true));
                    if !open && bad.len() >= BEGINS as usize {
                        expected = bad.last().map(|first| ("begins", at(*first)));
                    } else if open && good.len() >= ENDS as usize {
                        expected = Some(("ends", at(0)));
                    }
                }
                let told = change.map(|change| match change {
                    HostEventKind::Problem { since, .. } => ("begins", since),
                    _ => ("ends", at(0)),
                });
                prop_assert_eq!(told, expected);
                open ^= expected.is_some();
                prop_assert_eq!(case.open.is_some(), open);
            }
        }

        #[test]
        fn problems_begin_and_end_in_turn_whatever_the_figures_are(
            figures in proptest::collection::vec((0u64..40, 0u64..40, 0u64..2_000, 0u64..3, 0u64..2), 0..200),
        ) {
            let mut detector = detector();
            let mut now = Snapshot::default();
            let mut open = Vec::new();
            for (look, (calls, errors, millis, more, stuck)) in figures.into_iter().enumerate() {
                now.calls += calls;
                now.errors += errors.min(calls);
                now.p99 = Some(Duration::from_millis(millis));
                now.tasks += more;
                now.stuck = stuck;
                for change in detector.look(at(look), now) {
                    match change {
                        HostEventKind::Problem { symptom, since } => {
                            let kind = std::mem::discriminant(&symptom);
                            prop_assert!(!open.contains(&kind) && since <= at(look));
                            open.push(kind);
                        }
                        HostEventKind::ProblemOver { symptom } => {
                            let kind = std::mem::discriminant(&symptom);
                            prop_assert!(open.contains(&kind));
                            open.retain(|other| *other != kind);
                        }
                        other => prop_assert!(false, "{other:?}"),
                    }
                }
                prop_assert_eq!(detector.open().count(), open.len());
            }
        }
    }
}
