//! Several instances of one plugin behind one name: calls are spread over those that are well.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use hotshoe::config::{
    BreakerPolicy, BulkheadPolicy, Config, HealthPolicy, InstanceConfig, Override,
    SupervisionOverrides,
};
use hotshoe::lifecycle::State;
use hotshoe::{Call, Deferred, ErrorKind, Handle, PluginHost, Pool, Request, Response, Result};
use probe_api::Probe;
use serde_json::{Value, json};
use support::said::until;

// Mentioned, so that the linker keeps it.
use probe as _;

const IDS: [&str; 3] = ["a", "b", "c"];
const POOL: &str = "probes";
const LATE: Duration = Duration::from_secs(3600);

/// Lets the probe wait for `request` until that is released.
#[derive(Clone, Default)]
struct Journal {
    held: Arc<AtomicUsize>,
    released: Arc<AtomicBool>,
}

impl probe_api::Journal for Journal {
    fn note(&self, _: &str, what: &str) -> Result<()> {
        self.held.fetch_add(usize::from(what == "held"), Ordering::SeqCst);
        Ok(())
    }

    fn released(&self, _: &str) -> Deferred<()> {
        let released = self.released.clone();
        Deferred::new(std::future::poll_fn(move |context| {
            if released.load(Ordering::SeqCst) {
                return std::task::Poll::Ready(Ok(()));
            }
            context.waker().wake_by_ref();
            std::task::Poll::Pending
        }))
    }
}

struct Rig {
    host: PluginHost,
    journal: Journal,
    _folder: tempfile::TempDir,
}

#[derive(Clone, Copy, Debug)]
enum Mount {
    Linked,
    Loaded,
}

/// A pool of probes, each watched over like this.
fn rig(mount: Mount, ids: &[&str], change: impl Fn(&mut SupervisionOverrides)) -> Rig {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::default();
    let mut config = Config::default();
    config.plugins.storage = Some(ids[0].into());
    let mut builder = PluginHost::builder().config(config);
    for id in ids {
        let mut instance = InstanceConfig::new(*id).with_plugin("probe");
        // Else all would have to be restarted with the one that has the storage.
        instance.deny = vec!["storage".into()];
        instance.supervision.pool = Some(POOL.into());
        change(&mut instance.supervision);
        builder = builder.instance(instance);
    }
    let builder = builder
        .data_dir(folder.path().join("data"))
        .service::<dyn probe_api::Journal, _>(journal.clone());
    let host = match mount {
        Mount::Linked => builder.linked(["probe"]),
        Mount::Loaded => {
            let libraries = folder.path().join("libraries");
            std::fs::create_dir(&libraries).unwrap();
            support::add(&libraries, &support::library("probe"));
            builder.directory(libraries)
        }
    };
    let host = host.build().unwrap();
    let report = host.start().wait().unwrap();
    assert!(report.is_complete(), "{report}");
    Rig { host, journal, _folder: folder }
}

impl Rig {
    fn get(&self, path: &str) -> Response {
        self.host.respond_blocking(Request::builder("GET", path).build())
    }

    /// Who answers a request.
    fn who(&self) -> String {
        let mut response = self.get("/any");
        let body = response.take_body().into_full().unwrap();
        let text = String::from_utf8_lossy(&body).into_owned();
        assert_eq!(response.status(), 200, "{text}");
        text.strip_prefix("GET by ").unwrap().to_owned()
    }

    /// Who answers so many requests, how often.
    fn answers(&self, requests: usize) -> BTreeMap<String, usize> {
        counted((0..requests).map(|_| self.who()))
    }

    fn execute(&self, target: &str, input: Value) -> hotshoe::Execution {
        let call = Call::none();
        futures_lite::future::block_on(self.host.execute(target, &call, &input))
    }

    /// Lets a call of this instance fail.
    fn fail(&self, id: &str) {
        assert_eq!(self.execute(id, json!({ "op": "fail", "kind": "io" })).status, "io");
    }

