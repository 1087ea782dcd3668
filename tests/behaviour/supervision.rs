//! What stands between callers and a plugin when its configuration says so, and what is counted there.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use hotshoe::config::{BreakerPolicy, BulkheadPolicy, InstanceConfig};
use hotshoe::monitor::{BreakerState, HostEventKind, Refusal};
use hotshoe::settings::Quota;
use hotshoe::{Call, ContributionStats, ErrorKind, Json, PluginHost, Pool};
use probe_api::{Probe, Shape};
use serde_json::json;

use crate::stage::{Stage, ask, execute, get, is_well, pending, refusal};

const LATE: Duration = Duration::from_secs(3600);

/// Starts a host with a probe that is configured like this.
async fn host(stage: &Stage, change: impl FnOnce(&mut InstanceConfig)) -> PluginHost {
    let mut instance = InstanceConfig::new("probe");
    change(&mut instance);
    let host = stage.builder(&["probe"], "").instance(instance).build().unwrap();
    let report = host.start().await.unwrap();
    assert!(report.is_complete(), "{report}");
    host
}

fn breaker(instance: &mut InstanceConfig, failures: u32, open_for: Duration) {
    let mut policy = BreakerPolicy::default();
    policy.failure_threshold = NonZeroU32::new(failures);
    policy.open_for = open_for;
    instance.supervision.breaker = policy.into();
}

fn bulkhead(instance: &mut InstanceConfig, max: u32, queue: u32) {
    let mut policy = BulkheadPolicy::default();
    policy.max_in_flight = NonZeroU32::new(max).unwrap();
    policy.queue = queue;
    instance.supervision.bulkhead = policy.into();
}

fn counted(host: &PluginHost, contribution: &str) -> ContributionStats {
    let all = host.metrics_of("probe").unwrap().calls.contributions;
    let found = all.iter().find(|one| one.name == contribution);
    found.unwrap_or_else(|| panic!("no {contribution} among {all:#?}")).clone()
}

async fn after_so_many_failures_in_a_row_every_call_is_refused_at_once(stage: Stage) {
    let host = host(&stage, |instance| breaker(instance, 3, LATE)).await;
    let probe = host.service::<dyn Probe>().unwrap();
    let mut events = host.events();
    probe.panic(Some("told to".to_owned())).unwrap_err();
    probe.panic(Some("told to".to_owned())).unwrap_err();
    // A success in between begins the row anew.
    probe.nothing().unwrap();
    probe.panic(Some("told to".to_owned())).unwrap_err();
    probe.panic_later().await.unwrap_err();
    let (kind, _) = refusal(&host, "probe", json!({ "op": "panic" })).await;
    assert_ne!(kind, "unavailable");

    let error = probe.who().unwrap_err();
    assert_eq!((error.kind(), error.plugin()), (ErrorKind::Unavailable, Some("probe")));
    assert!(error.message().contains("its circuit breaker refuses service probe"), "{error:#}");
    assert!(probe.later(2).await.unwrap_err().is_unavailable());
    assert_eq!(get(&host, "/who").await.status(), 503);
    assert_eq!(execute(&host, "probe", json!({ "op": "echo" })).await.status, "unavailable");
    assert_eq!(host.metrics_of("probe").unwrap().calls.breaker, Some(BreakerState::Open));
    // It is itself asked how it is.
    host.health("probe").await.unwrap();
    assert_eq!(counted(&host, "service probe").refused, BTreeMap::from([(Refusal::Breaker, 2)]));
    loop {
        let event = events.next().await.unwrap();
        if let HostEventKind::BreakerChanged { from, to, .. } = event.kind {
            assert_eq!((from, to), (BreakerState::Closed, BreakerState::Open));
            break;
        }
    }
    // A successor is not what failed.
    host.restart("probe").await.unwrap();
    is_well(&host).await;
}

