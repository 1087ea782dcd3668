//! What many plugins cost: `cargo bench --bench load`.
//!
//! A thousand libraries, each a plugin of its own (the benchmarks' plugin with another id in its
//! manifest), loaded and started by a host; then a hundred of them executing at the same time. In
//! the same run a thousand more copies are opened bare, with `dlopen` and `dlsym`; a thousand more
//! are pinned, so that every byte is verified and loaded from memory; and a hundred are tried in
//! a child process first.

#![allow(unsafe_code, reason = "libraries are opened bare, to compare")]

mod support;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use futures_lite::future::block_on;
use hotshoe::config::{Config, Sha256};
use hotshoe::{Call, PluginHost, Result};
use sha2::Digest;

const PLUGINS: usize = 1000;
const TRIED: usize = 100;
const EXECUTING: usize = 100;

fn main() -> Result<()> {
    hotshoe::preflight::hook();
    let directory = tempfile::tempdir().expect("a temporary folder");
    let (plugins, bare) = (directory.path().join("plugins"), directory.path().join("bare"));
    let size = stage(&plugins, "bench", PLUGINS);
    stage(&bare, "bench", PLUGINS);
    println!("\n{PLUGINS} plugins, {} KiB each\n", size / 1024);

    let before = Memory::now();
    let begin = Instant::now();
    open_bare(&bare);
    let bare_time = begin.elapsed();
    let bare_memory = Memory::now().since(&before);

    println!("| | time | per plugin | resident | private per plugin |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    row("`dlopen` and `dlsym` alone", PLUGINS, bare_time, &bare_memory);
    let config = Config::default().with_directory(&plugins);
    let (host, slowest, time, memory) = start(config)?;
    row("discovered, resolved, loaded, started", PLUGINS, time, &memory);
    demanding(directory.path())?;
    println!(
        "\nratio: {:.2} in time, {:.2} in private memory",
        ratio(time, bare_time),
        memory.private as f64 / bare_memory.private as f64
    );
    println!("slowest plugin: {:.2} ms from opening to started", millis(slowest));

    execute(&host);
    let begin = Instant::now();
    host.stop().wait()?;
    println!("all stopped in {:.0} ms", millis(begin.elapsed()));
    Ok(())
}

/// A host that was started, its slowest plugin, and what all took.
fn start(config: Config) -> Result<(PluginHost, Duration, Duration, Memory)> {
    let before = Memory::now();
    let begin = Instant::now();
    let host = PluginHost::builder().config(config).build()?;
    let report = host.start().wait()?;
    let time = begin.elapsed();
    let memory = Memory::now().since(&before);
    assert!(report.is_complete(), "{report}");
    let slowest = report.plugins.iter().map(|plugin| plugin.load_time).max().unwrap_or_default();
    Ok((host, slowest, time, memory))
}

/// The same for hosts that demand more of a file.
fn demanding(directory: &Path) -> Result<()> {
    let (pinned, tried) = (directory.join("pinned"), directory.join("tried"));
    stage(&pinned, "pinne", PLUGINS);
    let mut config = Config::default().with_directory(&pinned);
    for number in 0..PLUGINS {
        let id = format!("pinne-{number:04}");
        let file = fs::read(pinned.join(format!("{id}.so"))).expect("the copy");
        let digest = Sha256::from_bytes(sha2::Sha256::digest(file).into());
        let version = semver::Version::new(0, 1, 0);
        let pins = config.plugins.security.pins.entry(id).or_default();
        pins.insert(version, vec![digest]);
    }
    let (host, _, time, memory) = start(config)?;
    row("the same, all bytes verified and loaded from memory", PLUGINS, time, &memory);
    host.stop().wait()?;

    stage(&tried, "tried", TRIED);
    let mut config = Config::default().with_directory(&tried);
    config.plugins.security.preflight = true;
    let (host, _, time, memory) = start(config)?;
    row(&format!("{TRIED} that are tried in a child first"), TRIED, time, &memory);
    host.stop().wait()
}

/// Writes copies of the plugin's library, each with an id of its own; the size of one.
fn stage(directory: &Path, name: &str, count: usize) -> usize {
    fs::create_dir_all(directory).expect("a folder");
    let library =
        fs::read(support::library("bench_plugin")).expect("the plugin's library was built");
    let id = b"bench-0000";
    let places: Vec<usize> =
        (0..library.len() - id.len()).filter(|at| library[*at..].starts_with(id)).collect();
    assert!(!places.is_empty(), "the library holds its id");
    for number in 0..count {
        let mut copy = library.clone();
        for place in &places {
            copy[*place..][..id.len()].copy_from_slice(format!("{name}-{number:04}").as_bytes());
        }
        fs::write(directory.join(format!("{name}-{number:04}.so")), copy).expect("a copy");
    }
    library.len()
}

fn open_bare(directory: &Path) {
    for entry in fs::read_dir(directory).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        // SAFETY: it is the benchmarks' own plugin; the symbol is looked up, not used.
        unsafe {
            let library = libloading::Library::new(path).expect("the library opens");
            library.get::<*const ()>("hotshoe_plugin_bench_plugin").expect("the symbol is there");
            std::mem::forget(library);
        }
    }
}

/// A hundred executions that all wait inside their plugins, then all get their sign.
fn execute(host: &PluginHost) {
    let begin = Instant::now();
    let threads: Vec<_> = (0..EXECUTING)
        .map(|number| {
            let host = host.clone();
            std::thread::spawn(move || {
                let input = serde_json::json!({ "number": number });
                let id = format!("bench-{number:04}");
                let done = block_on(host.execute(&id, &Call::none(), &input));
                assert_eq!((done.status.as_str(), &done.result), ("success", &input));
            })
        })
        .collect();
    let inside = || host.plugins().iter().map(|plugin| plugin.in_flight).sum::<usize>();
    while inside() < EXECUTING {
        std::thread::yield_now();
    }
    println!("executing at the same time: {} of {PLUGINS}", inside());
    host.publish(&Call::none(), "go", "");
    for thread in threads {
        thread.join().expect("an execution");
    }
    println!("all of them answered {:.1} ms after the first began", millis(begin.elapsed()));
}

fn row(name: &str, plugins: usize, time: Duration, memory: &Memory) {
    println!(
        "| {name} | {:.0} ms | {:.0} µs | {} KiB | {} KiB |",
        millis(time),
        millis(time) * 1e3 / plugins as f64,
        memory.resident,
        memory.private / plugins as u64,
    );
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn ratio(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64()
}

/// In KiB, as the kernel counts it: pages that are in memory, and those of them that belong to
/// no file: relocated or written, so they can be neither shared nor dropped.
struct Memory {
    resident: u64,
    private: u64,
}

impl Memory {
    fn now() -> Self {
        let text = fs::read_to_string("/proc/self/smaps_rollup").unwrap_or_default();
        let sum = |keys: &[&str]| {
            text.lines()
                .filter(|line| keys.iter().any(|key| line.starts_with(key)))
                .filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
                .sum()
        };
        Self { resident: sum(&["Rss:"]), private: sum(&["Anonymous:"]) }
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            resident: self.resident.saturating_sub(before.resident),
            private: self.private.saturating_sub(before.private),
        }
    }
}
