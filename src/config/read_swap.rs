//! Reads the table `swap`, of `[plugins]` and of an instance.

use std::path::Path;

use super::entry::Entry;
use super::flaws;
use super::policy::{Fields, judged, policy};
use super::report::Report;
use super::section::Section;
use super::swap::{CanaryPolicy, ReplayPolicy, StateLost, SwapOverrides};
use crate::manifest::SwapMode;

/// Where the table is.
#[derive(Clone, Copy)]
pub(super) enum Of<'b> {
    /// In `[plugins]`.
    All,
    /// In an instance; the paths in it start here.
    One(&'b Path),
}

/// Takes out `swap`.
pub(super) fn read(section: &mut Section<'_>, of: Of<'_>, report: &mut Report) -> SwapOverrides {
    let Some(entry) = section.take("swap", report) else { return SwapOverrides::default() };
    let expected = r#"a table, such as { probation = "1m" }"#;
    let Some(table) = entry.table(report, expected) else { return SwapOverrides::default() };
    judged(&entry, table, report, |fields| swap(fields, of), flaws::of_swap)
}

fn swap(fields: &mut Fields<'_, '_, '_>, of: Of<'_>) -> SwapOverrides {
    SwapOverrides {
        mode: fields.get("mode", |entry, report| {
            let words = [("overlap", SwapMode::Overlap), ("exclusive", SwapMode::Exclusive)];
            entry.one_of(report, &words)
        }),
        drain_timeout: fields.duration("drain_timeout"),
        state_timeout: fields.duration("state_timeout"),
        max_state_bytes: fields.get("max_state_bytes", |entry, report| {
            let bytes: u64 = entry.whole(report, flaws::BYTES)?;
            (bytes > 0).then_some(bytes).or_else(|| entry.unexpected(report, flaws::BYTES, ""))
        }),
        state_lost: fields.get("state_lost", |entry, report| {
            let words = [("refuse", StateLost::Refuse), ("start_afresh", StateLost::StartAfresh)];
            entry.one_of(report, &words)
        }),
        probation: fields.duration("probation"),
        canary: fields
            .get("canary", |entry, report| {
                let expected = r#"true, false or a table, such as { share = "10%" }"#;
                Some(policy(entry, report, expected, canary, flaws::of_canary))
            })
            .unwrap_or_default(),
        replay: match of {
            Of::All => None,
            Of::One(base_dir) => {
                fields.get("replay", |entry, report| replay(entry, base_dir, report))
            }
        },
    }
}

fn canary(fields: &mut Fields<'_, '_, '_>) -> CanaryPolicy {
    let mut policy = CanaryPolicy::default();
    let found =
        fields.get("share", |entry, report| share(entry, report, flaws::SHARE, flaws::is_share));
    policy.share = found.unwrap_or(policy.share);
    policy.window = fields.duration("window").unwrap_or(policy.window);
    policy.min_calls = fields.above_zero("min_calls", "").unwrap_or(policy.min_calls);
    let found = fields.get("max_error_rate_above", |entry, report| {
        share(entry, report, flaws::DIFFERENCE, flaws::is_difference)
    });
    policy.max_error_rate_above = found.unwrap_or(policy.max_error_rate_above);
    let found = fields.get("max_latency_ratio", |entry, report| {
        entry.number(report, flaws::RATIO, flaws::is_ratio)
    });
    policy.max_latency_ratio = found.unwrap_or(policy.max_latency_ratio);
    policy
}

/// The path of a recording, or a table with more than that.
fn replay(entry: &Entry<'_>, base_dir: &Path, report: &mut Report) -> Option<ReplayPolicy> {
    const RECORDING: &str = "the path of a recording";
    if entry.value.as_table().is_none() {
        let expected = format!(r#"{RECORDING}, or a table, such as {{ file = "calls.jsonl" }}"#);
        return Some(ReplayPolicy::new(base_dir.join(entry.text(report, &expected)?)));
    }
    let table = entry.table(report, RECORDING)?;
    let read = |fields: &mut Fields<'_, '_, '_>| {
        let file = fields.get("file", |entry, report| entry.text(report, RECORDING));
        let file = file.map(|file| base_dir.join(file));
        let mut policy = ReplayPolicy::new(file.unwrap_or_default());
        let pointers = "a list of JSON pointers";
        let ignore = fields.get("ignore", |entry, report| entry.texts(report, pointers));
        policy.ignore = ignore.unwrap_or_default();
        let routes = "a list of routes";
        let skip = fields.get("skip", |entry, report| entry.texts(report, routes));
        policy.skip = skip.unwrap_or_default();
        policy.timeout = fields.duration("timeout").unwrap_or(policy.timeout);
        policy
    };
    Some(judged(entry, table, report, read, flaws::of_replay))
}

/// A share as a number or in percent.
fn share(
    entry: &Entry<'_>,
    report: &mut Report,
    expected: &str,
    fits: fn(f64) -> bool,
) -> Option<f64> {
    let Some(text) = entry.value.as_str() else { return entry.number(report, expected, fits) };
    let percent = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    let share = percent.map(|percent| percent / 100.0).filter(|share| fits(*share));
    share.or_else(|| entry.unexpected(report, &format!("{expected}, or \"10%\""), ""))
}
