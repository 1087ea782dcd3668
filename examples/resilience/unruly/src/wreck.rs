//! What a crash leaves behind: a file in the instance's folder, which outlives the instance.

use std::fs;
use std::path::{Path, PathBuf};

use hotshoe::{Error, ErrorKind, Result, ResultExt};

/// A file that says how many starts it will still foil. One that says none was repaired, and the
/// instance will not break it again.
pub(crate) struct Wreck(PathBuf);

impl Wreck {
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self(folder.join("wreck"))
    }

    /// Breaks it, unless it was broken before.
    pub(crate) fn make(&self, failing_starts: u32) -> Result<()> {
        match self.foils() {
            None => self.write(failing_starts),
            Some(_) => Ok(()),
        }
    }

    /// Whether it is broken.
    pub(crate) fn is_there(&self) -> bool {
        self.foils().is_some_and(|starts| starts > 0)
    }

    /// One more attempt to start with it.
    pub(crate) fn repair(&self) -> Result<()> {
        let Some(starts @ 1..) = self.foils() else { return Ok(()) };
        self.write(starts - 1)?;
        Err(Error::new(ErrorKind::Other, "its file is still broken"))
    }

    fn foils(&self) -> Option<u32> {
        fs::read_to_string(&self.0).ok()?.parse().ok()
    }

    fn write(&self, starts: u32) -> Result<()> {
        fs::write(&self.0, starts.to_string()).describe("its folder cannot be written to")
    }
}
