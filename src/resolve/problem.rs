//! Why an instance cannot start, as data. `words` has the same in words.
//!
//! Lists of what was found are bounded; what they leave out is counted.

use semver::{Version, VersionReq};
use serde::Serialize;

use crate::manifest::{Requirement, Target};

use super::input::Need;

/// One reason why one or more instances are not in the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Problem {
    /// Nothing satisfies a requirement.
    Missing(Missing),
    /// Two requirements on one plugin or service exclude each other.
    Conflict(Conflict),
    /// Instances wait for each other.
    Cycle(Cycle),
    /// There is no version of an instance's plugin to choose.
    NoCandidate(NoCandidate),
    /// Several instances have one id.
    DuplicateInstance(DuplicateInstance),
}

impl Problem {
    /// The instances that this problem itself keeps out of the plan.
    pub fn instances(&self) -> impl Iterator<Item = &str> {
        let (one, many): (Option<&str>, &[Link]) = match self {
            Self::Missing(it) => (Some(&it.asker.instance), &[]),
            Self::Conflict(it) => (Some(&it.refused.instance), &[]),
            Self::Cycle(it) => (None, &it.links),
            Self::NoCandidate(it) => (Some(&it.instance), &[]),
            Self::DuplicateInstance(it) => (Some(&it.instance), &[]),
        };
        one.into_iter().chain(many.iter().map(|link| link.from.as_str()))
    }
}

/// Who requires something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Asker {
    /// The instance's id.
    pub instance: String,
    /// Its plugin's id.
    pub plugin: String,
    /// The version chosen for it.
    pub version: Version,
}

/// What makes one instance depend on another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Want {
    /// A requirement in the plugin's manifest.
    Requirement(Requirement),
    /// A need that the host gave the instance.
    Instance(Need),
}

/// A version of a plugin that is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Present {
    /// The plugin's id.
    pub plugin: String,
    /// The plugin's version.
    pub version: Version,
    /// The service that it was looked at for, and its version of it.
    pub service: Option<(String, Version)>,
    /// Where it comes from: a path, or `linked`.
    pub origin: String,
}

/// What comes closest to something that is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Nearest {
    /// An instance that would perhaps do is switched off.
    Disabled {
        /// The instance's id.
        instance: String,
        /// The id of its plugin.
        plugin: String,
    },
    /// It is there in range, but no instance of it is configured.
    Unconfigured(Present),
    /// It is there in range, but an instance is pinned to other versions.
    PinnedOut {
        /// What is there.
        present: Present,
        /// The instance that could run it.
        instance: String,
        /// The operator's pin.
        pin: VersionReq,
    },
    /// It is there in range, but choosing it breaks other requirements.
    Unchosen {
        /// What is there.
        present: Present,
        /// The instance that could run it.
        instance: String,
        /// Its own requirement that nothing satisfies, if that is the reason.
        because: Option<Requirement>,
    },
    /// Only the asker itself would satisfy it, which does not count.
    Itself,
    /// It is there, out of range.
    OutOfRange(Present),
    /// The host provides the service in another version.
    Host(Version),
    /// There is something of a similar name.
    Similar(String),
}

/// A mandatory requirement that nothing satisfies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// Who requires it.
    pub asker: Asker,
    /// What is required.
    pub want: Want,
    /// What comes closest, the most helpful first.
    pub nearest: Vec<Nearest>,
    /// How many more there are that `nearest` leaves out.
    pub more: usize,
}

/// Two mandatory requirements that no version that is there satisfies together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// What both require.
    pub target: Target,
    /// Whose requirement is not met.
    pub refused: Asker,
    /// What it requires.
    pub refused_range: VersionReq,
    /// Whose requirement is met instead.
    pub kept: Asker,
    /// What that one requires.
    pub kept_range: VersionReq,
    /// The versions that are there.
    pub present: Vec<Present>,
}

/// Instances that wait for each other in a circle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cycle {
    /// The arrows of the circle; each leads to the next, the last to the first.
    pub links: Vec<Link>,
}

/// One arrow of a cycle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    /// The instance that waits.
    pub from: String,
    /// The instance that it waits for.
    pub to: String,
    /// Why.
    pub because: Want,
}

/// An instance without a version to choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NoCandidate {
    /// The instance's id.
    pub instance: String,
    /// The id of its plugin.
    pub plugin: String,
    /// The operator's pin.
    pub pin: Option<VersionReq>,
    /// The versions that are there, none of them within the pin.
    pub present: Vec<Present>,
    /// Ids of plugins that are there and are called something similar.
    pub similar: Vec<String>,
}

/// One id that several instances carry. None of them is started, since which of
/// them was meant is not for the resolver to guess.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DuplicateInstance {
    /// The id.
    pub instance: String,
    /// How many instances carry it.
    pub copies: usize,
}
