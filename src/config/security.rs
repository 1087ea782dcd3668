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
//! The policy is only kept here. Of it, this version acts on `signatures` alone (it refuses to start
//! with `require`); the other keys are for versions to come.

use std::num::NonZeroU32;

use toml::de::DeTable;

use super::entry::Entry;
use super::error::ProblemKind;
use super::key_path::{KeyPath, Shown};
use super::report::Report;
use super::section::Section;

/// What is demanded of a plugin before anything of it runs, and what it may use at most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SecurityPolicy {
    /// Whether plugins must be signed.
    pub signatures: Signatures,
    /// Memory that a plugin may use, in MiB. Read, and **not enforced yet**: nothing measures it.
    pub max_memory_mb: Option<NonZeroU32>,
    /// Processor time that a plugin may use, in percent of one core. Read, and **not enforced yet**.
    pub max_cpu_percent: Option<NonZeroU32>,
    /// What is to become of a library with a search path of its own (`RPATH`, `RUNPATH`). Read, and
    /// **not enforced yet**: such a library is loaded.
    pub rpath: Rpath,
    /// Shared libraries a plugin may need (`DT_NEEDED`) besides the system's own. Read, and **not
    /// enforced yet**.
    pub allow_needed: Vec<String>,
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
    /// It is to be refused: the path may lead to code that nobody verified. **Not enforced yet.**
    #[default]
    Refuse,
    /// It is loaded.
    Allow,
}

/// Strictest first: the first that all keys permit is taken.
const POLICIES: [Signatures; 3] = [Signatures::Require, Signatures::Warn, Signatures::Off];

pub(super) fn read(table: &DeTable<'_>, path: KeyPath, report: &mut Report) -> SecurityPolicy {
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
