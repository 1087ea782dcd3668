//! What starting and stopping costs: `cargo bench --bench lifecycle`.
//!
//! Linked plugins, so that no library has to be opened (`--bench load` has that): what is measured is
//! discovery, resolving, the life cycle of each instance on a thread of its own, level by level, and
//! the tables that they are entered in and taken from.

#[path = "support/thousand.rs"]
mod thousand;

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hotshoe::PluginHost;

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(8));
    targets = measure
}
criterion_main!(benches);

fn measure(criterion: &mut Criterion) {
    for (name, which) in [("start", 0), ("stop", 1)] {
        let mut group = criterion.benchmark_group(name);
        for count in [1, 100, thousand::THOUSAND] {
            group.throughput(Throughput::Elements(count as u64));
            group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
                bencher.iter_custom(|times| (0..times).map(|_| once(count)[which]).sum());
            });
        }
        group.finish();
    }
}

/// How long a host with so many plugins takes to start, and to stop.
fn once(count: usize) -> [Duration; 2] {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut builder = PluginHost::builder().data_dir(folder.path());
    for plugin in thousand::plugins(count) {
        builder = builder.register_plugin(plugin);
    }
    let host = builder.build().expect("a host");
    let begin = Instant::now();
    let report = host.start().wait().expect("a report");
    let started = begin.elapsed();
    assert!(report.is_complete() && report.plugins.len() == count, "{report}");
    let begin = Instant::now();
    host.stop().wait().expect("all stop");
    [started, begin.elapsed()]
}
