//! Which file it is, and in which state.

use std::fs::Metadata;
use std::time::SystemTime;

/// Device and number on it.
pub(crate) type Identity = (u64, u64);

/// Identity, length and times of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Where the system has one.
    identity: Option<Identity>,
    length: u64,
    modified: Option<SystemTime>,
    /// Seconds and nanoseconds of the last change of the file, or of what is known of it: its names,
    /// its other times. Nobody can set it at will.
    changed: Option<(i64, i64)>,
}

impl Stamp {
    /// Whether these are states of one file, whatever its name.
    #[cfg(feature = "watch")]
    pub(crate) fn is_same_file(&self, other: &Self) -> bool {
        self.identity.is_some() && self.identity == other.identity
    }

    /// What all states of one file have in common, whatever its name.
    pub(crate) fn identity(&self) -> Option<Identity> {
        self.identity
    }

    /// How many bytes it has.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    pub(crate) fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let (identity, changed) = {
            use std::os::unix::fs::MetadataExt;
            (
                Some((metadata.dev(), metadata.ino())),
                Some((metadata.ctime(), metadata.ctime_nsec())),
            )
        };
        #[cfg(not(unix))]
        let (identity, changed) = (None, None);
        Self { identity, length: metadata.len(), modified: metadata.modified().ok(), changed }
    }
}
