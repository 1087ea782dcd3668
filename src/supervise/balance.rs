//! Which instance of a pool is called.
//!
//! Two of them are looked at, and the one with fewer calls inside is called; with only two, the load
//! is spread almost as evenly as if all were looked at, and a call costs the same however many there
//! are. What counts are the calls that began on threads like the caller's: nobody waits for a counter
//! that others write to, and who is stuck is avoided by each as soon as it has met that.
//!
//! Both are chosen by chance, anew each time: with turns, or a sequence that is spread more evenly than
//! chance, what one request does in several pools, or in several places of one, would hang together.
//!
//! Sources: Mitzenmacher, *The Power of Two Choices in Randomized Load Balancing* (2001); that each
//! caller counts for itself, as Finagle's balancers do.

use std::cell::Cell;
use std::cmp::Reverse;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Threads count in one of so many places, each with others of its kind.
const SHARDS: usize = 16;

/// How well a call is placed with an instance, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fitness {
    /// Nothing speaks against it.
    Well,
    /// It says itself that it is not.
    Unwell,
    /// All its places are taken.
    Full,
    /// It is closed, or its breaker is open.
    Out,
}

/// How an instance stands; less is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Standing {
    pub(crate) fitness: Fitness,
    /// Calls inside.
    pub(crate) load: u32,
}

/// Which of `count` is called at this turn; 0 of none.
pub(crate) fn choose(count: usize, turn: u64, standing: impl Fn(usize) -> Standing) -> usize {
    if count < 2 {
        return 0;
    }
    let chance = mixed(turn);
    let first = scale(chance, count);
    let second = (first + 1 + scale(chance >> 32, count - 1)) % count;
    let (one, other) = (standing(first), standing(second));
    if one.min(other).fitness == Fitness::Well {
        return if other < one { second } else { first };
    }
    (0..count).map(|at| (first + at) % count).min_by_key(|at| standing(*at)).unwrap_or(first)
}

/// A number below `count`, by the lower half of this one.
fn scale(chance: u64, count: usize) -> usize {
    ((u128::from(chance as u32) * count as u128) >> 32) as usize
}

/// Any number; SplitMix64, Steele, Lea, Flood, *Fast Splittable Pseudorandom Number Generators* (2014).
fn mixed(turn: u64) -> u64 {
    let number = turn.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

/// The members of a pool, in the order in which one call tries them, each once. Only the first is chosen
/// before it is asked for.
pub(crate) struct Tries<'m, M, F> {
    members: &'m [M],
    standing: F,
    chosen: usize,
    tried: usize,
    /// The others, the best last.
    rest: Vec<usize>,
}

/// The order in which a call of this thread tries `members`.
pub(crate) fn tries<M, F: Fn(&M) -> Standing>(members: &[M], standing: F) -> Tries<'_, M, F> {
    let chosen = choose(members.len(), next_turn(), |at| standing(&members[at]));
    Tries { members, standing, chosen, tried: 0, rest: Vec::new() }
}

impl<'m, M, F: Fn(&M) -> Standing> Iterator for Tries<'m, M, F> {
    type Item = &'m M;

    fn next(&mut self) -> Option<&'m M> {
        self.tried += 1;
        match self.tried {
            1 => return self.members.get(self.chosen),
            2 => {
                let Self { members, standing, chosen, .. } = &*self;
                let mut rest: Vec<usize> = (0..members.len()).filter(|at| at != chosen).collect();
                rest.sort_by_cached_key(|at| Reverse(standing(&members[*at])));
                self.rest = rest;
            }
            _ => {}
        }
        self.rest.pop().map(|at| &self.members[at])
    }
}

/// Counts the calls inside of one instance, for those that choose among several.
#[derive(Debug, Default)]
pub(crate) struct InFlight([Shard; SHARDS]);

/// What threads of one kind count; on a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Shard(AtomicU32);

/// A call is inside.
#[derive(Debug)]
pub(crate) struct Inside<'a>(&'a AtomicU32);

