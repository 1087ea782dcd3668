//! Plugins that do what they may, in a way that nobody expects.

use std::sync::atomic::{AtomicU64, Ordering};

use futures_lite::future::block_on;
use hotshoe::{Call, Mount};
use insta::assert_snapshot;
use serde_json::{Value, json};
use tracing::field::{Field, Visit};

use crate::cage::{Cage, execute, get, is_well, text};
use crate::child;
use crate::support::said::{state, until};

on_both_mounts! {
    contributing_late, calling_back, calling_back_without_end, calling_from_its_own_thread,
    calling_after_its_end, leaking_a_thread, publishing_in_a_loop, flooding_the_log,
    answering_a_gibibyte, streaming_a_gibibyte, failing_to_stop,
}

/// It registers a handler when it was given up long ago.
fn contributing_late(mount: Mount) {
    let cage = Cage::new(mount, "contributes_late");
    let (release, farewell) = (cage.path("release"), cage.path("farewell"));
    let settings = format!("config.release = {release:?}\nconfig.farewell = {farewell:?}");
    let (host, report) = cage.start(&format!("load_timeout = \"1s\"\n{settings}"));
    assert_snapshot!(cage.told(&report), @r"
    problem: plugin `contributes-late` failed to contribute: it was expected to contribute within 1s, it did not come back
      help: its thread was abandoned and may still run; raise `load_timeout` in [plugins.contributes-late] if the work needs longer
    ");
    std::fs::write(&release, "").expect("it is released");
    until("the drop of what came too late", || farewell.exists());
    assert_eq!(state(&host, &cage.id()), "failed");
    // Whatever it left among the routes would be in force with the next change of them.
    host.restart("steady").wait().expect("it starts again");
    assert_eq!(text(get(&host, "/fault").expect("an answer")), "404 not found");
    // Now it does not wait. Its route is free.
    host.enable(&cage.id()).wait().expect("it starts");
    assert_eq!(text(get(&host, "/fault").expect("an answer")), "200");
    cage.ends(&host);
}

/// From each method, from contributions, and from the drop of all of them.
fn calling_back(mount: Mount) {
    let cage = Cage::new(mount, "calls_back");
    let host = cage.running("");
    let id = cage.id();
    assert_eq!(text(get(&host, "/fault").expect("an answer")), "200 called back");
    assert_eq!(execute(&host, &id, json!(1)), Ok(json!(1)));
    block_on(host.health(&id)).expect("it is well");
    host.metrics(&id).expect("it has none");
    host.publish(&Call::none(), "fault.event", "");
    for place in ["handler", "execute", "health", "metrics", "event", "job"] {
        until(place, || cage.count(&host, &format!("{place} true true")) > 0);
    }
    // Not yet there, so it was told so.
    for place in ["initialize", "contribute", "start"] {
        assert_eq!(cage.count(&host, &format!("{place} false false")), 1, "{place}");
    }
    is_well(&host);
    host.restart(&id).wait().expect("it starts again");
    cage.is_active(&host);
    host.disable(&id).wait().expect("it stops");
    host.enable(&id).wait().expect("it starts again");
    cage.ends(&host);
}

/// Each answer needs another one: the host has to say when it is enough, before the stack does.
fn calling_back_without_end(mount: Mount) {
    let cage = Cage::new(mount, "calls_back_without_end");
    let host = cage.running("");
    let error = get(&host, "/fault").map(drop).expect_err("it never has an answer");
    assert_snapshot!(cage.said(&error), @r"
    [resource_limit_exceeded] plugin `calls-back-without-end`: calls inside of calls were expected to be at most 32 deep, this is one more
      help: a plugin that answers by asking for the same again comes to no end
    ");
    let refused = execute(&host, &cage.id(), Value::Null).expect_err("it never has an answer");
    assert!(refused.starts_with("[resource_limit"), "{refused}");
    cage.is_active(&host);
    cage.ends(&host);
}

fn calling_from_its_own_thread(mount: Mount) {
    let cage = Cage::new(mount, "calls_from_its_own_thread");
    let host = cage.running("");
    until("many calls", || cage.count(&host, "calls true true") > 1000);
    is_well(&host);
    host.restart(&cage.id()).wait().expect("it starts again");
    until("more calls", || cage.count(&host, "calls true true") > 1000);
    cage.ends(&host);
}

fn calling_after_its_end(mount: Mount) {
    let cage = Cage::new(mount, "calls_after_its_end");
    let (release, farewell) = (cage.path("release"), cage.path("farewell"));
    let settings = format!("config.release = {release:?}\nconfig.farewell = {farewell:?}");
    let said = || {
        std::fs::write(&release, "").expect("it is released");
        until("what it got", || farewell.exists());
        let said = std::fs::read_to_string(&farewell).expect("it wrote that down");
        for file in [&release, &farewell] {
            std::fs::remove_file(file).expect("it was there");
        }
        said
    };
    let host = cage.running(&settings);
    host.disable(&cage.id()).wait().expect("it stops");
    assert_snapshot!(said(), @r"
    plugin `calls-after-its-end`: this instance has ended
    plugin `calls-after-its-end`: this instance has ended
    plugin `calls-after-its-end`: this instance has ended
    plugin `calls-after-its-end`: this instance has ended
    ok
    ok
    ");
    is_well(&host);
    cage.ends(&host);
    // After the host itself is gone, too.
    let host = cage.running(&settings);
    cage.ends(&host);
    drop(host);
    assert_snapshot!(said(), @r"
    plugin `calls-after-its-end`: this instance has ended
    plugin `calls-after-its-end`: this instance has ended
    plugin `calls-after-its-end`: this instance has ended
    plugin `calls-after-its-end`: this instance has ended
    ok
    ok
    ");
}

fn leaking_a_thread(mount: Mount) {
    let cage = Cage::new(mount, "leaks_a_thread");
    let host = cage.running("");
    host.restart(&cage.id()).wait().expect("it starts again, beside what it left behind");
    cage.is_active(&host);
    cage.ends(&host);
}

/// Its limit holds it back, and nobody waits for it.
fn publishing_in_a_loop(mount: Mount) {
    let cage = Cage::new(mount, "publishes_in_a_loop");
    let host = cage.running("limits.events = \"1000/s\"");
    assert_eq!(host.publish(&Call::none(), "fault.now", ""), 1);
    until("a refusal", || cage.count(&host, "refused") > 0);
    is_well(&host);
    cage.ends(&host);
}

fn flooding_the_log(mount: Mount) {
    static LINES: AtomicU64 = AtomicU64::new(0);
    tracing::subscriber::set_global_default(Lines(&LINES)).expect("it is the only one");
    let cage = Cage::new(mount, "floods_the_log");
    let host = cage.running("limits.log_lines = \"1000/s\"");
    let begin = std::time::Instant::now();
    execute(&host, &cage.id(), Value::Null).expect("it ends");
    let lines = LINES.load(Ordering::SeqCst);
    if mount == Mount::Loaded {
        // The whole limit at once, then what each second lets through.
        let most = 1000 * (2 + begin.elapsed().as_secs());
        assert!((1000..=most).contains(&lines), "{lines} of 100,000 lines");
    } else {
        // A linked plugin's records go straight to the program's own subscriber.
        assert_eq!(lines, 100_000);
    }
    cage.is_active(&host);
    cage.ends(&host);
}

/// Passed on without a copy, refused by whoever wants less.
fn answering_a_gibibyte(mount: Mount) {
    let _alone = child::much_memory();
    let cage = Cage::new(mount, "answers_a_gibibyte");
    let host = cage.running("");
    let body = get(&host, "/fault").expect("an answer").into_body();
    assert_eq!(body.len(), Some(1 << 30));
    let error = block_on(body.collect(1 << 20)).expect_err("it is too large");
    assert_snapshot!(cage.said(&error), @"[resource_limit_exceeded] a body of at most _ bytes was expected, found 1073741824");
    let body = get(&host, "/fault").expect("an answer").into_body();
    assert_eq!(body.into_full().map(|bytes| bytes.len()).ok(), Some(1 << 30));
    assert!(peak() < (3 << 30) / 2, "{} bytes were in use at once", peak());
    cage.is_active(&host);
    cage.ends(&host);
}

/// Read a chunk at a time; abandoned half-way; refused by whoever wants less.
fn streaming_a_gibibyte(mount: Mount) {
    let cage = Cage::new(mount, "streams_a_gibibyte");
    let host = cage.running("");
    let mut body = get(&host, "/fault").expect("an answer").into_body();
    let mut length = 0;
    while let Some(chunk) = block_on(body.chunk()).expect("a chunk") {
        length += chunk.len();
    }
    assert_eq!(length, 1 << 30);
    let mut body = get(&host, "/fault").expect("an answer").into_body();
    assert!(block_on(body.chunk()).expect("a chunk").is_some());
    drop(body);
    let body = get(&host, "/fault").expect("an answer").into_body();
    let error = block_on(body.collect(16 << 20)).expect_err("it is too large");
    assert_snapshot!(cage.said(&error), @"[resource_limit_exceeded] a body of at most _ bytes was expected, found more");
    assert!(peak() < 1 << 28, "{} bytes were in use at once", peak());
    cage.is_active(&host);
    cage.ends(&host);
}

fn failing_to_stop(mount: Mount) {
    let cage = Cage::new(mount, "fails_to_stop");
    let host = cage.running("");
    assert_snapshot!(cage.said(&cage.ends_badly(&host)), @"[io] plugin `fails-to-stop` failed to stop: a database was expected to take the last records, it is gone");
}

/// The most memory that this process had, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("it tells that");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib << 10
}

/// A subscriber that counts the records that say `flood`.
struct Lines(&'static AtomicU64);

impl tracing::Subscriber for Lines {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn event(&self, event: &tracing::Event<'_>) {
        let mut flood = Flood(false);
        event.record(&mut flood);
        self.0.fetch_add(u64::from(flood.0), Ordering::SeqCst);
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

struct Flood(bool);

impl Visit for Flood {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0 |= field.name() == "message" && format!("{value:?}") == "flood";
    }
}
