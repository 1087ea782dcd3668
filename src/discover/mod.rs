//! Where plugins may come from, and what becomes of their files. Returns candidates, never loads one.

mod directory;
mod linked;
#[cfg(feature = "watch")]
mod settling;
#[cfg(feature = "watch")]
mod watch;

pub(crate) use directory::{Found, look_at, refuse_duplicates, scan};
pub(crate) use linked::submitted;
#[cfg(feature = "watch")]
pub(crate) use settling::Change;
#[cfg(feature = "watch")]
pub(crate) use watch::DirectoryWatch;

use std::path::Path;
use std::sync::Arc;

use crate::manifest::Manifest;
use crate::sdk::LinkedPlugin;
use crate::verify::{LibraryFile, Verified};

/// A plugin that could be mounted.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) manifest: Manifest,
    /// What the manifest was read from.
    pub(crate) text: Arc<str>,
    pub(crate) source: Source,
    /// What the operator should know although it may be mounted.
    pub(crate) warning: Option<String>,
}

impl From<Verified> for Candidate {
    fn from(verified: Verified) -> Self {
        Self {
            manifest: verified.manifest,
            text: verified.text,
            source: Source::File(verified.file),
            warning: verified.warning,
        }
    }
}

/// How a candidate arrives.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// Compiled in.
    Linked(LinkedPlugin),
    /// A verified file.
    File(LibraryFile),
}

impl Source {
    /// For messages.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Linked(_) => "linked into the program".into(),
            Self::File(file) => file.path().display().to_string(),
        }
    }

    /// The path of a file.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Linked(_) => None,
            Self::File(file) => Some(file.path()),
        }
    }
}
