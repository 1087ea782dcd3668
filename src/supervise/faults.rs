//! What goes wrong on purpose: which call is hit by which fault.
//!
//! That follows from the rule and from the call's number among those that the rule is for, and from
//! nothing else: a test meets the same faults each time, wherever it runs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use sha2::{Digest, Sha256};

use super::contribution::Contribution;
use super::supervisor::Supervisor;
use crate::config::{Fault, FaultRule, FaultWhen};

/// How many bits of a number a float can tell apart.
const MANTISSA: u32 = 53;

/// The rules that are in force for one instance.
#[derive(Debug, Default)]
pub(super) struct Faults {
    rules: Vec<Active>,
    /// That of the next rule.
    number: u64,
}

#[derive(Debug)]
struct Active {
    number: u64,
    rule: FaultRule,
    /// The calls of each contribution since.
    calls: BTreeMap<Contribution, u64>,
    hits: Arc<AtomicU64>,
}

impl Faults {
    /// Those of a configuration.
    pub(super) fn of(rules: &[FaultRule]) -> Self {
        let mut faults = Self::default();
        for rule in rules {
            faults.add(rule.clone());
        }
        faults
    }

    /// One more; its number, and where it counts its hits.
    pub(super) fn add(&mut self, rule: FaultRule) -> (u64, Arc<AtomicU64>) {
        let (number, hits) = (self.number, Arc::<AtomicU64>::default());
        self.number += 1;
        self.rules.push(Active { number, rule, calls: BTreeMap::new(), hits: hits.clone() });
        (number, hits)
    }

    pub(super) fn remove(&mut self, number: u64) {
        self.rules.retain(|active| active.number != number);
    }

    /// Whether calls of this may be hit.
    pub(super) fn concern(&self, of: &Contribution) -> bool {
        self.rules.iter().any(|active| is_for(&active.rule, of))
    }

    /// The rules that are for none of these.
    pub(super) fn idle(&self, all: &[&Contribution]) -> Vec<String> {
        let rules = self.rules.iter().map(|active| &active.rule);
        let idle = rules.filter(|rule| !all.iter().any(|of| is_for(rule, of)));
        idle.filter_map(|rule| rule.on.clone()).collect()
    }

    /// Counts a call, and tells what happens to it: the fault of the first rule that hits it.
    pub(super) fn next(&mut self, instance: &str, of: &Contribution) -> Option<Fault> {
        let mut found = None;
        for active in self.rules.iter_mut().filter(|active| is_for(&active.rule, of)) {
            let call = match active.calls.get_mut(of) {
                Some(calls) => {
                    *calls += 1;
                    *calls
                }
                None => *active.calls.entry(of.clone()).or_insert(1),
            };
            let (rule, number) = (&active.rule, active.number);
            let roll = || chance(instance, of, number, rule.seed, call);
            if found.is_none() && hits(rule.when, call, roll) {
                active.hits.fetch_add(1, Ordering::Relaxed);
                found = Some(rule.fault);
            }
        }
        found
    }
}

/// Whether a rule names this.
pub(super) fn is_for(rule: &FaultRule, of: &Contribution) -> bool {
    rule.on.as_ref().is_none_or(|on| {
        // Figures have the longer name: it is asked for both.
        *on == of.to_string() || (on == "health" && *of == Contribution::Own)
    })
}

/// Whether the call with this number is hit; `roll` is from 0 up to, but not, 1.
fn hits(when: FaultWhen, call: u64, roll: impl FnOnce() -> f64) -> bool {
    match when {
        FaultWhen::Probability(share) => roll() < share,
        FaultWhen::Calls { first, count } => call >= first && call - first < count,
        FaultWhen::Every(each) => call.is_multiple_of(u64::from(each.get())),
    }
}

/// A number from 0 up to, but not, 1, by what the call is: a digest, so it is the same everywhere.
fn chance(instance: &str, of: &Contribution, rule: u64, seed: u64, call: u64) -> f64 {
    // Neither name has a line break.
    let digest = Sha256::digest(format!("{instance}\n{of}\n{rule}\n{seed}\n{call}"));
    let number = digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    (number >> (u64::BITS - MANTISSA)) as f64 / (1_u64 << MANTISSA) as f64
}

/// A fault that was brought about while the host runs
/// ([`PluginHost::inject`](crate::PluginHost::inject)). It is taken back when this is dropped; a call
/// that it has hit stays hit.
#[derive(Debug)]
#[must_use = "the fault is taken back when this is dropped"]
pub struct Injected {
    supervisor: Weak<Supervisor>,
    number: u64,
    hits: Arc<AtomicU64>,
}

impl Injected {
    pub(super) fn new(supervisor: &Arc<Supervisor>, number: u64, hits: Arc<AtomicU64>) -> Self {
        Self { supervisor: Arc::downgrade(supervisor), number, hits }
    }

    /// How many calls it has hit: a test that asks knows that it has tested something.
    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }
}

