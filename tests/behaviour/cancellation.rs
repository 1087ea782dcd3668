//! Giving up: a call that nobody awaits any more is dropped inside the plugin, and one that takes
//! too long ends with an error.

use std::time::Duration;

use hotshoe::{Call, Request, StorageBackend};
use probe_api::Probe;
use serde_json::json;

use crate::stage::{Stage, execute, get, is_well, pending};

/// Calls with deadlines: on a busy machine the first ones may pass before the plugin is reached.
fn later_and_later() -> impl Iterator<Item = Call> {
    (0..).map(|n| Call::builder().timeout(Duration::from_millis(20 << n)).build())
}

async fn a_dropped_request_drops_the_handlers_future(stage: Stage) {
    let host = stage.probe().await;
    let request = host.handle(Request::builder("GET", "/never").build());
    let request = pending(request, stage.journal.until("probe: request waits")).await;
    assert_eq!(host.plugin("probe").unwrap().in_flight, 2, "a middleware and a handler");
    assert_eq!(stage.journal.count("probe: request dropped"), 0);
    drop(request);
    stage.noted_once("probe: request dropped").await;
    is_well(&host).await;
}

async fn a_dropped_request_drops_a_middlewares_future(stage: Stage) {
    let host = stage.probe().await;
    let request = Request::builder("GET", "/who").header("x-outer", "never").build();
    drop(pending(host.handle(request), stage.journal.until("probe: middleware waits")).await);
    stage.noted_once("probe: middleware dropped").await;
    is_well(&host).await;
}

async fn every_dropped_call_drops_the_plugins_future(stage: Stage) {
    let host = stage.probe().await;
    let (call, input) = (Call::none(), json!({ "op": "never" }));
    let waits = stage.journal.until("probe: execute waits");
    drop(pending(host.execute("probe", &call, &input), waits).await);
    stage.noted_once("probe: execute dropped").await;

    let storage = host.storage("probe").unwrap();
    let waits = stage.journal.until("probe: storage waits");
    drop(pending(storage.get(&call, "never"), waits).await);
    stage.noted_once("probe: storage dropped").await;

    let probe = host.service::<dyn Probe>().unwrap();
    drop(pending(probe.never(), async {}).await);
    assert_eq!(stage.journal.count("probe: never dropped"), 1);
    // One that was never polled has nothing to drop.
    drop(probe.never());
    assert_eq!(stage.journal.count("probe: never dropped"), 1);
    is_well(&host).await;
}

async fn a_call_through_another_plugin_is_dropped_all_the_way(stage: Stage) {
    let host = stage.host(&["probe", "relay"], "").await;
    let call = Call::none();
    let input = json!({ "op": "execute", "instance": "probe", "input": { "op": "never" } });
    let waits = stage.journal.until("probe: execute waits");
    drop(pending(host.execute("relay", &call, &input), waits).await);
    stage.noted_once("probe: execute dropped").await;
    is_well(&host).await;
}

async fn a_request_ends_at_its_deadline(stage: Stage) {
    let host = stage.probe().await;
    let never = |call| Request::builder("GET", "/never").call(call).build();
    let mut calls = later_and_later();
    while stage.journal.count("probe: request dropped") == 0 {
        let error = host.handle(never(calls.next().unwrap())).await.unwrap_err();
        assert!(error.is_timeout(), "{error}");
    }
    assert_eq!(host.respond(never(calls.next().unwrap())).await.status(), 504);
    is_well(&host).await;
}

async fn an_execution_ends_at_its_deadline(stage: Stage) {
    let host = stage.probe().await;
    let mut calls = later_and_later();
    while stage.journal.count("probe: execute dropped") == 0 {
        let call = calls.next().unwrap();
        let execution = host.execute("probe", &call, &json!({ "op": "never" })).await;
        assert_eq!(execution.status, "timeout");
        assert!(execution.error.unwrap().contains("plugin `probe`"));
        assert!(execution.execution_time_ms > 0.0, "{}", execution.execution_time_ms);
    }
    is_well(&host).await;
}

async fn a_call_ends_at_the_hosts_limit(stage: Stage) {
    let host = stage.host(&["probe"], "plugins.call_timeout = '20ms'").await;
    assert_eq!(get(&host, "/never").await.status(), 504);
    let execution = execute(&host, "probe", json!({ "op": "never" })).await;
    assert_eq!(execution.status, "timeout");
    // A later deadline of the caller's does not help.
    let call = Call::builder().timeout(Duration::from_secs(3600)).build();
    let execution = host.execute("probe", &call, &json!({ "op": "never" })).await;
    assert_eq!(execution.status, "timeout");
    is_well(&host).await;
}

async fn an_instances_own_limit_holds_in_place_of_the_hosts(stage: Stage) {
    let far = Duration::from_secs(3600);
    let config = "plugins.call_timeout = '1h'\nplugins.probe.call_timeout = '20ms'";
    let host = stage.host(&["probe"], config).await;
    let call = Call::builder().timeout(far).build();
    let execution = host.execute("probe", &call, &json!({ "op": "never" })).await;
    assert_eq!(execution.status, "timeout");
    assert_eq!(get(&host, "/never").await.status(), 504);
    is_well(&host).await;
}

async fn a_deadline_travels_to_the_next_plugin(stage: Stage) {
    let host = stage.host(&["probe", "relay"], "").await;
    let input = json!({ "op": "execute", "instance": "probe", "input": { "op": "never" } });
    let mut calls = later_and_later();
    while stage.journal.count("probe: execute dropped") == 0 {
        let execution = host.execute("relay", &calls.next().unwrap(), &input).await;
        assert_eq!(execution.status, "timeout");
    }
    is_well(&host).await;
}

on_every_mount! {
    a_dropped_request_drops_the_handlers_future,
    a_dropped_request_drops_a_middlewares_future,
    every_dropped_call_drops_the_plugins_future,
    a_call_through_another_plugin_is_dropped_all_the_way,
    a_request_ends_at_its_deadline,
    an_execution_ends_at_its_deadline,
    a_call_ends_at_the_hosts_limit,
    an_instances_own_limit_holds_in_place_of_the_hosts,
    a_deadline_travels_to_the_next_plugin,
}
