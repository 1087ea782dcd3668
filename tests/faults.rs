//! Faults on purpose: each kind, on everything that can be contributed. Whatever goes wrong, each call
//! has one answer or one typed error, and is counted as if the plugin had done that.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_lite::future::{block_on, poll_once};
use hotshoe::config::{Config, Fault, FaultRule, FaultWhen};
use hotshoe::monitor::BreakerState;
use hotshoe::{
    Call, Context, Contributions, Deferred, Error, ErrorKind, Event, EventHandler, MemoryStore,
    Middleware, Next, NoConfig, Plugin, PluginHost, Request, Response, Result, StorageBackend,
    handler_fn, task_fn,
};
use serde_json::Value;

/// Short enough to wait for, long enough to be seen.
const DELAY: Duration = Duration::from_millis(5);

hotshoe::extension_point! {
    /// Answers at once, or later.
    trait Answers: "answers", "1.0.0" {
        /// At once.
        fn now(&self) -> Result<u32>;
        /// As a future.
        fn later(&self) -> Deferred<u32>;
    }
}

/// Contributes one of each, and nothing goes wrong by itself.
struct Well;

/// Events and runs of jobs that arrived.
static EVENTS: AtomicU64 = AtomicU64::new(0);

impl Plugin for Well {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.service::<dyn Answers, _>(Self);
        to.handler("GET", "/it", handler_fn(|_: Request| async { Ok(Response::text(200, "it")) }));
        to.middleware(Self);
        to.storage("well", MemoryStore::new());
        to.subscribe("it.*", Self);
        to.every(Duration::from_millis(1), "tick", task_fn(|_: Call| async { Ok(()) }));
    }

    async fn execute(&self, _: &Call, input: Value) -> Result<Value> {
        Ok(input)
    }
}

impl Answers for Well {
    fn now(&self) -> Result<u32> {
        Ok(1)
    }

    fn later(&self) -> Deferred<u32> {
        Deferred::new(async { Ok(2) })
    }
}

impl Middleware for Well {
    async fn handle(&self, request: Request, next: Next) -> Result<Response> {
        next.run(request).await
    }
}

