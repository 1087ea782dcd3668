//! What came of it: one figure a line, and each claim that does not hold.

use std::time::Duration;

use hotshoe::RetiredLibrary;
use turnstile::builds::Manner;

use crate::load::{Answer, Record, Seen};
use crate::swaps::{Outcome, Swap, Swaps};

/// Calls may be held for so long.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);
/// So many of those that break a claim are shown.
const SHOWN: usize = 3;

/// All that is judged by.
pub struct Verdict {
    pub seen: Seen,
    pub swaps: Swaps,
    /// So many failures in a row open the breaker.
    pub threshold: u32,
    /// What the plugin has counted.
    pub count: u64,
    pub retired: Vec<RetiredLibrary>,
    /// Claims that do not hold.
    pub broken: u32,
}

impl Verdict {
    /// Prints everything; whether all claims hold.
    pub fn print(mut self) -> bool {
        self.swaps();
        self.calls();
        self.failures();
        self.times();
        self.memory();
        match self.broken {
            0 => println!("all claims hold"),
            1 => println!("1 claim does not hold"),
            broken => println!("{broken} claims do not hold"),
        }
        self.broken == 0
    }

    fn swaps(&mut self) {
        let of =
            |wanted: fn(&Swap) -> bool| self.swaps.all.iter().filter(|swap| wanted(swap)).count();
        let refused = of(|swap| matches!(swap.outcome, Outcome::Refused(_)));
        println!("swaps {}", self.swaps.all.len() - refused);
        println!("rolled_back {}", of(|swap| swap.outcome == Outcome::RolledBack));
        println!("refused {refused}");
        let wrong: Vec<String> = self.swaps.all.iter().filter_map(Swap::complaint).collect();
        self.claim(wrong.is_empty(), "each version is treated as it deserves", &wrong);
    }

    /// Each has its one answer, and each that was answered well is counted once.
    fn calls(&mut self) {
        let Seen { calls, records } = &self.seen;
        let calls = *calls;
        let mut numbers: Vec<u64> = records.iter().map(|record| record.number).collect();
        numbers.sort_unstable();
        let all = numbers.len();
        numbers.dedup();
        let (lost, twice) = (calls.saturating_sub(numbers.len() as u64), all - numbers.len());
        let other = |record: &Record| match record.answer {
            Answer::Other(other) => Some(format!("{} had the answer of {other}", record.number)),
            Answer::Own | Answer::Error(_) => None,
        };
        let others: Vec<String> = records.iter().filter_map(other).collect();
        let failed = records.iter().filter(|record| record.error().is_some()).count() as u64;
        let answered = all as u64 - failed;
        let off = i128::from(self.count) - i128::from(answered);
        println!("calls {calls}");
        println!("answered {answered}");
        println!("failed {failed}");
        println!("lost {lost}");
        println!("counter_error {off}");
        self.claim(lost == 0, "each call is answered", &[]);
        self.claim(twice == 0, "no call is answered twice", &[]);
        self.claim(others.is_empty(), "each answer is that of its call", &others);
        self.claim(off == 0, "what was answered is what is counted", &[]);
    }

