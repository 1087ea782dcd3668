//! Plugins that never answer, or do not let go of a thread.

use std::pin::pin;
use std::sync::mpsc::channel;
use std::task::{Context, Waker};
use std::time::Duration;

use hotshoe::{Call, Mount, Request};
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::cage::{Cage, execute, execute_for, get, is_well, send};
use crate::support::said::{state, until};

on_both_mounts! {
    never_ready, never_ready_in_start, never_ready_and_dropped, dropped_half_way, blocked_in_initialize, blocked_in_start,
    blocked_in_stop, blocked_in_drop, blocked_in_a_handler,
    blocked_in_a_handler_on_its_own_thread, blocked_in_the_background,
    blocked_in_a_waker, blocked_in_a_waker_after_a_failure,
}

const SOON: Duration = Duration::from_millis(20);

/// By the call's own deadline, and by `call_timeout`.
fn never_ready(mount: Mount) {
    let cage = Cage::new(mount, "never_ready");
    let host = cage.running("");
    let call = Call::builder().timeout(SOON).build();
    let late = send(&host, "/fault", SOON).expect_err("it is never ready");
    assert!(late.is_timeout(), "{late:#}");
    assert!(late.message().starts_with("the answer to a request was expected within"), "{late:#}");
    let late = execute_for(&host, &cage.id(), Value::Null, &call).expect_err("it is never ready");
    assert!(late.starts_with("[timeout] plugin `never-ready`"), "{late}");
    assert_eq!(host.plugin(&cage.id()).expect("it is there").in_flight, 0);
    cage.is_active(&host);
    cage.ends(&host);

    let host = cage.running("call_timeout = \"20ms\"");
    assert!(get(&host, "/fault").expect_err("it is never ready").is_timeout());
    let late = execute(&host, &cage.id(), Value::Null).expect_err("it is never ready");
    assert!(late.starts_with("[timeout]"), "{late}");
    cage.ends(&host);
}