    /// The error of a request that nobody takes.
    fn refusal(&self) -> hotshoe::Error {
        let request = Request::builder("GET", "/any").build();
        futures_lite::future::block_on(self.host.handle(request)).err().unwrap()
    }
}

fn counted(all: impl Iterator<Item = String>) -> BTreeMap<String, usize> {
    all.fold(BTreeMap::new(), |mut counts, one| {
        *counts.entry(one).or_default() += 1;
        counts
    })
}

/// A message without how long a breaker still refuses.
fn timeless(message: &str) -> String {
    let mut parts = message.split(" for another ");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |text, rest| text + rest.trim_start_matches(|c: char| c != '\n'))
}

/// Each of these has its share of so many calls.
fn assert_shared(counts: &BTreeMap<String, usize>, among: &[&str]) {
    let calls: usize = counts.values().sum();
    let ids: Vec<&str> = counts.keys().map(String::as_str).collect();
    assert_eq!(ids, among, "{counts:?}");
    let share = calls / among.len();
    assert!(counts.values().all(|count| count.abs_diff(share) <= share / 2), "{counts:?}");
}

fn requests_calls_and_services_are_spread_over_all(mount: Mount) {
    let rig = rig(mount, &IDS, |_| {});
    assert_shared(&rig.answers(300), &IDS);
    let who = || rig.execute(POOL, json!({ "op": "who" })).result["instance"].clone();
    let execution = counted((0..300).map(|_| who().as_str().unwrap().to_owned()));
    assert_shared(&execution, &IDS);
    let pool: Pool<dyn Probe> = rig.host.pool(POOL).unwrap();
    assert_shared(&counted((0..300).map(|_| pool.who().unwrap())), &IDS);
    let service = || rig.host.service::<dyn Probe>().unwrap().who().unwrap();
    assert_shared(&counted((0..300).map(|_| service())), &IDS);
    let all: Vec<Handle<dyn Probe>> = rig.host.services().unwrap();
    let some = Pool::of(all.into_iter().take(2)).unwrap();
    assert_shared(&counted((0..300).map(|_| some.who().unwrap())), &IDS[..2]);
    // An instance is still called by its own name.
    let one = rig.execute("b", json!({ "op": "who" }));
    assert_eq!(one.result["instance"], "b");
    let stats: Vec<u64> =
        IDS.iter().map(|id| rig.host.metrics_of(id).unwrap().calls.calls()).collect();
    assert!(stats.iter().all(|calls| *calls > 100), "{stats:?}");
    let passed: BTreeMap<String, usize> = IDS
        .iter()
        .map(|id| {
            let stats = rig.host.metrics_of(id).unwrap().calls;
            let all = stats.contributions.iter().filter(|one| one.name.starts_with("middleware"));
            ((*id).to_owned(), all.map(|one| one.calls as usize).sum())
        })
        .collect();
    assert_eq!(passed.values().sum::<usize>(), 300, "each request passes one of them: {passed:?}");
    assert_shared(&passed, &IDS);
    assert_eq!(rig.host.plugin("b").unwrap().pool.as_deref(), Some(POOL));
}

fn one_that_is_disabled_is_passed_over_until_it_is_back(mount: Mount) {
    let rig = rig(mount, &IDS, |_| {});
    let pool: Pool<dyn Probe> = rig.host.pool(POOL).unwrap();
    rig.host.disable("b").wait().unwrap();
    assert_shared(&rig.answers(200), &["a", "c"]);
    assert_shared(&counted((0..200).map(|_| pool.who().unwrap())), &["a", "c"]);
    rig.host.enable("b").wait().unwrap();
    assert_shared(&rig.answers(300), &IDS);
    assert_shared(&counted((0..300).map(|_| pool.who().unwrap())), &IDS);
}

