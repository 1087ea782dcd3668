//! [`PluginsConfig`]: the table `[plugins]`, what holds for the host and for all plugins.
//!
//! Its keys are the host's; each table in it is an instance, except `security` (the policy) and
//! `config` (instances in their second shape).

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::entry::Entry;
use super::error::ProblemKind;
use super::flaws;
use super::instance::InstanceConfig;
use super::key_path::KeyPath;
use super::read_instance::{self, Around};
use super::read_supervision;
use super::read_swap::{self, Of};
use super::report::Report;
use super::section::Section;
use super::security::{self, SecurityPolicy};
use super::supervision::Supervision;
use super::swap::SwapPolicy;
use super::timeouts::{self, TimeoutOverrides, Timeouts};
use crate::manifest::RESERVED;

/// `[plugins]`: which plugins start, from where, and under which policy.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PluginsConfig {
    /// `false`: no plugin at all starts. `true` by default.
    pub enabled: bool,
    /// Where libraries are looked for. Read from a file, relative paths start at its folder.
    pub directories: Vec<PathBuf>,
    /// Ids, else types, in the order in which plugins start where dependencies leave a choice.
    /// See [`Config::resolve_load_order`](super::Config::resolve_load_order).
    pub load_order: Vec<String>,
    /// Whether plugins start that are found in a directory and that no table names. `true` by
    /// default.
    pub auto_load: bool,
    /// How long plugins may take.
    pub timeouts: Timeouts,
    /// What watches over each plugin that has nothing of its own. Limits of routes, pools and faults
    /// belong to single instances.
    pub supervision: Supervision,
    /// How each plugin is exchanged that has nothing of its own. Recordings belong to single instances.
    pub swap: SwapPolicy,
    /// Whether the directories are watched, and a file that is put there takes the place of what runs.
    /// `false` by default. Every library is loaded from a copy then, so that files may be overwritten.
    pub watch: bool,
    /// For so long a file has to be quiet before it is looked at. 500 milliseconds by default.
    pub watch_debounce: Duration,
    /// What is switched on and off by name, for the application and for instances with a
    /// [`feature_flag`](InstanceConfig::feature_flag).
    pub feature_flags: BTreeMap<String, bool>,
    /// How many plugins may run at most.
    pub max_plugins: Option<NonZeroU32>,
    /// How many libraries may be retired before the next swap is refused. Code is never unloaded, so
    /// each one that a swap leaves behind keeps its memory until the program ends. 120 by default: an
    /// update every week for two years, and 16 for those that were rolled back. With 0 nothing that was
    /// loaded is swapped.
    pub max_retired: u32,
    /// Whether one plugin that cannot be started stops all, and `start` fails. `false` by default.
    pub strict: bool,
    /// Below this folder each instance gets one of its own. Read from a file, a relative path starts
    /// at its folder; by default it is `data` in the current directory.
    pub data_dir: Option<PathBuf>,
    /// The instance (or the plugin, or the kind of backend) that stores what plugins store.
    pub storage: Option<String>,
    /// Which of the compiled-in plugins start; `None` leaves that to the application.
    pub linked: Option<Linked>,
    /// What is demanded of plugins.
    pub security: SecurityPolicy,
    /// The configured instances by id.
    pub instances: BTreeMap<String, InstanceConfig>,
}

/// How long nothing must have happened to a file: longer than a copy pauses between two pieces, and
/// shorter than anybody waits for.
const DEBOUNCE: Duration = Duration::from_millis(500);

/// Two years of weekly updates, and some that were rolled back.
const MAX_RETIRED: u32 = 2 * 52 + 16;

impl Default for PluginsConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            directories: Vec::new(),
            load_order: Vec::new(),
            auto_load: true,
            timeouts: Timeouts::default(),
            supervision: Supervision::default(),
            swap: SwapPolicy::default(),
            watch: false,
            watch_debounce: DEBOUNCE,
            feature_flags: BTreeMap::new(),
            max_plugins: None,
            max_retired: MAX_RETIRED,
            strict: false,
            data_dir: None,
            storage: None,
            linked: None,
            security: SecurityPolicy::default(),
            instances: BTreeMap::new(),
        }
    }
}

impl PluginsConfig {
    /// Whether this feature flag is on. One that is not there is off.
    pub fn feature(&self, flag: &str) -> bool {
        self.feature_flags.get(flag).copied().unwrap_or(false)
    }

    /// Whether this instance starts with the host: all plugins, it and its feature flag are on.
    pub fn enables(&self, instance: &InstanceConfig) -> bool {
        let flag = instance.feature_flag.as_deref();
        self.enabled && instance.enabled && flag.is_none_or(|flag| self.feature(flag))
    }
}

/// Which of the compiled-in plugins start.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Linked {
    /// Those with these plugin ids.
    Only(Vec<String>),
    /// All of them.
    All,
}

