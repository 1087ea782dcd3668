//! Everything that may be done to instances, and that may happen to them, at random and under load, for as
//! long as one likes: `scripts/soak`. It has a `main` of its own: it takes longer than a test may, and prints figures.

mod chaos;
mod growth;
mod load;
#[path = "../support/mod.rs"]
mod support;

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use futures_lite::future::block_on;
use hotshoe::config::Config;
use hotshoe::{Call, PluginHost, Result, ResultExt};
use serde_json::json;

use chaos::Chaos;
use growth::Footprint;
use load::{Crowd, Excuses, Figures, Target};

/// The instances. Of these two it does not matter which answers.
const POOL: [&str; 2] = ["first", "second"];
/// Nothing happens to this one.
const STEADY: &str = "steady";
/// Its calls go wrong on purpose now and then.
const FAULTED: &str = "faulted";
/// It fails and panics by itself half of the time.
const PANICKING: &str = "panicking";
/// It counts, and is restarted.
const TALLY: &str = "tally";

const CONFIG: &str = r#"
[plugins]
auto_load = false

[plugins.first]
plugin = "turnstile"
pool = "turns"
circuit_breaker = { failure_threshold = 2 }
swap = { probation = "5s" }

[plugins.second]
plugin = "turnstile"
pool = "turns"
circuit_breaker = { failure_threshold = 2 }
swap = { probation = "5s" }

[plugins.steady]
plugin = "unruly"
config.is = "good"

[plugins.faulted]
plugin = "unruly"
config.is = "good"
call_timeout = "100ms"

[plugins.panicking]
plugin = "unruly"
config.is.failing = "50ms"
circuit_breaker = { failure_threshold = 5, timeout = "20ms" }

[plugins.tally]
swap = { probation = "5s" }
"#;

/// Of so many calls to healthy plugins one may be without a good answer: 99.95% have one.
const ONE_IN: u64 = 2000;

/// Swaps, restarts, reconfigurations, faults and panics at random under load
#[derive(Parser)]
struct Options {
    /// How long
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u64).range(5..))]
    seconds: u64,
    /// With the same one the same things are done, though not at the same moments
    #[arg(long)]
    seed: Option<u64>,
    /// So many calls a second
    #[arg(long, default_value_t = 4000, value_parser = clap::value_parser!(u32).range(1000..))]
    rate: u32,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let seed = options.seed.unwrap_or_else(|| RandomState::new().build_hasher().finish() >> 32);
    println!("seed {seed}");
    match soak(&options, seed) {
        Ok(reasons) if reasons.is_empty() => ExitCode::SUCCESS,
        Ok(reasons) => {
            reasons.iter().for_each(|reason| println!("✗ {reason}"));
            println!("once more: scripts/soak {} --seed {seed}", options.seconds);
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What is not as it should be.
fn soak(options: &Options, seed: u64) -> Result<Vec<String>> {
    let plugins = support::stage(&["turnstile", "unruly", "tally"].map(support::library));
    let data = tempfile::tempdir().expect("a temporary directory");
    let mut config = Config::from_toml(CONFIG, "soak.toml").describe("it is not usable")?;
    config.plugins.strict = true;
    let host = PluginHost::builder()
        .config(config)
        .directory(plugins.path())
        .data_dir(data.path())
        .build()?;
    host.start().wait()?;

    let excuses = Excuses::default();
    let crowd = Crowd::start(&host, options.rate, &excuses)?;
    let mut chaos = Chaos::new(&host, &excuses, seed, &support::library("turnstile"));
    let end = Instant::now() + Duration::from_secs(options.seconds);
    // All builds there are, so that later nothing more is to be retired.
    chaos.play_all_builds()?;
    chaos.go_on(Instant::now() + (end - Instant::now()) / 4)?;
    let before = Footprint::at_rest(&host);
    chaos.go_on(end)?;
    let after = Footprint::at_rest(&host);

    let mut reasons = Vec::new();
    println!("{}", chaos.done);
    match crowd.stop() {
        Some(figures) => judge_calls(&host, &figures, &mut reasons),
        None => reasons.push("a call was expected to be answered, it never was".to_owned()),
    }
    after.judge(&before, &mut reasons);
    host.stop().wait()?;
    Ok(reasons)
}

fn judge_calls(host: &PluginHost, figures: &Figures, reasons: &mut Vec<String>) {
    let (mut healthy, mut failed) = (0, 0);
    for target in Target::ALL {
        let seen = &figures.of[target as usize];
        println!(
            "{:<10} calls {}, answered {}, excused {}, failed {}",
            target.name(),
            seen.calls,
            seen.answered,
            seen.excused,
            seen.failed
        );
        if seen.calls != seen.answered + seen.excused + seen.failed {
            reasons.push(format!("each call of {} was expected to have one answer", target.name()));
        }
        healthy += seen.calls - seen.excused;
        failed += seen.failed;
    }
    println!("{failed} of {healthy} calls to healthy plugins failed; at most {}", healthy / ONE_IN);
    if failed > healthy / ONE_IN {
        reasons.push(format!("too many calls to healthy plugins failed: {:?}", figures.examples));
    }
    if !figures.astray.is_empty() {
        reasons.push(format!("calls had the answers of others: {:?}", figures.astray));
    }
    let told = |id: &str, what| block_on(host.execute(id, &Call::none(), &what)).result;
    let turns = POOL.map(|id| told(id, json!(null))["count"].as_u64().unwrap_or_default());
    let counted = [
        (Target::Turns, turns.iter().sum::<u64>()),
        (Target::Tally, told(TALLY, json!(0)).as_u64().unwrap_or_default()),
    ];
    for (target, counted) in counted {
        let answered = figures.of[target as usize].answered;
        println!("{:<10} counted {counted} of {answered}", target.name());
        if counted != answered {
            let name = target.name();
            reasons.push(format!("{answered} calls of {name} were answered, {counted} counted"));
        }
    }
}
