//! What becomes of a request when a middleware cannot answer: each policy, for each kind of fault.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use hotshoe::config::{BreakerPolicy, BulkheadPolicy, Config, FailurePolicy, SupervisionOverrides};
use hotshoe::settings::Quota;
use hotshoe::{Body, PluginHost, Request, Response};

use crate::stage::{Mount, Stage, pending, text};

/// What the handler can be asked for, and with which status that is answered.
const QUESTIONS: [(&str, u16); 4] = [("answer", 200), ("miss", 404), ("fail", 500), ("hang", 504)];

/// Calls of these plugins end soon: after all that a call does that is not held, on a busy machine too.
fn soon(stage: &Stage, whose: Option<&str>) -> String {
    let Some(whose) = whose else { return String::new() };
    let millis = if stage.mount == Mount::OnLanes { 200 } else { 20 };
    format!("{whose}.call_timeout = '{millis}ms'")
}

/// The guard's calls and those of the handler.
const BOTH: Option<&str> = Some("plugins");
/// Only those of the handler.
const HANDLER: Option<&str> = Some("plugins.probe");
/// Only those of the guard.
const GUARD: Option<&str> = Some("plugins.guard");

/// Two probes: `guard` has the policy and stands in front of the other one.
async fn guarded(
    stage: &Stage,
    failure: FailurePolicy,
    timely: Option<&str>,
    change: impl FnOnce(&mut SupervisionOverrides),
) -> PluginHost {
    let config = format!(
        "plugins.storage = 'probe'
        plugins.probe.enabled = true
        plugins.guard.plugin = 'probe'
        plugins.guard.config.prefix = '/guard'
        {}",
        soon(stage, timely)
    );
    let mut config = Config::from_toml(&config, "the behaviour").expect("it is sound");
    let guard = config.plugins.instances.get_mut("guard").expect("it is configured");
    guard.supervision.failure = Some(failure);
    change(&mut guard.supervision);
    let host = stage.builder_of(&["probe"], config).build().expect("the host can be built");
    let report = host.start().await.expect("nothing is required");
    assert!(report.is_complete(), "{report}");
    host
}

fn question(question: &str, guard: &str) -> Request {
    Request::builder("GET", &format!("/ask?{question}")).header("x-guard.outer", guard).build()
}

fn asked(stage: &Stage) -> usize {
    stage.journal.count("probe: asked")
}

/// With one policy: what each of the [`QUESTIONS`] is answered, and how often the handler is asked.
type Expected = ([u16; 4], usize);

async fn each_policy_answers_for_each_kind_of_fault(stage: Stage) {
    let handlers = QUESTIONS.map(|(_, status)| status);
    let broken = [503; 4];
    // With the policy closed, and open.
    let faults: [(&str, [Expected; 2]); 14] = [
        // Before the request went on.
        ("error", [(broken, 0), (handlers, 1)]),
        ("panic", [(broken, 0), (handlers, 1)]),
        ("never", [(broken, 0), (handlers, 1)]),
        ("drop-next", [(broken, 0), (handlers, 1)]),
        // After it was answered.
        ("panic-after", [(broken, 1), (handlers, 1)]),
        ("never-after", [(broken, 1), (handlers, 1)]),
        // An error in place of a failure is not a failure of its own.
        ("error-after", [([503, 503, 500, 500], 1), ([200, 404, 500, 500], 1)]),
        // On the way; a handler that has not answered cannot be asked again.
        ("forget", [(broken, 1), ([200, 404, 500, 503], 1)]),
        ("abandon", [([503, 503, 500, 503], 1), ([200, 404, 500, 503], 1)]),
        ("lose-patience", [([503, 503, 504, 504], 1), ([200, 404, 504, 504], 1)]),
        // Those are answers.
        ("fail", [([500; 4], 0), ([500; 4], 0)]),
        ("refuse", [([403; 4], 0), ([403; 4], 0)]),
        ("limit", [([429; 4], 0), ([429; 4], 0)]),
        ("", [(handlers, 1), (handlers, 1)]),
    ];
    for (policy, which) in [(FailurePolicy::Closed, 0), (FailurePolicy::Open, 1)] {
        let stage = Stage::like(&stage);
        let host = guarded(&stage, policy, BOTH, |_| ()).await;
        for (fault, expected) in faults {
            // They look at once at what comes after them: on other threads nothing has answered by then.
            let looks = ["forget", "abandon", "lose-patience"].contains(&fault);
            if looks && stage.mount == Mount::OnLanes {
                continue;
            }
            let (statuses, times) = expected[which];
            for ((what, _), status) in QUESTIONS.into_iter().zip(statuses) {
                let before = asked(&stage);
                let response = host.respond(question(what, fault)).await;
                let case = format!("{policy:?}, the guard {fault:?}, the handler {what:?}");
                assert_eq!(response.status(), status, "{case}");
                assert_eq!(asked(&stage) - before, times, "{case}");
                if status == 200 {
                    assert_eq!(response.header("x-by"), Some("the handler"), "{case}");
                    assert_eq!(text(response).await, "answered", "{case}");
                }
            }
        }
        assert_eq!(host.plugin("guard").unwrap().in_flight, 0);
    }
}

