//! A plugin's file, opened once: what was verified is what is loaded.
//!
//! Of a file that is neither pinned nor signed nothing vouches for the bytes, so it is mapped from
//! disk; it only has to be the file that was looked at, and nothing may have become of it since. Of
//! one that is, the bytes were copied into memory and sealed against changes before they were
//! verified, and are loaded from there. Nobody can exchange them.
//!
//! A file can also be copied because it is to be opened beside an earlier one of its name: the
//! system's loader takes a name that it knows for the library that it knows. What is loaded from a
//! copy is known by its digest, and whatever becomes of the file touches no running code.
//!
//! A copy costs a descriptor and memory from here until it is loaded, so not all of them may wait: see
//! [`Waiting`](super::waiting::Waiting). The others are given up and made again for loading; what is
//! found then must be what was verified.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::memory::{self, fresh_name};
use super::regular;
use super::stamp::Stamp;
use super::waiting::{Kept, Permit, WAITING};
use crate::contract::{Error, ErrorKind, Result, ResultExt};

/// How much is copied at a time.
const CHUNK: usize = 64 << 10;

/// A file of which every byte is read has at most so many, by default in memory: that much, and
/// a second or two, is what a file costs that turns out not to be the one that was signed. Rust's
/// plugins have a few MiB, with all that debuggers want some hundred.
pub(super) const LARGEST: u64 = 512 << 20;

/// A plugin's file; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct LibraryFile(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    stamp: Stamp,
    bytes: Bytes,
}

/// The bytes of a file, which nobody else can change any more.
#[derive(Debug)]
pub(super) enum Final {
    /// In a sealed copy, to be loaded.
    Sealed(File, Permit),
    /// To be looked at only: too many copies wait for being loaded.
    Read(Vec<u8>),
}

/// Where the bytes are that were verified.
#[derive(Debug)]
enum Bytes {
    /// In the file; the digest, if it was loaded from a copy after all.
    OnDisk(OnceLock<[u8; 32]>),
    /// In a sealed copy with this SHA-256 digest, or to be copied again.
    Sealed([u8; 32], Mutex<Option<Arc<Kept>>>),
    /// In a file that another process opened.
    Received(Arc<File>),
}

