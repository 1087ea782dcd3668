//! What exchanging a plugin costs: `cargo bench --bench swap`.
//!
//! A loaded plugin goes from one build to another and back, while another thread calls it without a
//! pause. `swap` is all of it, from the order to the report: the file is read and verified, the new
//! instance brought up, and what comes in led to it. `pause` is how long calls were held meanwhile.

mod support;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bench_plugin::api::Adder;
use criterion::{Criterion, criterion_group, criterion_main};
use hotshoe::{Handle, PluginHost};

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(8));
    targets = measure
}
criterion_main!(benches);

fn measure(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let plugins = folder.path().join("plugins");
    std::fs::create_dir(&plugins).expect("a folder for plugins");
    let builds = [build(&plugins, "0.1.0"), build(folder.path(), "0.2.0")];
    let host = PluginHost::builder()
        .directory(&plugins)
        .data_dir(folder.path().join("data"))
        .build()
        .expect("a host");
    let report = host.start().wait().expect("a report");
    assert!(report.is_complete(), "{report}");
    let adder: Handle<dyn Adder> = host.service().expect("the service");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                assert_eq!(adder.add(1, 2).expect("no call is lost"), 3);
            }
        });
        let mut next = builds.iter().cycle().skip(1);
        for (name, which) in [("swap", 0), ("pause", 1)] {
            criterion.bench_function(name, |bencher| {
                bencher.iter_custom(|times| {
                    let builds = next.by_ref().take(times as usize);
                    builds.map(|build| swap(&host, build)[which]).sum()
                });
            });
        }
        done.store(true, Ordering::Relaxed);
    });
    host.stop().wait().expect("it stops");
}

/// How long an exchange takes, and how long it holds calls.
fn swap(host: &PluginHost, build: &Path) -> [Duration; 2] {
    let begin = Instant::now();
    let report = host.swap("bench-0000", build).wait().unwrap_or_else(|error| panic!("{error:#}"));
    let took = begin.elapsed();
    // There is no way back before the next one.
    host.promote("bench-0000").wait().expect("it is on probation");
    [took, report.pause]
}

/// The library with another version in its manifest.
fn build(folder: &Path, version: &str) -> PathBuf {
    let mut library = std::fs::read(support::library("bench_plugin")).expect("it was built");
    let (old, new) = (b"\x1eversion\x1f0.1.0\x1e", format!("\x1eversion\x1f{version}\x1e"));
    let places: Vec<usize> =
        (0..library.len() - old.len()).filter(|at| library[*at..].starts_with(old)).collect();
    assert!(!places.is_empty(), "the library holds its version");
    for at in places {
        library[at..][..old.len()].copy_from_slice(new.as_bytes());
    }
    let path = folder.join(format!("bench-{version}.so"));
    std::fs::write(&path, library).expect("a copy");
    path
}
