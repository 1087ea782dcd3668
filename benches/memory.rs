//! What a plugin costs in memory: `cargo bench --bench memory`.
//!
//! Linked ones, so what is counted is what the host keeps of an instance: its ports, its figures, its
//! entries in tables, its subscription's queue. `--bench load` has what a library takes.

#[path = "support/thousand.rs"]
mod thousand;

use hotshoe::{PluginHost, Result};

fn main() -> Result<()> {
    println!("\n| linked plugins | resident | per plugin |\n| --- | ---: | ---: |");
    // What is made once is made, and is not counted.
    let first = start(1)?;
    for count in [10, 100, thousand::THOUSAND] {
        let before = resident();
        let host = start(count)?;
        let more = resident().saturating_sub(before);
        println!("| {count} | {more} KiB | {:.1} KiB |", more as f64 / count as f64);
        host.stop().wait()?;
    }
    first.stop().wait()
}

fn start(count: usize) -> Result<PluginHost> {
    let mut builder = PluginHost::builder();
    for plugin in thousand::plugins(count) {
        builder = builder.register_plugin(plugin);
    }
    let host = builder.build()?;
    let report = host.start().wait()?;
    assert!(report.is_complete(), "{report}");
    Ok(host)
}

/// In KiB, as the kernel counts it: memory that belongs to no file.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix("Anonymous:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or_default()
}
