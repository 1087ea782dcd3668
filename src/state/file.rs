//! [`Folder`]: where the state of one instance lies in files.
//!
//! `current` is replaced as a whole: written under another name, made durable, renamed. What it was
//! before is `previous`; what could not be used is `refused-1` and so on.

use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind as IoKind, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::{PUT_ASIDE, too_many_aside};
use crate::contract::{Error, ErrorKind, Result};

pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn current(&self) -> PathBuf {
        self.file("current")
    }

    pub(super) fn read(&self) -> Result<Option<Bytes>> {
        match std::fs::read(self.current()) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(self.failed("read", &error)),
        }
    }

    pub(super) fn write(&self, bytes: &[u8]) -> Result<()> {
        let write = || {
            make(&self.0)?;
            let new = self.file("new");
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(&new)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            self.keep_previous()?;
            std::fs::rename(&new, self.current())?;
            sync(&self.0)
        };
        write().map_err(|error| self.failed("write", &error))
    }

    pub(super) fn clear(&self) -> Result<()> {
        match std::fs::rename(self.current(), self.file("previous")) {
            Ok(()) => sync(&self.0).map_err(|error| self.failed("write", &error)),
            Err(error) if is_absent(&error) => Ok(()),
            Err(error) => Err(self.failed("write", &error)),
        }
    }

    pub(super) fn put_aside(&self) -> Result<Option<String>> {
        if !self.current().exists() {
            return Ok(None);
        }
        let free = (1..=PUT_ASIDE)
            .map(|number| self.file(&format!("refused-{number}")))
            .find(|path| !path.exists())
            .ok_or_else(|| too_many_aside(&self.0.display()))?;
        std::fs::rename(self.current(), &free)
            .and_then(|()| sync(&self.0))
            .map_err(|error| self.failed("write", &error))?;
        Ok(Some(free.display().to_string()))
    }

    /// Another name for the same file, so that there is a `current` at any time.
    fn keep_previous(&self) -> io::Result<()> {
        let (current, previous) = (self.current(), self.file("previous"));
        match std::fs::remove_file(&previous) {
            Err(error) if !is_absent(&error) => return Err(error),
            _ => {}
        }
        match std::fs::hard_link(&current, &previous) {
            Err(error) if is_absent(&error) => Ok(()),
            // Not every file system has them.
            Err(_) => std::fs::copy(&current, &previous).map(drop),
            Ok(()) => Ok(()),
        }
    }

    fn failed(&self, doing: &str, error: &io::Error) -> Error {
        Error::new(ErrorKind::Io, format!("cannot {doing} the state that is kept"))
            .caused_by(error)
            .with_path(self.current())
            .with_help("let the user of this process read and write the folder")
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.current().display())
    }
}

fn is_absent(error: &io::Error) -> bool {
    error.kind() == IoKind::NotFound
}

/// For its owner only.
fn make(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Makes names last, where that is a matter of its own.
fn sync(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = (folder, File::open);
    Ok(())
}
