//! A plugin's file, opened once: what was verified is what is loaded.
//!
//! Of a file that is neither pinned nor signed nothing vouches for the bytes, so it is mapped from
//! disk; it only has to be the file that was looked at. Of one that is, the bytes were copied into
//! memory and sealed against changes before they were verified, and are loaded from there. Nobody
//! can exchange them.
//!
//! An open file costs a descriptor from here until it is loaded. Beyond a quarter of those that the
//! process may have, files are closed again and opened a second time for loading; what is found
//! then must be what was verified.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::memory::{self, fresh_name};
use super::stamp::Stamp;
use crate::contract::{Error, ErrorKind, Result, ResultExt};

/// How much is copied at a time.
const CHUNK: usize = 64 << 10;

/// A plugin's file; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct LibraryFile(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    stamp: Stamp,
    /// SHA-256 of the bytes, if they were sealed.
    sealed: Option<[u8; 32]>,
    contents: Mutex<Contents>,
}

#[derive(Debug)]
enum Contents {
    /// Open since it was verified.
    Held(File, Permit),
    /// Being loaded, or loaded: all who load it say the same name, so that it is loaded once.
    Named(Loadable),
    Closed,
}

/// What the system's loader is to open.
#[derive(Clone, Debug)]
pub(crate) struct Loadable {
    name: PathBuf,
    /// What the name leads to, as long as it goes by a descriptor: closed, the same number could be
    /// another file.
    _open: Option<Arc<File>>,
}

impl Loadable {
    /// The name that leads to what was verified, for as long as this lives.
    pub(crate) fn name(&self) -> &Path {
        &self.name
    }
}

impl LibraryFile {
    /// A file that is mapped from disk.
    pub(super) fn mapped(path: PathBuf, file: File, stamp: Stamp) -> Self {
        let contents = Mutex::new(Contents::hold(file));
        Self(Arc::new(Inner { path, stamp, sealed: None, contents }))
    }

    /// A file whose bytes, with this digest, were copied to `copy`.
    pub(super) fn sealed(path: PathBuf, stamp: Stamp, copy: File, digest: [u8; 32]) -> Self {
        let contents = Mutex::new(Contents::hold(copy));
        Self(Arc::new(Inner { path, stamp, sealed: Some(digest), contents }))
    }

    /// A file that another process opened and verified.
    ///
    /// # Errors
    /// [`ErrorKind::Io`].
    pub(crate) fn received(path: PathBuf, file: File) -> Result<Self> {
        let metadata = file.metadata().describe_as(ErrorKind::Io, "its size cannot be read")?;
        Ok(Self::mapped(path, file, Stamp::of(&metadata)))
    }

    /// What it was when it was verified.
    pub(crate) fn stamp(&self) -> &Stamp {
        &self.0.stamp
    }

    /// Where it is, or was.
    pub(crate) fn path(&self) -> &Path {
        &self.0.path
    }

    /// What was verified, under a name for the system's loader: the same for all who ask, until
    /// [`close`](Self::close).
    ///
    /// # Errors
    /// [`ErrorKind::InvalidPlugin`] if the file was exchanged or changed since, and what was verified
    /// is no longer there.
    pub(crate) fn to_load(&self) -> Result<Loadable> {
        let mut contents = self.0.contents.lock();
        if let Contents::Named(loadable) = &*contents {
            return Ok(loadable.clone());
        }
        let held = match std::mem::replace(&mut *contents, Contents::Closed) {
            Contents::Held(file, _) => Some(file),
            _ => None,
        };
        let loadable = match self.0.sealed {
            Some(digest) => self.sealed_to_load(held, digest)?,
            None => self.mapped_to_load(held)?,
        };
        *contents = Contents::Named(loadable.clone());
        Ok(loadable)
    }

    fn sealed_to_load(&self, held: Option<File>, digest: [u8; 32]) -> Result<Loadable> {
        let copy = match held {
            Some(copy) => copy,
            None => {
                let (copy, again) = seal(&mut open(self.path())?, self.path(), |_| {})?;
                if again != digest {
                    return Err(self.exchanged());
                }
                copy
            }
        };
        Ok(Loadable { name: fresh_name(&copy)?, _open: Some(Arc::new(copy)) })
    }

