//! From the text in a library to a [`Manifest`].
//!
//! The text is a run of records, each ended by U+001E, its fields separated by U+001F. The first
//! record names the format, the last one is `end`; a record of an unknown kind is passed over, so
//! that newer plugins can say more to newer hosts. Of a kind that can be given once, the last one
//! counts: an author's own comes after what Cargo says.
//!
//! All of it ends up in messages, tables and logs, of files that nobody trusts yet. So whatever a
//! terminal would obey is read as a space, and a message repeats only the beginning of a value.

use std::collections::BTreeMap;

use semver::{Version, VersionReq};

use super::{
    BuildFacts, Endpoint, Manifest, Provision, Requirement, StatePolicy, SwapMode, Target,
};
use crate::contract::{Error, ErrorKind, Result};

/// The largest manifest that is read, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;

const FORMAT: &str = "hotshoe-manifest\u{1f}1\u{1e}";
const MAGIC: &str = "hotshoe-manifest\u{1f}";

/// The longest name, in bytes.
const LONGEST: usize = 1024;

/// So many characters of a value are repeated in a message.
const SHOWN: usize = 64;

/// Ids that no plugin has: where plugins are configured, tables of these names are the host's, in
/// whatever spelling the host reads them.
pub(crate) const RESERVED: &[&str] = &[
    "config",
    "security",
    "circuit_breaker",
    "circuitBreaker",
    "CircuitBreaker",
    "feature_flags",
    "featureFlags",
    "FeatureFlags",
    "health_check",
    "healthCheck",
    "lane",
    "rate_limiting",
    "rateLimiting",
    "RateLimiting",
    "restart",
    "swap",
];

const HELP: &str = "build the plugin with hotshoe's `export_plugin!` and a current hotshoe";

impl Manifest {
    /// Reads the bytes of a library's manifest section.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidPlugin`], saying what was expected and what was found.
    pub fn from_section(bytes: &[u8]) -> Result<Self> {
        Self::parse(text_of(bytes)?)
    }

    /// Reads the text of a manifest.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidPlugin`], saying what was expected and what was found.
    pub fn parse(text: &str) -> Result<Self> {
        match text.matches(MAGIC).count() {
            0 => return Err(invalid("its manifest does not begin as one")),
            1 => {}
            many => {
                return Err(invalid(format!("it carries {many} manifests, one was expected"))
                    .with_help(
                        "a plugin crate that depends on another plugin crate contains both: move \
                         what they share to a plain crate",
                    ));
            }
        }
        let records = text.strip_prefix(FORMAT).ok_or_else(|| {
            let found: String = text.chars().take(24).filter(|c| !c.is_control()).collect();
            invalid(format!("its manifest has format 1 nowhere; it begins with `{found}`"))
        })?;
        let harmful = |c: char| c.is_control() && !matches!(c, '\u{1e}' | '\u{1f}');
        let records = records.replace(harmful, " ");
        let mut draft = Draft::default();
        for record in records.split_terminator('\u{1e}') {
            let mut fields = record.split('\u{1f}');
            let kind = fields.next().unwrap_or_default();
            let fields: Vec<&str> = fields.collect();
            if kind == "end" {
                return draft.finish();
            }
            draft.record(kind, &fields)?;
        }
        Err(invalid("its manifest is cut off: the record `end` is missing"))
    }
}

/// The text of a manifest in the section of a library.
///
/// # Errors
/// As for [`Manifest::from_section`].
pub(crate) fn text_of(section: &[u8]) -> Result<&str> {
    if section.len() > MAX_BYTES {
        return Err(invalid(format!(
            "its manifest has {} bytes, at most {MAX_BYTES} are read",
            section.len()
        )));
    }
    let text = std::str::from_utf8(section)
        .map_err(|error| invalid("its manifest is not UTF-8 text").caused_by(&error))?;
    // A linker may pad a section with zeroes.
    Ok(text.trim_end_matches('\0'))
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidPlugin, message).with_help(HELP)
}

/// As much of a value as a message repeats.
fn shown(value: &str) -> &str {
    value.char_indices().nth(SHOWN).map_or(value, |(end, _)| &value[..end])
}

/// Records read so far.
#[derive(Default)]
struct Draft {
    single: BTreeMap<String, String>,
    tags: Vec<String>,
    provides: Vec<Provision>,
    storage: Vec<String>,
    middleware: bool,
    requires: Vec<Requirement>,
    endpoints: Vec<Endpoint>,
    permissions: Vec<String>,
    swap: SwapMode,
    state: StatePolicy,
    metadata: BTreeMap<String, String>,
}

