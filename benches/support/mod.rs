//! What the benchmarks share: interleaved rounds, and finding the library that Cargo built.

use std::path::PathBuf;
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

/// The library of the benchmarks' plugin, as Cargo built it along with this program.
pub fn library() -> PathBuf {
    let program = std::env::current_exe().expect("a benchmark has an executable");
    let deps = program.parent().expect("it lies in target/<profile>/deps");
    let name =
        format!("{}bench_plugin{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    deps.join(name)
}