impl InFlight {
    /// Counts a call in, until what is returned is dropped.
    pub(crate) fn enter(&self) -> Inside<'_> {
        let shard = self.here();
        shard.fetch_add(1, Ordering::Relaxed);
        Inside(shard)
    }

    /// How many are inside that came from threads like this one.
    pub(crate) fn seen_from_here(&self) -> u32 {
        self.here().load(Ordering::Relaxed)
    }

    fn here(&self) -> &AtomicU32 {
        &self.0[this_thread() as usize % SHARDS].0
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

thread_local! {
    /// This thread's number, from 1, and how many turns it took.
    static OWN: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

fn this_thread() -> u64 {
    static THREADS: AtomicU64 = AtomicU64::new(0);
    let (number, turns) = OWN.get();
    if number != 0 {
        return number;
    }
    let number = THREADS.fetch_add(1, Ordering::Relaxed) + 1;
    OWN.set((number, turns));
    number
}

/// Turns of one thread follow each other; those of another begin elsewhere.
pub(crate) fn next_turn() -> u64 {
    let thread = this_thread();
    let (_, turns) = OWN.get();
    OWN.set((thread, turns.wrapping_add(1)));
    mixed(thread).wrapping_add(turns)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// So many calls for each member; how many fewer or more there may be, by chance: more than six
    /// times the standard deviation.
    const EACH: usize = 400;
    const BY_CHANCE: usize = 130;

    fn standing() -> impl Strategy<Value = Standing> {
        let fitness = prop_oneof![
            Just(Fitness::Well),
            Just(Fitness::Unwell),
            Just(Fitness::Full),
            Just(Fitness::Out),
        ];
        (fitness, 0u32..5).prop_map(|(fitness, load)| Standing { fitness, load })
    }

    fn well(load: u32) -> Standing {
        Standing { fitness: Fitness::Well, load }
    }

    proptest! {
        #[test]
        fn nobody_is_chosen_while_somebody_is_fitter(
            members in proptest::collection::vec(standing(), 1..12),
            turn: u64,
        ) {
            let chosen = members[choose(members.len(), turn, |at| members[at])];
            let best = members.iter().map(|one| one.fitness).min();
            prop_assert_eq!(Some(chosen.fitness), best);
        }

        #[test]
        fn of_equal_members_each_gets_its_share(count in 1usize..12, from: u64) {
            let mut calls = vec![0usize; count];
            for turn in 0..(EACH * count) as u64 {
                calls[choose(count, from.wrapping_add(turn), |_| well(0))] += 1;
            }
            for number in &calls {
                prop_assert!(number.abs_diff(EACH) < BY_CHANCE, "{:?}", calls);
            }
        }

        /// As of two pools that each request needs, or three.
        #[test]
        fn whoever_has_only_each_second_turn_spreads_calls_too(count in 1usize..8, step in 2u64..6) {
            let mut calls = vec![0usize; count];
            for turn in 0..(EACH * count) as u64 {
                calls[choose(count, turn * step, |_| well(0))] += 1;
            }
            for number in &calls {
                prop_assert!(number.abs_diff(EACH) < BY_CHANCE, "{:?}", calls);
            }
        }

        #[test]
        fn what_a_member_would_have_got_that_is_out_goes_to_all_others(
            count in 3usize..8,
            out in 0usize..3,
            from: u64,
        ) {
            let mut calls = vec![0usize; count];
            let standing = |at| if at == out {
                Standing { fitness: Fitness::Out, load: 0 }
            } else {
                well(0)
            };
            for turn in 0..(EACH * (count - 1)) as u64 {
                calls[choose(count, from.wrapping_add(turn), standing)] += 1;
            }
            prop_assert_eq!(calls.remove(out), 0);
            for number in &calls {
                prop_assert!(number.abs_diff(EACH) < BY_CHANCE, "{:?}", calls);
            }
        }

        #[test]
        fn calls_that_take_equally_long_are_spread_to_within_a_few(
            count in 2usize..12,
            from: u64,
        ) {
            let mut loads = vec![0u32; count];
            for turn in 0..500 {
                let at = choose(count, from.wrapping_add(turn), |at| well(loads[at]));
                loads[at] += 1;
                let (least, most) = (loads.iter().min().unwrap(), loads.iter().max().unwrap());
                prop_assert!(most - least <= 10, "{:?}", loads);
            }
        }

        #[test]
        fn each_member_is_tried_once_the_fittest_first(
            members in proptest::collection::vec(standing(), 0..12),
        ) {
            let tried: Vec<&Standing> = tries(&members, |one| *one).collect();
            let mut expected: Vec<&Standing> = members.iter().collect();
            expected.sort();
            let fitness = |all: &[&Standing]| all.iter().map(|one| one.fitness).collect::<Vec<_>>();
            prop_assert_eq!(fitness(&tried), fitness(&expected));
            let mut sorted = tried.clone();
            sorted.sort();
            prop_assert_eq!(sorted, expected);
        }
    }

    #[test]
    fn one_that_does_not_answer_gets_hardly_any_calls() {
        let mut stuck = 0;
        for turn in 0..1000 {
            // The others answer before the next call comes.
            stuck += u32::from(choose(3, turn, |at| well(if at == 1 { stuck } else { 0 })) == 1);
        }
        assert_eq!(stuck, 1);
    }

    #[test]
    fn calls_are_counted_until_they_end() {
        let calls = InFlight::default();
        let (one, other) = (calls.enter(), calls.enter());
        assert_eq!(calls.seen_from_here(), 2);
        std::thread::scope(|scope| scope.spawn(move || drop(one)).join()).unwrap();
        assert_eq!(calls.seen_from_here(), 1);
        drop(other);
        assert_eq!(calls.seen_from_here(), 0);
    }
}
