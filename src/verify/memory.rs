//! Files in memory that nobody can change any more, and names under which the loader takes an open
//! file. Linux only.

use std::fs::File;
use std::path::{Path, PathBuf};

#[cfg(target_os = "linux")]
use crate::contract::ErrorKind;
use crate::contract::{Error, Result};

/// An empty file in memory, named after the file at `path` in `/proc/self/maps`.
///
/// # Errors
/// [`ErrorKind::Unsupported`] if the system forbids that such a file is executed.
#[cfg(target_os = "linux")]
pub(super) fn create(path: &Path) -> Result<File> {
    use rustix::fs::{MemfdFlags, memfd_create};
    use rustix::io::Errno;

    let name = path.file_name().unwrap_or_default();
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let made = match memfd_create(name, flags | MemfdFlags::EXEC) {
        // Linux before 6.3 does not know the flag, and makes every such file executable.
        Err(Errno::INVAL) => memfd_create(name, flags),
        made => made,
    };
    made.map(File::from).map_err(not_made)
}

#[cfg(target_os = "linux")]
fn not_made(error: rustix::io::Errno) -> Error {
    let forbidden = error == rustix::io::Errno::ACCESS;
    let (message, help) = if forbidden {
        (
            "files in memory that can be executed were expected, this system forbids them \
             (vm.memfd_noexec)",
            "set `vm.memfd_noexec` to 0 or 1; what is only pinned or signed also starts with \
             `load_from = \"path\"` in [plugins.security], if nobody else can write to the plugin \
             directory",
        )
    } else {
        (
            "the plugin is copied into memory, which failed",
            "give the process more memory or descriptors",
        )
    };
    Error::new(ErrorKind::Unsupported, message)
        .with_help(help)
        .caused_by(&std::io::Error::from(error))
}

/// Seals a file against writing and changes of its length.
///
/// # Errors
/// [`ErrorKind::Io`].
#[cfg(target_os = "linux")]
pub(super) fn seal(file: &File) -> Result<()> {
    use rustix::fs::{SealFlags, fcntl_add_seals};

    use crate::contract::ResultExt;

    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    fcntl_add_seals(file, seals)
        .map_err(std::io::Error::from)
        .describe_as(ErrorKind::Io, "the copy in memory cannot be sealed")
}

/// A name for an open file that the loader has not heard yet. It compares names first: one that was
/// used before, for a file that has been closed since, would bring the old library.
///
/// # Errors
/// None on Linux.
#[cfg(target_os = "linux")]
pub(super) fn fresh_name(file: &File) -> Result<PathBuf> {
    use std::os::fd::AsRawFd;
    use std::sync::atomic::{AtomicU64, Ordering};

    static NAMES: AtomicU64 = AtomicU64::new(1);
    let mut number = NAMES.fetch_add(1, Ordering::Relaxed);
    // The number in binary, in ways to spell "here".
    let mut name = String::from("/proc/self/fd");
    while number > 0 {
        name.push_str(if number & 1 == 1 { "/." } else { "/" });
        number >>= 1;
    }
    Ok(PathBuf::from(format!("{name}/{}", file.as_raw_fd())))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn create(_: &Path) -> Result<File> {
    Err(unsupported())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn seal(_: &File) -> Result<()> {
    Err(unsupported())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn fresh_name(_: &File) -> Result<PathBuf> {
    Err(unsupported())
}

// Untested: no other system has run this.
#[cfg(not(target_os = "linux"))]
fn unsupported() -> Error {
    Error::new(
        crate::contract::ErrorKind::Unsupported,
        "loading from verified bytes is possible on Linux only",
    )
    .with_help("set `load_from = \"path\"` in [plugins.security]")
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn a_sealed_file_takes_no_more_writes_and_reads_the_same_under_its_name() {
        let mut file = create(Path::new("/plugins/libquota.so")).unwrap();
        file.write_all(b"code").unwrap();
        seal(&file).unwrap();
        assert!(file.write_all(b"more").is_err());
        assert!(file.set_len(0).is_err());
        let mut text = String::new();
        File::open(fresh_name(&file).unwrap()).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "code");
    }

    #[test]
    fn no_name_is_used_twice() {
        let file = create(Path::new("libquota.so")).unwrap();
        let names: std::collections::BTreeSet<PathBuf> =
            // Compared as the loader does: as text. Paths compare without `.` and `//`.
            (0..100).map(|_| fresh_name(&file).unwrap().into_os_string().into()).collect();
        let texts: std::collections::BTreeSet<_> =
            (0..100).map(|_| fresh_name(&file).unwrap().into_os_string()).collect();
        assert_eq!(texts.len(), 100);
        assert!(names.len() < 100);
    }

    #[test]
    fn where_executable_memory_is_forbidden_the_key_that_does_without_is_named() {
        let error = format!("{:#}", not_made(rustix::io::Errno::ACCESS));
        assert!(error.contains("vm.memfd_noexec"), "{error}");
        assert!(error.contains("load_from = \"path\""), "{error}");
    }
}
