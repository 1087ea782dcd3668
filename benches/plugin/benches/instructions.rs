//! Calls whose instructions `scripts/instructions` counts under callgrind. Alone it only makes them.
//!
//! This is here and not among the benchmarks of hotshoe, so that a build needs none of what hotshoe's
//! tests need.

#[path = "../../support/mod.rs"]
mod support;

use std::hint::black_box;

use futures_lite::future::block_on;
use hotshoe::{Call, PluginHost, Precondition, Request, Result, StorageBackend};
use rustix::thread::{MembarrierCommand, membarrier};
use support::ladder::Ladder;

/// A multiple of the calls of which one is timed ([`hotshoe_abi::SAMPLE`]), so that as many are each time.
const CALLS: u64 = 100 * 64;
/// Until buffers have their size, and what is made once is made.
const WARM: u64 = 10 * 64;

fn main() -> Result<()> {
    // Without it each call goes the long way: hotshoe's `runtime::fence`.
    let fence = membarrier(MembarrierCommand::RegisterPrivateExpedited)
        .and_then(|()| membarrier(MembarrierCommand::PrivateExpedited));
    println!("{CALLS} {}", if fence.is_ok() { "membarrier" } else { "no membarrier" });

    let ladder = Ladder::start()?;
    for (call, rungs) in [
        ("add", ladder.add()),
        ("add_later", ladder.add_later()),
        ("echo of 64 bytes", ladder.echo()),
    ] {
        for rung in rungs {
            count(&format!("{call}: {}", rung.name), &*rung.work);
        }
    }
    let [(_, plain), .., (_, full)] = ladder.hosts() else { unreachable!("there are five") };
    for (configured, host) in [("nothing configured", plain), ("all configured", full)] {
        requests(configured, host);
        execute(configured, host);
    }
    ladder.stop()?;
    storage()
}

/// Makes the calls, some of them first that are not counted.
fn count(name: &str, work: &dyn Fn(u64)) {
    work(WARM);
    hotshoe_counted(work);
    println!("{name}");
}

/// `scripts/instructions` knows it by this name: callgrind counts inside of it, and writes down what it
/// counted each time it is left.
#[inline(never)]
fn hotshoe_counted(work: &dyn Fn(u64)) {
    black_box(work)(CALLS);
    // So that the call before is a call, and no jump that leaves this function.
    black_box(());
}

fn requests(configured: &str, host: &PluginHost) {
    let request = || Request::builder("GET", "/bench-0000").header("accept", "text/plain").build();
    count(&format!("request: routing, one middleware, handler, {configured}"), &|times| {
        block_on(async {
            for _ in 0..times {
                let response = black_box(host.handle(request()).await);
                assert!(response.is_ok_and(|response| response.status() == 204));
            }
        });
    });
}

fn execute(configured: &str, host: &PluginHost) {
    let call = Call::none();
    let execute = || block_on(host.execute("bench-0000", &call, &serde_json::Value::from(7)));
    host.publish(&call, "go", "");
    // Ends when the event has come; from then on it answers at once.
    assert_eq!(execute().status, "success");
    count(&format!("execute: {configured}"), &|times| {
        for _ in 0..times {
            assert!(black_box(execute()).error.is_none());
        }
    });
}

fn storage() -> Result<()> {
    let directory = tempfile::tempdir().expect("a temporary folder");
    std::fs::copy(support::library("storage_memory"), directory.path().join("memory.so"))
        .expect("a copy");
    let host = PluginHost::builder().directory(directory.path()).build()?;
    let report = host.start().wait()?;
    assert!(report.is_complete(), "{report}");
    let storage = host.storage("storage-memory")?;
    let call = Call::none();
    // A hundred: what it takes to compare one key depends on where in memory it happens to lie.
    let keys: Vec<String> = (0..100).map(|number| format!("key-{number}")).collect();
    for key in &keys {
        block_on(storage.put(&call, key, "value".into(), Precondition::Any))?;
    }
    count("storage: get one key of a hundred", &|times| {
        block_on(async {
            for (_, key) in (0..times).zip(keys.iter().cycle()) {
                let found = black_box(storage.get(&call, black_box(key)).await);
                assert!(found.is_ok_and(|record| record.is_some()));
            }
        });
    });
    drop(storage);
    host.stop().wait()
}