async fn a_breaker_closes_when_the_calls_that_it_tries_succeed(stage: Stage) {
    let host = host(&stage, |instance| breaker(instance, 1, Duration::from_millis(1))).await;
    let probe = host.service::<dyn Probe>().unwrap();
    for _ in 0..3 {
        probe.panic(Some("told to".to_owned())).unwrap_err();
        assert_eq!(host.metrics_of("probe").unwrap().calls.breaker, Some(BreakerState::Open));
        // Its time passes.
        while let Err(error) = probe.later(1).await {
            assert!(error.is_unavailable(), "{error:#}");
        }
        assert_eq!(host.metrics_of("probe").unwrap().calls.breaker, Some(BreakerState::Closed));
        is_well(&host).await;
    }
}

async fn what_says_something_of_the_input_does_not_open_a_breaker(stage: Stage) {
    let host = host(&stage, |instance| breaker(instance, 1, LATE)).await;
    for _ in 0..3 {
        assert_eq!(get(&host, "/error?not_found").await.status(), 404);
    }
    is_well(&host).await;
}

async fn an_answer_that_does_not_come_in_time_is_an_error_and_counts_as_one(stage: Stage) {
    // Enough for a call that answers, on a machine that is busy.
    let limit = Duration::from_millis(300);
    let host = host(&stage, |instance| instance.timeouts.call = Some(limit)).await;
    let probe = host.service::<dyn Probe>().unwrap();
    let error = probe.never().await.unwrap_err();
    assert_eq!((error.kind(), error.plugin()), (ErrorKind::Timeout, Some("probe")));
    assert_eq!(
        error.message(),
        "the answer of service probe was expected within 300ms, it did not come"
    );
    assert_eq!(get(&host, "/never").await.status(), 504);
    // What was given up was dropped.
    assert_eq!(stage.journal.count("probe: never dropped"), 1);
    is_well(&host).await;
    let late = BTreeMap::from([("timeout", 1)]);
    assert_eq!(counted(&host, "service probe").errors, late);
    assert_eq!(counted(&host, "GET /never").errors, late);
    assert_eq!(host.metrics_of("probe").unwrap().error_count, 2);
    assert_eq!(host.metrics_of("probe").unwrap().calls.pending, 0);
}

async fn what_is_more_than_may_be_inside_is_refused(stage: Stage) {
    let host = host(&stage, |instance| bulkhead(instance, 1, 0)).await;
    let probe = host.service::<dyn Probe>().unwrap();
    let held =
        pending(ask(&host, "probe", json!({ "op": "held" })), stage.journal.until("probe: held"))
            .await;
    assert_eq!(get(&host, "/who").await.status(), 429);
    let error = probe.who().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceLimit);
    assert_eq!(error.message(), "at most 1 calls inside were expected, this is one more");
    assert!(probe.later(1).await.is_err());
    // What nobody else asks for goes on.
    host.health("probe").await.unwrap();
    stage.journal.release("execute");
    held.await;
    is_well(&host).await;
    assert_eq!(counted(&host, "GET /who").refused, BTreeMap::from([(Refusal::Bulkhead, 1)]));
}

async fn so_many_may_wait_for_their_turn_and_come_in_in_their_order(stage: Stage) {
    let host = host(&stage, |instance| bulkhead(instance, 1, 2)).await;
    let held =
        pending(ask(&host, "probe", json!({ "op": "held" })), stage.journal.until("probe: held"))
            .await;
    let second = pending(ask(&host, "probe", json!({ "op": "held" })), stage.a_while()).await;
    let third = pending(ask(&host, "probe", json!({ "op": "who" })), stage.a_while()).await;
    let metrics = host.metrics_of("probe").unwrap();
    assert_eq!((metrics.calls.places, metrics.calls.waiting), (1, 2));
    assert_eq!(stage.journal.count("probe: held"), 1, "the second one has begun");
    let (kind, _) = refusal(&host, "probe", json!({ "op": "who" })).await;
    assert_eq!(kind, "resource_limit_exceeded");
    // Whoever gives up leaves the line.
    drop(third);
    assert_eq!(host.metrics_of("probe").unwrap().calls.waiting, 1);
    let third = pending(ask(&host, "probe", json!({ "op": "who" })), stage.a_while()).await;
    stage.journal.release("execute");
    held.await;
    second.await;
    third.await;
    is_well(&host).await;
    let metrics = host.metrics_of("probe").unwrap();
    assert_eq!((metrics.calls.places, metrics.calls.waiting), (0, 0));
}

