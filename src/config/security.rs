//! `[plugins.security]`: the host's policy towards plugins. A table of the host, not a plugin.
//!
//! Signatures have one key, `signatures`. The pair `verifySignatures` and `allowUnsigned` of
//! older files maps onto it: each key permits some of the three policies, and the strictest that
//! all of them permit holds. If none is left, the keys contradict each other.
//!
//! | key | permits |
//! | --- | --- |
//! | `verify_signatures = true` | `warn`, `require` |
//! | `verify_signatures = false` | `off` |
//! | `allow_unsigned = true` | `off`, `warn` |
//! | `allow_unsigned = false` | `require` |
//! | `signatures` | what it says |
//!
//! The policy is only kept here; `verify` and the host act on it.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use semver::Version;
use toml::de::DeTable;

use super::digest::Sha256;
use super::entry::Entry;
use super::error::ProblemKind;
use super::key_path::{KeyPath, Shown};
use super::report::Report;
use super::section::Section;
use super::trust::{self, TrustedKey};

/// What is demanded of a plugin before anything of it runs, and what it may use at most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SecurityPolicy {
    /// Whether plugin files must be signed.
    pub signatures: Signatures,
    /// Whose signatures are believed, by a name for messages.
    pub keys: BTreeMap<String, TrustedKey>,
    /// What the files of a plugin must be, by id and version. Of a plugin that is named here only
    /// the versions that are named here are accepted.
    pub pins: BTreeMap<String, BTreeMap<Version, Vec<Sha256>>>,
    /// The lowest version of a plugin that is accepted, by id: against a downgrade. Holds for linked
    /// plugins, too.
    pub minimum: BTreeMap<String, Version>,
    /// From where pinned and signed files are loaded.
    pub load_from: LoadFrom,
    /// Whether an unknown library is first tried in a child process; see
    /// [`preflight`](crate::preflight).
    pub preflight: bool,
    /// The program that tries libraries; the host's own, unless given.
    pub preflight_helper: Option<PathBuf>,
    /// Memory that a plugin may use, in MiB. Read, and **not enforced yet**: nothing measures it.
    pub max_memory_mb: Option<NonZeroU32>,
    /// Processor time that a plugin may use, in percent of one core. Read, and **not enforced yet**.
    pub max_cpu_percent: Option<NonZeroU32>,
    /// What becomes of a library with a search path of its own (`RPATH`, `RUNPATH`).
    pub rpath: Rpath,
    /// Shared libraries a plugin may need (`DT_NEEDED`) besides the system's own, as the plugin names
    /// them; a final `*` stands for any ending.
    pub allow_needed: Vec<String>,
    /// What any plugin may be granted at most, whatever its manifest asks for and its instance is
    /// granted. `None` is no such limit. Services that a plugin requires are not meant.
    pub permissions: Option<Vec<String>>,
}

/// Whether plugins must be signed; from lax to strict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Signatures {
    /// Nobody looks at signatures.
    #[default]
    Off,
    /// Signatures are verified; a plugin without one starts with a warning.
    Warn,
    /// A plugin without a good signature does not start.
    Require,
}

/// What becomes of a library that brings a search path for its dependencies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rpath {
    /// It is refused: the path may lead to code that nobody verified.
    #[default]
    Refuse,
    /// It is loaded.
    Allow,
}

/// From where files that are pinned or signed are loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LoadFrom {
    /// From the very bytes that were verified: a sealed copy in memory (Linux). Debuggers and
    /// backtraces find no symbols by the name of such a library.
    #[default]
    Memory,
    /// From the path, for debugging: a file that is exchanged between check and load is loaded. A
    /// second build of one name is loaded from a copy all the same.
    Path,
}

/// Strictest first: the first that all keys permit is taken.
const POLICIES: [Signatures; 3] = [Signatures::Require, Signatures::Warn, Signatures::Off];

