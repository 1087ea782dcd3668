//! What watches over instances: read, inherited, and what each mistake says.

use std::num::NonZeroU32;
use std::time::Duration;

use super::{config, error, problems};
use crate::config::{
    BreakerPolicy, BulkheadPolicy, Config, FailurePolicy, Fault, FaultRule, FaultWhen,
    HealthPolicy, InstanceConfig, Lane, Override, RestartPolicy, Supervision,
};
use crate::settings::Quota;

fn number(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

fn quota(text: &str) -> Quota {
    text.parse().unwrap()
}

/// What holds for the instance `a`.
fn of_a(text: &str) -> Supervision {
    let config = config(text);
    config.supervision_of(&config.plugins.instances["a"])
}

#[test]
fn nothing_said_is_nothing_in_the_way() {
    assert_eq!(of_a("[plugins.a]"), Supervision::default());
    let supervision = Supervision::default();
    assert_eq!(supervision.failure, FailurePolicy::Closed);
    assert_eq!(supervision.lane, Lane::Inline);
    assert!(supervision.breaker.is_none() && supervision.bulkhead.is_none());
}

#[test]
fn an_instance_with_everything() {
    let supervision = of_a(
        r#"
        [plugins.a]
        max_in_flight = 64
        queue = 128
        rate_limit = "100/s"
        route_limits = { "GET /search" = "50/min", "* /users/{id}" = "5/s" }
        on_failure = "open"
        lane = { threads = 3, queue = 10, spare = 1 }
        pool = "search"

        [plugins.a.circuit_breaker]
        failure_threshold = 7
        failure_rate = 0.5
        window = "20s"
        min_calls = 10
        timeout = "40s"
        half_open_limit = 2

        [plugins.a.health_check]
        interval = "10s"
        timeout = "2s"
        unhealthy_after = 2

        [plugins.a.restart]
        max = 3
        backoff = "2s"
        factor = 1.5
        max_backoff = "30s"
        reset_after = "1m"

        [[plugins.a.faults]]
        on = "GET /search"
        fault = "fail"
        probability = 0.1
        seed = 7
        [[plugins.a.faults]]
        fault = { delay = "2s" }
        calls = { first = 3, count = 2 }
        [[plugins.a.faults]]
        fault = "panic"
        every = 10
        [[plugins.a.faults]]
        fault = "never"
        "#,
    );
    let expected = Supervision {
        bulkhead: Some(BulkheadPolicy { max_in_flight: number(64), queue: 128 }),
        rate_limit: Some(quota("100/s")),
        routes: vec![
            ("* /users/{id}".into(), quota("5/s")),
            ("GET /search".into(), quota("50/min")),
        ],
        breaker: Some(BreakerPolicy {
            failure_threshold: Some(number(7)),
            failure_rate: Some(0.5),
            window: Duration::from_secs(20),
            min_calls: 10,
            open_for: Duration::from_secs(40),
            half_open_limit: number(2),
        }),
        failure: FailurePolicy::Open,
        lane: Lane::Dedicated { threads: number(3), queue: 10, spare: 1 },
        health: Some(HealthPolicy {
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(2),
            unhealthy_after: number(2),
        }),
        restart: Some(RestartPolicy {
            max_restarts: 3,
            initial_backoff: Duration::from_secs(2),
            factor: 1.5,
            max_backoff: Duration::from_secs(30),
            reset_after: Duration::from_secs(60),
        }),
        pool: Some("search".into()),
        faults: vec![
            FaultRule {
                on: Some("GET /search".into()),
                when: FaultWhen::Probability(0.1),
                fault: Fault::Fail,
                seed: 7,
            },
            FaultRule::new(
                Fault::Delay(Duration::from_secs(2)),
                FaultWhen::Calls { first: 3, count: 2 },
            ),
            FaultRule::new(Fault::Panic, FaultWhen::Every(number(10))),
            FaultRule::new(Fault::Never, FaultWhen::ALWAYS),
        ],
    };
    assert_eq!(supervision, expected);
}

#[test]
fn true_an_empty_table_and_the_default_are_the_same() {
    let expected = Supervision {
        breaker: Some(BreakerPolicy::default()),
        health: Some(HealthPolicy::default()),
        restart: Some(RestartPolicy::default()),
        ..Supervision::default()
    };
    for value in ["true", "{}"] {
        let text = format!("circuit_breaker = {value}\nhealth_check = {value}\nrestart = {value}");
        assert_eq!(of_a(&format!("[plugins.a]\n{text}")), expected);
        assert_eq!(of_a(&format!("[plugins]\n{text}\n[plugins.a]")), expected);
    }
}

#[test]
fn a_rate_alone_counts_no_failures_in_a_row() {
    let rate = of_a("plugins.a.circuit_breaker = { failure_rate = 1 }").breaker;
    assert_eq!(rate, Some(BreakerPolicy::rate(1.0)));
    let threshold = of_a("plugins.a.circuit_breaker = { failure_threshold = 3 }").breaker;
    assert_eq!(threshold, Some(BreakerPolicy::failures(number(3))));
    let neither = of_a("plugins.a.circuit_breaker = { timeout = '30s' }").breaker;
    assert_eq!(neither, Some(BreakerPolicy::default()));
}

#[test]
fn lanes_have_words() {
    assert_eq!(of_a("plugins.a.lane = 'inline'").lane, Lane::Inline);
    assert_eq!(of_a("plugins.a.lane = 'dedicated'").lane, Lane::dedicated(number(2)));
    let own = of_a("plugins.a.lane = { threads = 5 }").lane;
    assert_eq!(own, Lane::dedicated(number(5)));
}

#[test]
fn what_is_left_out_fits_what_is_given() {
    // It is counted from the answer.
    let health = of_a("plugins.a.health_check = { interval = '2s' }").health.unwrap();
    assert_eq!(health.timeout, Duration::from_secs(5));
    let restart = of_a("plugins.a.restart = { backoff = '2m' }").restart.unwrap();
    assert_eq!(restart.max_backoff, Duration::from_secs(120));
}

const ALL: &str = "
    [plugins]
    max_in_flight = 10
    queue = 5
    rate_limit = '1/s'
    on_failure = 'open'
    lane = 'dedicated'
    [plugins.circuit_breaker]
    failure_threshold = 9
    timeout = '1s'
    [plugins.health_check]
    interval = '10s'
    [plugins.restart]
    max = 1
    ";

#[test]
fn what_plugins_say_holds_for_those_that_say_nothing() {
    let config = config(&format!("{ALL}[plugins.a]\n[plugins.config.b]"));
    for instance in config.plugins.instances.values().chain([&InstanceConfig::new("found")]) {
        assert_eq!(config.supervision_of(instance), config.plugins.supervision);
    }
    let all = &config.plugins.supervision;
    assert_eq!(all.bulkhead, Some(BulkheadPolicy { max_in_flight: number(10), queue: 5 }));
    assert_eq!(all.rate_limit, Some(quota("1/s")));
    assert_eq!(all.breaker.unwrap().failure_threshold, Some(number(9)));
    assert_eq!((all.failure, all.lane), (FailurePolicy::Open, Lane::dedicated(number(2))));
    assert_eq!(all.restart.unwrap().max_restarts, 1);
}

#[test]
fn an_instances_own_policy_stands_in_place_of_that_of_all_as_a_whole() {
    let own = of_a(&format!(
        "{ALL}[plugins.a]\nmax_in_flight = 3\nrate_limit = '2/s'\non_failure = 'closed'\n\
         lane = 'inline'\ncircuit_breaker = {{ failure_threshold = 2 }}\nrestart = true"
    ));
    assert_eq!(own.bulkhead, Some(BulkheadPolicy::new(number(3))));
    assert_eq!(own.rate_limit, Some(quota("2/s")));
    assert_eq!((own.failure, own.lane), (FailurePolicy::Closed, Lane::Inline));
    assert_eq!(own.breaker, Some(BreakerPolicy::failures(number(2))));
    assert_eq!(own.restart, Some(RestartPolicy::default()));
    assert_eq!(own.health.unwrap().interval, Duration::from_secs(10));
}

#[test]
fn false_switches_off_what_all_have() {
    let own = of_a(&format!(
        "{ALL}[plugins.a]\nmax_in_flight = false\nrate_limit = false\ncircuit_breaker = false\n\
         health_check = false\nrestart = false"
    ));
    let expected = Supervision {
        failure: FailurePolicy::Open,
        lane: Lane::dedicated(number(2)),
        ..Supervision::default()
    };
    assert_eq!(own, expected);
    let none = "[plugins]\ncircuit_breaker = false\nrestart = false\n[plugins.a]";
    assert_eq!(of_a(none), Supervision::default());
}

#[test]
fn who_is_to_be_restarted_is_asked_how_it_is() {
    let asked = Some(HealthPolicy::default());
    assert_eq!(of_a("plugins.a.restart = true").health, asked);
    assert_eq!(of_a("plugins = { restart = true, a = {} }").health, asked);
    assert_eq!(of_a("plugins = { restart = true, a = { restart = false } }").health, None);
    assert_eq!(of_a("plugins = { restart = true, a = { health_check = false } }").health, None);
}

#[test]
fn a_flag_that_is_off_keeps_its_instances_from_starting() {
    let config = config(
        "[plugins.feature_flags]\non = true\noff = false\n[plugins.a]\nfeature_flag = 'on'\n\
         [plugins.b]\nfeature_flag = 'off'\n[plugins.c]\nfeature_flag = 'on'\nenabled = false\n\
         [plugins.d]",
    );
    let plugins = &config.plugins;
    let enabled: Vec<_> =
        plugins.instances.values().filter(|it| plugins.enables(it)).map(|it| &it.id).collect();
    assert_eq!(enabled, ["a", "d"]);
    assert!(plugins.feature("on") && !plugins.feature("off") && !plugins.feature("unheard-of"));
}

#[test]
fn faults_on_purpose_are_warned_of() {
    let config = config("[plugins.a]\nfaults = [{ fault = 'fail' }]\n[plugins.b]\nfaults = []");
    insta::assert_snapshot!(config.warnings().join("\n"), @"app.toml:2:1: `faults`: calls of this instance go wrong on purpose");
}

#[test]
fn types_and_values_of_an_instances_keys() {
    insta::assert_snapshot!(
        error(
            "
[plugins.a]
max_in_flight = 0
queue = 5
rate_limit = 100
on_failure = 'ignore'
circuit_breaker = 5
health_check = '30s'
restart = 3
lane = 'own'
pool = 'a b'
feature_flag = 'beta'
faults = 'fail'
route_limits = '1/s'
[plugins.b]
max_in_flight = true
queue = -1
rate_limit = '0/s'
lane = { threads = 0, queue = 1.5, spares = 2 }
feature_flag = true
[plugins.b.route_limits]
'/search' = '1/s'
'get /search' = '1/s'
'GET search' = '1/s'
'GET /a b' = '1/s'
'GET /search' = 5
[plugins.b.circuit_breaker]
failure_threshold = 0
failure_rate = 1.5
window = '0s'
min_calls = 0
timeout = 30
half_open_limit = 0
treshold = 1
[plugins.b.health_check]
interval = '0s'
timeout = 5
unhealthy_after = 0
endpoint = '/health'
[plugins.b.restart]
max = 0
backoff = '0s'
factor = 0.5
max_backoff = 60
reset_after = ''
"
        ),
        @r#"
    39 problems in app.toml:
    app.toml:3:17: plugins.a.max_in_flight: expected a whole number from 1 to 4294967295, found the number 0; for no limit write max_in_flight = false
    app.toml:5:14: plugins.a.rate_limit: expected how many in how long, such as "100/s", or false, found the number 100
    app.toml:6:14: plugins.a.on_failure: expected one of "closed", "open", found the text "ignore"
    app.toml:7:19: plugins.a.circuit_breaker: expected true, false or a table, such as { failure_threshold = 5 }, found the number 5
    app.toml:8:16: plugins.a.health_check: expected true, false or a table, such as { interval = "30s" }, found the text "30s"
    app.toml:9:11: plugins.a.restart: expected true, false or a table, such as { max = 5 }, found the number 3
    app.toml:10:8: plugins.a.lane: expected "inline", "dedicated" or a table, such as { threads = 2 }, found the text "own"
    app.toml:11:8: plugins.a.pool: "a b" is no id: 1 to 64 letters a to z or A to Z, digits, `-`, `_` or `.`; choose another id
    app.toml:12:16: plugins.a.feature_flag: there is no feature flag "beta"; add it: [plugins.feature_flags] beta = false
    app.toml:13:10: plugins.a.faults: expected a list of faults, such as [{ fault = "fail", every = 10 }], found the text "fail"
    app.toml:14:16: plugins.a.route_limits: expected a table of quotas by route, such as { "GET /search" = "50/min" }, found the text "1/s"
    app.toml:16:17: plugins.b.max_in_flight: expected a whole number from 1 to 4294967295, found the boolean true; for no limit write max_in_flight = false
    app.toml:17:9: plugins.b.queue: expected a whole number from 0 to 4294967295, found the number -1
    app.toml:18:14: plugins.b.rate_limit: expected how many in how long, such as "100/s", or false, found the text "0/s": a quota of 0 allows nothing; leave the key out for no limit, or write a count from 1
    app.toml:19:20: plugins.b.lane.threads: expected a whole number from 1 to 4294967295, found the number 0; for none of its own write lane = "inline"
    app.toml:19:31: plugins.b.lane.queue: expected a whole number from 0 to 4294967295, found the number 1.5
    app.toml:19:36: plugins.b.lane.spares: unknown key; did you mean `spare`?
    app.toml:20:16: plugins.b.feature_flag: expected the name of a feature flag, found the boolean true
    app.toml:22:1: plugins.b.route_limits."/search": this is no route: expected a method in capitals and a path; write it as the plugin registers it, e.g. "GET /search"
    app.toml:23:1: plugins.b.route_limits."get /search": this is no route: expected a method in capitals and a path; write it as the plugin registers it, e.g. "GET /search"
    app.toml:24:1: plugins.b.route_limits."GET search": this is no route: expected a method in capitals and a path; write it as the plugin registers it, e.g. "GET /search"
    app.toml:25:1: plugins.b.route_limits."GET /a b": this is no route: expected a method in capitals and a path; write it as the plugin registers it, e.g. "GET /search"
    app.toml:26:17: plugins.b.route_limits."GET /search": expected how many in how long, such as "100/s", found the number 5
    app.toml:28:21: plugins.b.circuit_breaker.failure_threshold: expected a whole number from 1 to 4294967295, found the number 0; for no breaker write circuit_breaker = false
    app.toml:29:16: plugins.b.circuit_breaker.failure_rate: expected a number above 0 and at most 1, found the number 1.5
    app.toml:30:10: plugins.b.circuit_breaker.window: expected a time above zero, found the text "0s"; leave the key out instead
    app.toml:31:13: plugins.b.circuit_breaker.min_calls: expected a whole number from 1 to 4294967295, found the number 0
    app.toml:32:11: plugins.b.circuit_breaker.timeout: expected a time with its unit, such as "30s", found the number 30; write a unit, e.g. "30s"
    app.toml:33:19: plugins.b.circuit_breaker.half_open_limit: expected a whole number from 1 to 4294967295, found the number 0
    app.toml:34:1: plugins.b.circuit_breaker.treshold: unknown key; known here: failure_threshold, failure_rate, window, min_calls, timeout, half_open_limit
    app.toml:36:12: plugins.b.health_check.interval: expected a time above zero, found the text "0s"; leave the key out instead
    app.toml:37:11: plugins.b.health_check.timeout: expected a time with its unit, such as "30s", found the number 5; write a unit, e.g. "5s"
    app.toml:38:19: plugins.b.health_check.unhealthy_after: expected a whole number from 1 to 4294967295, found the number 0; for no health checks write health_check = false
    app.toml:39:1: plugins.b.health_check.endpoint: unknown key; known here: interval, timeout, unhealthy_after
    app.toml:41:7: plugins.b.restart.max: expected a whole number from 1 to 4294967295, found the number 0; for none at all write restart = false
    app.toml:42:11: plugins.b.restart.backoff: expected a time above zero, found the text "0s"; leave the key out instead
    app.toml:43:10: plugins.b.restart.factor: expected a number of at least 1, found the number 0.5
    app.toml:44:15: plugins.b.restart.max_backoff: expected a time with its unit, such as "30s", found the number 60; write a unit, e.g. "60s"
    app.toml:45:15: plugins.b.restart.reset_after: expected a time with its unit, such as "30s", found an empty text: an empty text is no time; write for example "30s"
    "#
    );
}

#[test]
fn values_of_faults() {
    insta::assert_snapshot!(
        error(
            "
[[plugins.a.faults]]
on = ''
fault = 'explode'
probability = 0
[[plugins.a.faults]]
on = 'GET /x'
[[plugins.a.faults]]
fault = { delay = '0s', panic = true }
every = 0
[[plugins.a.faults]]
fault = {}
calls = { first = 0, counts = 1 }
[[plugins.a.faults]]
fault = 'fail'
probability = 0.5
every = 3
[[plugins.a.faults]]
fault = 'fail'
fail = true
calls = 3
[[plugins.a.faults]]
fault = 'fail'
probability = 0.5
seed = -1
[[plugins.a.faults]]
fault = 'fail'
seed = 1
[plugins.b]
faults = ['fail']
"
        ),
        @r#"
    16 problems in app.toml:
    app.toml:3:6: plugins.a.faults[0].on: expected a contribution, such as "GET /search", found an empty text
    app.toml:4:9: plugins.a.faults[0].fault: expected "fail", "panic", "never" or { delay = "2s" }, found the text "explode"
    app.toml:5:15: plugins.a.faults[0].probability: expected a number above 0 and at most 1, found the number 0
    app.toml:6:1: plugins.a.faults[1]: `fault` is missing; say what goes wrong: fault = "fail", "panic", "never" or { delay = "2s" }
    app.toml:9:19: plugins.a.faults[2].fault.delay: expected a time above zero, found the text "0s"; leave the key out instead
    app.toml:9:25: plugins.a.faults[2].fault.panic: unknown key; known here: delay
    app.toml:10:9: plugins.a.faults[2].every: expected a whole number from 1 to 4294967295, found the number 0
    app.toml:12:9: plugins.a.faults[3].fault: `delay` is missing; write fault = { delay = "2s" }
    app.toml:13:19: plugins.a.faults[3].calls.first: expected a whole number from 1 to 4294967295, found the number 0; calls are counted from 1
    app.toml:13:22: plugins.a.faults[3].calls.counts: unknown key; did you mean `count`?
    app.toml:17:9: plugins.a.faults[4].every: which calls it hits is said by `probability` already; keep one of the two
    app.toml:20:1: plugins.a.faults[5].fail: unknown key; known here: on, fault, probability, seed, calls, every
    app.toml:21:9: plugins.a.faults[5].calls: expected a table, such as { first = 3, count = 2 }, found the number 3
    app.toml:25:8: plugins.a.faults[6].seed: expected a whole number from 0, found the number -1
    app.toml:28:8: plugins.a.faults[7].seed: this is for `probability`, which is not there; set probability = 0.1, or leave this out
    app.toml:30:11: plugins.b.faults[0]: expected a table, such as { fault = "fail", every = 10 }, found the text "fail"
    "#
    );
}

#[test]
fn keys_that_contradict_each_other() {
    insta::assert_snapshot!(
        error(
            "
[plugins]
queue = 5
restart = true
health_check = false
[plugins.a]
max_in_flight = false
queue = 5
circuit_breaker = { window = '1s', min_calls = 3 }
health_check = { interval = '2s', timeout = '3s' }
restart = { backoff = '2m', max_backoff = '1m' }
[plugins.b]
health_check = { timeout = '1m' }
restart = { max_backoff = '10ms' }
"
        ),
        @"
    7 problems in app.toml:
    app.toml:3:1: plugins.queue: calls wait only where `max_in_flight` bounds how many are inside; set `max_in_flight` beside it, or leave it out
    app.toml:5:16: plugins.health_check: `restart` needs it: nothing else tells that the instance is unhealthy; leave it out, or write restart = false
    app.toml:8:1: plugins.a.queue: calls wait only where `max_in_flight` bounds how many are inside; set `max_in_flight` beside it, or leave it out
    app.toml:9:30: plugins.a.circuit_breaker.window: this is for `failure_rate`, which is not there; set failure_rate = 0.5, or leave this out
    app.toml:9:48: plugins.a.circuit_breaker.min_calls: this is for `failure_rate`, which is not there; set failure_rate = 0.5, or leave this out
    app.toml:11:43: plugins.a.restart.max_backoff: 1m is shorter than `backoff`, which is 2m; the waits begin with `backoff` and grow up to `max_backoff`
    app.toml:14:27: plugins.b.restart.max_backoff: 10ms is shorter than `backoff`, which is 1s; the waits begin with `backoff` and grow up to `max_backoff`
    "
    );
}

#[test]
fn a_value_that_is_wrong_is_not_held_against_others() {
    for text in [
        "plugins.a.restart = { backoff = '0s', max_backoff = '1ms' }",
        "plugins.a.circuit_breaker = { failure_rat = 0.5, window = '1s' }",
        "plugins.a = { max_in_flight = 0, queue = 1 }",
        "plugins.a.faults = [{ fault = 'fail', probability = 2, every = 1 }]",
        "plugins = { feature_flags = { beta = 1 }, a = { feature_flag = 'beta' } }",
    ] {
        assert_eq!(problems(text).len(), 1, "{text}");
    }
}

#[test]
fn values_of_flags() {
    insta::assert_snapshot!(
        error(
            "
[plugins.FeatureFlags]
beta-search = 'yes'
[plugins.a]
feature_flag = 'beta-serch'
[plugins.b]
feature_flag = 'alpha'
"
        ),
        @r#"
    3 problems in app.toml:
    app.toml:3:15: plugins.FeatureFlags.beta-search: expected true or false, found the text "yes"; write it without quotes
    app.toml:5:16: plugins.a.feature_flag: there is no feature flag "beta-serch"; did you mean "beta-search"?
    app.toml:7:16: plugins.b.feature_flag: there is no feature flag "alpha"; add it: [plugins.feature_flags] alpha = false
    "#
    );
    insta::assert_snapshot!(error("plugins.feature_flags = ['beta']"), @"app.toml:1:25: plugins.feature_flags: expected a table, such as { beta-search = true }, found a list");
}

#[test]
fn tables_of_supervision_are_no_instances() {
    insta::assert_snapshot!(
        error(
            "
[plugins.restart]
enabled = true
[plugins.RateLimiting]
requests = 100
[plugins.config.lane]
[plugins.faults]
fault = 'fail'
"
        ),
        @r#"
    4 problems in app.toml:
    app.toml:3:1: plugins.restart.enabled: unknown key; known here: max, backoff, factor, max_backoff, reset_after
    app.toml:4:1: plugins.RateLimiting: expected how many in how long, such as "100/s", or false, found a table
    app.toml:6:17: plugins.config.lane: the id `lane` is reserved for a table of the host; choose another id
    app.toml:8:1: plugins.faults.fault: unknown key; did you mean `faults`?
    "#
    );
}

#[test]
fn check_finds_the_same_in_code() {
    let zero = Duration::ZERO;
    let mut bad = InstanceConfig::new("a");
    let mut breaker = BreakerPolicy::rate(f64::NAN);
    (breaker.window, breaker.min_calls, breaker.open_for) = (zero, 0, zero);
    bad.supervision.breaker = breaker.into();
    let mut health = HealthPolicy::default();
    (health.interval, health.timeout) = (zero, Duration::from_secs(5));
    bad.supervision.health = health.into();
    let restart = RestartPolicy {
        max_restarts: 0,
        initial_backoff: Duration::from_secs(1),
        factor: f64::INFINITY,
        max_backoff: zero,
        reset_after: zero,
    };
    bad.supervision.restart = restart.into();
    let route = ("GET search".to_owned(), quota("1/s"));
    bad.supervision.routes = vec![route.clone(), route];
    bad.supervision.pool = Some("a b".into());
    let mut delay = FaultRule::new(Fault::Delay(zero), FaultWhen::Probability(2.0));
    delay.on = Some(" ".into());
    let never = FaultRule::new(Fault::Never, FaultWhen::Calls { first: 1, count: 0 });
    bad.supervision.faults = vec![delay, never.clone()];
    bad.feature_flag = Some("beta".into());

    let mut unseen = InstanceConfig::new("b");
    unseen.supervision.restart = RestartPolicy::default().into();
    unseen.supervision.health = Override::Off;

    let mut config = Config::default().with_instance(bad).with_instance(unseen);
    let never_opens = BreakerPolicy { failure_threshold: None, ..BreakerPolicy::default() };
    config.plugins.supervision.breaker = Some(never_opens);
    config.plugins.supervision.pool = Some("all".into());
    config.plugins.supervision.faults = vec![never];
    insta::assert_snapshot!(config.check().unwrap_err(), @r#"
    23 problems in configuration:
    configuration: plugins.pool: this belongs to a single instance; put it into the `supervision` of that instance
    configuration: plugins.faults: this belongs to a single instance; put it into the `supervision` of that instance
    configuration: plugins.circuit_breaker.failure_threshold: nothing says when it opens; set failure_threshold = 5 or failure_rate = 0.5, or both
    configuration: plugins.faults[0].calls: `first` and `count` must be at least 1; calls are counted from 1
    configuration: plugins.a.circuit_breaker.failure_rate: expected a number above 0 and at most 1, found NaN
    configuration: plugins.a.circuit_breaker.window: expected a time above zero; give it more, or leave the default
    configuration: plugins.a.circuit_breaker.min_calls: expected a whole number from 1, found 0
    configuration: plugins.a.circuit_breaker.timeout: expected a time above zero; give it more, or leave the default
    configuration: plugins.a.health_check.interval: expected a time above zero; give it more, or leave the default
    configuration: plugins.a.restart.max: expected a whole number from 1, found 0; for none at all write restart = false
    configuration: plugins.a.restart.factor: expected a number of at least 1, found inf
    configuration: plugins.a.restart.max_backoff: 0s is shorter than `backoff`, which is 1s; the waits begin with `backoff` and grow up to `max_backoff`
    configuration: plugins.a.restart.reset_after: expected a time above zero; give it more, or leave the default
    configuration: plugins.a.route_limits."GET search": this is no route: expected a method in capitals and a path; write it as the plugin registers it, e.g. "GET /search"
    configuration: plugins.a.route_limits."GET search": this is no route: expected a method in capitals and a path; write it as the plugin registers it, e.g. "GET /search"
    configuration: plugins.a.route_limits."GET search": it has two limits; keep one of the two
    configuration: plugins.a.pool: "a b" is no id: 1 to 64 letters a to z or A to Z, digits, `-`, `_` or `.`; choose another id
    configuration: plugins.a.faults[0].on: expected a contribution such as "GET /search", found an empty text; leave it out for all of them
    configuration: plugins.a.faults[0].probability: expected a number above 0 and at most 1, found 2
    configuration: plugins.a.faults[0].fault: expected a time above zero; give it more, or leave the default
    configuration: plugins.a.faults[1].calls: `first` and `count` must be at least 1; calls are counted from 1
    configuration: plugins.a.feature_flag: there is no feature flag "beta"; add it: [plugins.feature_flags] beta = false
    configuration: plugins.b.health_check: `restart` needs it: nothing else tells that the instance is unhealthy; leave it out, or write restart = false
    "#);
}

#[test]
fn code_and_file_give_the_same() {
    let mut a = InstanceConfig::new("a");
    a.supervision.breaker = Override::Off;
    a.supervision.rate_limit = quota("5/s").into();
    a.feature_flag = Some("beta".into());
    let mut made = Config::default().with_instance(a);
    made.plugins.supervision.breaker = Some(BreakerPolicy::failures(number(2)));
    made.plugins.feature_flags.insert("beta".into(), true);
    made.check().unwrap();
    let read = config(
        "plugins.circuit_breaker.failure_threshold = 2\nplugins.feature_flags.beta = true\n\
         [plugins.a]\ncircuit_breaker = false\nrate_limit = '5/s'\nfeature_flag = 'beta'",
    );
    assert_eq!(made, read);
}
