//! What an event costs: `cargo bench --bench events`.
//!
//! `publish` puts an event into the queue of each subscription and returns; `deliver` goes on until all
//! handlers have had it. Every subscription belongs to an instance of its own.

mod support;

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hotshoe::config::InstanceConfig;
use hotshoe::{Call, PluginHost};
use support::mounts::Mounts;

/// So many events are published in one go: fewer than fit into a queue.
const BURST: u64 = 512;

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(4));
    targets = measure
}
criterion_main!(benches);

fn measure(criterion: &mut Criterion) {
    for subscribers in [1, 10, 100] {
        let instances: Vec<_> = (0..subscribers)
            .map(|number| InstanceConfig::new(format!("s{number}")).with_plugin("bench-0000"))
            .map(|mut instance| {
                // All of them answer one route.
                instance.supervision.pool = Some("subscribers".into());
                instance
            })
            .collect();
        let mounts =
            Mounts::start("bench_plugin", "bench-0000", &instances).expect("both mounts start");
        for (mount, host) in &mounts.hosts {
            for (what, which) in [("publish", 0), ("deliver", 1)] {
                let mut group = criterion.benchmark_group(format!("{what}, {mount}"));
                group.throughput(Throughput::Elements(subscribers));
                group.bench_function(BenchmarkId::from_parameter(subscribers), |bencher| {
                    bencher.iter_custom(|times| events(host, subscribers, times)[which]);
                });
                group.finish();
            }
        }
        mounts.stop().expect("both stop");
    }
}

/// How long it takes to publish so many events, and until they are delivered.
fn events(host: &PluginHost, subscribers: u64, times: u64) -> [Duration; 2] {
    let call = Call::none();
    let mut left = times;
    let mut spent = [Duration::ZERO; 2];
    while left > 0 {
        let burst = left.min(BURST);
        let before = delivered(host);
        let begin = Instant::now();
        for _ in 0..burst {
            assert_eq!(host.publish(&call, "go", "payload"), subscribers);
        }
        spent[0] += begin.elapsed();
        while delivered(host) < before + burst * subscribers {
            std::thread::yield_now();
        }
        spent[1] += begin.elapsed();
        left -= burst;
    }
    spent
}

/// How many calls have been made and are over.
fn delivered(host: &PluginHost) -> u64 {
    let all = host.plugin_metrics();
    all.iter().map(|one| one.request_count - one.active_connections).sum()
}
