//! A plugin that is exchanged two hundred times while it is called, one version in ten bad on purpose: no call
//! is lost, and what it counts is right to the last call.
//!
//! ```sh
//! cargo run --release --example hotswap
//! ```
//!
//! The load is open-loop: calls are due at a fixed rate, whatever becomes of those before them, and each is
//! timed from when it was due. First there are no swaps, then there are. At the end there is one figure a
//! line, and each claim is checked; the program fails if one does not hold.

mod load;
#[path = "../keyserver/stage.rs"]
mod stage;
mod swaps;
mod verdict;

use std::io::{IsTerminal, Write, stdout};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use hotshoe::config::Config;
use hotshoe::{PluginHost, Result, ResultExt, RetiredLibrary};
use turnstile::Turns;

use load::{Crowd, Live};
use swaps::Swaps;
use verdict::Verdict;

/// The instance.
const ID: &str = "turnstile";
/// This part of the time is without swaps.
const ALONE: u32 = 5;
/// From one live line to the next.
const LOOK: Duration = Duration::from_millis(200);
/// For so long the last retired generation is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// A plugin that is exchanged under load, without one lost call
#[derive(Parser)]
struct Options {
    /// So many swaps, one in ten of a bad version
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=900))]
    swaps: u32,
    /// So many calls a second
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(2_000..))]
    rate: u32,
    /// How long it takes, if no swap takes too long: a fifth of that without swaps
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(2..))]
    seconds: u64,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all was as it should be.
fn run(options: &Options) -> Result<bool> {
    let data = tempfile::tempdir().describe("there is no temporary folder")?;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/hotswap/hotswap.toml");
    let mut config = Config::from_file(&file).describe("the configuration is not usable")?;
    config.plugins.directories = vec![stage::built_plugins("hotswap-plugins", &[ID])?];
    config.plugins.data_dir = Some(data.path().to_owned());
    config.plugins.strict = true;
    let breaker = config.plugins.instances.get(ID).and_then(|of| config.supervision_of(of).breaker);
    let threshold = breaker.and_then(|breaker| breaker.failure_threshold).map_or(0, u32::from);

    let host = PluginHost::builder().config(config).build()?;
    host.start().wait()?;
    let turns = host.service::<dyn Turns>()?;

    let time = Duration::from_secs(options.seconds);
    let crowd = Crowd::start(&host, &turns, options.rate);
    let over = AtomicBool::new(false);
    let swaps = thread::scope(|scope| {
        let live = crowd.live();
        scope.spawn(|| look_on(live, &over));
        thread::sleep(time / ALONE);
        let swaps = Swaps::make(&host, crowd.began(), options.swaps, time - time / ALONE, live);
        over.store(true, Relaxed);
        swaps
    })?;
    let seen = crowd.stop();
    let count = turns.count()?;
    let retired = wait_for_retired(&host, options.swaps as usize);
    let passed = Verdict { seen, swaps, threshold, count, retired, broken: 0 }.print();
    host.stop().wait()?;
    Ok(passed)
}

/// The live line, where there is a terminal.
fn look_on(live: &Live, over: &AtomicBool) {
    let mut out = stdout();
    while out.is_terminal() && !over.load(Relaxed) {
        let _ = write!(out, "\r{live}\x1b[K").and_then(|()| out.flush());
        thread::sleep(LOOK);
    }
    if out.is_terminal() {
        println!("\r{live}\x1b[K");
    }
}

/// What is retired, once that is as many as are expected: generations end in the background.
fn wait_for_retired(host: &PluginHost, expected: usize) -> Vec<RetiredLibrary> {
    let begun = Instant::now();
    loop {
        let retired = host.retired();
        if retired.len() >= expected || begun.elapsed() > PATIENCE {
            return retired;
        }
        thread::sleep(LOOK / 10);
    }
}
