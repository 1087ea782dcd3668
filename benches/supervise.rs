//! What supervision costs, step by step: `cargo bench --bench supervise`.
//!
//! The same call, on a bare `Arc<dyn Trait>` and with one thing more on each rung; by one thread, and by
//! two at the same time. Ratios and differences are those within one round, since machines drift.
//! The instructions are those that `scripts/instructions` recorded of the same rungs.

mod support;

use std::sync::Barrier;
use std::time::Instant;

use hotshoe::Result;
use support::ladder::{Ladder, Rung};
use support::{instructions, median};

const ROUNDS: usize = 101;
const WARM: usize = 10;
/// So many calls a thread makes first; one of them is timed.
const FIRST: u64 = 64;

fn main() -> Result<()> {
    let ladder = Ladder::start()?;
    println!("\nA synchronous call of a loaded plugin: `add(u64, u64) -> Result<u64>`");
    climb("add", 200_000, &ladder.add());
    println!("\nAn asynchronous call, ready at once: `add_later(u64, u64)`");
    climb("add_later", 20_000, &ladder.add_later());
    ladder.stop()
}

/// Prints the ladder of a call.
fn climb(call: &str, times: u64, rungs: &[Rung<'_>]) {
    let mut one = vec![Vec::new(); rungs.len()];
    let mut two = vec![Vec::new(); rungs.len()];
    for round in 0..ROUNDS + WARM {
        for (at, rung) in rungs.iter().enumerate() {
            let (alone, together) = (alone(rung, times), together(rung, times));
            if round >= WARM {
                one[at].push(alone);
                two[at].push(together);
            }
        }
    }
    println!(
        "\n| rung | ns, one thread | more than bare | ns each, two threads | two threads reach | \
         instructions |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    for (at, rung) in rungs.iter().enumerate() {
        let more: Vec<f64> = one[at].iter().zip(&one[0]).map(|(own, bare)| own - bare).collect();
        // How well it scales, against how well the bare call does in the same round.
        let reach: Vec<f64> = (0..ROUNDS)
            .map(|round| one[at][round] / two[at][round] / (one[0][round] / two[0][round]))
            .collect();
        println!(
            "| {} | {:.2} | {:+.2} | {:.2} | {:.0}% | {} |",
            rung.name,
            median(one[at].clone()),
            median(more),
            median(two[at].clone()),
            median(reach) * 100.0,
            instructions(&format!("{call}: {}", rung.name))
        );
    }
}

/// Nanoseconds a call by one thread.
fn alone(rung: &Rung<'_>, times: u64) -> f64 {
    let begin = Instant::now();
    (rung.work)(times);
    begin.elapsed().as_secs_f64() * 1e9 / times as f64
}

/// Nanoseconds a call by each of two threads at the same time.
fn together(rung: &Rung<'_>, times: u64) -> f64 {
    let barrier = Barrier::new(2);
    let run = || {
        // The first one of a thread makes its tally, which takes a microsecond.
        (rung.work)(FIRST);
        barrier.wait();
        alone(rung, times)
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(run);
        let own = run();
        own.max(other.join().expect("the other thread ends"))
    })
}