fn never_ready_in_start(mount: Mount) {
    let cage = Cage::new(mount, "never_ready_in_start");
    assert_snapshot!(cage.refusal("start_timeout = \"40ms\""), @r"
    [timeout, start] problem: plugin `never-ready-in-start` failed to start: it was expected to start within 40ms, it did not come back
      help: its thread was abandoned and may still run; raise `start_timeout` in [plugins.never-ready-in-start] if the work needs longer
    ");
}

/// Nobody waits any more: neither is anybody inside.
fn never_ready_and_dropped(mount: Mount) {
    let cage = Cage::new(mount, "never_ready");
    let host = cage.running("");
    {
        let mut request = pin!(host.handle(Request::builder("GET", "/fault").build()));
        let polled = request.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
        assert_eq!(host.plugin(&cage.id()).expect("it is there").in_flight, 1);
    }
    assert_eq!(host.plugin(&cage.id()).expect("it is there").in_flight, 0);
    cage.ends(&host);
}

fn dropped_half_way(mount: Mount) {
    let cage = Cage::new(mount, "dropped_half_way");
    let host = cage.running("");
    let alive = || execute(&host, &cage.id(), Value::Null).expect("it counts");
    {
        let mut request = pin!(host.handle(Request::builder("GET", "/fault").build()));
        let polled = request.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
        assert_eq!(alive(), json!(1));
    }
    assert_eq!(alive(), json!(0));
    send(&host, "/fault", SOON).expect_err("it is never ready");
    assert_eq!(alive(), json!(0));
    cage.ends(&host);
}

fn blocked_in_initialize(mount: Mount) {
    let cage = Cage::new(mount, "blocks_in_initialize");
    assert_snapshot!(cage.refusal("init_timeout = \"40ms\""), @r"
    [timeout, initialize] problem: plugin `blocks-in-initialize` failed to initialize: it was expected to initialize within 40ms, it did not come back
      help: its thread was abandoned and may still run; raise `init_timeout` in [plugins.blocks-in-initialize] if the work needs longer
    ");
}

fn blocked_in_start(mount: Mount) {
    let cage = Cage::new(mount, "blocks_in_start");
    assert_snapshot!(cage.refusal("start_timeout = \"40ms\""), @r"
    [timeout, start] problem: plugin `blocks-in-start` failed to start: it was expected to start within 40ms, it did not come back
      help: its thread was abandoned and may still run; raise `start_timeout` in [plugins.blocks-in-start] if the work needs longer
    ");
}

fn blocked_in_stop(mount: Mount) {
    let cage = Cage::new(mount, "blocks_in_stop");
    let host = cage.running("stop_timeout = \"40ms\"");
    assert_snapshot!(cage.said(&cage.ends_badly(&host)), @r"
    [timeout] plugin `blocks-in-stop` failed to stop: it was expected to stop within 40ms, it did not come back
      help: its thread was abandoned and may still run; raise `stop_timeout` in [plugins.blocks-in-stop] if the work needs longer
    ");
}

fn blocked_in_drop(mount: Mount) {
    let cage = Cage::new(mount, "blocks_in_drop");
    let host = cage.running("stop_timeout = \"40ms\"");
    assert_snapshot!(cage.said(&cage.ends_badly(&host)), @r"
    [timeout] plugin `blocks-in-drop` failed to stop: it was expected to stop within 40ms, it did not come back
      help: its thread was abandoned and may still run; raise `stop_timeout` in [plugins.blocks-in-drop] if the work needs longer
    ");
}

/// It blocks whoever asked, and nobody else. Its end does not wait for it for ever.
fn blocked_in_a_handler(mount: Mount) {
    let cage = Cage::new(mount, "blocks_in_a_handler");
    let host = cage.running("stop_timeout = \"1s\"");
    let asking = host.clone();
    std::thread::spawn(move || get(&asking, "/fault").map(drop));
    until("the request", || host.plugin(&cage.id()).expect("it is there").in_flight == 1);
    is_well(&host);
    cage.ends(&host);
}

fn blocked_in_a_handler_on_its_own_thread(mount: Mount) {
    let cage = Cage::new(mount, "blocks_in_a_handler");
    let config = "lane = \"dedicated\"\ncall_timeout = \"40ms\"\nstop_timeout = \"1s\"";
    let host = cage.running(config);
    for stuck in 1..=2 {
        let error = get(&host, "/fault").expect_err("nobody answers");
        assert!(error.is_timeout(), "{error}");
        let calls = host.metrics_of(&cage.id()).expect("it is there").calls;
        assert_eq!((calls.stuck, calls.in_flight()), (stuck, 0));
    }
    is_well(&host);
    cage.ends(&host);
}

/// Events are delivered and jobs are run by threads that all plugins share.
fn blocked_in_the_background(mount: Mount) {
    let cage = Cage::new(mount, "blocks_in_the_background");
    let host = cage.running("stop_timeout = \"1s\"");
    assert_eq!(host.publish(&Call::none(), "fault.now", ""), 1);
    until("both", || cage.count(&host, "blocked") == 2);
    is_well(&host);
    cage.ends(&host);
}

/// The thread that keeps time wakes whoever waits: it must not be the plugin's to keep.
fn blocked_in_a_waker(mount: Mount) {
    let cage = Cage::new(mount, "blocks_in_a_waker");
    let host = cage.running("stop_timeout = \"1s\"");
    get(&host, "/fault").expect("it waits");
    // Once its own deadline has passed, all others have to pass, too.
    std::thread::park_timeout(2 * SOON);
    let (over, done) = channel();
    let asking = host.clone();
    std::thread::spawn(move || {
        let late = send(&asking, "/steady/never", SOON);
        let _ = over.send(late.is_err_and(|error| error.is_timeout()));
    });
    assert_eq!(
        done.recv_timeout(Duration::from_secs(20)),
        Ok(true),
        "deadlines do not pass any more"
    );
    is_well(&host);
    let _ = host.disable(&cage.id()).wait();
    assert_ne!(state(&host, &cage.id()), "active");
    cage.ends(&host);
}

/// It is told of its end although it never ran: nor must that be anybody's to keep.
fn blocked_in_a_waker_after_a_failure(mount: Mount) {
    let cage = Cage::new(mount, "blocks_in_a_waker");
    assert_snapshot!(cage.refusal("config.fail = true"), @"[unavailable, start] problem: plugin `blocks-in-a-waker` failed to start: it was told to fail");
}
