//! The folder that a plugin has while it is tried.

use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};

use hotshoe_abi::plain::Line;

use crate::contract::{Error, ErrorKind, Result};

/// A folder of its own for one trial, for its owner only.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes one in the system's folder for temporary files.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] if that is not there, or not to be written to.
    pub(super) fn new() -> Result<Self> {
        let within = std::env::temp_dir();
        // Seeded anew each time by the system.
        let number = RandomState::new().hash_one("a folder");
        let path = within.join(format!("hotshoe-preflight-{number:016x}"));
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        // One that is there already may be somebody else's.
        builder.create(&path).map_err(|error| {
            let message = format!(
                "a plugin that is tried needs a folder of its own, none can be made in `{}`",
                within.display()
            );
            Error::new(ErrorKind::Io, message)
                .with_help("let TMPDIR name a folder that this program may write to")
                .caused_by(&error)
        })?;
        Ok(Self(path))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %Line(self.0.display()), %error, "a temporary folder stays");
        }
    }
}