fn one_whose_breaker_is_open_is_passed_over(mount: Mount) {
    let rig = rig(mount, &IDS, |own| own.breaker = breaker(LATE));
    let pool: Pool<dyn Probe> = rig.host.pool(POOL).unwrap();
    rig.fail("b");
    assert_shared(&rig.answers(200), &["a", "c"]);
    assert_shared(&counted((0..200).map(|_| pool.who().unwrap())), &["a", "c"]);
}

fn one_whose_breaker_was_open_is_tried_and_takes_its_share_again(mount: Mount) {
    let rig = rig(mount, &IDS, |own| own.breaker = breaker(Duration::from_millis(1)));
    rig.fail("b");
    until("b answers again", || rig.who() == "b");
    assert_shared(&rig.answers(300), &IDS);
    rig.fail("b");
    let pool: Pool<dyn Probe> = rig.host.pool(POOL).unwrap();
    until("b answers again", || pool.who().unwrap() == "b");
    assert_shared(&counted((0..300).map(|_| pool.who().unwrap())), &IDS);
}

fn one_that_is_not_well_is_spared_unless_all_others_are_down(mount: Mount) {
    let rig = rig(mount, &IDS, |own| {
        let mut health = HealthPolicy::default();
        (health.interval, health.timeout) = (Duration::from_millis(10), Duration::from_millis(10));
        // That it takes long on a busy machine means nothing here.
        health.unhealthy_after = 1000.try_into().unwrap();
        own.health = health.into();
    });
    let pool: Pool<dyn Probe> = rig.host.pool(POOL).unwrap();
    let feel = |mood| rig.execute("b", json!({ "op": "behave", "moods": { "health": mood } }));
    let is = |state| rig.host.plugin("b").unwrap().state == state;
    feel("degraded");
    until("b is degraded", || is(State::Degraded));
    assert_shared(&rig.answers(200), &["a", "c"]);
    assert_shared(&counted((0..200).map(|_| pool.who().unwrap())), &["a", "c"]);
    rig.host.disable("a").wait().unwrap();
    rig.host.disable("c").wait().unwrap();
    assert_shared(&rig.answers(10), &["b"]);
    assert_shared(&counted((0..200).map(|_| pool.who().unwrap())), &["b"]);
    rig.host.enable("a").wait().unwrap();
    assert_shared(&rig.answers(100), &["a"]);
    feel("well");
    until("b is well", || is(State::Active));
    assert_shared(&rig.answers(200), &["a", "b"]);
}

fn one_whose_places_are_taken_is_passed_over(mount: Mount) {
    let rig = rig(mount, &IDS, |own| {
        let mut one = BulkheadPolicy::default();
        one.max_in_flight = 1.try_into().unwrap();
        own.bulkhead = one.into();
    });
    let hold = |id: &'static str| {
        let (host, before) = (rig.host.clone(), rig.journal.held.load(Ordering::SeqCst));
        let held = std::thread::spawn(move || {
            let input = json!({ "op": "held" });
            futures_lite::future::block_on(host.execute(id, &Call::none(), &input)).status
        });
        until("it is held", || rig.journal.held.load(Ordering::SeqCst) > before);
        held
    };
    let first = hold("b");
    assert_shared(&rig.answers(200), &["a", "c"]);
    let pool: Pool<dyn Probe> = rig.host.pool(POOL).unwrap();
    assert_shared(&counted((0..200).map(|_| pool.who().unwrap())), &["a", "c"]);
    let held = [first, hold("a"), hold("c")];
    let error = rig.refusal();
    assert_eq!(error.kind(), ErrorKind::ResourceLimit, "all are only busy");
    insta::allow_duplicates! {
        insta::assert_snapshot!(format!("{error:#}"), @r"
        no instance of the pool `probes` takes a call now
          `a`: at most 1 calls inside were expected, this is one more
          `b`: at most 1 calls inside were expected, this is one more
          `c`: at most 1 calls inside were expected, this is one more
          help: try again later; `PluginHost::explain` tells more of each instance
        ");
    }
    rig.journal.released.store(true, Ordering::SeqCst);
    assert!(held.into_iter().all(|held| held.join().unwrap() == "success"));
    assert_shared(&rig.answers(300), &IDS);
}