impl Drop for Injected {
    fn drop(&mut self) {
        if let Some(supervisor) = self.supervisor.upgrade() {
            supervisor.withdraw(self.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::*;

    /// The numbers of the calls that are hit, of the first so many.
    fn hit(faults: &mut Faults, of: &Contribution, calls: u64) -> Vec<u64> {
        (1..=calls).filter(|_| faults.next("it", of).is_some()).collect()
    }

    fn fails(when: FaultWhen) -> FaultRule {
        FaultRule::new(Fault::Fail, when)
    }

    fn on(name: &str, fault: Fault, when: FaultWhen) -> FaultRule {
        let mut rule = FaultRule::new(fault, when);
        rule.on = Some(name.to_owned());
        rule
    }

    fn search() -> Contribution {
        Contribution::Route { method: "GET".to_owned(), path: "/search".to_owned() }
    }

    proptest! {
        #[test]
        fn as_many_are_hit_as_is_probable(share in 0.01..=1.0, seed: u64) {
            const CALLS: u64 = 4000;
            let mut rule = fails(FaultWhen::Probability(share));
            rule.seed = seed;
            let hits = hit(&mut Faults::of(&[rule]), &Contribution::Execute, CALLS).len() as f64;
            let expected = share * CALLS as f64;
            // Six standard deviations: one run of a billion is further away.
            let off = 6.0 * (expected * (1.0 - share)).sqrt() + 1.0;
            prop_assert!((hits - expected).abs() <= off, "{hits}, expected {expected}");
        }

        #[test]
        fn just_the_calls_with_the_numbers_are_hit(first in 1u64..50, count in 1u64..50) {
            let mut faults = Faults::of(&[fails(FaultWhen::Calls { first, count })]);
            let expected: Vec<u64> = (first..first + count).collect();
            prop_assert_eq!(hit(&mut faults, &Contribution::Execute, 120), expected);
        }

        #[test]
        fn each_so_manieth_is_hit(each in 1u32..50) {
            let each = NonZeroU32::new(each).unwrap();
            let mut faults = Faults::of(&[fails(FaultWhen::Every(each))]);
            let expected: Vec<u64> = (1..=120_u64).filter(|call| call.is_multiple_of(u64::from(each.get()))).collect();
            prop_assert_eq!(hit(&mut faults, &Contribution::Execute, 120), expected);
        }

        #[test]
        fn a_range_up_to_the_last_number_there_is_overflows_nothing(first in 1u64.., call: u64) {
            let when = FaultWhen::Calls { first, count: u64::MAX };
            prop_assert_eq!(hits(when, call, || 0.0), call >= first);
        }
    }

    #[test]
    fn chance_hits_the_same_calls_each_time_and_others_elsewhere_or_with_another_seed() {
        let play = |seed: u64, of: &Contribution| {
            let mut rule = fails(FaultWhen::Probability(0.1));
            rule.seed = seed;
            hit(&mut Faults::of(&[rule]), of, 60)
        };
        let first = play(0, &search());
        // Whatever is changed about it changes the tests of applications.
        assert_eq!(first, [10, 34, 50, 51, 55, 59, 60]);
        assert_eq!(play(0, &search()), first);
        assert_ne!(play(1, &search()), first);
        assert_ne!(play(0, &Contribution::Execute), first);
    }

    #[test]
    fn a_rule_counts_the_calls_of_each_contribution_by_itself_from_when_it_came() {
        let second = FaultWhen::Calls { first: 2, count: 1 };
        let mut faults = Faults::of(&[fails(second)]);
        assert_eq!(hit(&mut faults, &search(), 5), [2]);
        assert_eq!(hit(&mut faults, &Contribution::Execute, 5), [2]);
        let (number, hits) = faults.add(on("execute", Fault::Fail, second));
        assert_eq!(hit(&mut faults, &Contribution::Execute, 5), [2]);
        assert_eq!(hits.load(Ordering::Relaxed), 1);
        faults.remove(number);
        faults.add(on("execute", Fault::Fail, second));
        assert_eq!(hit(&mut faults, &Contribution::Execute, 5), [2]);
    }

    #[test]
    fn the_first_rule_that_hits_wins_and_the_others_count_the_call_nevertheless() {
        let third = FaultWhen::Calls { first: 3, count: 1 };
        let mut faults = Faults::of(&[
            on("GET /search", Fault::Panic, FaultWhen::Calls { first: 1, count: 2 }),
            fails(third),
            fails(FaultWhen::Calls { first: 2, count: 1 }),
        ]);
        let played: Vec<_> = (0..4).map(|_| faults.next("it", &search())).collect();
        assert_eq!(played, [Some(Fault::Panic), Some(Fault::Panic), Some(Fault::Fail), None]);
    }

    #[test]
    fn a_rule_is_for_what_figures_name_so_and_for_health_by_its_short_name() {
        let storage = Contribution::Storage("sqlite".to_owned());
        let named = |name: &str| on(name, Fault::Fail, FaultWhen::ALWAYS);
        assert!(is_for(&named("GET /search"), &search()));
        assert!(is_for(&named("storage sqlite"), &storage));
        assert!(is_for(&named("health"), &Contribution::Own));
        assert!(is_for(&named("health and figures"), &Contribution::Own));
        assert!(!is_for(&named("health"), &storage) && !is_for(&named("GET /"), &search()));
        assert!(is_for(&fails(FaultWhen::ALWAYS), &storage));
        let faults = Faults::of(&[named("storage"), fails(FaultWhen::ALWAYS), named("health")]);
        assert_eq!(faults.idle(&[&storage, &Contribution::Own]), ["storage"]);
    }
}
