//! The database file: made for its owner only, and claimed by one instance at a time.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::ErrorKind as IoKind;
use std::path::{Path, PathBuf};

use hotshoe::{Error, ErrorKind, Result};

/// Makes the file and the directories above it, unless they are there.
///
/// A file that exists is not even opened: SQLite's locks are those of POSIX, which a process loses
/// when it closes *any* descriptor of the file.
pub(crate) fn make(path: &Path) -> Result<()> {
    let failed = |error: std::io::Error| {
        Error::new(ErrorKind::Io, "cannot make the database file")
            .caused_by(&error)
            .with_path(path)
            .with_help("let the user of this process write to the directory")
    };
    if let Some(directory) = path.parent() {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(directory).map_err(failed)?;
    }
    match private().create_new(true).open(path) {
        Ok(_) => sync_directory(path).map_err(failed),
        Err(error) if error.kind() == IoKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

/// Claims the database until the returned file is dropped or the process ends, however it ends.
///
/// Not for SQLite's sake, which locks its file itself, but for that of two copies of SQLite in one
/// process, as there are when two libraries each have their own (two generations of this plugin,
/// say): these do not know of each other, undo each other's POSIX locks, and damage the file.
pub(crate) fn claim(path: &Path) -> Result<File> {
    let lock_path = beside(path, ".lock");
    let failed = |error: std::io::Error| {
        Error::new(ErrorKind::Io, "cannot lock the database")
            .caused_by(&error)
            .with_path(&lock_path)
            .with_help("let the user of this process write the lock file and its directory")
    };
    let lock = private().create(true).truncate(false).open(&lock_path).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            Err(Error::new(ErrorKind::Unavailable, "the database is in use by another instance")
                .with_path(path)
                .with_help("stop the other instance or process first, or set another `path`"))
        }
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// The path with something added to its file name.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes the name of a new file last, where that is a matter of its own.
fn sync_directory(path: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    if let Some(directory) = path.parent() {
        File::open(directory)?.sync_all()?;
    }
    let _ = path;
    Ok(())
}