async fn who_waits_for_a_turn_longer_than_a_call_may_take_is_told_so(stage: Stage) {
    let host = host(&stage, |instance| {
        bulkhead(instance, 1, 1);
        // Enough for a call that answers, on a machine that is busy.
        instance.timeouts.call = Some(Duration::from_millis(300));
    })
    .await;
    let never = execute(&host, "probe", json!({ "op": "never" }));
    let waiting = execute(&host, "probe", json!({ "op": "who" }));
    let (never, who) = futures_lite::future::zip(never, waiting).await;
    assert_eq!(never.status, "timeout");
    // It had its turn when the first one was given up, or was given up itself.
    assert!(["success", "timeout"].contains(&&*who.status), "{}", who.status);
    is_well(&host).await;
}

async fn a_call_that_blocks_its_thread_waits_for_its_turn_on_it(stage: Stage) {
    let host = host(&stage, |instance| bulkhead(instance, 1, 1)).await;
    let probe = host.service::<dyn Probe>().unwrap();
    let held =
        pending(ask(&host, "probe", json!({ "op": "held" })), stage.journal.until("probe: held"))
            .await;
    let blocked = std::thread::spawn(move || probe.who());
    while host.metrics_of("probe").unwrap().calls.waiting == 0 {
        std::thread::yield_now();
    }
    stage.journal.release("execute");
    held.await;
    assert_eq!(blocked.join().unwrap().unwrap(), "probe");
}

async fn a_method_that_waits_for_its_turn_is_called_when_it_has_it(stage: Stage) {
    let host = host(&stage, |instance| bulkhead(instance, 1, 2)).await;
    let probe = host.service::<dyn Probe>().unwrap();
    let pool = Pool::of([probe.clone()]).unwrap();
    let told = |probe: &dyn Probe, number: u64| {
        // Gone before the method is called.
        let (lent, bytes) = (format!("lent {number}"), vec![1, 2, number as u8]);
        let call = Call::builder().user(format!("user {number}"), ["some"]).build();
        let shape = Shape { name: "line".into(), corners: vec![(3, 4)], colour: None };
        let (words, perhaps) = (vec![&*lent, "word"], Some(&lent[..2]));
        probe.told(&call, &lent, &bytes, words, perhaps, Json(shape))
    };
    let as_told = |number: u64| {
        format!(
            "(Some(\"user {number}\"), \"lent {number}\", [1, 2, {number}], \
             [\"lent {number}\", \"word\"], Some(\"le\"), [(3, 4)])"
        )
    };
    let noted = || stage.journal.count("probe: told");
    assert_eq!(told(&probe, 1).await.unwrap(), as_told(1));

    let first = pending(probe.never(), async {}).await;
    let second = pending(told(&probe, 2), stage.a_while()).await;
    let third = pending(told(&pool, 3), stage.a_while()).await;
    assert_eq!((noted(), host.metrics_of("probe").unwrap().calls.waiting), (1, 2));
    drop(first);
    assert_eq!(noted(), 1, "nobody has come for it");
    assert_eq!(second.await.unwrap(), as_told(2));
    assert_eq!(third.await.unwrap(), as_told(3));
    assert_eq!(noted(), 3);

    // Nothing comes of one that is given up.
    let first = pending(probe.never(), async {}).await;
    drop(pending(told(&probe, 4), stage.a_while()).await);
    drop(told(&pool, 5));
    drop(first);
    assert_eq!(noted(), 3);
    is_well(&host).await;
    let calls = host.metrics_of("probe").unwrap().calls;
    assert_eq!((calls.places, calls.waiting, calls.pending), (0, 0, 0));
    let service = counted(&host, "service probe");
    assert_eq!((service.dropped, service.in_flight), (4, 0));
}

