//! A plugin's own threads: what blocks them is given up, counted, and nobody else's loss.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use hotshoe::config::{FailurePolicy, InstanceConfig, Lane};
use hotshoe::monitor::{HostEventKind, Refusal};
use hotshoe::{ErrorKind, PluginHost, PluginMetrics, Request, Response};
use probe_api::Probe;
use serde_json::json;

use crate::stage::{Stage, get, is_well, pending, refusal, text};

/// A call that blocks is given up after this. Others have to answer within it on a busy machine, too.
const LIMIT: Duration = Duration::from_millis(250);

/// An instance of the probe on so many threads of its own, with so many to spare.
fn instance(id: &str, threads: u32, queue: u32, spare: u32) -> InstanceConfig {
    let mut instance = InstanceConfig::new(id).with_plugin("probe");
    let threads = NonZeroU32::new(threads).unwrap();
    instance.supervision.lane = Some(Lane::Dedicated { threads, queue, spare });
    instance.timeouts.call = Some(LIMIT);
    instance.timeouts.stop = Some(LIMIT);
    instance
}

async fn host(stage: &Stage, instances: impl IntoIterator<Item = InstanceConfig>) -> PluginHost {
    let mut builder = stage.builder(&["probe"], "plugins.storage = 'probe'");
    for instance in instances {
        builder = builder.instance(instance);
    }
    let host = builder.build().unwrap();
    let report = host.start().await.unwrap();
    assert!(report.is_complete(), "{report}");
    host
}

fn figures(host: &PluginHost) -> PluginMetrics {
    host.metrics_of("probe").unwrap()
}

fn stuck(host: &PluginHost) -> u64 {
    figures(host).calls.stuck
}

/// Waits until so many threads are stuck; nothing announces that.
async fn until_stuck(stage: &Stage, host: &PluginHost, count: u64) {
    while stuck(host) != count {
        stage.a_while().await;
    }
}

/// Sends a `GET` with a word for the outer middleware of one instance.
async fn told(host: &PluginHost, target: &str, instance: &str, word: &str) -> Response {
    let header = format!("x-{instance}.outer");
    host.respond(Request::builder("GET", target).header(&header, word).build()).await
}

async fn a_handler_that_blocks_is_given_up_and_a_spare_thread_takes_its_place(stage: Stage) {
    let host = host(&stage, [instance("probe", 1, 8, 1)]).await;
    assert_eq!(get(&host, "/blocked").await.status(), 504);
    assert_eq!(stuck(&host), 1);
    is_well(&host).await;
    let calls = figures(&host).calls;
    assert_eq!((calls.threads, calls.stuck), (2, 1));
    stage.journal.release("block");
    until_stuck(&stage, &host, 0).await;
    is_well(&host).await;
}

async fn with_all_threads_stuck_calls_are_refused_and_counted_by_that(stage: Stage) {
    let host = host(&stage, [instance("probe", 1, 1, 1)]).await;
    let mut events = host.events();
    // The second time no thread is left for its own middleware to hand the answer on.
    for status in [504, 503] {
        assert_eq!(get(&host, "/blocked").await.status(), status);
    }
    let calls = figures(&host).calls;
    assert_eq!((calls.threads, calls.stuck), (2, 2));
    // Services run where they are called.
    host.service::<dyn Probe>().unwrap().nothing().unwrap();
    // One call waits in vain, and keeps its place until a thread is there to drop it.
    let (kind, _) = refusal(&host, "probe", json!({ "op": "who" })).await;
    assert_eq!(kind, "timeout");
    let before = figures(&host).calls.calls();
    let (kind, why) = refusal(&host, "probe", json!({ "op": "who" })).await;
    assert_eq!(kind, "resource_limit_exceeded");
    assert!(why.contains("2 of the threads that it was given do not come back"), "{why}");
    // A middleware that is refused its thread could not answer.
    let error = host.handle(Request::builder("GET", "/who").build()).await.unwrap_err();
    assert_eq!((error.kind(), error.plugin()), (ErrorKind::Unavailable, Some("probe")));
    let calls = figures(&host).calls;
    assert_eq!(calls.calls(), before, "none was let in");
    let refused = |name: &str| {
        let one = calls.contributions.iter().find(|one| one.name == name).unwrap();
        assert_eq!(one.errors.get("resource_limit_exceeded"), None, "{one:?}");
        one.refused.get(&Refusal::Lane).copied()
    };
    assert_eq!((refused("execute"), refused("middleware 2")), (Some(1), Some(1)));
    loop {
        let event = events.next().await.unwrap();
        if let HostEventKind::Refused { by, count, .. } = event.kind {
            assert_eq!((by, count), (Refusal::Lane, 1));
            break;
        }
    }
    stage.journal.release("block");
    until_stuck(&stage, &host, 0).await;
    is_well(&host).await;
}

async fn the_stop_leaves_a_thread_behind_that_is_stuck_and_says_so(stage: Stage) {
    let host = host(&stage, [instance("probe", 1, 8, 1)]).await;
    assert_eq!(get(&host, "/blocked").await.status(), 504);
    let begun = Instant::now();
    host.disable("probe").await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(60));
    assert_eq!(stage.journal.count("probe: stop"), 1);
    assert_eq!((stuck(&host), figures(&host).calls.threads), (1, 0));
    // A successor has threads of its own.
    host.enable("probe").await.unwrap();
    is_well(&host).await;
    assert_eq!(stuck(&host), 1, "of all times");
    stage.journal.release("block");
}

