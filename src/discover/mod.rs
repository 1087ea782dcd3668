//! Where plugins may come from. Returns candidates, never loads one.

mod directory;
mod linked;

pub(crate) use directory::{Found, look_at, refuse_duplicates, scan};
pub(crate) use linked::submitted;

use std::path::PathBuf;

use crate::manifest::Manifest;
use crate::sdk::LinkedPlugin;

/// A plugin that could be mounted.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) manifest: Manifest,
    pub(crate) source: Source,
}

/// How a candidate arrives.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// Compiled in.
    Linked(LinkedPlugin),
    /// A file.
    File(PathBuf),
}

impl Source {
    /// For messages.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Linked(_) => "linked into the program".into(),
            Self::File(path) => path.display().to_string(),
        }
    }
}
