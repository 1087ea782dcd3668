//! A panic ends where it began: in whatever a host calls, polls, wakes or drops.

use std::pin::pin;
use std::task::{Context, Waker};

use futures_lite::future::block_on;
use hotshoe::{Batch, Call, Mount, Request, StorageBackend};
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::cage::{Cage, execute, get, is_well, text};
use crate::support::said::{state, until};

on_both_mounts! {
    in_initialize, in_settings, in_contribute, in_start, in_stop, in_health, in_metrics, in_execute,
    in_save_state, in_restore_state, in_a_handler, in_middleware, in_an_event_handler, in_a_job,
    in_a_storage_backend, in_a_service, in_a_body, in_poll, in_the_drop_of_a_future, in_a_waker, in_drop,
    in_its_own_thread, in_a_log_record, with_a_payload_that_panics, with_a_novel,
}

fn in_initialize(mount: Mount) {
    assert_snapshot!(Cage::new(mount, "panics_in_initialize").refusal(""), @r"
    [panic, initialize] problem: plugin `panics-in-initialize` failed to initialize: panicked: initialize went wrong
      at: tests/zoo/examples/panics_in_initialize.rs:_
      help: a panic is a bug of the plugin: tell its author
    ");
}

fn in_settings(mount: Mount) {
    assert_snapshot!(Cage::new(mount, "panics_in_settings").refusal(""), @r"
    [panic, initialize] problem: plugin `panics-in-settings` failed to initialize: panicked: its settings went wrong
      at: tests/zoo/examples/panics_in_settings.rs:_
      help: a panic is a bug of the plugin: tell its author
    ");
}

fn in_contribute(mount: Mount) {
    let cage = Cage::new(mount, "panics_in_contribute");
    assert_snapshot!(cage.refusal(""), @r"
    [panic, contribute] problem: plugin `panics-in-contribute` failed to contribute: panicked: contribute went wrong
      at: tests/zoo/examples/panics_in_contribute.rs:_
      help: a panic is a bug of the plugin: tell its author
    ");
    // What it contributed before is not there either.
    let (host, _) = cage.start("");
    assert_eq!(text(get(&host, "/half").expect("an answer")), "404 not found");
    cage.ends(&host);
}

fn in_start(mount: Mount) {
    assert_snapshot!(Cage::new(mount, "panics_in_start").refusal(""), @r"
    [panic, start] problem: plugin `panics-in-start` failed to start: panicked: start went wrong
      at: tests/zoo/examples/panics_in_start.rs:_
      help: a panic is a bug of the plugin: tell its author
    ");
}

fn in_stop(mount: Mount) {
    let cage = Cage::new(mount, "panics_in_stop");
    let host = cage.running("");
    assert_snapshot!(cage.said(&cage.ends_badly(&host)), @r"
    [panic] plugin `panics-in-stop` failed to stop: panicked: stop went wrong
      at: tests/zoo/examples/panics_in_stop.rs:_
      help: a panic is a bug of the plugin: tell its author
    ");
}

fn in_health(mount: Mount) {
    let cage = Cage::new(mount, "panics_in_health");
    let host = cage.running("");
    let id = cage.id();
    let error = block_on(host.health(&id)).expect_err("it panics");
    cage.is_panic(&error, "health went wrong");
    cage.is_active(&host);
    cage.ends(&host);
}

fn in_metrics(mount: Mount) {
    let cage = Cage::new(mount, "panics_in_metrics");
    let host = cage.running("");
    cage.is_panic(&host.metrics(&cage.id()).expect_err("it panics"), "metrics went wrong");
    cage.is_active(&host);
    cage.ends(&host);
}

fn in_execute(mount: Mount) {
    let cage = Cage::new(mount, "panics_in_execute");
    let host = cage.running("");
    let refused = execute(&host, &cage.id(), Value::Null).expect_err("it panics");
    assert!(
        refused.starts_with("[panic] plugin `panics-in-execute`: panicked: execute went wrong"),
        "{refused}"
    );
    cage.is_active(&host);
    cage.ends(&host);
}

fn in_save_state(mount: Mount) {
    let cage = Cage::new(mount, "panics_in_save_state");
    let host = cage.running("");
    // Its state is lost; that is better than no successor.
    host.restart(&cage.id()).wait().expect("the successor starts afresh");
    cage.is_active(&host);
    cage.ends(&host);
}

fn in_restore_state(mount: Mount) {
    let cage = Cage::new(mount, "panics_in_restore_state");
    let host = cage.running("");
    let id = cage.id();
    host.restart(&id).wait().expect_err("the successor panics");
    assert_eq!(state(&host, &id), "failed");
    is_well(&host);
    assert_snapshot!(cage.told(&host.report()), @r"
    problem: plugin `panics-in-restore-state` failed to initialize: panicked: restore_state went wrong
      at: tests/zoo/examples/panics_in_restore_state.rs:_
      help: a panic is a bug of the plugin: tell its author
    ");
    // Nothing is left to restore, so it starts.
    host.enable(&id).wait().expect("it starts afresh");
    cage.is_active(&host);
    cage.ends(&host);
}

fn in_a_handler(mount: Mount) {
    let cage = Cage::new(mount, "panics_in_a_handler");
    let host = cage.running("");
    for _ in 0..3 {
        let error = get(&host, "/fault").expect_err("it panics");
        cage.is_panic(&error, "the handler went wrong");
        assert_eq!(error.plugin(), Some("panics-in-a-handler"));
    }
    let answer = host.respond_blocking(Request::builder("GET", "/fault").build());
    assert_eq!(text(answer), "500 panic");
    cage.is_active(&host);
    cage.ends(&host);
}

fn in_middleware(mount: Mount) {
    let cage = Cage::new(mount, "panics_in_middleware");
    let host = cage.running("");
    for when in ["in", "out"] {
        let request = Request::builder("GET", "/fault").header("when", when).build();
        let error = block_on(host.handle(request)).expect_err("it panics");
        let expected = format!("panicked: the middleware went wrong on the way {when}");
        assert_eq!(error.message(), format!("its middleware could not answer: {expected}"));
        let place = error.location().expect("the place of a panic is known");
        assert!(place.contains("panics_in_middleware.rs:"), "{place}");
    }
    cage.is_active(&host);
    cage.ends(&host);
}

fn in_an_event_handler(mount: Mount) {
    let cage = Cage::new(mount, "panics_in_an_event_handler");
    let host = cage.running("");
    for _ in 0..50 {
        assert_eq!(host.publish(&Call::none(), "fault.now", ""), 1);
    }
    until("the delivery of all events", || cage.count(&host, "events") == 50);
    cage.is_active(&host);
    cage.ends(&host);
}

fn in_a_job(mount: Mount) {
    let cage = Cage::new(mount, "panics_in_a_job");
    let host = cage.running("");
    let failures = || host.plugin(&cage.id()).expect("it is there").tasks[0].failures;
    until("a run, and another one", || failures() > 1);
    cage.is_active(&host);
    cage.ends(&host);
}

fn in_a_storage_backend(mount: Mount) {
    let cage = Cage::new(mount, "panics_in_storage");
    let host = cage.running("");
    let (storage, call) = (host.storage(&cage.id()).expect("a backend"), Call::none());
    let any = hotshoe::Precondition::Any;
    let wrong = block_on(async {
        [
            ("get", storage.get(&call, "key").await.map(drop)),
            ("put", storage.put(&call, "key", "value".into(), any).await.map(drop)),
            ("delete", storage.delete(&call, "key", any).await.map(drop)),
            ("scan", storage.scan(&call, hotshoe::Scan::prefix("")).await.map(drop)),
            ("commit", storage.commit(&call, Batch::new().put("key", "x", any)).await.map(drop)),
            ("the health of the backend", storage.health().await.map(drop)),
        ]
    });
    for (method, outcome) in wrong {
        cage.is_panic(&outcome.expect_err(method), &format!("{method} went wrong"));
    }
    let _ = storage.capabilities();
    cage.is_active(&host);
    cage.ends(&host);
}

hotshoe::extension_point! {
    /// As the specimen declares it.
    trait Fault: "fault", "1.0.0" {
        /// At once.
        fn at_once(&self) -> hotshoe::Result<u64>;
        /// Later.
        fn later(&self) -> hotshoe::Deferred<u64>;
    }
}

fn in_a_service(mount: Mount) {
    let cage = Cage::new(mount, "panics_in_a_service");
    let host = cage.running("");
    let service = host.service::<dyn Fault>().expect("it provides one");
    cage.is_panic(&service.at_once().expect_err("it panics"), "the method went wrong");
    cage.is_panic(&block_on(service.later()).expect_err("it panics"), "the answer went wrong");
    cage.is_active(&host);
    cage.ends(&host);
    // A handle outlives the instance, and calls nobody.
    let refused = service.at_once().expect_err("it has stopped");
    assert!(refused.is_unavailable(), "{refused:#}");
}

fn in_a_body(mount: Mount) {
    let cage = Cage::new(mount, "panics_in_a_body");
    let host = cage.running("");
    let mut body = get(&host, "/fault").expect("an answer").into_body();
    assert_eq!(block_on(body.chunk()).expect("the first chunk"), Some("half".into()));
    cage.is_panic(&block_on(body.chunk()).expect_err("it panics"), "the body went wrong");
    assert_eq!(block_on(body.chunk()).expect("the end"), None);
    drop(body);
    cage.is_active(&host);
    cage.ends(&host);
}

fn in_poll(mount: Mount) {
    let cage = Cage::new(mount, "panics_in_poll");
    let host = cage.running("");
    cage.is_panic(&get(&host, "/fault").expect_err("it panics"), "the second poll went wrong");
    cage.is_active(&host);
    cage.ends(&host);
}

fn in_the_drop_of_a_future(mount: Mount) {
    let cage = Cage::new(mount, "panics_in_the_drop_of_a_future");
    let host = cage.running("");
    {
        let mut request = pin!(host.handle(Request::builder("GET", "/fault").build()));
        let polled = request.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
    }
    // Ready, and then what it held went wrong: whoever waited for it hears of that.
    let error = get(&host, "/fault/ready").expect_err("it panics");
    cage.is_panic(&error, "the drop of the future went wrong");
    cage.is_active(&host);
    assert_eq!(host.plugin(&cage.id()).expect("it is there").in_flight, 0);
    cage.ends(&host);
}

fn in_a_waker(mount: Mount) {
    let cage = Cage::new(mount, "panics_in_a_waker");
    let host = cage.running("");
    assert_eq!(text(get(&host, "/fault").expect("it waits")), "200 waiting");
    // The deadlines of others come after its own, which wakes it.
    is_well(&host);
    is_well(&host);
    cage.is_active(&host);
    // Its own end wakes it once more.
    host.disable(&cage.id()).wait().expect("it stops");
    cage.ends(&host);
}

fn in_drop(mount: Mount) {
    let cage = Cage::new(mount, "panics_in_drop");
    let host = cage.running("");
    host.restart(&cage.id()).wait().expect("it starts again");
    assert_eq!(text(get(&host, "/fault").expect("it answers")), "200 not yet");
    cage.ends(&host);
}

fn in_its_own_thread(mount: Mount) {
    let cage = Cage::new(mount, "panics_in_its_own_thread");
    let host = cage.running("");
    assert_eq!(execute(&host, &cage.id(), Value::Null), Ok(json!(true)));
    cage.is_active(&host);
    cage.ends(&host);
}

fn in_a_log_record(mount: Mount) {
    let cage = Cage::new(mount, "panics_in_a_log_record");
    let subscriber = tracing_subscriber::fmt().with_writer(std::io::sink).finish();
    tracing_subscriber::util::SubscriberInitExt::init(subscriber);
    let host = cage.running("");
    for _ in 0..2 {
        // A loaded plugin's records are shown inside a guard of their own: then only the record is lost.
        match execute(&host, &cage.id(), Value::Null) {
            Ok(_) => assert_eq!(mount, Mount::Loaded),
            Err(refused) => {
                assert!(refused.contains("panicked: the value went wrong"), "{refused}")
            }
        }
    }
    cage.is_active(&host);
    cage.ends(&host);
}

fn with_a_payload_that_panics(mount: Mount) {
    let cage = Cage::new(mount, "panics_with_a_grenade");
    assert_snapshot!(cage.refusal(""), @r"
    [panic, start] problem: plugin `panics-with-a-grenade` failed to start: panicked: a panic whose payload is not text
      at: tests/zoo/examples/panics_with_a_grenade.rs:_
      help: a panic is a bug of the plugin: tell its author
    ");
    let host = cage.running("config.late = true");
    let refused = execute(&host, &cage.id(), Value::Null).expect_err("it panics");
    assert!(refused.contains("panicked: a panic whose payload is not text"), "{refused}");
    cage.ends(&host);
}

/// Whatever a plugin says, it has to fit on one screen.
fn with_a_novel(mount: Mount) {
    let cage = Cage::new(mount, "panics_with_a_novel");
    assert_snapshot!(cage.refusal("config.panic = true"), @r"
    [panic, initialize] problem: plugin `panics-with-a-novel` failed to initialize: panicked: It was a dark and stormy night.
        It was a dark and stormy night.
        It was a dark and stormy night.
        It was a dark and stormy night.
        It was a dark and stormy night.
        It was a dark and stormy night. … (and 9994 more lines)
      at: tests/zoo/examples/panics_with_a_novel.rs:_
      help: a panic is a bug of the plugin: tell its author
    ");
    assert_snapshot!(cage.refusal("config.panic = false"), @r"
    [error, initialize] problem: plugin `panics-with-a-novel` failed to initialize: It was a dark and stormy night.
        It was a dark and stormy night.
        It was a dark and stormy night.
        It was a dark and stormy night.
        It was a dark and stormy night.
        It was a dark and stormy night. … (and 9994 more lines)
      help: It was a dark and stormy night.
        It was a dark and stormy night.
        It was a dark and stormy night. … (and 9997 more lines)
    ");
}