/// What the system's loader is to open.
#[derive(Debug)]
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
    pub(super) fn on_disk(path: PathBuf, stamp: Stamp) -> Self {
        Self(Arc::new(Inner { path, stamp, bytes: Bytes::OnDisk(OnceLock::new()) }))
    }

    /// The file that is there now.
    #[cfg(test)]
    pub(crate) fn mapped_from(path: &Path) -> Self {
        Self::on_disk(path.to_owned(), Stamp::of(&std::fs::metadata(path).unwrap()))
    }

    /// A file with this digest, of which these bytes are loaded and no others.
    pub(super) fn sealed(path: PathBuf, stamp: Stamp, bytes: Final, digest: [u8; 32]) -> Self {
        let held = match bytes {
            Final::Sealed(copy, permit) => Some(WAITING.keep(copy, digest, permit)),
            Final::Read(_) => None,
        };
        let bytes = Bytes::Sealed(digest, Mutex::new(held));
        Self(Arc::new(Inner { path, stamp, bytes }))
    }

    /// A file that another process opened and verified.
    ///
    /// # Errors
    /// [`ErrorKind::Io`].
    pub(crate) fn received(path: PathBuf, file: File) -> Result<Self> {
        let metadata = file.metadata().describe_as(ErrorKind::Io, "its size cannot be read")?;
        let (stamp, bytes) = (Stamp::of(&metadata), Bytes::Received(Arc::new(file)));
        Ok(Self(Arc::new(Inner { path, stamp, bytes })))
    }

    /// What it was when it was verified.
    pub(crate) fn stamp(&self) -> &Stamp {
        &self.0.stamp
    }

    /// Where it is, or was.
    pub(crate) fn path(&self) -> &Path {
        &self.0.path
    }

    /// SHA-256 of the bytes, if these and no others are loaded.
    pub(crate) fn digest(&self) -> Option<[u8; 32]> {
        match &self.0.bytes {
            Bytes::Sealed(digest, _) => Some(*digest),
            Bytes::OnDisk(copied) => copied.get().copied(),
            Bytes::Received(_) => None,
        }
    }

    /// SHA-256 of the bytes, read for that if need be; none if the file is no longer what it was.
    pub(crate) fn digest_now(&self) -> Option<[u8; 32]> {
        self.digest().or_else(|| self.read_unchanged(|file| read_all(file, None, |_| {})).ok())
    }

    /// Whether this is the very build that the other one is, as far as that can still be known:
    /// there is nothing to exchange.
    pub(crate) fn is_same_build(&self, other: &Self) -> bool {
        // In one state a file has the same bytes.
        if self.path() == other.path() && self.stamp() == other.stamp() {
            return true;
        }
        self.digest_now().is_some_and(|digest| other.digest_now() == Some(digest))
    }

    /// Whether it is mapped from disk, under its own name.
    pub(crate) fn is_on_disk(&self) -> bool {
        matches!(self.0.bytes, Bytes::OnDisk(_))
    }

    /// The same file, loaded from a sealed copy; made now, if there is none.
    ///
    /// # Errors
    /// As for [`to_load`](Self::to_load), and [`ErrorKind::Unsupported`] where the system has no such
    /// memory or forbids it.
    pub(crate) fn copied(&self) -> Result<Self> {
        let Bytes::OnDisk(digest) = &self.0.bytes else { return Ok(self.clone()) };
        let (copy, found) = self.read_unchanged(|file| take(file, self.path(), |_| {}))?;
        // Another one that was made meanwhile has the same bytes.
        let _ = digest.set(found);
        Ok(Self::sealed(self.path().to_owned(), self.stamp().clone(), copy, found))
    }

    /// Reads the file. Nothing vouches for its bytes, so they are those that were looked at only if
    /// nothing has become of it, from then until it was read.
    fn read_unchanged<T>(&self, read: impl FnOnce(&mut File) -> Result<T>) -> Result<T> {
        let mut file = open(self.path())?;
        let is_it = |file: &File| {
            file.metadata().is_ok_and(|metadata| Stamp::of(&metadata) == self.0.stamp)
        };
        if !is_it(&file) {
            return Err(self.exchanged());
        }
        let read = read(&mut file)?;
        if is_it(&file) { Ok(read) } else { Err(self.exchanged()) }
    }

    /// What was verified, under a name for the system's loader.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidPlugin`] if the file was exchanged or changed since, and what was verified
    /// is no longer there.
    pub(crate) fn to_load(&self) -> Result<Loadable> {
        let open = match &self.0.bytes {
            Bytes::Sealed(digest, held) => self.copy(*digest, held)?,
            _ if self.is_unchanged() => {
                return Ok(Loadable { name: self.path().to_owned(), _open: None });
            }
            Bytes::Received(file) => file.clone(),
            Bytes::OnDisk(_) => return Err(self.exchanged()),
        };
        Ok(Loadable { name: fresh_name(&open)?, _open: Some(open) })
    }

    /// The sealed copy, made again if it was given up.
    fn copy(&self, digest: [u8; 32], held: &Mutex<Option<Arc<Kept>>>) -> Result<Arc<File>> {
        if let Some(copy) = &*held.lock() {
            return Ok(copy.file.clone());
        }
        let (copy, again) = seal(&mut open(self.path())?, self.path(), |_| {})?;
        if again == digest { Ok(Arc::new(copy)) } else { Err(self.exchanged()) }
    }

    /// Whether the path still leads to it, in the state in which it was looked at.
    fn is_unchanged(&self) -> bool {
        std::fs::metadata(self.path()).is_ok_and(|metadata| Stamp::of(&metadata) == self.0.stamp)
    }

    fn exchanged(&self) -> Error {
        Error::new(
            ErrorKind::InvalidPlugin,
            "the file that was verified was expected, it was exchanged or changed since",
        )
        .with_path(self.path())
        .with_help("restart or enable the plugin: its file is then verified anew")
    }

    /// Gives descriptor and memory back: it is loaded, or will not be.
    pub(crate) fn close(&self) {
        if let Bytes::Sealed(_, held) = &self.0.bytes {
            held.lock().take();
        }
    }

    /// What was verified, to be read by another process.
    ///
    /// # Errors
    /// As for [`to_load`](Self::to_load).
    pub(crate) fn reopen(&self) -> Result<File> {
        open(self.to_load()?.name())
    }
}

/// Opens a file to verify it.
///
/// # Errors
/// [`ErrorKind::Io`].
fn open(path: &Path) -> Result<File> {
    regular::open(path).map(|(file, _)| file).map_err(|error| not_opened(path, &error))
}

pub(super) fn not_opened(path: &Path, error: &std::io::Error) -> Error {
    let help = match error.kind() {
        std::io::ErrorKind::NotFound => "correct or remove the link",
        _ => "the host's user needs the right to read it",
    };
    Error::new(ErrorKind::Io, "the file cannot be opened")
        .caused_by(error)
        .with_path(path)
        .with_help(help)
}

/// Takes the bytes of a file, as they are now. Each piece goes through `also`, and all of them through
/// SHA-256.
///
/// # Errors
/// As for [`seal`].
pub(super) fn take(
    file: &mut File,
    path: &Path,
    also: impl FnMut(&[u8]),
) -> Result<(Final, [u8; 32])> {
    let length = length_of(file)?;
    if let Some(permit) = WAITING.permit(length) {
        let (copy, digest) = seal(file, path, also)?;
        return Ok((Final::Sealed(copy, permit), digest));
    }
    // It will be copied for loading. A copy that is thrown away would cost as much as all else here.
    let mut bytes = Vec::with_capacity(length as usize);
    let digest = read_all(file, Some(&mut bytes), also)?;
    Ok((Final::Read(bytes), digest))
}