    fn mapped_to_load(&self, held: Option<File>) -> Result<Loadable> {
        let now = std::fs::metadata(self.path()).map(|metadata| Stamp::of(&metadata)).ok();
        if now.as_ref() == Some(&self.0.stamp) {
            return Ok(Loadable { name: self.path().to_owned(), _open: None });
        }
        // Another file has its name by now. What was verified may still be open.
        let held = held.filter(|file| {
            file.metadata().is_ok_and(|metadata| Stamp::of(&metadata).same_contents(&self.0.stamp))
        });
        match held {
            Some(file) => Ok(Loadable { name: fresh_name(&file)?, _open: Some(Arc::new(file)) }),
            None => Err(self.exchanged()),
        }
    }

    fn exchanged(&self) -> Error {
        Error::new(
            ErrorKind::InvalidPlugin,
            "the file that was verified was expected, it was exchanged or changed since",
        )
        .with_path(self.path())
        .with_help("restart or enable the plugin: its file is then verified anew")
    }

    /// Gives the descriptor back: it is loaded, or will not be.
    pub(crate) fn close(&self) {
        *self.0.contents.lock() = Contents::Closed;
    }

    /// What was verified, to be read by another process.
    ///
    /// # Errors
    /// As for [`to_load`](Self::to_load).
    pub(crate) fn reopen(&self) -> Result<File> {
        let loadable = self.to_load()?;
        File::open(loadable.name()).describe_as(ErrorKind::Io, "the file cannot be opened again")
    }
}

/// Opens a file for verification. A named pipe is opened, too, without waiting for a writer.
///
/// # Errors
/// [`ErrorKind::Io`].
pub(super) fn open(path: &Path) -> Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    options.open(path).map_err(|error| {
        let help = match error.kind() {
            std::io::ErrorKind::NotFound => "correct or remove the link",
            _ => "the host's user needs the right to read it",
        };
        Error::new(ErrorKind::Io, "the file cannot be opened")
            .caused_by(&error)
            .with_path(path)
            .with_help(help)
    })
}

/// Copies a file into memory, for good: afterwards nobody can change the copy. Each piece goes
/// through `also`, and all of them through SHA-256.
///
/// # Errors
/// [`ErrorKind::Io`], [`ErrorKind::Unsupported`] where the system has no such memory or forbids it.
pub(super) fn seal(
    file: &mut File,
    path: &Path,
    also: impl FnMut(&[u8]),
) -> Result<(File, [u8; 32])> {
    let mut copy = memory::create(path)?;
    let digest = read_all(file, Some(&mut copy), also)?;
    memory::seal(&copy)?;
    Ok((copy, digest))
}

/// Reads a file to its end: into a copy, through `also`, and through SHA-256.
///
/// # Errors
/// [`ErrorKind::Io`].
pub(super) fn read_all(
    file: &mut File,
    mut copy: Option<&mut File>,
    mut also: impl FnMut(&[u8]),
) -> Result<[u8; 32]> {
    // Whoever looked at the headers left it somewhere.
    file.rewind().describe_as(ErrorKind::Io, "the file cannot be read from its beginning")?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    loop {
        let length = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error).describe_as(ErrorKind::Io, "the file cannot be read"),
        };
        let piece = &buffer[..length];
        hash.update(piece);
        also(piece);
        if let Some(copy) = &mut copy {
            std::io::Write::write_all(copy, piece)
                .describe_as(ErrorKind::Io, "the file cannot be copied into memory")?;
        }
    }
    Ok(hash.finalize().into())
}

impl Contents {
    /// Holds `file`, or closes it if there are too many.
    fn hold(file: File) -> Self {
        match Permit::take() {
            Some(permit) => Self::Held(file, permit),
            None => Self::Closed,
        }
    }
}

/// One of a limited number of files that stay open.
#[derive(Debug)]
struct Permit(());

/// How many are held.
static HELD: AtomicUsize = AtomicUsize::new(0);

impl Permit {
    fn take() -> Option<Self> {
        let before = HELD.fetch_add(1, Ordering::Relaxed);
        // Made first: it counts down again if there were too many.
        let permit = Self(());
        (before < descriptors() / 4).then_some(permit)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        HELD.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many files this process may have open.
fn descriptors() -> usize {
    #[cfg(unix)]
    {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
    }
    #[cfg(not(unix))]
    512
}
