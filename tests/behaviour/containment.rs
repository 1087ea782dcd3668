//! A panic ends where it began: at every entry of a plugin, as an error that names message and
//! place, and everything goes on.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use hotshoe::{Call, Error, ErrorKind, PluginHost, Precondition, Request, Scan, StorageBackend};
use probe_api::Probe;
use serde_json::json;

use crate::stage::{Stage, ask, get, is_well, pending, refusal};

fn is_panic(error: &Error, message: &str, file: &str) {
    assert!(error.is_panic(), "{error:#}");
    assert_eq!(error.message(), format!("panicked: {message}"));
    let location = error.location().expect("the place is known");
    assert!(location.contains(file), "{location}");
}

async fn failing(host: &PluginHost, request: Request) -> Error {
    host.handle(request).await.expect_err("it was expected to panic")
}

async fn a_panic_of_a_handler(stage: Stage) {
    let host = stage.probe().await;
    let error = failing(&host, Request::builder("GET", "/panic").build()).await;
    is_panic(&error, "a handler was told to panic", "handlers.rs:");
    assert_eq!(error.plugin(), Some("probe"));
    assert_eq!(get(&host, "/panic").await.status(), 500);
    is_well(&host).await;
}

async fn a_panic_whose_payload_panics_when_dropped(stage: Stage) {
    let host = stage.probe().await;
    let error = failing(&host, Request::builder("GET", "/panic-odd").build()).await;
    is_panic(&error, "a panic whose payload is not text", "handlers.rs:");
    let (kind, text) = refusal(&host, "probe", json!({ "op": "panic-odd" })).await;
    assert_eq!(kind, "panic");
    assert!(text.contains("payload is not text"), "{text}");
    is_well(&host).await;
}

async fn a_panic_in_the_drop_of_a_future(stage: Stage) {
    let host = stage.probe().await;
    let request = Request::builder("GET", "/drop-panic").build();
    drop(pending(host.handle(request), async {}).await);
    let (call, input) = (Call::none(), json!({ "op": "drop-panic" }));
    drop(pending(host.execute("probe", &call, &input), async {}).await);
    is_well(&host).await;
}

async fn a_panic_in_the_drop_of_what_a_finished_future_held(stage: Stage) {
    let host = stage.probe().await;
    let error = failing(&host, Request::builder("GET", "/drop-panic-late").build()).await;
    is_panic(&error, "a finished future was told to panic when dropped", "notes.rs:");
    is_well(&host).await;
}

async fn a_panic_of_a_middleware(stage: Stage) {
    let host = stage.probe().await;
    for (told, message) in [
        ("panic", "a middleware was told to panic"),
        ("panic-after", "a middleware was told to panic on the way out"),
        ("drop-panic", "a middleware was told to panic when dropped"),
    ] {
        let request = Request::builder("GET", "/who").header("x-outer", told).build();
        let error = failing(&host, request).await;
        // Whoever asked learns that there is no way through.
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:#}");
        let expected = format!("its middleware could not answer: panicked: {message}");
        assert_eq!(error.message(), expected);
        assert_eq!(error.plugin(), Some("probe"));
    }
    // Dropped while it waits for what comes after it.
    let request = Request::builder("GET", "/never").header("x-outer", "drop-panic").build();
    drop(pending(host.handle(request), stage.journal.until("probe: request waits")).await);
    stage.journal.until("probe: request dropped").await;
    is_well(&host).await;
}

async fn a_panic_of_execute(stage: Stage) {
    let host = stage.probe().await;
    let (kind, text) = refusal(&host, "probe", json!({ "op": "panic" })).await;
    assert_eq!(kind, "panic");
    assert!(text.contains("plugin `probe`"), "{text}");
    assert!(text.contains("panicked: execute was told to panic"), "{text}");
    assert!(text.contains("execute.rs:"), "{text}");
    is_well(&host).await;
}

async fn a_panic_of_a_services_method(stage: Stage) {
    let host = stage.probe().await;
    let probe = host.service::<dyn Probe>().unwrap();
    let error = probe.panic(Some("no reason".to_owned())).unwrap_err();
    is_panic(&error, "no reason", "service.rs:");
    let error = probe.panic(None).unwrap_err();
    is_panic(&error, "a panic whose payload is not text", "service.rs:");
    let error = probe.panic_later().await.unwrap_err();
    is_panic(&error, "a deferred answer was told to panic", "service.rs:");
    let error = probe.panic_before().await.unwrap_err();
    is_panic(&error, "a method was told to panic before there was a future", "service.rs:");
    assert_eq!(probe.who().unwrap(), "probe");
    is_well(&host).await;
}

async fn a_panic_of_a_service_that_another_plugin_calls(stage: Stage) {
    let host = stage.host(&["probe", "relay"], "").await;
    let seen = ask(&host, "relay", json!({ "op": "service-panic" })).await;
    let later = "panicked: a deferred answer was told to panic";
    assert_eq!(seen, json!([true, "panicked: for the relay", later]));
    is_well(&host).await;
}

async fn a_panic_of_an_event_handler(stage: Stage) {
    let host = stage.probe().await;
    for payload in ["panic", "error", "next"] {
        assert_eq!(host.publish(&Call::none(), "probe.in", payload), 1);
    }
    stage.journal.until("probe: event probe.in `next` from the application by nobody").await;
    is_well(&host).await;
}