async fn calls_beyond_a_quota_are_refused_by_its_name(stage: Stage) {
    let quota = |count| Quota::per_hour(NonZeroU32::new(count).unwrap());
    let host = host(&stage, |instance| {
        instance.supervision.rate_limit = quota(3).into();
        instance.supervision.routes = vec![("GET /who".to_owned(), quota(1))];
    })
    .await;
    let statuses = [get(&host, "/who").await.status(), get(&host, "/who").await.status()];
    assert_eq!(statuses, [200, 429]);
    let probe = host.service::<dyn Probe>().unwrap();
    probe.nothing().unwrap();
    ask(&host, "probe", json!({ "op": "echo", "value": 1 })).await;
    let error = probe.nothing().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceLimit);
    assert_eq!(
        error.message(),
        "at most 3/h calls of the instance were expected, this is one more"
    );
    assert_eq!(counted(&host, "GET /who").refused, BTreeMap::from([(Refusal::RouteRate, 1)]));
    assert_eq!(
        counted(&host, "service probe").refused,
        BTreeMap::from([(Refusal::InstanceRate, 1)])
    );
}

async fn figures_tell_each_contribution_from_the_others(stage: Stage) {
    let host = host(&stage, |_| {}).await;
    let probe = host.service::<dyn Probe>().unwrap();
    for _ in 0..200 {
        probe.nothing().unwrap();
    }
    probe.panic(Some("told to".to_owned())).unwrap_err();
    assert_eq!(get(&host, "/who").await.status(), 200);
    assert_eq!(get(&host, "/panic").await.status(), 500);
    let given_up = pending(get(&host, "/never"), stage.a_while()).await;
    assert_eq!(counted(&host, "GET /never").in_flight, 1);
    drop(given_up);
    host.publish(&Call::none(), "probe.news", "nothing new");
    stage
        .journal
        .until("probe: event probe.news `nothing new` from the application by nobody")
        .await;

    let service = counted(&host, "service probe");
    assert_eq!((service.calls, service.in_flight), (201, 0));
    assert_eq!(service.errors, BTreeMap::from([("panic", 1)]));
    // One of 64, wherever the first one is.
    assert!([3, 4].contains(&service.latency.samples), "{:?}", service.latency);
    assert!(service.latency.p50 <= service.latency.p99 && !service.latency.max.is_zero());
    assert_eq!(counted(&host, "GET /panic").errors, BTreeMap::from([("panic", 1)]));
    assert_eq!((counted(&host, "GET /never").dropped, counted(&host, "GET /who").calls), (1, 1));
    let metrics = host.metrics_of("probe").unwrap();
    assert!(metrics.last_used.is_some());
    assert_eq!(metrics.uptime_percent, 100.0);
    // The event is noted before its call has left.
    while host.metrics_of("probe").unwrap().active_connections > 0 {
        stage.a_while().await;
    }
    // They go on over a restart.
    host.restart("probe").await.unwrap();
    probe.nothing().unwrap();
    assert_eq!(counted(&host, "service probe").calls, 202);
    assert_eq!(host.metrics_of("probe").unwrap().restarts, 1);
    // Those of a plugin that was stopped are still told.
    host.disable("probe").await.unwrap();
    assert_eq!(counted(&host, "service probe").calls, 202);
    assert!(host.metrics_of("probe").unwrap().uptime_percent < 100.0);
}

on_every_mount! {
    after_so_many_failures_in_a_row_every_call_is_refused_at_once,
    a_breaker_closes_when_the_calls_that_it_tries_succeed,
    what_says_something_of_the_input_does_not_open_a_breaker,
    an_answer_that_does_not_come_in_time_is_an_error_and_counts_as_one,
    what_is_more_than_may_be_inside_is_refused,
    so_many_may_wait_for_their_turn_and_come_in_in_their_order,
    who_waits_for_a_turn_longer_than_a_call_may_take_is_told_so,
    a_call_that_blocks_its_thread_waits_for_its_turn_on_it,
    a_method_that_waits_for_its_turn_is_called_when_it_has_it,
    calls_beyond_a_quota_are_refused_by_its_name,
    figures_tell_each_contribution_from_the_others,
}