pub(super) fn read(
    table: &DeTable<'_>,
    path: &KeyPath,
    base_dir: &Path,
    report: &mut Report,
) -> PluginsConfig {
    let mut plugins = PluginsConfig::default();
    let mut section = Section::new(path.clone(), table)
        .with_hint("an instance of a plugin is a table, [plugins.<id>]");

    if let Some(entry) = section.take("security", report)
        && let Some(table) = entry.table(report, "a table")
    {
        plugins.security = security::read(table, entry.path, base_dir, report);
    }
    if let Some(entry) = section.take_as("feature_flags", &["FeatureFlags"], report) {
        plugins.feature_flags = feature_flags(&entry, report);
    }
    let first = section.take_tables(RESERVED);
    let second = section.take("config", report);
    let second = second.map(|entry| flat_instances(&entry, report)).unwrap_or_default();
    let before = report.count();
    let around = Around { flags: &plugins.feature_flags, base_dir };
    plugins.instances = read_instance::read_all(first, second, around, report);
    // Of what could not be read nobody knows whether it fits.
    if report.count() == before {
        for (id, flaw) in flaws::of_pools(&plugins.instances) {
            report.push_placed(&path.key(id).key(flaw.key), flaw);
        }
    }
    read_keys(&mut plugins, &mut section, base_dir, report);
    section.finish(report);
    plugins
}

/// The keys that are no instances.
fn read_keys(
    plugins: &mut PluginsConfig,
    section: &mut Section<'_>,
    base_dir: &Path,
    report: &mut Report,
) {
    for (key, flag) in [
        ("enabled", &mut plugins.enabled),
        ("auto_load", &mut plugins.auto_load),
        ("strict", &mut plugins.strict),
        ("watch", &mut plugins.watch),
    ] {
        let found = section.take(key, report).and_then(|entry| entry.boolean(report));
        *flag = found.unwrap_or(*flag);
    }
    plugins.directories = directories(section, base_dir, report);
    if let Some(entry) = section.take("load_order", report) {
        plugins.load_order = load_order(&entry, report).unwrap_or_default();
    }
    let timeouts: TimeoutOverrides = timeouts::read(section, report);
    plugins.timeouts = plugins.timeouts.with(&timeouts);
    plugins.supervision = plugins.supervision.with(&read_supervision::read(section, report));
    plugins.swap = plugins.swap.with(&read_swap::read(section, Of::All, report));
    let found = section.take("watch_debounce", report).and_then(|entry| entry.duration(report));
    plugins.watch_debounce = found.unwrap_or(plugins.watch_debounce);
    let found = section.take("max_plugins", report);
    plugins.max_plugins = found.and_then(|entry| {
        entry.above_zero(report, "to start no plugin at all write enabled = false")
    });
    let found = section.take("max_retired", report);
    plugins.max_retired = found
        .and_then(|entry| entry.whole(report, "a whole number from 0 to 4294967295"))
        .unwrap_or(plugins.max_retired);
    let found = section.take("data_dir", report);
    plugins.data_dir = found
        .and_then(|entry| entry.text(report, "the path of a folder"))
        .map(|folder| base_dir.join(folder));
    let found = section.take("storage", report);
    plugins.storage =
        found.and_then(|entry| entry.text(report, "the id of an instance, or its type"));
    plugins.linked = section.take("linked", report).and_then(|entry| linked(&entry, report));
}

/// The tables in `[plugins.config]`.
fn flat_instances<'t>(entry: &Entry<'t>, report: &mut Report) -> Vec<Entry<'t>> {
    let Some(table) = entry.table(report, "a table") else { return Vec::new() };
    let entries = Section::new(entry.path.clone(), table).into_entries().into_iter();
    entries
        .filter(|entry| entry.table(report, "a table, [plugins.config.<id>]").is_some())
        .collect()
}

/// All flags that are named. One that is neither on nor off is off, so that nobody else misses it.
fn feature_flags(entry: &Entry<'_>, report: &mut Report) -> BTreeMap<String, bool> {
    let expected = "a table, such as { beta-search = true }";
    let Some(table) = entry.table(report, expected) else { return BTreeMap::new() };
    let entries = Section::new(entry.path.clone(), table).into_entries().into_iter();
    entries.map(|entry| (entry.name.to_owned(), entry.boolean(report).unwrap_or(false))).collect()
}

fn directories(section: &mut Section<'_>, base_dir: &Path, report: &mut Report) -> Vec<PathBuf> {
    const EXPECTED: &str = "the path of a folder";
    let one = section.take("directory", report);
    let many = section.take("directories", report);
    if let (Some(one), Some(many)) = (&one, &many) {
        many.twice(one, report);
    }
    let one = one.and_then(|entry| entry.text(report, EXPECTED));
    let many = many.and_then(|entry| entry.texts(report, "a list of folders"));
    let all = one.into_iter().chain(many.into_iter().flatten());
    all.map(|folder| base_dir.join(folder)).collect()
}

fn load_order(entry: &Entry<'_>, report: &mut Report) -> Option<Vec<String>> {
    let items = entry.items(report, "a list of ids or types")?;
    let mut order: Vec<String> = Vec::new();
    for item in items {
        let Some(name) = item.text(report, "an id or a type, in quotes") else {
            continue;
        };
        if order.contains(&name) {
            let message = "it stands in the list more than once";
            report.push(ProblemKind::Twice, &item.path, &item.span, message, "keep the first");
        }
        order.push(name);
    }
    Some(order)
}

fn linked(entry: &Entry<'_>, report: &mut Report) -> Option<Linked> {
    match entry.value {
        DeValue::Array(_) => {
            let items = entry.items(report, "a list of plugin ids")?.into_iter();
            let ids: Vec<_> = items.map(|item| item.id(report)).collect();
            ids.into_iter().collect::<Option<_>>().map(Linked::Only)
        }
        _ if entry.value.as_str() == Some("all") => Some(Linked::All),
        _ => entry.unexpected(report, "\"all\" or a list of plugin ids", ""),
    }
}
