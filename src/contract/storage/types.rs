//! What goes into a storage backend and comes out of it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The version of a record. Grows with each change of its key, also over deletion: a key that is
/// deleted and created again never has a version it had before.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct Version(pub u64);

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A value and its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The value.
    pub value: Bytes,
    /// Its version.
    pub version: Version,
}

/// A key with its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Its record.
    pub record: Record,
}

/// What must hold for a change to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Precondition {
    /// Nothing.
    #[default]
    Any,
    /// The key is absent.
    Absent,
    /// The key is at this version.
    At(Version),
}

impl Precondition {
    /// Whether it holds for a key whose version is `current` (`None`: absent).
    pub fn holds(self, current: Option<Version>) -> bool {
        match self {
            Self::Any => true,
            Self::Absent => current.is_none(),
            Self::At(version) => current == Some(version),
        }
    }
}

/// One step of a [`Batch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Writes a value.
    Put {
        /// Where.
        key: String,
        /// What.
        value: Bytes,
        /// If.
        when: Precondition,
    },
    /// Deletes a key; an absent key is no error unless the precondition says so.
    Delete {
        /// Which.
        key: String,
        /// If.
        when: Precondition,
    },
    /// Changes nothing; the batch fails unless the precondition holds.
    Check {
        /// Which key.
        key: String,
        /// What must hold.
        when: Precondition,
    },
}

impl Operation {
    /// The key it is about.
    pub fn key(&self) -> &str {
        match self {
            Self::Put { key, .. } | Self::Delete { key, .. } | Self::Check { key, .. } => key,
        }
    }

    /// What must hold.
    pub fn when(&self) -> Precondition {
        match self {
            Self::Put { when, .. } | Self::Delete { when, .. } | Self::Check { when, .. } => *when,
        }
    }
}

/// Changes that happen all together or not at all. No key may appear twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The steps.
    pub operations: Vec<Operation>,
}

impl Batch {
    /// No steps.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a write.
    #[must_use]
    pub fn put(
        mut self,
        key: impl Into<String>,
        value: impl Into<Bytes>,
        when: Precondition,
    ) -> Self {
        self.operations.push(Operation::Put { key: key.into(), value: value.into(), when });
        self
    }

    /// Adds a deletion.
    #[must_use]
    pub fn delete(mut self, key: impl Into<String>, when: Precondition) -> Self {
        self.operations.push(Operation::Delete { key: key.into(), when });
        self
    }

    /// Adds a condition that changes nothing.
    #[must_use]
    pub fn check(mut self, key: impl Into<String>, when: Precondition) -> Self {
        self.operations.push(Operation::Check { key: key.into(), when });
        self
    }
}

/// What to read of the keys in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// What the keys start with; empty for all.
    pub prefix: String,
    /// Only keys greater than this one: the `next` of the page before.
    pub after: Option<String>,
    /// At most this many entries, at least 1; a backend may return fewer.
    pub limit: usize,
}

impl Scan {
    /// The first page of the keys that start with `prefix`.
    pub fn prefix(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), after: None, limit: 256 }
    }

    /// At most this many entries a page.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Only keys greater than this one.
    #[must_use]
    pub fn after(mut self, key: impl Into<String>) -> Self {
        self.after = Some(key.into());
        self
    }
}

/// One page of a scan, in the order of the keys' bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The entries.
    pub entries: Vec<Entry>,
    /// Where to go on; `None` at the end.
    pub next: Option<String>,
}

/// What a backend can do and what it cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Capabilities {
    /// What was acknowledged survives the end of the process.
    pub durable: bool,
    /// Several processes may use the same data.
    pub shared: bool,
    /// Calls may block their thread (on a disk, say) instead of being pending.
    pub blocking: bool,
    /// The longest key, in bytes.
    pub max_key_bytes: usize,
    /// The largest value, in bytes.
    pub max_value_bytes: usize,
    /// The most steps in one batch.
    pub max_batch: usize,
}

impl Default for Capabilities {
    /// Nothing promised; keys up to 1 KiB, values up to 16 MiB, 1,000 steps in a batch.
    fn default() -> Self {
        Self {
            durable: false,
            shared: false,
            blocking: false,
            max_key_bytes: 1024,
            max_value_bytes: 16 << 20,
            max_batch: 1000,
        }
    }
}

impl Capabilities {
    /// Says whether what was acknowledged survives the end of the process.
    #[must_use]
    pub fn durable(mut self, durable: bool) -> Self {
        self.durable = durable;
        self
    }

    /// Says whether several processes may use the same data.
    #[must_use]
    pub fn shared(mut self, shared: bool) -> Self {
        self.shared = shared;
        self
    }

    /// Says whether calls may block their thread.
    #[must_use]
    pub fn blocking(mut self, blocking: bool) -> Self {
        self.blocking = blocking;
        self
    }

    /// Sets the largest value, in bytes.
    #[must_use]
    pub fn max_value_bytes(mut self, bytes: usize) -> Self {
        self.max_value_bytes = bytes;
        self
    }
}
