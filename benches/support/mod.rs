//! What the benchmarks share: interleaved rounds, and finding the library that Cargo built.

#[allow(dead_code, reason = "not every benchmark climbs it")]
pub mod ladder;
#[allow(dead_code, reason = "not every benchmark needs both mounts")]
pub mod mounts;

use std::path::{Path, PathBuf};
use std::time::Instant;

/// One thing to measure: runs its work so many times.
pub type Work<'a> = Box<dyn FnMut(u64) + 'a>;

/// Runs every work in turn, round after round, and prints a table: the median of each, and the
/// median of its ratio to the first one *of the same round*. Machines drift; ratios within a round
/// hardly do.
#[allow(dead_code, reason = "not every benchmark compares")]
pub fn compare(title: &str, iterations: u64, mut works: Vec<(&str, Work<'_>)>) {
    const ROUNDS: usize = 201;
    let mut times = vec![Vec::with_capacity(ROUNDS); works.len()];
    for round in 0..ROUNDS + 20 {
        for (at, (_, work)) in works.iter_mut().enumerate() {
            let begin = Instant::now();
            work(iterations);
            let nanos = begin.elapsed().as_secs_f64() * 1e9 / iterations as f64;
            // The first rounds only warm up.
            if round >= 20 {
                times[at].push(nanos);
            }
        }
    }
    println!("\n{title}\n");
    println!("| call | ns | ratio |\n| --- | ---: | ---: |");
    for (at, (name, _)) in works.iter().enumerate() {
        let ratios: Vec<f64> =
            times[at].iter().zip(&times[0]).map(|(own, first)| own / first).collect();
        println!("| {name} | {:.2} | {:.2} |", median(times[at].clone()), median(ratios));
    }
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A library, as Cargo built it along with this program.
pub fn library(name: &str) -> PathBuf {
    let program = std::env::current_exe().expect("a benchmark has an executable");
    let deps = program.parent().expect("it lies in target/<profile>/deps");
    let (prefix, suffix) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    deps.join(format!("{prefix}{name}{suffix}"))
}

/// The instructions that `scripts/instructions` recorded of a call, as text; a dash if there are none.
#[allow(dead_code, reason = "not every benchmark's calls are counted")]
pub fn instructions(call: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions.txt");
    let record = std::fs::read_to_string(file).unwrap_or_default();
    let mut lines = record.lines().filter_map(|line| line.trim_start().split_once("  "));
    lines.find(|(_, name)| *name == call).map_or("–", |(count, _)| count).to_owned()
}