impl EventHandler for Well {
    async fn handle(&self, _: Event) -> Result<()> {
        EVENTS.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// A host with the plugin, and these keys of its instance.
fn host(keys: &str) -> PluginHost {
    let plugin = hotshoe::plugin!(
        Well,
        id = "well",
        provides = [service "answers" = "1.0.0", middleware, storage "well"],
        endpoints = [GET "/it"],
        permissions = ["events.subscribe:it.*"],
    );
    let config = Config::from_toml(&format!("[plugins.well]\n{keys}"), "inline");
    let config = config.unwrap_or_else(|error| panic!("{error}"));
    let host = PluginHost::builder().config(config).register_plugin(plugin).build().unwrap();
    let report = host.start().wait().unwrap();
    assert!(report.is_complete(), "{report}");
    host
}

/// What a caller awaits.
const AWAITED: [&str; 5] = ["service answers", "GET /it", "middleware", "storage well", "execute"];

/// Calls one contribution; a method of the service that is awaited.
async fn call(host: &PluginHost, what: &str) -> Result<()> {
    match what {
        "service answers" => host.service::<dyn Answers>()?.later().await.map(drop),
        "GET /it" | "middleware" => {
            host.handle(Request::builder("GET", "/it").build()).await.map(drop)
        }
        "storage well" => host.storage("well")?.get(&Call::none(), "key").await.map(drop),
        _ => {
            let done = host.execute("well", &Call::none(), &Value::Null).await;
            match done.status.as_str() {
                "success" => Ok(()),
                "panic" => Err(Error::new(ErrorKind::Panic, done.error.unwrap())),
                "timeout" => Err(Error::new(ErrorKind::Timeout, done.error.unwrap())),
                _ => Err(Error::new(ErrorKind::Other, done.error.unwrap())),
            }
        }
    }
}

fn on(what: &str, fault: Fault, when: FaultWhen) -> FaultRule {
    let mut rule = FaultRule::new(fault, when);
    rule.on = Some(what.to_owned());
    rule
}

const SECOND: FaultWhen = FaultWhen::Calls { first: 2, count: 1 };

/// Calls, errors by kind, dropped ones, and those inside, of one contribution.
fn figures(host: &PluginHost, what: &str) -> (u64, Vec<(&'static str, u64)>, u64, u64) {
    let stats = host.metrics_of("well").unwrap().calls;
    let one = stats.contributions.into_iter().find(|one| one.name == what).unwrap();
    (one.calls, one.errors.into_iter().collect(), one.dropped, one.in_flight)
}

async fn until(mut met: impl FnMut() -> bool) {
    poll_fn(|context| {
        if met() {
            return Poll::Ready(());
        }
        std::thread::yield_now();
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[test]
fn the_call_that_is_to_fail_or_panic_does_and_those_around_it_do_not() {
    for (fault, kind) in [(Fault::Fail, ErrorKind::Other), (Fault::Panic, ErrorKind::Panic)] {
        for what in AWAITED {
            let host = host("");
            let injected = host.inject("well", on(what, fault, SECOND)).unwrap();
            let before = figures(&host, what).0;
            block_on(async {
                call(&host, what).await.unwrap();
                let error = call(&host, what).await.unwrap_err();
                // A middleware that cannot answer is as good as not there.
                let kind = if what == "middleware" { ErrorKind::Unavailable } else { kind };
                assert_eq!(error.kind(), kind, "{what}: {error:#}");
                let text = format!("{error:#}");
                assert!(text.contains(&format!("a fault on purpose in {what}: it")), "{text}");
                assert!(text.contains("`PluginHost::inject`"), "{text}");
                call(&host, what).await.unwrap();
            });
            assert_eq!(injected.hits(), 1);
            // What `storage` can do was asked besides.
            let (calls, errors, dropped, inside) = figures(&host, what);
            assert!(calls >= before + 3, "{what}");
            assert_eq!((errors, dropped, inside), (vec![(kind.as_str(), 1)], 0, 0), "{what}");
            host.stop().wait().unwrap();
        }
    }
}

#[test]
fn a_call_that_is_delayed_answers_and_takes_so_long() {
    for keys in ["", "call_timeout = '1h'", "call_timeout = '1h'\nmax_in_flight = 2"] {
        let host = host(keys);
        for what in AWAITED {
            let _injected =
                host.inject("well", on(what, Fault::Delay(DELAY), FaultWhen::ALWAYS)).unwrap();
            let begin = Instant::now();
            block_on(call(&host, what)).unwrap();
            let took = begin.elapsed();
            assert!((DELAY..DELAY * 2000).contains(&took), "{what} took {took:?} with `{keys}`");
            assert_eq!(figures(&host, what).3, 0);
        }
        host.stop().wait().unwrap();
    }
}

#[test]
fn a_call_that_is_never_answered_is_late_at_its_deadline() {
    // The request as a whole is bounded, its middleware is not.
    for keys in ["call_timeout = '5ms'", "call_timeout = '5ms'\nmax_in_flight = 2"] {
        let host = host(keys);
        for what in AWAITED.into_iter().filter(|what| *what != "middleware") {
            let injected = host.inject("well", on(what, Fault::Never, SECOND)).unwrap();
            block_on(async {
                call(&host, what).await.unwrap();
                let error = call(&host, what).await.unwrap_err();
                assert!(error.is_timeout(), "{what}: {error:#}");
                call(&host, what).await.unwrap();
            });
            assert_eq!(injected.hits(), 1);
            let (_, errors, _, inside) = figures(&host, what);
            assert_eq!((errors, inside), (vec![("timeout", 1)], 0), "{what} with `{keys}`");
        }
        host.stop().wait().unwrap();
    }
}

#[test]
fn a_call_that_is_never_answered_and_has_no_deadline_ends_when_it_is_dropped() {
    for what in AWAITED {
        // A request has two places here, one in its middleware.
        let host = host("max_in_flight = 2");
        let injected = host.inject("well", on(what, Fault::Never, SECOND)).unwrap();
        block_on(async {
            call(&host, what).await.unwrap();
            let mut held = Box::pin(call(&host, what));
            assert!(poll_once(&mut held).await.is_none(), "{what} was answered");
            assert_eq!(figures(&host, what).3, 1);
            drop(held);
            assert_eq!((figures(&host, what).2, figures(&host, what).3), (1, 0), "{what}");
            call(&host, what).await.unwrap();
        });
        assert_eq!(host.metrics_of("well").unwrap().calls.places, 0);
        assert_eq!(injected.hits(), 1);
        host.stop().wait().unwrap();
    }
}

#[test]
fn a_call_that_is_not_awaited_fails_panics_or_holds_its_thread() {
    let host = host("call_timeout = '5ms'");
    let service = host.service::<dyn Answers>().unwrap();
    let hit = |fault| {
        let rule = on("service answers", fault, FaultWhen::Calls { first: 1, count: 1 });
        let _injected = host.inject("well", rule).unwrap();
        let begin = Instant::now();
        let answer = service.now().map_err(|error| error.kind());
        assert_eq!(service.now().unwrap(), 1);
        (answer, begin.elapsed())
    };
    assert_eq!(hit(Fault::Fail).0, Err(ErrorKind::Other));
    assert_eq!(hit(Fault::Panic).0, Err(ErrorKind::Panic));
    let (answer, took) = hit(Fault::Delay(DELAY));
    assert!(answer == Ok(1) && took >= DELAY, "{answer:?} after {took:?}");
    let (answer, took) = hit(Fault::Never);
    assert!(answer == Err(ErrorKind::Timeout) && took >= DELAY, "{answer:?} after {took:?}");
    let (calls, errors, ..) = figures(&host, "service answers");
    assert_eq!((calls, errors), (8, vec![("error", 1), ("panic", 1), ("timeout", 1)]));
    host.stop().wait().unwrap();
}

#[test]
fn a_call_that_is_not_awaited_and_has_no_deadline_is_not_held_for_ever() {
    let host = host("faults = [{ fault = 'never' }]\nstop_timeout = '10ms'");
    let error = host.service::<dyn Answers>().unwrap().now().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(format!("{error:#}").contains("set `call_timeout`"), "{error:#}");
    // Jobs that never end do not keep the host from stopping.
    drop(host);
}

#[test]
fn who_waits_for_a_place_is_hit_when_it_has_one() {
    let host = host("max_in_flight = 1\nqueue = 1");
    for (fault, kind) in [(Fault::Fail, ErrorKind::Other), (Fault::Panic, ErrorKind::Panic)] {
        let first = on("execute", Fault::Never, FaultWhen::Calls { first: 1, count: 1 });
        let first = host.inject("well", first).unwrap();
        let second = host.inject("well", on("execute", fault, SECOND)).unwrap();
        block_on(async {
            let mut holder = Box::pin(call(&host, "execute"));
            let mut waiting = Box::pin(call(&host, "execute"));
            assert!(poll_once(&mut holder).await.is_none());
            assert!(poll_once(&mut waiting).await.is_none());
            assert_eq!((first.hits(), second.hits()), (1, 0));
            drop(holder);
            assert_eq!(waiting.await.unwrap_err().kind(), kind);
            assert_eq!((first.hits(), second.hits()), (1, 1));
            call(&host, "execute").await.unwrap();
        });
    }
    assert_eq!(host.metrics_of("well").unwrap().calls.places, 0);
    host.stop().wait().unwrap();
}

#[test]
fn events_and_jobs_go_wrong_as_well_and_go_on() {
    let host = host("");
    let rules = [
        on("topic it.*", Fault::Fail, FaultWhen::Calls { first: 1, count: 1 }),
        on("topic it.*", Fault::Panic, SECOND),
        on("topic it.*", Fault::Delay(DELAY), FaultWhen::Calls { first: 3, count: 1 }),
        on("task tick", Fault::Fail, FaultWhen::Calls { first: 1, count: 1 }),
        on("task tick", Fault::Panic, SECOND),
        on("task tick", Fault::Delay(DELAY), FaultWhen::Calls { first: 3, count: 1 }),
    ];
    let injected: Vec<_> =
        rules.into_iter().map(|rule| host.inject("well", rule).unwrap()).collect();
    for _ in 0..4 {
        assert_eq!(host.publish(&Call::none(), "it.happened", ""), 1);
    }
    let expected = vec![("error", 1), ("panic", 1)];
    block_on(until(|| figures(&host, "topic it.*").0 == 4 && figures(&host, "topic it.*").3 == 0));
    assert_eq!(figures(&host, "topic it.*").1, expected);
    // Nobody else in this program has events.
    assert_eq!(EVENTS.load(Ordering::Relaxed), 2);
    // Some runs were before the rules.
    block_on(until(|| injected.iter().all(|injected| injected.hits() == 1)));
    assert_eq!(figures(&host, "task tick").1, expected);
    host.stop().wait().unwrap();
}

#[test]
fn health_is_asked_under_its_short_name() {
    let host = host("");
    let injected = host.inject("well", on("health", Fault::Fail, FaultWhen::ALWAYS)).unwrap();
    let error = block_on(host.health("well")).unwrap_err();
    assert!(error.message().contains("a fault on purpose in health and figures"), "{error:#}");
    drop(injected);
    assert!(block_on(host.health("well")).is_ok());
    host.stop().wait().unwrap();
}

#[test]
fn faults_open_the_breaker_and_what_it_refuses_is_not_hit() {
    let keys = "circuit_breaker = { failure_threshold = 3, timeout = '1h' }
        faults = [{ on = 'execute', fault = 'panic', calls = { first = 2, count = 100 } }]";
    let host = host(keys);
    let statuses: Vec<String> = (0..6)
        .map(|_| block_on(host.execute("well", &Call::none(), &Value::Null)).status)
        .collect();
    assert_eq!(statuses, ["success", "panic", "panic", "panic", "unavailable", "unavailable"]);
    assert_eq!(host.metrics_of("well").unwrap().calls.breaker, Some(BreakerState::Open));
    assert_eq!(figures(&host, "execute").1, [("panic", 3)]);
    host.stop().wait().unwrap();
}

#[test]
fn of_a_thousand_calls_each_has_one_answer_or_error_and_chance_is_the_same_again() {
    let keys = "call_timeout = '1ms'
        faults = [
            { on = 'execute', fault = 'fail', probability = 0.1 },
            { on = 'execute', fault = 'panic', probability = 0.1 },
            { on = 'execute', fault = { delay = '10us' }, probability = 0.05 },
            { on = 'execute', fault = 'never', probability = 0.05 },
        ]";
    let play = || {
        let host = host(keys);
        let kinds: Vec<_> = (0..1000)
            .map(|_| block_on(call(&host, "execute")).err().map(|error| error.kind()))
            .collect();
        let (calls, errors, dropped, inside) = figures(&host, "execute");
        assert_eq!((calls, dropped, inside), (1000, 0, 0));
        let failed = kinds.iter().flatten().count() as u64;
        assert_eq!(errors.iter().map(|(_, count)| count).sum::<u64>(), failed);
        host.stop().wait().unwrap();
        kinds
    };
    let kinds = play();
    for kind in [ErrorKind::Other, ErrorKind::Panic, ErrorKind::Timeout] {
        assert!(kinds.contains(&Some(kind)), "{kind:?}");
    }
    // Only those that are late because the machine was may differ.
    let again = play();
    let late = Some(ErrorKind::Timeout);
    let same =
        kinds.iter().zip(&again).all(|(one, other)| one == other || [*one, *other].contains(&late));
    assert!(same, "{kinds:?}\n{again:?}");
}

#[test]
fn a_fault_that_is_taken_back_hits_nothing_more_and_one_of_the_code_outlasts_a_restart() {
    let host = host("");
    let injected = host.inject("well", FaultRule::new(Fault::Fail, FaultWhen::ALWAYS)).unwrap();
    host.restart("well").wait().unwrap();
    assert!(AWAITED.iter().all(|what| block_on(call(&host, what)).is_err()));
    drop(injected);
    AWAITED.iter().for_each(|what| block_on(call(&host, what)).unwrap());
    host.stop().wait().unwrap();
}

#[test]
fn a_rule_for_what_is_not_there_is_refused_or_warned_of_and_says_what_there_is() {
    let has = "it has `GET /it`, `execute`, `health and figures`, `middleware`, \
               `service answers`, `storage well`, `task tick`, `topic it.*`";
    let host = host(
        "faults = [{ on = 'GET /its', fault = 'fail' }, { on = 'execute', fault = 'fail', every = 9 }]",
    );
    let warnings = host.plugin("well").unwrap().warnings;
    assert_eq!(
        warnings,
        [format!("`faults` names `GET /its`, which it does not contribute; {has}")]
    );
    let error = host.inject("well", on("its", Fault::Fail, FaultWhen::ALWAYS)).unwrap_err();
    assert_eq!((error.kind(), error.help()), (ErrorKind::NotFound, Some(has)));
    let rule = FaultRule::new(Fault::Fail, FaultWhen::Probability(2.0));
    let error = host.inject("well", rule).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(error.message(), "`probability`: expected a number above 0 and at most 1, found 2");
    let error = host.inject("wel", FaultRule::new(Fault::Fail, FaultWhen::ALWAYS)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    host.stop().wait().unwrap();
}