fn a_limit_that_one_has_reached_sends_calls_to_the_others(mount: Mount) {
    let rig = rig(mount, &IDS, |own| {
        own.routes = vec![("* /any".into(), "20/h".parse().unwrap())];
    });
    let answers = rig.answers(60);
    assert!(IDS.iter().all(|id| answers[*id] == 20), "{answers:?}");
    assert_eq!(rig.refusal().kind(), ErrorKind::ResourceLimit);
}

/// What fails may have done something.
fn a_call_that_has_begun_is_made_nowhere_else(mount: Mount) {
    let rig = rig(mount, &IDS, |_| {});
    assert_eq!(rig.get("/error?unavailable").status(), 503);
    let refused = rig.execute(POOL, json!({ "op": "fail", "kind": "unavailable" }));
    assert_eq!(refused.status, "unavailable");
    let pool: Pool<dyn Probe> = rig.host.pool(POOL).unwrap();
    pool.fail().unwrap_err();
    let stats = IDS.map(|id| rig.host.metrics_of(id).unwrap().calls);
    for name in ["GET /error", "execute", "service probe"] {
        let all = stats.iter().flat_map(|stats| &stats.contributions);
        let calls: u64 = all.filter(|one| one.name == name).map(|one| one.calls).sum();
        assert_eq!(calls, 1, "{name}");
    }
}

fn nothing_is_lost_while_each_is_restarted_under_load(mount: Mount) {
    let rig = rig(mount, &IDS, |_| {});
    let over = AtomicBool::new(false);
    let pool: Pool<dyn Probe> = rig.host.pool(POOL).unwrap();
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut seen = BTreeSet::new();
            while !over.load(Ordering::SeqCst) {
                seen.insert(rig.who());
                seen.insert(pool.who().unwrap());
                let execution = rig.execute(POOL, json!({ "op": "who" }));
                assert_eq!(execution.status, "success", "{:?}", execution.error);
            }
            seen
        });
        for id in IDS.iter().cycle().take(12) {
            rig.host.restart(id).wait().unwrap();
        }
        over.store(true, Ordering::SeqCst);
        assert_eq!(asking.join().unwrap().len(), IDS.len());
    });
    assert_shared(&rig.answers(300), &IDS);
}

