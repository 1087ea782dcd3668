//! Whom the operator trusts, by plugin: keys, digests and lowest versions.
//!
//! ```toml
//! [plugins.security.keys.releases]     # a name, for messages
//! public_key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"
//! plugins = ["storage-*", "hkp"]       # which plugins it may sign; all, unless given
//!
//! [plugins.security.pins.storage-sqlite]
//! "0.1.0" = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
//!
//! [plugins.security.minimum]
//! storage-sqlite = "0.1.0"
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use semver::Version;
use toml::de::{DeTable, DeValue};

use super::digest::Sha256;
use super::entry::Entry;
use super::error::ProblemKind;
use super::report::Report;
use super::section::Section;
use super::{id, key_path::Shown};

/// A key whose signatures are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TrustedKey {
    /// The key itself, or where it is.
    pub public_key: PublicKey,
    /// The ids of the plugins that it may sign; a final `*` stands for any ending. `None`: all.
    pub plugins: Option<Vec<String>>,
}

impl TrustedKey {
    /// A key that may sign every plugin.
    pub fn new(public_key: PublicKey) -> Self {
        Self { public_key, plugins: None }
    }

    /// This key, for these plugins only; a final `*` stands for any ending.
    pub fn only_for<I: Into<String>>(mut self, plugins: impl IntoIterator<Item = I>) -> Self {
        self.plugins = Some(plugins.into_iter().map(Into::into).collect());
        self
    }

    /// Whether it may sign that plugin.
    pub fn covers(&self, plugin: &str) -> bool {
        self.plugins.as_ref().is_none_or(|plugins| {
            plugins.iter().any(|pattern| match pattern.strip_suffix('*') {
                Some(start) => plugin.starts_with(start),
                None => pattern == plugin,
            })
        })
    }
}

/// A public key of minisign.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublicKey {
    /// The second line of a file `minisign.pub`.
    Text(String),
    /// Such a file. Read when the host is built.
    File(PathBuf),
}

/// `[plugins.security.keys]`: a table for each key, by name.
pub(super) fn keys(
    entry: &Entry<'_>,
    base_dir: &Path,
    report: &mut Report,
) -> BTreeMap<String, TrustedKey> {
    let mut keys = BTreeMap::new();
    for (name, table, entry) in tables(entry, report, "a table, [plugins.security.keys.<name>]") {
        let mut section = Section::new(entry.path.clone(), table);
        let found = section.take("public_key", report);
        if found.is_none() {
            let help = "write public_key = \"RW…\", the second line of the file minisign.pub";
            let message = "the key itself is missing";
            report.push(ProblemKind::Value, &entry.path, &entry.key, message, help);
        }
        let public_key = found.and_then(|found| public_key(&found, base_dir, report));
        let plugins = section.take("plugins", report).map(|entry| {
            let plugins = entry.texts(report, "a list of plugin ids").unwrap_or_default();
            if plugins.is_empty() {
                let help = "leave `plugins` out for a key that may sign every plugin";
                entry.problem(report, "a key for no plugin is of no use", help);
            }
            plugins
        });
        section.finish(report);
        if let Some(public_key) = public_key {
            keys.insert(name, TrustedKey { public_key, plugins });
        }
    }
    keys
}

fn public_key(entry: &Entry<'_>, base_dir: &Path, report: &mut Report) -> Option<PublicKey> {
    const EXPECTED: &str = "a public key of minisign, or { file = \"minisign.pub\" }";
    if let Some(table) = entry.value.as_table() {
        let mut section = Section::new(entry.path.clone(), table);
        let file = section.take("file", report);
        section.finish(report);
        let file = file.and_then(|file| file.text(report, "the path of a file"))?;
        return Some(PublicKey::File(base_dir.join(file)));
    }
    let text = entry.text(report, EXPECTED)?;
    match minisign_verify::PublicKey::from_base64(text.trim()) {
        Ok(_) => Some(PublicKey::Text(text.trim().to_owned())),
        Err(_) => {
            entry.unexpected(report, EXPECTED, "copy the second line of the file minisign.pub")
        }
    }
}

/// `[plugins.security.pins]`: a table for each plugin, in it a digest, or several, by version.
pub(super) fn pins(
    entry: &Entry<'_>,
    report: &mut Report,
) -> BTreeMap<String, BTreeMap<Version, Vec<Sha256>>> {
    let mut pins = BTreeMap::new();
    let expected = "a table, [plugins.security.pins.<plugin>]";
    for (plugin, table, entry) in tables(entry, report, expected) {
        plugin_id(&plugin, &entry, report);
        let versions: &mut BTreeMap<_, _> = pins.entry(plugin).or_default();
        for entry in Section::new(entry.path.clone(), table).into_entries() {
            let Ok(version) = Version::parse(entry.name) else {
                let message = format!("expected a version, found `{}`", Shown(entry.name));
                let help = "write it in quotes: \"1.2.3\" = \"sha256:…\"";
                report.push(ProblemKind::Value, &entry.path, &entry.key, message, help);
                continue;
            };
            const EXPECTED: &str = "the SHA-256 digest of the file";
            let digests: Vec<Option<Sha256>> = match entry.value {
                DeValue::Array(_) => entry
                    .items(report, EXPECTED)
                    .into_iter()
                    .flatten()
                    .map(|item| item.parsed(report, EXPECTED))
                    .collect(),
                _ => vec![entry.parsed(report, EXPECTED)],
            };
            if digests.is_empty() {
                let help = "leave the version out to refuse it";
                entry.problem(report, "no digest at all fits no file", help);
            }
            versions.insert(version, digests.into_iter().flatten().collect());
        }
    }
    pins
}

/// `[plugins.security.minimum]`: the lowest version of a plugin that is accepted.
pub(super) fn minimum(entry: &Entry<'_>, report: &mut Report) -> BTreeMap<String, Version> {
    let Some(table) = entry.table(report, "a table of versions by plugin") else {
        return BTreeMap::new();
    };
    let mut minimum = BTreeMap::new();
    for entry in Section::new(entry.path.clone(), table).into_entries() {
        plugin_id(entry.name, &entry, report);
        if let Some(version) = entry.parsed(report, "a version such as \"1.2.3\"") {
            minimum.insert(entry.name.to_owned(), version);
        }
    }
    minimum
}

/// The tables in a table, with their names.
fn tables<'t>(
    entry: &Entry<'t>,
    report: &mut Report,
    expected: &str,
) -> Vec<(String, &'t DeTable<'t>, Entry<'t>)> {
    let Some(table) = entry.table(report, expected) else { return Vec::new() };
    Section::new(entry.path.clone(), table)
        .into_entries()
        .into_iter()
        .filter_map(|entry| Some((entry.name.to_owned(), entry.table(report, expected)?, entry)))
        .collect()
}

fn plugin_id(id: &str, entry: &Entry<'_>, report: &mut Report) {
    if let Err(message) = id::check(id) {
        report.push(ProblemKind::Id, &entry.path, &entry.key, message, id::HELP);
    }
}
