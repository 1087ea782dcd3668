//! What a peer is: a way to have plugins, with one plugin mounted or many loaded.

use std::any::Any;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::work::Work;

/// A way to have plugins with one plugin mounted, ready to be called.
///
/// Each method gives a work that [`crate::work`] makes of one call, or none if the peer cannot do it; the
/// note of its [`Candidate`] says why then.
pub trait Peer {
    /// `add(u64, u64) -> u64`.
    fn add(&mut self) -> Option<Box<dyn Work + '_>> {
        None
    }

    /// A fresh buffer handed in, and one with the same content handed back.
    fn echo(&mut self, _bytes: usize) -> Option<Box<dyn Work + '_>> {
        None
    }

    /// A document of 300 bytes handed in, and one that is counted up handed back.
    fn json(&mut self) -> Option<Box<dyn Work + '_>> {
        None
    }
}

/// A row of the tables of calls, and what loads its plugins.
pub struct Candidate {
    /// How the tables call it.
    pub name: &'static str,
    /// The package in Cargo.lock whose version the header gives.
    pub krate: Option<&'static str>,
    /// Mounts one plugin.
    pub mount: fn(&Staging) -> Result<Box<dyn Peer>>,
    /// The ways to load many; none where it has none.
    pub loads: &'static [Load],
    /// How it is used, and what one has to know to call that fair.
    pub note: &'static str,
}

/// A row of the tables of loading.
pub struct Load {
    /// How the tables call it.
    pub name: &'static str,
    /// What is loaded.
    pub files: Files,
    /// Loads and starts all plugins in a folder; they stay until what is returned goes.
    pub open: fn(&Path) -> Result<Box<dyn Any>>,
    /// So many at most, where more would take too long or too much.
    pub most: usize,
    /// The row that it is fair to compare this with, if it is another than the first one.
    pub beside: Option<&'static str>,
}

/// Plugins in a folder, each in a file of its own. Rows with files of the same name share them.
#[derive(Clone, Copy)]
pub struct Files {
    /// Of the folder.
    pub name: &'static str,
    /// Writes so many into the folder.
    pub stage: fn(&Path, usize) -> Result<()>,
}

/// Where a peer may put files for the plugin that it mounts.
pub struct Staging {
    folder: tempfile::TempDir,
}

impl Staging {
    /// An empty folder.
    pub fn new() -> Result<Self> {
        let folder = tempfile::tempdir().context("there is no folder for temporary files")?;
        Ok(Self { folder })
    }

    /// The folder, which goes with this.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// A plugin's library, as Cargo built it along with this program.
pub fn library(name: &str) -> Result<PathBuf> {
    let program = std::env::current_exe().context("the program does not know its own file")?;
    let file = format!("{}{name}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let folder = program.parent().context("the program's file is in no folder")?;
    // Tests lie among the libraries, the program lies above them.
    let found = [folder.join("deps").join(&file), folder.join(&file)];
    let [first, _] = &found;
    let message = format!("{} is not there: build with Cargo", first.display());
    found.into_iter().find(|path| path.is_file()).context(message)
}