impl Draft {
    fn record(&mut self, kind: &str, fields: &[&str]) -> Result<()> {
        // Names end up in reports, one a line; prose may be longer.
        if let Some(long) = fields.iter().find(|field| field.len() > LONGEST)
            && !matches!(kind, "description" | "metadata")
        {
            return Err(invalid(format!(
                "its manifest has a `{}` of {} bytes, at most {LONGEST} were expected",
                shown(kind),
                long.len()
            )));
        }
        match (kind, fields) {
            ("tag", [tag]) => self.tags.push((*tag).into()),
            ("permission", [permission]) => self.permissions.push((*permission).into()),
            ("endpoint", [method, path]) => {
                self.endpoints.push(Endpoint { method: (*method).into(), path: (*path).into() });
            }
            ("metadata", [key, value]) => {
                self.metadata.insert((*key).into(), (*value).into());
            }
            ("swap", [mode]) => self.swap = one_of(kind, mode, SwapMode::WORDS)?,
            ("state", [policy]) => self.state = one_of(kind, policy, StatePolicy::WORDS)?,
            ("provides", ["middleware"]) => self.middleware = true,
            ("provides", ["storage", kind]) => self.storage.push((*kind).into()),
            ("provides", ["service", name, version]) => self.provides.push(Provision {
                service: (*name).into(),
                version: parse_version(version, &format!("the service `{}`", shown(name)))?,
            }),
            ("requires" | "wants", [what, name, range]) => {
                let target = match *what {
                    "plugin" => Target::Plugin((*name).into()),
                    "service" => Target::Service((*name).into()),
                    _ if kind == "wants" => return Ok(()),
                    other => {
                        return Err(invalid(format!(
                            "it requires the {} `{}`; this host knows plugins and services",
                            shown(other),
                            shown(name)
                        )));
                    }
                };
                let range = VersionReq::parse(range).map_err(|error| {
                    invalid(format!(
                        "it requires the {what} `{}` in `{}`, which is no version range",
                        shown(name),
                        shown(range)
                    ))
                    .caused_by(&error)
                })?;
                self.requires.push(Requirement { target, range, optional: kind == "wants" });
            }
            (
                "id" | "name" | "version" | "description" | "authors" | "license" | "homepage"
                | "category" | "abi" | "fingerprint" | "rustc" | "target" | "profile" | "panic"
                | "symbol",
                [value],
            ) => {
                self.single.insert(kind.into(), (*value).into());
            }
            // A newer plugin may say more than this host understands.
            _ => {}
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Manifest> {
        let id = self.required("id")?;
        check_id(&id)?;
        let version = parse_version(&self.required("version")?, "the plugin")?;
        let abi = parse_version(&self.required("abi")?, "hotshoe-abi")?;
        let unwinds = match self.required("panic")?.as_str() {
            "true" => true,
            "false" => false,
            other => {
                return Err(invalid(format!(
                    "its manifest says `{}` where `true` or `false` was expected (panic)",
                    shown(other)
                )));
            }
        };
        Ok(Manifest {
            name: self.optional("name").unwrap_or_else(|| id.clone()),
            id,
            version,
            description: self.optional("description").unwrap_or_default(),
            authors: self
                .optional("authors")
                .map(|authors| authors.split(':').map(Into::into).collect())
                .unwrap_or_default(),
            license: self.optional("license").unwrap_or_default(),
            homepage: self.optional("homepage").unwrap_or_default(),
            category: self.optional("category").unwrap_or_default(),
            build: BuildFacts {
                abi,
                fingerprint: self.required("fingerprint")?,
                rustc: self.required("rustc")?,
                target: self.required("target")?,
                profile: self.required("profile")?,
                unwinds,
                symbol: self.required("symbol")?,
            },
            tags: self.tags,
            provides: self.provides,
            storage: self.storage,
            middleware: self.middleware,
            requires: self.requires,
            endpoints: self.endpoints,
            permissions: self.permissions,
            swap: self.swap,
            state: self.state,
            metadata: self.metadata,
        })
    }

    fn required(&mut self, kind: &str) -> Result<String> {
        self.optional(kind)
            .ok_or_else(|| invalid(format!("its manifest does not say its `{kind}`")))
    }

    fn optional(&mut self, kind: &str) -> Option<String> {
        self.single.remove(kind).filter(|value| !value.is_empty())
    }
}

/// What a word means. One that nobody knows is refused: passed over, it would be taken for the
/// default, and two generations would share what only one can own.
fn one_of<T: Copy>(kind: &str, found: &str, words: &[(&str, T)]) -> Result<T> {
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == found) {
        return Ok(*value);
    }
    let known: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
    Err(invalid(format!(
        "its manifest says `{kind}` is `{}`; expected one of {}",
        shown(found),
        known.join(", ")
    ))
    .with_help("use a host that knows it, or build the plugin with one of those"))
}

fn parse_version(text: &str, of: &str) -> Result<Version> {
    Version::parse(text).map_err(|error| {
        let text = shown(text);
        invalid(format!("`{text}` was given as the version of {of}, which is no version"))
            .with_help("versions are of the form 1.2.3")
            .caused_by(&error)
    })
}

/// Ids become names of folders and keys, so they are plain.
fn check_id(id: &str) -> Result<()> {
    if RESERVED.contains(&id) {
        return Err(invalid(format!(
            "`{id}` is no id: the host's configuration has a table of this name"
        ))
        .with_help("the plugin's author has to choose another id"));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if id.len() <= 64 && !id.starts_with('.') && id.chars().all(plain) {
        return Ok(());
    }
    Err(invalid(format!(
        "`{}` is no id: up to 64 letters, digits, `-`, `_` and `.` were expected, \
         not beginning with `.`",
        shown(id)
    )))
}