/// All questions, while the guard lets nobody in.
async fn is_refused(stage: &Stage, host: &PluginHost, policy: FailurePolicy) {
    for (what, status) in QUESTIONS {
        let before = asked(stage);
        let response = host.respond(question(what, "")).await;
        let (expected, times) = match policy {
            FailurePolicy::Open => (status, 1),
            _ => (503, 0),
        };
        assert_eq!(response.status(), expected, "{policy:?}, the handler {what:?}");
        assert_eq!(asked(stage) - before, times);
    }
    // It was not taken: even a body that is there only once goes on.
    let body = Body::stream(Once(Some("a stream")));
    let request = Request::builder("POST", "/echo").body(body).build();
    let response = host.respond(request).await;
    match policy {
        FailurePolicy::Open => assert_eq!(text(response).await, "a stream"),
        _ => assert_eq!(response.status(), 503),
    }
}

async fn each_policy_answers_when_the_breaker_is_open(stage: Stage) {
    for policy in [FailurePolicy::Closed, FailurePolicy::Open] {
        let stage = Stage::like(&stage);
        let breaker = |supervision: &mut SupervisionOverrides| {
            let mut breaker = BreakerPolicy::default();
            breaker.failure_threshold = NonZeroU32::new(2);
            supervision.breaker = breaker.into();
        };
        let host = guarded(&stage, policy, HANDLER, breaker).await;
        // What others do and what it refuses is not its failure.
        for _ in 0..3 {
            host.respond(question("fail", "")).await;
            host.respond(question("hang", "")).await;
            host.respond(question("answer", "limit")).await;
            assert_eq!(host.respond(question("answer", "")).await.status(), 200);
        }
        for fault in ["fail", "error"] {
            host.respond(question("answer", fault)).await;
        }
        is_refused(&stage, &host, policy).await;
    }
}

async fn each_policy_answers_when_the_bulkhead_is_full(stage: Stage) {
    for policy in [FailurePolicy::Closed, FailurePolicy::Open] {
        let stage = Stage::like(&stage);
        let bulkhead = |supervision: &mut SupervisionOverrides| {
            let mut bulkhead = BulkheadPolicy::default();
            bulkhead.max_in_flight = NonZeroU32::MIN;
            supervision.bulkhead = bulkhead.into();
        };
        let host = guarded(&stage, policy, HANDLER, bulkhead).await;
        let held = host.respond(question("answer", "held"));
        let held = pending(held, stage.journal.until("guard: middleware held")).await;
        is_refused(&stage, &host, policy).await;
        stage.journal.release("middleware");
        assert_eq!(held.await.status(), 200);
    }
}

async fn each_policy_answers_when_nobody_leaves_the_bulkhead(stage: Stage) {
    for policy in [FailurePolicy::Closed, FailurePolicy::Open] {
        let stage = Stage::like(&stage);
        let bulkhead = |supervision: &mut SupervisionOverrides| {
            let mut bulkhead = BulkheadPolicy::default();
            bulkhead.max_in_flight = NonZeroU32::MIN;
            bulkhead.queue = 1;
            supervision.bulkhead = bulkhead.into();
        };
        // The time of the one that is inside does not pass while the handler has it.
        let host = guarded(&stage, policy, GUARD, bulkhead).await;
        let request = Request::builder("GET", "/held").build();
        let held = pending(host.respond(request), stage.journal.until("probe: held")).await;
        let response = host.respond(question("answer", "")).await;
        let expected = if policy == FailurePolicy::Open { 200 } else { 503 };
        assert_eq!(response.status(), expected);
        stage.journal.release("request");
        assert_eq!(held.await.status(), 200);
    }
}