pub(super) fn read(
    table: &DeTable<'_>,
    path: KeyPath,
    base_dir: &Path,
    report: &mut Report,
) -> SecurityPolicy {
    let mut section = Section::new(path, table).with_hint(
        "`plugins.security` is the host's policy; a plugin needs another id, and may have \
         type = \"security\"",
    );
    let mut policy =
        SecurityPolicy { signatures: signatures(&mut section, report), ..Default::default() };
    let found = section.take_as("max_memory_mb", &["maxMemoryMB"], report);
    policy.max_memory_mb = found.and_then(|entry| entry.above_zero(report, ""));
    let found = section.take_as("max_cpu_percent", &["maxCPUPercent"], report);
    policy.max_cpu_percent = found.and_then(|entry| entry.above_zero(report, ""));
    if let Some(entry) = section.take("rpath", report) {
        let words = [("refuse", Rpath::Refuse), ("allow", Rpath::Allow)];
        policy.rpath = entry.one_of(report, &words).unwrap_or_default();
    }
    if let Some(entry) = section.take("allow_needed", report) {
        policy.allow_needed = entry.texts(report, "a list of library names").unwrap_or_default();
    }
    if let Some(entry) = section.take("keys", report) {
        policy.keys = trust::keys(&entry, base_dir, report);
    }
    if let Some(entry) = section.take("pins", report) {
        policy.pins = trust::pins(&entry, report);
    }
    if let Some(entry) = section.take("minimum", report) {
        policy.minimum = trust::minimum(&entry, report);
    }
    if let Some(entry) = section.take("load_from", report) {
        let words = [("memory", LoadFrom::Memory), ("path", LoadFrom::Path)];
        policy.load_from = entry.one_of(report, &words).unwrap_or_default();
    }
    let found = section.take("preflight", report);
    policy.preflight = found.and_then(|entry| entry.boolean(report)).unwrap_or_default();
    let found = section.take("preflight_helper", report);
    policy.preflight_helper = found
        .and_then(|entry| entry.text(report, "the path of a program"))
        .map(|program| base_dir.join(program));
    let found = section.take("permissions", report);
    policy.permissions = found.and_then(|entry| entry.texts(report, "a list of permissions"));
    section.finish(report);
    policy
}

fn signatures(section: &mut Section<'_>, report: &mut Report) -> Signatures {
    use Signatures::{Off, Require, Warn};

    // What each key says, and the policies that it permits.
    let mut said: Vec<(Entry<'_>, Vec<Signatures>)> = Vec::new();
    if let Some(entry) = section.take("signatures", report) {
        let words = [("off", Off), ("warn", Warn), ("require", Require)];
        if let Some(policy) = entry.one_of(report, &words) {
            said.push((entry, vec![policy]));
        }
    }
    if let Some(entry) = section.take("verify_signatures", report)
        && let Some(verify) = entry.boolean(report)
    {
        said.push((entry, if verify { vec![Warn, Require] } else { vec![Off] }));
    }
    if let Some(entry) = section.take("allow_unsigned", report)
        && let Some(allow) = entry.boolean(report)
    {
        said.push((entry, if allow { vec![Off, Warn] } else { vec![Require] }));
    }
    let Some((last, _)) = said.last() else {
        return Off;
    };
    let all_permit = |policy: &Signatures| said.iter().all(|(_, some)| some.contains(policy));
    POLICIES.into_iter().find(all_permit).unwrap_or_else(|| {
        let keys: Vec<_> = said
            .iter()
            .map(|(entry, _)| {
                let line = report.position(entry.key.start).line;
                format!("`{}` (line {line})", Shown(entry.name))
            })
            .collect();
        let message = format!("{} contradict each other", keys.join(" and "));
        let help = r#"keep only signatures = "off", "warn" or "require""#;
        report.push(ProblemKind::Contradiction, &last.path, &last.key, message, help);
        Require
    })
}
