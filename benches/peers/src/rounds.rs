//! Interleaved rounds: every peer has its turn in each, after another one each time. Machines drift; what
//! two peers took in the same round can be compared, and hardly anything else.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::work::Work;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Processes that call.
    pub processes: usize,
    /// Rounds of calls in each.
    pub rounds: usize,
    /// What a peer's turn in a round takes, about; at least one call. Short ones are seldom interrupted.
    pub turn: Duration,
    /// How often one plugin is loaded.
    pub loads_of_one: usize,
    /// How often many are.
    pub loads_of_many: usize,
    /// How many that is.
    pub many: usize,
}

impl Effort {
    /// For figures.
    pub const FULL: Self = Self {
        processes: 15,
        rounds: 31,
        turn: Duration::from_micros(500),
        loads_of_one: 21,
        loads_of_many: 5,
        many: 1000,
    };

    /// To see that everything works.
    pub const QUICK: Self = Self {
        processes: 2,
        rounds: 9,
        turn: Duration::from_micros(200),
        loads_of_one: 3,
        loads_of_many: 1,
        many: 10,
    };
}

/// What was measured of one peer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Series {
    /// The peer.
    pub name: String,
    /// Of one call, in nanoseconds, by round.
    pub nanos: Vec<f64>,
}

/// Lets every work have its turn, round after round. One that does not exist has no rounds.
pub fn interleave(
    works: Vec<(&'static str, Option<Box<dyn Work + '_>>)>,
    effort: Effort,
) -> Vec<Series> {
    let mut turns: Vec<_> = works
        .into_iter()
        .map(|(name, mut work)| {
            let times = work.as_mut().map_or(0, |work| calls_in(effort.turn, &mut **work));
            let nanos = Vec::with_capacity(effort.rounds);
            (Series { name: name.to_owned(), nanos }, times, work)
        })
        .collect();
    let mut order: Vec<usize> = (0..turns.len()).collect();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..effort.rounds {
        shuffle(&mut order, &mut random);
        for at in &order {
            let (series, times, work) = &mut turns[*at];
            let Some(work) = work else { continue };
            // What the one before left in the caches and in the allocator is nobody's merit.
            work.run(*times / 8 + 1);
            let begin = Instant::now();
            work.run(*times);
            series.nanos.push(begin.elapsed().as_secs_f64() * 1e9 / *times as f64);
        }
    }
    turns.into_iter().map(|(series, ..)| series).collect()
}

/// Another order, always the same ones in the same sequence.
fn shuffle(order: &mut [usize], random: &mut u64) {
    for last in (1..order.len()).rev() {
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        order.swap(last, (*random % (last as u64 + 1)) as usize);
    }
}

/// How many calls fit. Finding that out is also what warms everything up.
fn calls_in(turn: Duration, work: &mut dyn Work) -> u64 {
    let mut times = 1;
    for _ in 0..10 {
        work.run(1);
    }
    loop {
        let begin = Instant::now();
        work.run(times);
        let took = begin.elapsed();
        if took >= turn / 2 {
            let call = took.as_secs_f64() / times as f64;
            return ((turn.as_secs_f64() / call) as u64).max(1);
        }
        times *= 2;
    }
}

/// The middle of a series and how far the rest is from it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// As many are below as above.
    pub median: f64,
    /// A tenth is below.
    pub low: f64,
    /// A tenth is above.
    pub high: f64,
}

impl Summary {
    /// Of some values; none if there are none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |part: f64| {
            let last = sorted.len().checked_sub(1)?;
            sorted.get((last as f64 * part).round() as usize).copied()
        };
        Some(Self { median: at(0.5)?, low: at(0.1)?, high: at(0.9)? })
    }
}

/// The ratios of two series, round by round.
pub fn ratio(own: &[f64], baseline: &[f64]) -> Option<Summary> {
    let ratios: Vec<f64> = own.iter().zip(baseline).map(|(own, first)| own / first).collect();
    Summary::of(&ratios)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_whatever_the_order() {
        let values: Vec<f64> = (0..=100).rev().map(f64::from).collect();
        let summary = Summary::of(&values).expect("there are values");
        assert_eq!(summary, Summary { median: 50.0, low: 10.0, high: 90.0 });
        assert_eq!(Summary::of(&[7.0]), Some(Summary { median: 7.0, low: 7.0, high: 7.0 }));
        assert_eq!(Summary::of(&[]), None);
    }

    #[test]
    fn a_machine_that_slows_down_leaves_the_ratio_alone() {
        let slower = |call: f64| (1..=9).map(|round| call * f64::from(round)).collect::<Vec<_>>();
        let ratio = ratio(&slower(3.0), &slower(2.0)).expect("there are rounds");
        assert_eq!(ratio, Summary { median: 1.5, low: 1.5, high: 1.5 });
    }

    #[test]
    fn every_peer_has_one_turn_in_every_order() {
        let (mut order, mut random) = ((0..9).collect::<Vec<_>>(), 1);
        let before = order.clone();
        shuffle(&mut order, &mut random);
        assert_ne!(order, before);
        order.sort();
        assert_eq!(order, before);
    }

    #[test]
    fn a_turn_has_at_least_one_call() {
        struct Slow(u64);
        impl Work for Slow {
            fn check(&mut self) -> anyhow::Result<()> {
                Ok(())
            }
            fn run(&mut self, times: u64) {
                self.0 += times;
            }
        }
        assert_eq!(calls_in(Duration::ZERO, &mut Slow(0)), 1);
    }
}