async fn processor_time_is_told_of_own_threads(stage: Stage) {
    let inline = InstanceConfig::new("inline")
        .with_plugin("probe")
        .with_settings(json!({ "prefix": "/inline" }));
    let host = host(&stage, [instance("probe", 1, 8, 1), inline]).await;
    is_well(&host).await;
    let metrics = figures(&host);
    let used = metrics.calls.cpu_time.expect("Linux tells");
    assert!(used > Duration::ZERO);
    let percent = metrics.cpu_usage_percent.expect("Linux tells");
    // One thread at a time, and clocks that are not read at the same moment.
    assert!(percent > 0.0 && percent < 150.0, "{percent}");
    let other = host.metrics_of("inline").unwrap();
    assert_eq!((other.calls.cpu_time, other.cpu_usage_percent), (None, None));
}

/// Two probes: `guard`, on threads of its own, stands in front of the other one, which has none.
async fn guarded(stage: &Stage, failure: FailurePolicy) -> PluginHost {
    let mut guard = instance("guard", 1, 8, 1).with_settings(json!({ "prefix": "/guard" }));
    guard.supervision.failure = Some(failure);
    let mut probe = InstanceConfig::new("probe");
    probe.supervision.lane = Some(Lane::Inline);
    host(stage, [guard, probe]).await
}

async fn only_a_middlewares_own_code_runs_on_its_threads(stage: Stage) {
    let host = guarded(&stage, FailurePolicy::Closed).await;
    let request = Request::builder("GET", "/who").header("x-outer", "where").build();
    assert_eq!(host.respond(request).await.status(), 200);
    let on_its_own = |instance: &str| {
        let notes = stage.journal.of(instance);
        let begin = format!("{instance}.outer on ");
        let thread = notes.iter().find_map(|note| note.strip_prefix(&begin)).unwrap();
        thread.starts_with("hotshoe-guard-")
    };
    assert_eq!((on_its_own("guard"), on_its_own("probe")), (true, false));
}

async fn a_middleware_that_blocks_is_given_up_as_its_policy_says(stage: Stage) {
    for (policy, status) in [(FailurePolicy::Closed, 503), (FailurePolicy::Open, 200)] {
        let stage = Stage::like(&stage);
        let host = guarded(&stage, policy).await;
        assert_eq!(told(&host, "/who", "guard", "blocked").await.status(), status, "{policy:?}");
        assert_eq!(host.metrics_of("guard").unwrap().calls.stuck, 1);
        // The next one has another thread.
        assert_eq!(told(&host, "/who", "guard", "").await.status(), 200);
        let asked = host.metrics_of("probe").unwrap().request_count;
        stage.journal.release("middleware");
        while host.metrics_of("guard").unwrap().calls.stuck > 0 {
            stage.a_while().await;
        }
        // It passes the request on at last, and nobody is there to take it.
        assert_eq!(host.metrics_of("probe").unwrap().request_count, asked);
    }
}

async fn one_that_blocks_once_it_has_passed_on_holds_up_nobody_after_it(stage: Stage) {
    let host = guarded(&stage, FailurePolicy::Open).await;
    let response = told(&host, "/who", "guard", "blocked-after-passing-on").await;
    // The handler has answered, and that could be kept.
    assert_eq!(response.status(), 200);
    let metrics = host.metrics_of("guard").unwrap();
    assert_eq!((metrics.calls.stuck, metrics.error_count), (1, 1));
    stage.journal.release("middleware");
}

async fn the_time_of_what_comes_after_it_is_not_that_of_a_middleware_on_its_lane(stage: Stage) {
    let host = guarded(&stage, FailurePolicy::Closed).await;
    let long = async {
        stage.journal.until("probe: held").await;
        let begun = Instant::now();
        while begun.elapsed() < 2 * LIMIT {
            stage.a_while().await;
        }
    };
    let held = pending(get(&host, "/held"), long).await;
    stage.journal.release("request");
    assert_eq!(text(held.await).await, "released");
    assert_eq!(host.metrics_of("guard").unwrap().calls.stuck, 0);
}

async fn a_request_that_is_dropped_is_dropped_on_both_sides(stage: Stage) {
    let host = guarded(&stage, FailurePolicy::Closed).await;
    let waits = stage.journal.until("probe: request waits");
    drop(pending(get(&host, "/never"), waits).await);
    assert_eq!(stage.journal.count("probe: request dropped"), 1, "at once: it is the caller's");
    assert_eq!(host.plugin("guard").unwrap().in_flight, 0);
    // And the other way: the middleware has no use for what it asked for.
    let asked = told(&host, "/never", "guard", "drop-rest");
    let dropped = async {
        stage.journal.until_count("probe: request waits", 2).await;
        stage.journal.release("rest");
        stage.journal.until_count("probe: request dropped", 2).await;
    };
    drop(pending(asked, dropped).await);
    assert_eq!(told(&host, "/who", "guard", "").await.status(), 200);
}

on_every_lane! {
    a_handler_that_blocks_is_given_up_and_a_spare_thread_takes_its_place,
    with_all_threads_stuck_calls_are_refused_and_counted_by_that,
    the_stop_leaves_a_thread_behind_that_is_stuck_and_says_so,
    processor_time_is_told_of_own_threads,
    only_a_middlewares_own_code_runs_on_its_threads,
    a_middleware_that_blocks_is_given_up_as_its_policy_says,
    one_that_blocks_once_it_has_passed_on_holds_up_nobody_after_it,
    the_time_of_what_comes_after_it_is_not_that_of_a_middleware_on_its_lane,
    a_request_that_is_dropped_is_dropped_on_both_sides,
}
