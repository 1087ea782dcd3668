//! [`Flaw`]: what is wrong with a policy although each of its values has the right type.
//!
//! The same functions judge what was read and what was made in code. What is read has readers in
//! front that know the text, so of it only contradictions between keys are left to find here.

use std::collections::BTreeMap;
use std::time::Duration;

use super::entry::quote;
use super::error::ProblemKind;
use super::instance::InstanceConfig;
use super::key_path::Shown;
use super::suggest::closest;
use super::supervision::{
    BreakerPolicy, Fault, FaultRule, FaultWhen, HealthPolicy, Override, RestartPolicy,
    SupervisionOverrides,
};
use super::swap::{CanaryPolicy, ReplayPolicy, SwapOverrides};
use crate::manifest::SwapMode;
use crate::settings::Interval;

/// One thing that is wrong with a policy.
pub(super) struct Flaw {
    /// The key, as it is written in a file.
    pub(super) key: &'static str,
    pub(super) kind: ProblemKind,
    pub(super) message: String,
    pub(super) help: &'static str,
}

/// What to do instead of restarting zero times.
pub(super) const NO_RESTART: &str = "for none at all write restart = false";

/// What to do about a route that is none.
pub(super) const ROUTE_HELP: &str = r#"write it as the plugin registers it, e.g. "GET /search""#;

pub(super) fn of_breaker(policy: &BreakerPolicy) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    if policy.failure_threshold.is_none() && policy.failure_rate.is_none() {
        let message = "nothing says when it opens";
        let help = "set failure_threshold = 5 or failure_rate = 0.5, or both";
        flaws.push(flaw("failure_threshold", ProblemKind::Missing, message, help));
    }
    if let Some(rate) = policy.failure_rate {
        flaws.extend(not_a_share("failure_rate", rate));
    }
    flaws.extend(zero("window", policy.window));
    if policy.min_calls == 0 {
        let message = "expected a whole number from 1, found 0";
        flaws.push(flaw("min_calls", ProblemKind::Value, message, ""));
    }
    flaws.extend(zero("timeout", policy.open_for));
    flaws
}

pub(super) fn of_health(policy: &HealthPolicy) -> Vec<Flaw> {
    let mut flaws: Vec<_> = zero("interval", policy.interval).into_iter().collect();
    flaws.extend(zero("timeout", policy.timeout));
    flaws
}

pub(super) fn of_restart(policy: &RestartPolicy) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    if policy.max_restarts == 0 {
        let message = "expected a whole number from 1, found 0";
        flaws.push(flaw("max", ProblemKind::Value, message, NO_RESTART));
    }
    flaws.extend(zero("backoff", policy.initial_backoff));
    if !is_ratio(policy.factor) {
        let message = format!("expected {RATIO}, found {}", policy.factor);
        flaws.push(flaw("factor", ProblemKind::Value, message, ""));
    }
    if policy.max_backoff < policy.initial_backoff {
        let message = format!(
            "{} is shorter than `backoff`, which is {}",
            Interval::new(policy.max_backoff),
            Interval::new(policy.initial_backoff)
        );
        let help = "the waits begin with `backoff` and grow up to `max_backoff`";
        flaws.push(flaw("max_backoff", ProblemKind::Contradiction, message, help));
    }
    flaws.extend(zero("reset_after", policy.reset_after));
    flaws
}

pub(super) fn of_fault(rule: &FaultRule) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    if rule.on.as_ref().is_some_and(|on| on.trim().is_empty()) {
        let message = "expected a contribution such as \"GET /search\", found an empty text";
        flaws.push(flaw("on", ProblemKind::Value, message, "leave it out for all of them"));
    }
    match rule.when {
        FaultWhen::Probability(share) => flaws.extend(not_a_share("probability", share)),
        FaultWhen::Calls { first, count } if first == 0 || count == 0 => {
            let message = "`first` and `count` must be at least 1";
            flaws.push(flaw("calls", ProblemKind::Value, message, "calls are counted from 1"));
        }
        FaultWhen::Calls { .. } | FaultWhen::Every(_) => {}
    }
    if let Fault::Delay(delay) = rule.fault {
        flaws.extend(zero("fault", delay));
    }
    flaws
}

pub(super) fn of_swap(own: &SwapOverrides) -> Vec<Flaw> {
    let times = [
        ("drain_timeout", own.drain_timeout),
        ("state_timeout", own.state_timeout),
        ("probation", own.probation),
    ];
    let mut flaws: Vec<_> =
        times.into_iter().filter_map(|(key, time)| time.and_then(|time| zero(key, time))).collect();
    if own.max_state_bytes == Some(0) {
        let message = format!("expected {BYTES}, found 0");
        flaws.push(flaw("max_state_bytes", ProblemKind::Value, message, ""));
    }
    if own.mode == Some(SwapMode::Exclusive) && own.canary.own().is_some() {
        let message = "`mode` is \"exclusive\": there is nobody to share the calls with";
        let help = "leave out one of the two";
        flaws.push(flaw("canary", ProblemKind::Contradiction, message, help));
    }
    flaws
}

pub(super) fn of_canary(policy: &CanaryPolicy) -> Vec<Flaw> {
    let mut flaws: Vec<_> = not_a_share("share", policy.share).into_iter().collect();
    flaws.extend(zero("window", policy.window));
    for (key, number, fits, expected) in [
        (
            "max_error_rate_above",
            policy.max_error_rate_above,
            is_difference as fn(f64) -> bool,
            DIFFERENCE,
        ),
        ("max_latency_ratio", policy.max_latency_ratio, is_ratio, RATIO),
    ] {
        if !fits(number) {
            let message = format!("expected {expected}, found {number}");
            flaws.push(flaw(key, ProblemKind::Value, message, ""));
        }
    }
    flaws
}

