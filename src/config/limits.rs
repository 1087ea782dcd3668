//! What an instance may ask of its host ([`HostLimits`]) and when it yields to load
//! ([`LoadRule`]).
//!
//! Only the numbers; counting and measuring are supervision's business.

use toml::de::DeTable;

use super::entry::Entry;
use super::error::ProblemKind;
use super::key_path::KeyPath;
use super::report::Report;
use super::section::Section;
use crate::settings::Quota;

/// `[plugins.<instance>.limits]`: what a plugin may ask of the host. What is `None` has the host's
/// default, which is ample for anything that is not a loop gone wild.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostLimits {
    /// Calls of other plugins and of the host's routes, and look-ups of services; `100000/s` by default.
    pub calls: Option<Quota>,
    /// Events that it publishes; `10000/s` by default.
    pub events: Option<Quota>,
    /// Lines that it logs; `1000/s` by default.
    pub log_lines: Option<Quota>,
    /// Periodic tasks at one time; 64 by default.
    pub tasks: Option<u32>,
    /// Subscriptions at one time; 256 by default.
    pub subscriptions: Option<u32>,
}

impl HostLimits {
    pub(super) fn read(table: &DeTable<'_>, path: KeyPath, report: &mut Report) -> Self {
        const COUNT: &str = "a whole number from 0 to 4294967295";
        const QUOTA: &str = r#"how many in how long, such as "1000/s""#;
        let mut section = Section::new(path, table);
        let mut quota = |name| {
            let entry = section.take(name, report)?;
            entry.parsed(report, QUOTA)
        };
        let mut limits = Self {
            calls: quota("calls"),
            events: quota("events"),
            log_lines: quota("log_lines"),
            ..Self::default()
        };
        let mut count = |name| section.take(name, report)?.whole(report, COUNT);
        limits.tasks = count("tasks");
        limits.subscriptions = count("subscriptions");
        section.finish(report);
        limits
    }
}

/// `[plugins.<instance>.load]`: a plugin that can be spared is disabled while the load is high.
///
/// The gap between the two keeps it from being switched on and off all the time.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct LoadRule {
    /// It is disabled when the load rises above this.
    pub disable_above: f64,
    /// It is enabled again when the load falls below this. Less than `disable_above`.
    pub enable_below: f64,
}

impl LoadRule {
    /// The rule, or `None` unless `0 < enable_below < disable_above`, both finite.
    pub fn new(disable_above: f64, enable_below: f64) -> Option<Self> {
        let rule = Self { disable_above, enable_below };
        rule.is_sound().then_some(rule)
    }

    pub(super) fn is_sound(&self) -> bool {
        // A NaN fails each of the comparisons.
        0.0 < self.enable_below
            && self.enable_below < self.disable_above
            && self.disable_above.is_finite()
    }

    pub(super) fn read(entry: &Entry<'_>, report: &mut Report) -> Option<Self> {
        let table = entry.table(report, "a table with `disable_above` and `enable_below`")?;
        let mut section = Section::new(entry.path.clone(), table);
        let mut number = |name| {
            let Some(entry) = section.take(name, report) else {
                return (None, true);
            };
            (entry.positive(report).map(|number| (number, entry)), false)
        };
        let (above, no_above) = number("disable_above");
        let (below, no_below) = number("enable_below");
        section.finish(report);
        for (missing, name) in [(no_above, "disable_above"), (no_below, "enable_below")] {
            if missing {
                let message = format!("`{name}` is missing");
                let help = "write both, e.g. disable_above = 0.9 and enable_below = 0.7";
                report.push(ProblemKind::Missing, &entry.path, &entry.key, message, help);
            }
        }
        let ((above, _), (below, at)) = (above?, below?);
        let rule = Self::new(above, below);
        if rule.is_none() {
            let message = format!("{below} is not less than `disable_above`, which is {above}");
            let help = "leave a gap, e.g. disable_above = 0.9 and enable_below = 0.7";
            report.push(ProblemKind::Contradiction, &at.path, &at.span, message, help);
        }
        rule
    }
}