    /// Only what errs after it was led to fails, and not for long.
    fn failures(&mut self) {
        let bad = |swap: &&Swap| swap.manner == Manner::FailsLater;
        let mut unexpected: Vec<String> = Vec::new();
        for record in &self.seen.records {
            let Some(error) = record.error() else { continue };
            let during = |swap: &Swap| record.began <= swap.ended && record.ended >= swap.began;
            let own = error.message().contains("one of the bad ones");
            if !own || !self.swaps.all.iter().filter(bad).any(during) {
                unexpected.push(format!("{}, after {:?}: {error}", record.number, record.ended));
            }
        }
        self.claim(unexpected.is_empty(), "only bad versions fail calls", &unexpected);

        let (mut most, mut too_many) = (0, Vec::new());
        for swap in self.swaps.all.iter().filter(bad) {
            let failures: Vec<&Record> = self
                .seen
                .records
                .iter()
                .filter(|record| record.error().is_some())
                .filter(|record| record.began <= swap.ended && record.ended >= swap.began)
                .collect();
            let first = failures.iter().map(|record| record.began).min().unwrap_or_default();
            let tripped = swap.tripped.unwrap_or(swap.ended);
            let under_way = |record: &&Record| record.began <= tripped && record.ended >= first;
            let in_flight = self.seen.records.iter().filter(under_way).count();
            most = most.max(failures.len());
            let limit = self.threshold as usize + in_flight;
            if failures.len() > limit {
                let failed = failures.len();
                too_many.push(format!("{}: {failed} calls failed; at most {limit}", swap.version));
            }
        }
        println!("most_failed_by_a_version {most}");
        self.claim(too_many.is_empty(), "the breaker cuts off a version that errs", &too_many);
    }

    fn times(&mut self) {
        let pauses = || self.swaps.all.iter().flat_map(|swap| &swap.pauses);
        let longest = pauses().max().copied().unwrap_or_default();
        println!("longest_pause_ms {:.1}", longest.as_secs_f64() * 1e3);
        let long = |swap: &Swap| {
            let longest = swap.pauses.iter().max().filter(|pause| **pause > LONGEST_PAUSE)?;
            Some(format!("{}: {longest:?}", swap.version))
        };
        let long: Vec<String> = self.swaps.all.iter().filter_map(long).collect();
        self.claim(long.is_empty(), &format!("no pause is longer than {LONGEST_PAUSE:?}"), &long);
        for (name, with_swaps) in [("without_swaps", false), ("with_swaps", true)] {
            let records = self.seen.records.iter();
            let records = records.filter(|record| (record.due >= self.swaps.began) == with_swaps);
            let mut times: Vec<Duration> =
                records.map(|record| record.ended.saturating_sub(record.due)).collect();
            times.sort_unstable();
            let at = |share| at(&times, share).as_micros();
            println!("p50_us_{name} {}", at(0.5));
            println!("p99.9_us_{name} {}", at(0.999));
            println!("longest_us_{name} {}", at(1.0));
        }
    }

    fn memory(&mut self) {
        let bytes = |library: &RetiredLibrary| {
            let mapped = library.memory.map_or(0, |memory| memory.resident);
            mapped.max(library.copy.unwrap_or_default())
        };
        let (count, bytes) = (self.retired.len(), self.retired.iter().map(bytes).sum::<u64>());
        println!("retired {count}");
        println!("kib_per_retired {}", bytes / 1024 / count.max(1) as u64);
        let asked = self.swaps.all.len();
        self.claim(count == asked, &format!("{asked} libraries are retired: all but one"), &[]);
    }

    fn claim(&mut self, holds: bool, claim: &str, but: &[String]) {
        if holds {
            return;
        }
        self.broken += 1;
        println!("✗ {claim}");
        but.iter().take(SHOWN).for_each(|but| println!("    but {but}"));
    }
}

impl Record {
    fn error(&self) -> Option<&hotshoe::Error> {
        match &self.answer {
            Answer::Error(error) => Some(error),
            Answer::Own | Answer::Other(_) => None,
        }
    }
}

impl Swap {
    /// What became of it that should not have.
    fn complaint(&self) -> Option<String> {
        let as_it_should = match (self.manner, &self.outcome) {
            (Manner::Good, Outcome::Promoted) => true,
            (Manner::FailsLater, Outcome::RolledBack) => self.tripped.is_some(),
            (Manner::FailsToInitialize | Manner::Unwell, Outcome::Refused(why)) => {
                why.contains("one of the bad ones")
            }
            _ => false,
        };
        let Self { version, manner, outcome, .. } = self;
        (!as_it_should).then(|| format!("{version} ({manner:?}) is {outcome:?}"))
    }
}

/// Such a share of these took no longer.
fn at(sorted: &[Duration], share: f64) -> Duration {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
}