fn when_all_are_down_each_reason_is_told(mount: Mount) {
    let rig = rig(mount, &IDS, |own| own.breaker = breaker(LATE));
    let pool: Pool<dyn Probe> = rig.host.pool(POOL).unwrap();
    rig.fail("a");
    rig.fail("b");
    rig.host.disable("c").wait().unwrap();
    let error = rig.refusal();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let execution = rig.execute(POOL, json!({ "op": "who" }));
    assert_eq!(execution.status, "unavailable");
    let all = [
        format!("{error:#}"),
        execution.error.unwrap(),
        format!("{:#}", pool.who().unwrap_err()),
        rig.host.explain(POOL),
    ];
    insta::allow_duplicates! {
        insta::assert_snapshot!(timeless(&all.join("\n\n")), @r"
        no instance of the pool `probes` takes a call now
          `a`: too many of its calls failed: its circuit breaker refuses * /any
          `b`: too many of its calls failed: its circuit breaker refuses * /any
          help: try again later; `PluginHost::explain` tells more of each instance

        no instance of the pool `probes` takes a call now
          `a`: too many of its calls failed: its circuit breaker refuses execute
          `b`: too many of its calls failed: its circuit breaker refuses execute
          `c`: it is disabled, not active
          help: try again later; `PluginHost::explain` tells more of each instance

        no instance of the service `probe` takes a call now
          `a`: too many of its calls failed: its circuit breaker refuses service probe
          `b`: too many of its calls failed: its circuit breaker refuses service probe
          `c`: service probe is being stopped or replaced and takes no calls now
          help: try again later; `PluginHost::explain` tells more of each instance

        `probes` is a pool, not an instance; its instances are a, b, c
        ");
    }
    assert_eq!(rig.get("/any").status(), 503);
}

fn one_alone_is_a_pool_too(mount: Mount) {
    let rig = rig(mount, &["a"], |own| own.breaker = breaker(LATE));
    assert_shared(&rig.answers(10), &["a"]);
    assert_eq!(rig.execute(POOL, json!({ "op": "who" })).result["instance"], "a");
    let pool: Pool<dyn Probe> = rig.host.pool(POOL).unwrap();
    assert_eq!(pool.who().unwrap(), "a");
    rig.fail("a");
    insta::allow_duplicates! {
        insta::assert_snapshot!(timeless(&format!("{:#}", rig.refusal())), @r"
        no instance of the pool `probes` takes a call now
          `a`: too many of its calls failed: its circuit breaker refuses * /any
          help: try again later; `PluginHost::explain` tells more of each instance
        ");
    }
}

fn breaker(open_for: Duration) -> Override<BreakerPolicy> {
    let mut policy = BreakerPolicy::failures(1.try_into().unwrap());
    policy.open_for = open_for;
    policy.into()
}

macro_rules! on_both_mounts {
    ($($test:ident),* $(,)?) => {
        $(
            mod $test {
                #[test]
                fn linked() {
                    super::$test(super::Mount::Linked);
                }

                #[test]
                fn loaded() {
                    super::$test(super::Mount::Loaded);
                }
            }
        )*
    };
}

on_both_mounts! {
    requests_calls_and_services_are_spread_over_all,
    one_that_is_disabled_is_passed_over_until_it_is_back,
    one_whose_breaker_is_open_is_passed_over,
    one_whose_breaker_was_open_is_tried_and_takes_its_share_again,
    one_that_is_not_well_is_spared_unless_all_others_are_down,
    one_whose_places_are_taken_is_passed_over,
    a_limit_that_one_has_reached_sends_calls_to_the_others,
    a_call_that_has_begun_is_made_nowhere_else,
    nothing_is_lost_while_each_is_restarted_under_load,
    when_all_are_down_each_reason_is_told,
    one_alone_is_a_pool_too,
}

#[test]
fn two_plugins_are_no_pool_nor_is_the_id_of_an_instance() {
    let text = "
        [plugins.a]
        plugin = 'probe'
        pool = 'both'
        [plugins.b]
        plugin = 'plain'
        pool = 'both'
        [plugins.c]
        plugin = 'probe'
        pool = 'a'";
    let read = Config::from_toml(text, "app.toml").unwrap_err();
    let mut made = Config::default();
    for (id, plugin, pool) in [("a", "probe", "both"), ("b", "plain", "both"), ("c", "probe", "a")]
    {
        let mut instance = InstanceConfig::new(id).with_plugin(plugin);
        instance.supervision.pool = Some(pool.into());
        made = made.with_instance(instance);
    }
    let made = PluginHost::builder().config(made).build().unwrap_err();
    insta::assert_snapshot!(format!("{read}\n\n{made:#}"), @r#"
    2 problems in app.toml:
    app.toml:7:16: plugins.b.pool: the instances of one pool were expected to be of one plugin: of "both", "a" is one of "probe", this is one of "plain"; give each plugin a pool of its own
    app.toml:10:16: plugins.c.pool: "a" is the id of an instance: calls of it mean that; choose another name for the pool

    the configuration contradicts itself
      because: 2 problems in configuration:
        configuration: plugins.b.pool: the instances of one pool were expected to be of one plugin: of "both", "a" is one of "probe", this is one of "plain"; give each plugin a pool of its own
        configuration: plugins.c.pool: "a" is the id of an instance: calls of it mean that; choose another name for the pool
    "#);
}
