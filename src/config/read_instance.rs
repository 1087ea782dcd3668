//! Reads an instance in either of its two shapes.
//!
//! `[plugins.<id>]` has keys of the host, and the plugin's own below `config`.
//! `[plugins.config.<id>]` has the plugin's own keys, and `enabled` among them. One id in both is
//! refused: whoever reads only one of the two tables would be misled.

use std::collections::BTreeMap;
use std::path::Path;

use super::entry::Entry;
use super::error::ProblemKind;
use super::flaws;
use super::id;
use super::instance::{InstanceConfig, Instances, Mount, Origin};
use super::json;
use super::limits::{HostLimits, LoadRule};
use super::read_supervision;
use super::read_swap::{self, Of};
use super::report::{Provenance, Report};
use super::section::Section;
use super::timeouts;

/// What an instance refers to.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    /// All feature flags.
    pub(super) flags: &'a BTreeMap<String, bool>,
    /// Where relative paths start.
    pub(super) base_dir: &'a Path,
}

/// Reads `first` (`[plugins.<id>]`, …) and `second` (`[plugins.config.<id>]`, …).
pub(super) fn read_all(
    first: Vec<Entry<'_>>,
    second: Vec<Entry<'_>>,
    around: Around<'_>,
    report: &mut Report,
) -> Instances {
    for late in &second {
        let Some(early) = first.iter().find(|early| early.name == late.name) else {
            continue;
        };
        let message = format!(
            "the instance is configured twice: here and as `{}` on line {}",
            early.path,
            report.position(early.key.start).line
        );
        let help =
            format!("keep `{}`, and put the plugin's own keys into its `config`", early.path);
        report.push(ProblemKind::Twice, &late.path, &late.key, message, help);
    }
    let mut instances = Instances::new();
    for entry in first {
        let read = |entry: &Entry<'_>, report: &mut Report| read_host_shape(entry, around, report);
        instances.extend(named(&entry, report, read));
    }
    for entry in second {
        instances.extend(named(&entry, report, read_flat_shape));
    }
    instances
}

fn named(
    entry: &Entry<'_>,
    report: &mut Report,
    read: impl FnOnce(&Entry<'_>, &mut Report) -> Option<InstanceConfig>,
) -> Option<(String, InstanceConfig)> {
    if let Err(message) = id::check(entry.name) {
        report.push(ProblemKind::Id, &entry.path, &entry.key, message, id::HELP);
        return None;
    }
    Some((entry.name.to_owned(), read(entry, report)?))
}

/// `[plugins.<id>]`
fn read_host_shape(
    entry: &Entry<'_>,
    around: Around<'_>,
    report: &mut Report,
) -> Option<InstanceConfig> {
    let mut section = Section::new(entry.path.clone(), entry.table(report, "a table")?)
        .with_hint("keys of the plugin itself belong below `config`");
    let mut instance = InstanceConfig::new(entry.name);
    let found = section.take("plugin", report).and_then(|entry| entry.id(report));
    instance.plugin = found.unwrap_or(instance.plugin);
    let found = section.take("enabled", report).and_then(|entry| entry.boolean(report));
    instance.enabled = found.unwrap_or(true);
    if let Some(entry) = section.take("feature_flag", report) {
        instance.feature_flag = entry.text(report, "the name of a feature flag");
        if let Some(flag) = &instance.feature_flag
            && !around.flags.contains_key(flag)
        {
            let (message, help) = flaws::of_flag(flag, around.flags);
            report.push(ProblemKind::Reference, &entry.path, &entry.span, message, help);
        }
    }
    let found = section.take("type", report);
    instance.kind = found.and_then(|entry| entry.text(report, "a text, such as \"storage\""));
    let found = section.take("version", report);
    instance.version =
        found.and_then(|entry| entry.parsed(report, "the accepted versions, such as \"^1.2\""));
    let found = section.take("mount", report);
    instance.mount = found.and_then(|entry| {
        entry.one_of(report, &[("linked", Mount::Linked), ("loaded", Mount::Loaded)])
    });
    let found = section.take("required", report).and_then(|entry| entry.boolean(report));
    instance.required = found.unwrap_or(false);
    let found = section.take("permissions", report);
    instance.permissions = found.and_then(|entry| entry.texts(report, "a list of permissions"));
    let found = section.take("deny", report);
    instance.deny =
        found.and_then(|entry| entry.texts(report, "a list of permissions")).unwrap_or_default();
    let found = section.take("priority", report);
    instance.priority = found
        .and_then(|entry| entry.whole(report, "a whole number from -2147483648 to 2147483647"));
    instance.timeouts = timeouts::read(&mut section, report);
    instance.supervision = read_supervision::read(&mut section, report);
    read_supervision::read_of_one(&mut section, &mut instance.supervision, report);
    instance.swap = read_swap::read(&mut section, Of::One(around.base_dir), report);
    if let Some(entry) = section.take("limits", report)
        && let Some(table) = entry.table(report, "a table of limits, such as { tasks = 32 }")
    {
        instance.limits = HostLimits::read(table, entry.path, report);
    }
    let found = section.take("load", report);
    instance.load = found.and_then(|entry| LoadRule::read(&entry, report));
    if let Some(entry) = section.take("config", report)
        && let Some(table) = entry.table(report, "a table with the plugin's own settings")
    {
        report.place(&entry.path, &entry.key);
        instance.settings = json::object(table, &entry.path, report).into();
        instance.origin.path = entry.path;
    }
    section.finish(report);
    Some(instance)
}

/// `[plugins.config.<id>]`
fn read_flat_shape(entry: &Entry<'_>, report: &mut Report) -> Option<InstanceConfig> {
    let table = entry.table(report, "a table with the plugin's own settings")?;
    let mut instance = InstanceConfig::new(entry.name);
    let mut section = Section::new(entry.path.clone(), table);
    if let Some(enabled) = section.take("enabled", report) {
        instance.enabled = enabled.boolean(report).unwrap_or(true);
    }
    report.place(&entry.path, &entry.key);
    let mut settings = json::object(table, &entry.path, report);
    settings.remove("enabled");
    instance.settings = settings.into();
    instance.origin = Origin { path: entry.path.clone(), provenance: Provenance::default() };
    Some(instance)
}
