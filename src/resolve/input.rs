//! What the resolver is given.

use semver::{Version, VersionReq};
use serde::Serialize;

use crate::manifest::{Provision, Requirement};

/// One version of one plugin that is there to be chosen: a verified file, or a
/// plugin that is compiled in. Referred to by its index in
/// [`Request::candidates`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// The plugin's id.
    pub plugin: String,
    /// The plugin's version.
    pub version: Version,
    /// Where it comes from, for messages: a path, or `linked`.
    pub origin: String,
    /// The services that an instance of it provides.
    pub provides: Vec<Provision>,
    /// What it requires of others.
    pub requires: Vec<Requirement>,
}

impl Candidate {
    /// A candidate that provides and requires nothing yet.
    pub fn new(plugin: impl Into<String>, version: Version, origin: impl Into<String>) -> Self {
        Self {
            plugin: plugin.into(),
            version,
            origin: origin.into(),
            provides: Vec::new(),
            requires: Vec::new(),
        }
    }
}

/// One enabled instance: a plugin as the operator configured it. A plugin may
/// have several; each chooses its version for itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Instance {
    /// The instance's id, unique within the host.
    pub id: String,
    /// The id of its plugin.
    pub plugin: String,
    /// The operator's pin; without one any version will do.
    pub range: Option<VersionReq>,
    /// Other instances that the host itself puts before this one.
    pub needs: Vec<Need>,
}

impl Instance {
    /// An instance without pin and needs.
    pub fn new(id: impl Into<String>, plugin: impl Into<String>) -> Self {
        Self { id: id.into(), plugin: plugin.into(), range: None, needs: Vec::new() }
    }
}

/// A mandatory dependency on one particular instance, whatever its version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Need {
    /// The instance that has to run first.
    pub instance: String,
    /// Why, in a few words: `the storage backend`.
    pub reason: String,
}

/// An instance that the operator switched off. It is never started; it is named
/// where it would have helped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Disabled {
    /// The instance's id.
    pub instance: String,
    /// The id of its plugin.
    pub plugin: String,
}

/// All that one resolution looks at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    /// What is there, each version of each plugin once.
    pub candidates: &'a [Candidate],
    /// What should run.
    pub instances: &'a [Instance],
    /// What the operator switched off, for hints.
    pub disabled: &'a [Disabled],
    /// Instance ids in the operator's order of preference. Breaks ties between
    /// instances of one level; never overrides a dependency.
    pub load_order: &'a [String],
    /// Services of the host itself: there from the start, so nothing waits for
    /// them.
    pub host: &'a [Provision],
}