async fn each_policy_answers_when_there_were_too_many_requests(stage: Stage) {
    for policy in [FailurePolicy::Closed, FailurePolicy::Open] {
        let stage = Stage::like(&stage);
        let quota = |supervision: &mut SupervisionOverrides| {
            supervision.rate_limit = Quota::per_day(NonZeroU32::MIN).into();
        };
        let host = guarded(&stage, policy, HANDLER, quota).await;
        assert_eq!(host.respond(question("answer", "")).await.status(), 200);
        is_refused(&stage, &host, policy).await;
    }
}

async fn each_policy_answers_while_the_instance_is_restarted(stage: Stage) {
    for policy in [FailurePolicy::Closed, FailurePolicy::Open] {
        let stage = Stage::like(&stage);
        let host = guarded(&stage, policy, HANDLER, |_| ()).await;
        let held = host.respond(question("answer", "held"));
        let held = pending(held, stage.journal.until("guard: middleware held")).await;
        let until_stop = Request::builder("GET", "/guard/until-stop").build();
        let waits = stage.journal.until("guard: waiting for the end");
        let until_stop = pending(host.respond(until_stop), waits).await;
        let restarting = host.restart("guard");
        until_stop.await;
        stage.a_while().await;
        is_refused(&stage, &host, policy).await;
        stage.journal.release("middleware");
        assert_eq!(held.await.status(), 200);
        restarting.await.unwrap();
        let order = host.respond(question("answer", "")).await;
        assert!(order.headers().any(|(_, value)| value == b"guard.outer"), "it is back");
    }
}

async fn the_time_of_what_comes_after_is_not_the_middlewares(stage: Stage) {
    let host = guarded(&stage, FailurePolicy::Closed, GUARD, |_| ()).await;
    let request = Request::builder("GET", "/held").build();
    let long = async {
        stage.journal.until("probe: held").await;
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(400) {
            stage.a_while().await;
        }
    };
    let held = pending(host.respond(request), long).await;
    stage.journal.release("request");
    assert_eq!(text(held.await).await, "released");
}

async fn an_answer_that_was_streamed_into_the_middleware_is_gone_with_it(stage: Stage) {
    let host = guarded(&stage, FailurePolicy::Open, None, |_| ()).await;
    let ask = |guard: &str| {
        let request = Request::builder("GET", "/stream?3").header("x-guard.outer", guard);
        host.respond(request.build())
    };
    assert_eq!(ask("").await.status(), 200);
    assert_eq!(ask("panic-after").await.status(), 503);
    // So is a request; one that can be had once more goes on.
    let post = |body: Body| {
        let request = Request::builder("POST", "/echo").header("x-guard.outer", "panic").body(body);
        host.respond(request.build())
    };
    assert_eq!(post(Body::stream(Once(Some("a stream")))).await.status(), 503);
    let response: Response = post(Body::from("bytes")).await;
    assert_eq!((response.status(), text(response).await.as_str()), (201, "bytes"));
}

async fn a_client_learns_that_it_is_not_there_and_the_log_why(stage: Stage) {
    let host = guarded(&stage, FailurePolicy::Closed, None, |_| ()).await;
    assert_eq!(text(host.respond(question("answer", "panic")).await).await, "unavailable\n");
    let error = host.handle(question("answer", "panic")).await.unwrap_err();
    assert_eq!(
        error.message(),
        "its middleware could not answer: panicked: a middleware was told to panic"
    );
    assert_eq!(error.plugin(), Some("guard"));
    assert!(error.location().expect("the place of a panic").contains("middleware.rs:"));
    assert_eq!(
        error.causes().next(),
        Some("plugin `guard`: panicked: a middleware was told to panic")
    );
}

/// One chunk.
struct Once(Option<&'static str>);

impl hotshoe::BodyStream for Once {
    fn poll_chunk(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<hotshoe::Result<bytes::Bytes>>> {
        std::task::Poll::Ready(self.0.take().map(|chunk| Ok(chunk.into())))
    }
}

on_every_mount! {
    each_policy_answers_for_each_kind_of_fault,
    each_policy_answers_when_the_breaker_is_open,
    each_policy_answers_when_the_bulkhead_is_full,
    each_policy_answers_when_nobody_leaves_the_bulkhead,
    each_policy_answers_when_there_were_too_many_requests,
    each_policy_answers_while_the_instance_is_restarted,
    the_time_of_what_comes_after_is_not_the_middlewares,
    an_answer_that_was_streamed_into_the_middleware_is_gone_with_it,
    a_client_learns_that_it_is_not_there_and_the_log_why,
}