pub(super) fn of_replay(policy: &ReplayPolicy) -> Vec<Flaw> {
    let mut flaws: Vec<_> = zero("timeout", policy.timeout).into_iter().collect();
    if policy.file.as_os_str().is_empty() {
        let message = "expected the path of a recording, found none";
        let help = "record one with `PluginHost::record`";
        flaws.push(flaw("file", ProblemKind::Missing, message, help));
    }
    let is_pointer = |text: &&String| text.is_empty() || text.starts_with('/');
    for text in policy.ignore.iter().filter(|text| !is_pointer(text)) {
        let message = format!("expected JSON pointers, found {}", quote(text));
        let help = r#"a pointer begins with a slash: "/uptime", "/jobs/*/begun""#;
        flaws.push(flaw("ignore", ProblemKind::Value, message, help));
    }
    for name in policy.skip.iter().filter(|name| *name != "execute") {
        if let Some(why) = of_route(name) {
            let message = format!("{}: {why}", quote(name));
            let help = r#"write "execute", or a route as the plugin registers it"#;
            flaws.push(flaw("skip", ProblemKind::Value, message, help));
        }
    }
    flaws
}

/// Why `route` names no route; what is expected is a method and a path, as `GET /search`.
pub(super) fn of_route(route: &str) -> Option<&'static str> {
    let sound = route.split_once(' ').is_some_and(|(method, path)| {
        let upper = |c: char| c.is_ascii_uppercase() || c == '-';
        (method == "*" || (!method.is_empty() && method.chars().all(upper)))
            && path.starts_with('/')
            && !path.contains(char::is_whitespace)
    });
    (!sound).then_some("this is no route: expected a method in capitals and a path")
}

/// `health_check = false` next to a `restart` of the same table.
pub(super) fn of_restart_unseen(own: &SupervisionOverrides) -> Option<Flaw> {
    let contradict = own.restart.own().is_some() && own.health == Override::Off;
    contradict.then(|| {
        let message = "`restart` needs it: nothing else tells that the instance is unhealthy";
        let help = "leave it out, or write restart = false";
        flaw("health_check", ProblemKind::Contradiction, message, help)
    })
}

/// What to say of a `feature_flag` that is not among those of `[plugins]`.
pub(super) fn of_flag(flag: &str, flags: &BTreeMap<String, bool>) -> (String, String) {
    let help = match closest(flag, flags.keys().map(String::as_str)) {
        Some(known) => format!("did you mean {}?", quote(known)),
        None => format!("add it: [plugins.feature_flags] {} = false", Shown(flag)),
    };
    (format!("there is no feature flag {}", quote(flag)), help)
}

/// Pools whose instances are not of one plugin, or whose name is that of an instance; by instance.
pub(super) fn of_pools(instances: &BTreeMap<String, InstanceConfig>) -> Vec<(&str, Flaw)> {
    let mut firsts: BTreeMap<&str, &InstanceConfig> = BTreeMap::new();
    let mut flaws = Vec::new();
    for (id, instance) in instances {
        let Some(pool) = instance.supervision.pool.as_deref() else { continue };
        let first = *firsts.entry(pool).or_insert(instance);
        let is_first = first.id == instance.id;
        if is_first && instances.contains_key(pool) {
            let message =
                format!("{} is the id of an instance: calls of it mean that", quote(pool));
            let help = "choose another name for the pool";
            flaws.push((id.as_str(), flaw("pool", ProblemKind::Contradiction, message, help)));
        }
        if first.plugin != instance.plugin {
            let message = format!(
                "the instances of one pool were expected to be of one plugin: of {}, {} is one of {}, \
                 this is one of {}",
                quote(pool),
                quote(&first.id),
                quote(&first.plugin),
                quote(&instance.plugin),
            );
            let help = "give each plugin a pool of its own";
            flaws.push((id.as_str(), flaw("pool", ProblemKind::Contradiction, message, help)));
        }
    }
    flaws
}

fn zero(key: &'static str, time: Duration) -> Option<Flaw> {
    let help = "give it more, or leave the default";
    time.is_zero().then(|| flaw(key, ProblemKind::Value, "expected a time above zero", help))
}

fn not_a_share(key: &'static str, share: f64) -> Option<Flaw> {
    (!is_share(share)).then(|| {
        let message = format!("expected {SHARE}, found {share}");
        flaw(key, ProblemKind::Value, message, "")
    })
}

/// What [`is_share`] accepts.
pub(super) const SHARE: &str = "a number above 0 and at most 1";

/// A NaN is none.
pub(super) fn is_share(number: f64) -> bool {
    number > 0.0 && number <= 1.0
}

/// What [`is_difference`] accepts.
pub(super) const DIFFERENCE: &str = "a number from 0 to 1";

/// A NaN is none.
pub(super) fn is_difference(number: f64) -> bool {
    (0.0..=1.0).contains(&number)
}

/// What [`is_ratio`] accepts.
pub(super) const RATIO: &str = "a number of at least 1";

/// A NaN is none.
pub(super) fn is_ratio(number: f64) -> bool {
    number >= 1.0 && number.is_finite()
}

/// How large something may be.
pub(super) const BYTES: &str = "a whole number of bytes, at least 1";

fn flaw(
    key: &'static str,
    kind: ProblemKind,
    message: impl Into<String>,
    help: &'static str,
) -> Flaw {
    Flaw { key, kind, message: message.into(), help }
}