/// How many bytes a file has, all of which are to be read.
fn length_of(file: &File) -> Result<u64> {
    let length = file.metadata().describe_as(ErrorKind::Io, "its size cannot be read")?.len();
    check_length(length).map(|()| length)
}

/// Copies a file into memory, for good: afterwards nobody can change the copy. Each piece goes
/// through `also`, and all of them through SHA-256.
///
/// # Errors
/// As for [`read_all`], and [`ErrorKind::Unsupported`] where the system has no such memory or forbids
/// it.
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
/// [`ErrorKind::InvalidPlugin`] if it is larger than [`LARGEST`], [`ErrorKind::Io`].
pub(super) fn read_all(
    file: &mut File,
    mut copy: Option<&mut dyn Write>,
    mut also: impl FnMut(&[u8]),
) -> Result<[u8; 32]> {
    length_of(file)?;
    // Whoever looked at the headers left it somewhere.
    file.rewind().describe_as(ErrorKind::Io, "the file cannot be read from its beginning")?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    let mut total = 0;
    loop {
        let length = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error).describe_as(ErrorKind::Io, "the file cannot be read"),
        };
        // It may grow.
        total += length as u64;
        check_length(total)?;
        let piece = &buffer[..length];
        hash.update(piece);
        also(piece);
        if let Some(copy) = &mut copy {
            copy.write_all(piece)
                .describe_as(ErrorKind::Io, "the file cannot be copied into memory")?;
        }
    }
    Ok(hash.finalize().into())
}

fn check_length(length: u64) -> Result<()> {
    if length <= LARGEST {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidPlugin,
        format!(
            "a library of at most {} MiB was expected, since all of it is read; this one has \
             {length} bytes",
            LARGEST >> 20
        ),
    )
    .with_help("build it without debug information, or move large data into a file beside it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_copy_has_the_bytes_that_were_looked_at_whatever_becomes_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("libquota.so");
        std::fs::write(&path, "one build").unwrap();
        let looked_at = LibraryFile::mapped_from(&path);
        assert_eq!(looked_at.digest(), None);
        let copy = looked_at.copied().unwrap();
        let digest = <[u8; 32]>::from(Sha256::digest("one build"));
        assert_eq!((copy.digest(), looked_at.digest()), (Some(digest), Some(digest)));
        // As `cp` does it.
        std::fs::write(&path, "another").unwrap();
        let mut text = String::new();
        copy.reopen().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "one build");
        assert_eq!(copy.copied().unwrap().digest(), Some(digest));
        let error = looked_at.copied().unwrap_err();
        assert!(error.message().contains("exchanged or changed"), "{error}");
    }

    /// As where too many copies wait.
    #[cfg(target_os = "linux")]
    #[test]
    fn bytes_that_were_only_looked_at_are_copied_for_loading_if_the_file_still_has_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("libquota.so");
        std::fs::write(&path, "one build").unwrap();
        let digest = <[u8; 32]>::from(Sha256::digest("one build"));
        let stamp = LibraryFile::mapped_from(&path).stamp().clone();
        let file = LibraryFile::sealed(path.clone(), stamp, Final::Read(Vec::new()), digest);
        let mut text = String::new();
        file.reopen().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "one build");
        std::fs::write(&path, "another").unwrap();
        assert!(file.to_load().unwrap_err().message().contains("exchanged or changed"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_changes_while_it_is_copied_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("libquota.so");
        std::fs::write(&path, "one build").unwrap();
        let file = LibraryFile::mapped_from(&path);
        let outcome = file.read_unchanged(|open| {
            std::fs::write(&path, "half of an").unwrap();
            seal(open, &path, |_| {})
        });
        assert!(outcome.unwrap_err().message().contains("exchanged or changed"));
    }

    #[test]
    fn a_build_is_known_again_by_its_bytes_while_they_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            LibraryFile::mapped_from(&path)
        };
        let running = write("libquota.so", "one build");
        assert!(LibraryFile::mapped_from(running.path()).is_same_build(&running));
        assert!(write("same.so", "one build").is_same_build(&running));
        assert!(!write("other.so", "two build").is_same_build(&running));
        let other = write("libquota.so", "a longer build");
        assert!(!other.is_same_build(&running), "not of the file that it has overwritten");
        write("libquota.so", "one build, and more");
        assert!(!write("same.so", "one build").is_same_build(&running), "nobody knows any more");
    }

    /// Its bytes are gone from the disk, its digest is not.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_build_that_was_copied_is_known_again_for_good() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("libquota.so");
        std::fs::write(&path, "one build").unwrap();
        let running = LibraryFile::mapped_from(&path).copied().unwrap();
        std::fs::write(&path, "another").unwrap();
        assert!(!LibraryFile::mapped_from(&path).is_same_build(&running));
        std::fs::write(&path, "one build").unwrap();
        assert!(LibraryFile::mapped_from(&path).is_same_build(&running));
    }

    #[test]
    fn a_file_may_have_any_size_up_to_a_limit() {
        assert!(check_length(LARGEST).is_ok());
        assert!(check_length(LARGEST + 1).is_err());
    }
}
