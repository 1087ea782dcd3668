//! What a plugin says about itself: [`Manifest`].
//!
//! Written by [`export_plugin!`](crate::export_plugin) while the plugin is compiled, read by the
//! host before any code of the plugin runs. This module is pure: text in, checked values out.

mod exchange;
mod parse;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use hotshoe_abi::plain::Line;
use semver::{Version, VersionReq};
use serde::Serialize;

pub use exchange::{StatePolicy, SwapMode};
pub use parse::MAX_BYTES;
pub(crate) use parse::RESERVED;
#[cfg(feature = "host")]
pub(crate) use parse::text_of;

/// What a plugin says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Manifest {
    /// The id: what configuration, requirements and logs call it.
    pub id: String,
    /// A name for people; the id, if none was given.
    pub name: String,
    /// The plugin's version.
    pub version: Version,
    /// One sentence.
    pub description: String,
    /// Who wrote it.
    pub authors: Vec<String>,
    /// An SPDX expression.
    pub license: String,
    /// Where to read more.
    pub homepage: String,
    /// One word, for lists: `storage`, `traffic`.
    pub category: String,
    /// Words, for searching.
    pub tags: Vec<String>,
    /// Services it provides.
    pub provides: Vec<Provision>,
    /// Storage backends it provides, by type name.
    pub storage: Vec<String>,
    /// Whether it provides middleware.
    pub middleware: bool,
    /// What it needs, and what it would like.
    pub requires: Vec<Requirement>,
    /// Routes it answers.
    pub endpoints: Vec<Endpoint>,
    /// What it wants to reach in the host.
    pub permissions: Vec<String>,
    /// Whether two generations of it can be up at the same time.
    pub swap: SwapMode,
    /// What becomes of its state when it is restarted, exchanged or stopped.
    pub state: StatePolicy,
    /// Free labels.
    pub metadata: BTreeMap<String, String>,
    /// How it was built.
    pub build: BuildFacts,
}

/// A service that a plugin provides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Provision {
    /// The service's name.
    pub service: String,
    /// The version of the service, which is not that of the plugin.
    pub version: Version,
}

/// What a requirement is on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// A plugin, by id.
    Plugin(String),
    /// A service, whoever provides it.
    Service(String),
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Plugin(name) => write!(f, "plugin `{}`", Line(name)),
            Self::Service(name) => write!(f, "service `{}`", Line(name)),
        }
    }
}

/// What a plugin needs to be there before it, or would like to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Requirement {
    /// What it is on.
    pub target: Target,
    /// The versions that will do.
    pub range: VersionReq,
    /// Whether the plugin works without.
    pub optional: bool,
}

/// A route that a plugin answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    /// The method, upper case, or `*`.
    pub method: String,
    /// The path, perhaps with parameters: `/users/{id}`.
    pub path: String,
}

/// How a plugin was built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BuildFacts {
    /// The version of `hotshoe-abi` it was built with.
    pub abi: Version,
    /// The fingerprint of that crate's sources.
    pub fingerprint: String,
    /// The compiler, as `rustc --version` says.
    pub rustc: String,
    /// The target triple.
    pub target: String,
    /// `debug` or `release`.
    pub profile: String,
    /// Whether panics unwind; otherwise none can be contained.
    pub unwinds: bool,
    /// The symbol under which the library exports its header.
    pub symbol: String,
}
