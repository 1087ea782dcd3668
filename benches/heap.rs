//! What counting the heap costs: `cargo bench --bench heap`.
//!
//! The same work in the same loaded library, through the system's allocator and through the one that
//! counts: a block that is freed at once, which costs an allocator the least there is, and many of
//! various sizes that live for a while. By one thread, and by two at the same time.

mod support;

use bench_plugin::api::Churner;
use hotshoe::{Handle, PluginHost, Result};
use support::{Work, compare};

fn main() -> Result<()> {
    let directory = tempfile::tempdir().expect("a temporary folder");
    std::fs::copy(support::library("bench_plugin"), directory.path().join("bench.so"))
        .expect("a copy");
    let host = PluginHost::builder().directory(directory.path()).build()?;
    let report = host.start().wait()?;
    assert!(report.is_complete(), "{report}");
    let churner = host.service()?;
    for (work, live) in [("64 bytes, freed at once", 1), ("16 to 4096 bytes, 64 alive", 64)] {
        for threads in [1, 2] {
            let title = format!("An allocation and its end: {work}; threads: {threads}");
            let system = ("system", churn(&churner, false, live, threads));
            let counted = ("counted", churn(&churner, true, live, threads));
            compare(&title, 100_000, vec![system, counted]);
        }
    }
    host.stop().wait()
}

fn churn(churner: &Handle<dyn Churner>, counted: bool, live: u64, threads: u64) -> Work<'_> {
    let work = move |times| churner.churn(counted, live, times).expect("memory is there");
    Box::new(move |times| {
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(|| work(times));
            }
            work(times);
        });
    })
}