async fn a_panic_of_a_periodic_job(stage: Stage) {
    for fault in ["tick-panic", "tick-error"] {
        let stage = Stage::like(&stage);
        let config = format!("[plugins.probe.config]\ntick = '1ms'\nfault = '{fault}'");
        let host = stage.host(&["probe"], &config).await;
        stage.journal.until("probe: tick 3 as task:probe:tick").await;
        let tasks = host.plugin("probe").unwrap().tasks;
        assert_eq!((tasks[0].name.as_str(), tasks[0].failures), ("tick", 1));
        is_well(&host).await;
    }
}

async fn a_panic_of_a_storage_backend(stage: Stage) {
    let host = stage.probe().await;
    let (storage, call) = (host.storage("probe").unwrap(), Call::none());
    let message = "a store was told to panic";
    is_panic(&storage.get(&call, "panic").await.unwrap_err(), message, "store.rs:");
    let error = storage.put(&call, "panic", "x".into(), Precondition::Any).await.unwrap_err();
    is_panic(&error, message, "store.rs:");
    let error = storage.delete(&call, "panic", Precondition::Any).await.unwrap_err();
    is_panic(&error, message, "store.rs:");
    is_panic(&storage.scan(&call, Scan::prefix("panic")).await.unwrap_err(), message, "store.rs:");
    let batch = hotshoe::Batch::new().put("panic", "x", Precondition::Any);
    is_panic(&storage.commit(&call, batch).await.unwrap_err(), message, "store.rs:");
    // Through the context, too.
    let (kind, _) = refusal(&host, "probe", json!({ "op": "get", "key": "panic" })).await;
    assert_eq!(kind, "panic");
    assert_eq!(storage.get(&call, "well").await.unwrap(), None);
    is_well(&host).await;
}

async fn a_panic_of_metrics_and_health(stage: Stage) {
    let host = stage.probe().await;
    let moods = json!({ "metrics": "panic", "health": "panic" });
    ask(&host, "probe", json!({ "op": "behave", "moods": moods })).await;
    is_panic(&host.metrics("probe").unwrap_err(), "metrics was told to panic", "lib.rs:");
    is_panic(&host.health("probe").await.unwrap_err(), "health was told to panic", "lib.rs:");
    is_well(&host).await;
}

async fn a_panic_of_the_waker_that_a_plugin_wakes(stage: Stage) {
    struct Mine;
    impl Wake for Mine {
        fn wake(self: Arc<Self>) {
            panic!("the waker was told to panic");
        }
    }
    let host = stage.probe().await;
    let mut request = pin!(host.handle(Request::builder("GET", "/held").build()));
    let waker = Waker::from(Arc::new(Mine));
    let polled = request.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    // Through the journal, the plugin, and back: nobody on this way may notice.
    stage.journal.release("request");
    let polled = request.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Ready(Ok(_))));
    is_well(&host).await;
}

async fn a_panic_before_it_runs(stage: Stage) {
    for (fault, phase, message, notes) in [
        ("initialize-panic", "initialize", "initialize was told to panic", 1),
        ("contribute-panic", "contribute", "contribute was told to panic", 3),
        ("start-panic", "start", "start was told to panic", 4),
    ] {
        let stage = Stage::like(&stage);
        let config = format!("plugins.probe.config.fault = '{fault}'");
        let (host, report) = stage.start(&["probe"], &config).await;
        assert!(!report.is_complete());
        let text = host.explain("probe");
        assert!(text.contains(&format!("panicked: {message}")), "{text}");
        assert!(text.contains(phase) && text.contains("lib.rs:"), "{text}");
        // What was made is dropped: what came before, then `dropped`.
        assert_eq!(stage.journal.of("probe").len(), notes, "{:?}", stage.journal.notes());
        assert_eq!(get(&host, "/who").await.status(), 404);
        host.stop().await.unwrap();
    }
}

async fn a_panic_while_it_ends(stage: Stage) {
    let with = |fault| format!("plugins.probe.config.fault = '{fault}'");
    let host = stage.host(&["probe"], &with("stop-panic")).await;
    let error = host.stop().await.unwrap_err();
    is_panic(&error, "stop was told to panic", "lib.rs:");
    assert_eq!((error.plugin(), error.phase()), (Some("probe"), Some("stop")));
    stage.journal.until("probe: dropped").await;

    let stage = Stage::like(&stage);
    let host = stage.host(&["probe"], &with("drop-panic")).await;
    host.stop().await.unwrap();
    stage.journal.until("probe: dropped").await;
}

on_every_mount! {
    a_panic_of_a_handler,
    a_panic_whose_payload_panics_when_dropped,
    a_panic_in_the_drop_of_a_future,
    a_panic_in_the_drop_of_what_a_finished_future_held,
    a_panic_of_a_middleware,
    a_panic_of_execute,
    a_panic_of_a_services_method,
    a_panic_of_a_service_that_another_plugin_calls,
    a_panic_of_an_event_handler,
    a_panic_of_a_periodic_job,
    a_panic_of_a_storage_backend,
    a_panic_of_metrics_and_health,
    a_panic_before_it_runs,
    a_panic_while_it_ends,
}

// It polls by hand: whoever polls is the one whom the plugin wakes, and who has the answer then.
on_every_mount_without_lanes! {
    a_panic_of_the_waker_that_a_plugin_wakes,
}
