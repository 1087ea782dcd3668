//! Reads the keys of supervision, of `[plugins]` and of an instance.

use std::num::NonZeroU32;

use toml::de::DeValue;

use super::entry::Entry;
use super::error::ProblemKind;
use super::flaws;
use super::policy::{Fields, judged, policy, switch};
use super::report::Report;
use super::section::Section;
use super::supervision::{
    BreakerPolicy, BulkheadPolicy, FailurePolicy, Fault, FaultRule, FaultWhen, HealthPolicy, Lane,
    Override, RestartPolicy, SupervisionOverrides,
};
use crate::settings::Quota;

const QUOTA: &str = r#"how many in how long, such as "100/s""#;

/// Takes out what `[plugins]` and an instance's table both may have.
pub(super) fn read(section: &mut Section<'_>, report: &mut Report) -> SupervisionOverrides {
    let mut own =
        SupervisionOverrides { bulkhead: bulkhead(section, report), ..Default::default() };
    let aliases = ["rate_limiting", "rateLimiting", "RateLimiting"];
    if let Some(entry) = section.take_as("rate_limit", &aliases, report) {
        own.rate_limit = switch(&entry, report, |entry, report| {
            entry.parsed(report, r#"how many in how long, such as "100/s", or false"#)
        });
    }
    if let Some(entry) = section.take_as("circuit_breaker", &["CircuitBreaker"], report) {
        let expected = "true, false or a table, such as { failure_threshold = 5 }";
        own.breaker = policy(&entry, report, expected, breaker, flaws::of_breaker);
    }
    if let Some(entry) = section.take("on_failure", report) {
        let words = [("closed", FailurePolicy::Closed), ("open", FailurePolicy::Open)];
        own.failure = entry.one_of(report, &words);
    }
    own.lane = section.take("lane", report).and_then(|entry| lane(&entry, report));
    let health_check = section.take("health_check", report);
    if let Some(entry) = &health_check {
        let expected = r#"true, false or a table, such as { interval = "30s" }"#;
        own.health = policy(entry, report, expected, health, flaws::of_health);
    }
    if let Some(entry) = section.take("restart", report) {
        let expected = "true, false or a table, such as { max = 5 }";
        own.restart = policy(&entry, report, expected, restart, flaws::of_restart);
    }
    if let (Some(flaw), Some(entry)) = (flaws::of_restart_unseen(&own), &health_check) {
        report.push(flaw.kind, &entry.path, &entry.span, flaw.message, flaw.help);
    }
    own
}

/// Takes out what only a single instance has.
pub(super) fn read_of_one(
    section: &mut Section<'_>,
    own: &mut SupervisionOverrides,
    report: &mut Report,
) {
    if let Some(entry) = section.take("route_limits", report) {
        own.routes = routes(&entry, report);
    }
    if let Some(entry) = section.take("pool", report) {
        report.place(&entry.path, &entry.span);
        own.pool = entry.id(report);
    }
    if let Some(entry) = section.take("faults", report) {
        own.faults = faults(&entry, report);
    }
}

fn bulkhead(section: &mut Section<'_>, report: &mut Report) -> Override<BulkheadPolicy> {
    let inside = section.take("max_in_flight", report);
    let queue = section.take("queue", report);
    let mut policy = match &inside {
        Some(entry) => switch(entry, report, |entry, report| {
            let help = "for no limit write max_in_flight = false";
            entry.above_zero(report, help).map(BulkheadPolicy::new)
        }),
        None => Override::Inherit,
    };
    let Some(queue) = queue else { return policy };
    let count = queue.whole(report, "a whole number from 0 to 4294967295");
    match &mut policy {
        Override::Own(policy) => policy.queue = count.unwrap_or(0),
        // A `max_in_flight` that cannot be read has its problem already.
        Override::Inherit if inside.is_some() => {}
        Override::Inherit | Override::Off => {
            let message = "calls wait only where `max_in_flight` bounds how many are inside";
            let help = "set `max_in_flight` beside it, or leave it out";
            report.push(ProblemKind::Contradiction, &queue.path, &queue.key, message, help);
        }
    }
    policy
}

fn breaker(fields: &mut Fields<'_, '_, '_>) -> BreakerPolicy {
    let help = "for no breaker write circuit_breaker = false";
    let threshold = fields.above_zero("failure_threshold", help);
    let rate = fields
        .get("failure_rate", |entry, report| entry.number(report, flaws::SHARE, flaws::is_share));
    let mut policy = BreakerPolicy { failure_rate: rate, ..Default::default() };
    // Whoever gives only a rate wants only that.
    if threshold.is_some() || fields.has("failure_rate") {
        policy.failure_threshold = threshold;
    }
    policy.window = fields.duration("window").unwrap_or(policy.window);
    let min_calls = fields.above_zero("min_calls", "");
    policy.min_calls = min_calls.map_or(policy.min_calls, |count| count.get().into());
    let open_for =
        fields.get_as("timeout", &["open_for", "openFor"], |entry, report| entry.duration(report));
    policy.open_for = open_for.unwrap_or(policy.open_for);
    let trials = fields.above_zero("half_open_limit", "");
    policy.half_open_limit = trials.unwrap_or(policy.half_open_limit);
    if !fields.has("failure_rate") {
        for key in ["window", "min_calls"] {
            if fields.has(key) {
                let message = "this is for `failure_rate`, which is not there";
                fields.contradiction(key, message, "set failure_rate = 0.5, or leave this out");
            }
        }
    }
    policy
}

fn lane(entry: &Entry<'_>, report: &mut Report) -> Option<Lane> {
    // Enough that one call that blocks does not block the next.
    let dedicated = Lane::dedicated(const { NonZeroU32::new(2).unwrap() });
    let Some(table) = entry.value.as_table() else {
        return match entry.value.as_str() {
            Some("inline") => Some(Lane::Inline),
            Some("dedicated") => Some(dedicated),
            _ => {
                let expected = r#""inline", "dedicated" or a table, such as { threads = 2 }"#;
                entry.unexpected(report, expected, "")
            }
        };
    };
    let Lane::Dedicated { mut threads, mut queue, mut spare } = dedicated else { return None };
    let mut section = Section::new(entry.path.clone(), table);
    if let Some(entry) = section.take("threads", report) {
        let help = r#"for none of its own write lane = "inline""#;
        threads = entry.above_zero(report, help).unwrap_or(threads);
    }
    for (key, number) in [("queue", &mut queue), ("spare", &mut spare)] {
        if let Some(entry) = section.take(key, report) {
            let count = entry.whole(report, "a whole number from 0 to 4294967295");
            *number = count.unwrap_or(*number);
        }
    }
    section.finish(report);
    Some(Lane::Dedicated { threads, queue, spare })
}

fn health(fields: &mut Fields<'_, '_, '_>) -> HealthPolicy {
    let mut policy = HealthPolicy::default();
    policy.interval = fields.duration("interval").unwrap_or(policy.interval);
    let timeout = fields.duration("timeout");
    policy.timeout = timeout.unwrap_or(policy.timeout);
    let help = "for no health checks write health_check = false";
    let unhealthy_after = fields.above_zero("unhealthy_after", help);
    policy.unhealthy_after = unhealthy_after.unwrap_or(policy.unhealthy_after);
    policy
}

fn restart(fields: &mut Fields<'_, '_, '_>) -> RestartPolicy {
    let mut policy = RestartPolicy::default();
    let max = fields.above_zero("max", flaws::NO_RESTART);
    policy.max_restarts = max.map_or(policy.max_restarts, NonZeroU32::get);
    policy.initial_backoff = fields.duration("backoff").unwrap_or(policy.initial_backoff);
    let factor = fields.get("factor", |entry, report| {
        entry.number(report, "a number of at least 1", |factor| factor >= 1.0)
    });
    policy.factor = factor.unwrap_or(policy.factor);
    let longest = fields.duration("max_backoff");
    policy.max_backoff = longest.unwrap_or(policy.max_backoff.max(policy.initial_backoff));
    policy.reset_after = fields.duration("reset_after").unwrap_or(policy.reset_after);
    policy
}

fn routes(entry: &Entry<'_>, report: &mut Report) -> Vec<(String, Quota)> {
    let expected = r#"a table of quotas by route, such as { "GET /search" = "50/min" }"#;
    let Some(table) = entry.table(report, expected) else { return Vec::new() };
    let mut routes = Vec::new();
    for entry in Section::new(entry.path.clone(), table).into_entries() {
        if let Some(message) = flaws::of_route(entry.name) {
            let help = flaws::ROUTE_HELP;
            report.push(ProblemKind::Value, &entry.path, &entry.key, message, help);
        }
        routes.extend(entry.parsed(report, QUOTA).map(|quota| (entry.name.to_owned(), quota)));
    }
    routes
}

fn faults(entry: &Entry<'_>, report: &mut Report) -> Vec<FaultRule> {
    let expected = r#"a list of faults, such as [{ fault = "fail", every = 10 }]"#;
    let items = match entry.value {
        DeValue::Array(_) => entry.items(report, expected),
        _ => entry.unexpected(report, expected, ""),
    };
    let Some(items) = items else { return Vec::new() };
    if !items.is_empty() {
        // Nobody wants to find them in production by what they do.
        report.warn(&entry.key, "`faults`: calls of this instance go wrong on purpose");
    }
    let rules = items.iter().map(|item| {
        let expected = r#"a table, such as { fault = "fail", every = 10 }"#;
        let table = item.table(report, expected)?;
        judged(
            item,
            table,
            report,
            |fields| rule(item, fields),
            |rule| rule.as_ref().map(flaws::of_fault).unwrap_or_default(),
        )
    });
    let rules: Vec<_> = rules.collect();
    rules.into_iter().flatten().collect()
}

fn rule(item: &Entry<'_>, fields: &mut Fields<'_, '_, '_>) -> Option<FaultRule> {
    let on = fields
        .get("on", |entry, report| entry.text(report, r#"a contribution, such as "GET /search""#));
    let fault = fields.get("fault", fault);
    if !fields.has("fault") {
        let help = r#"say what goes wrong: fault = "fail", "panic", "never" or { delay = "2s" }"#;
        fields.report.push(
            ProblemKind::Missing,
            &item.path,
            &item.span,
            "`fault` is missing",
            help,
        );
    }
    let probability = fields
        .get("probability", |entry, report| entry.number(report, flaws::SHARE, flaws::is_share));
    let seed = fields.get("seed", |entry, report| entry.whole(report, "a whole number from 0"));
    if fields.has("seed") && !fields.has("probability") {
        let message = "this is for `probability`, which is not there";
        fields.contradiction("seed", message, "set probability = 0.1, or leave this out");
    }
    let calls = fields.get("calls", calls);
    let every = fields.above_zero("every", "");
    let given: Vec<&'static str> =
        ["probability", "calls", "every"].into_iter().filter(|key| fields.has(key)).collect();
    if let [first, .., last] = given[..] {
        let message = format!("which calls it hits is said by `{first}` already");
        fields.contradiction(last, message, "keep one of the two");
    }
    let when = probability.map(FaultWhen::Probability).or(calls).or(every.map(FaultWhen::Every));
    let when = when.unwrap_or(FaultWhen::ALWAYS);
    Some(FaultRule { on, when, fault: fault?, seed: seed.unwrap_or_default() })
}

fn fault(entry: &Entry<'_>, report: &mut Report) -> Option<Fault> {
    let Some(table) = entry.value.as_table() else {
        return match entry.value.as_str() {
            Some("fail") => Some(Fault::Fail),
            Some("panic") => Some(Fault::Panic),
            Some("never") => Some(Fault::Never),
            _ => {
                let expected = r#""fail", "panic", "never" or { delay = "2s" }"#;
                entry.unexpected(report, expected, "")
            }
        };
    };
    let mut section = Section::new(entry.path.clone(), table);
    let delay = section.take("delay", report);
    section.finish(report);
    if delay.is_none() {
        let help = r#"write fault = { delay = "2s" }"#;
        report.push(ProblemKind::Missing, &entry.path, &entry.span, "`delay` is missing", help);
    }
    delay?.duration(report).map(Fault::Delay)
}

fn calls(entry: &Entry<'_>, report: &mut Report) -> Option<FaultWhen> {
    let table = entry.table(report, "a table, such as { first = 3, count = 2 }")?;
    let mut section = Section::new(entry.path.clone(), table);
    let mut number = |key| {
        let entry = section.take(key, report)?;
        entry.above_zero(report, "calls are counted from 1").map(|number| u64::from(number.get()))
    };
    let (first, count) = (number("first"), number("count"));
    section.finish(report);
    Some(FaultWhen::Calls { first: first.unwrap_or(1), count: count.unwrap_or(1) })
}
