//! Opening a library and taking its module, checked.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use hotshoe_abi::__stable::AbiHeaderRef;
use hotshoe_abi::PluginModuleRef;
use libloading::Library;
use parking_lot::Mutex;

use super::{layout, mismatch};
use crate::contract::{Error, ErrorKind, Result};
use crate::manifest::Manifest;
use crate::verify::{Identity, LibraryFile, Loadable, Stamp};

/// Fingerprints whose layouts were compared in full. Equal sources have equal layouts, so the
/// comparison (most of the cost of a load) is needed once for each.
static CHECKED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// What was opened from memory, by digest. The system's loader knows a file by its name and number,
/// and opens it once; each copy has others.
static OPENED: Mutex<BTreeMap<[u8; 32], Opened>> = Mutex::new(BTreeMap::new());

/// What was opened from disk. The system's loader takes another file of a name that it has heard, or
/// the same file with other bytes, for the library that it has open.
static NAMED: LazyLock<Mutex<Named>> = LazyLock::new(Mutex::default);

/// Files in the states in which they were opened.
#[derive(Default)]
struct Named {
    by_name: HashMap<PathBuf, Stamp>,
    /// After the name it goes by the file's number.
    by_identity: HashMap<Identity, Stamp>,
}

/// Locked while it is being opened.
type Opened = Arc<Mutex<Option<Open>>>;

/// An open library. Its code stays for good, whatever becomes of this; see the module.
type Open = Arc<ManuallyDrop<Library>>;

/// Opens a verified library and returns the functions of its plugin.
///
/// Runs the library's constructors. Recurses deeply while comparing layouts: call it on a thread
/// with a stack of several megabytes.
///
/// # Errors
/// [`ErrorKind::InvalidPlugin`] if it does not open or lacks the symbol,
/// [`ErrorKind::Incompatible`] if its layouts differ.
pub(crate) fn open(file: &LibraryFile, manifest: &Manifest) -> Result<PluginModuleRef> {
    let library = library(file)?;
    let symbol = manifest.build.symbol.as_str();
    // SAFETY: the manifest, written by the macro that defines the symbol, says that a static
    // `LibHeader` has this name; its first bytes are checked below before anything is believed.
    let header = unsafe { library.get::<AbiHeaderRef>(symbol) }.map_err(|error| {
        Error::new(
            ErrorKind::InvalidPlugin,
            format!("the symbol `{symbol}` was expected in the library, it is not there"),
        )
        .with_help("the library was stripped of its symbols or linked oddly: build it again")
        .caused_by(&error)
    })?;
    let header = header.upgrade().map_err(mismatch::explain)?;
    let inside = header.version_strings().version;
    if inside.as_str() != manifest.build.abi.to_string() {
        return Err(Error::new(
            ErrorKind::Incompatible,
            format!(
                "hotshoe-abi {} was expected, as its manifest says, the library has {inside}",
                manifest.build.abi
            ),
        )
        .with_help("the file was put together from two builds: build it again"));
    }
    let fingerprint = &manifest.build.fingerprint;
    let known = fingerprint == hotshoe_abi::FINGERPRINT || CHECKED.lock().contains(fingerprint);
    layout::check(header, known)?;
    // SAFETY: a library with this fingerprint has these layouts: they were compared, just now or
    // before, or are those of this very crate.
    let module = unsafe { header.init_root_module_with_unchecked_layout::<PluginModuleRef>() }
        .map_err(mismatch::explain)?;
    CHECKED.lock().insert(fingerprint.clone());
    Ok(module)
}

/// The library of a file, open from now on.
fn library(file: &LibraryFile) -> Result<Open> {
    let copied;
    let file = if file.is_on_disk() {
        // First: the loader never hears the name of what was exchanged, and another file may have it.
        let loadable = file.to_load()?;
        if may_go_by_name(file) {
            return open_library(&loadable);
        }
        copied = file.copied().map_err(|error| match error.kind() {
            ErrorKind::Unsupported => {
                error.with_help("give the new build another file name, or restart the program")
            }
            _ => error,
        })?;
        &copied
    } else {
        file
    };
    let Some(digest) = file.digest() else { return open_library(&file.to_load()?) };
    // Whoever wants the same bytes waits, as the system's loader would have it.
    let opened = OPENED.lock().entry(digest).or_default().clone();
    let mut opened = opened.lock();
    if let Some(library) = &*opened {
        return Ok(library.clone());
    }
    let library = open_library(&file.to_load()?)?;
    Ok(opened.insert(library).clone())
}

/// Whether the system's loader can tell this file by its name, now and from now on.
fn may_go_by_name(file: &LibraryFile) -> bool {
    let mut named = NAMED.lock();
    let (path, stamp) = (file.path(), file.stamp());
    let identity = stamp.identity();
    let by_identity = identity.and_then(|identity| named.by_identity.get(&identity));
    let mut known = named.by_name.get(path).into_iter().chain(by_identity).peekable();
    if known.peek().is_some() {
        return known.all(|known| known == stamp);
    }
    named.by_name.insert(path.to_owned(), stamp.clone());
    if let Some(identity) = identity {
        named.by_identity.insert(identity, stamp.clone());
    }
    true
}

fn open_library(loadable: &Loadable) -> Result<Open> {
    open_by_name(loadable.name()).map(|library| Arc::new(ManuallyDrop::new(library)))
}

#[cfg(unix)]
fn open_by_name(path: &Path) -> Result<Library> {
    use libloading::os::unix::{self, RTLD_LOCAL, RTLD_NOW};
    // SAFETY: opening runs the constructors of a library that the operator put where plugins are
    // and whose manifest was accepted. What they do cannot be checked; that is what "loaded" means.
    let library = unsafe { unix::Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) };
    library.map(Into::into).map_err(|error| not_opened(&error))
}

// Untested: no Windows machine has run this.
#[cfg(not(unix))]
fn open_by_name(path: &Path) -> Result<Library> {
    // SAFETY: as above.
    unsafe { Library::new(path) }.map_err(|error| not_opened(&error))
}

fn not_opened(error: &libloading::Error) -> Error {
    Error::new(ErrorKind::InvalidPlugin, "the system's loader refuses the library")
        .with_help("a library that it needs may be missing: `ldd` on the file says which")
        .caused_by(error)
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;

    use super::*;

    /// Whether it may, for a file that is open for good from now on, as a library is: no other file gets
    /// its number.
    fn opens_by_name(path: &Path) -> bool {
        std::mem::forget(fs::File::open(path).unwrap());
        may_go_by_name(&LibraryFile::mapped_from(path))
    }

    #[test]
    fn a_name_is_for_the_first_file_that_had_it_in_the_state_that_it_had() {
        let folder = tempfile::tempdir().unwrap();
        let [one, two] = ["libone.so", "libtwo.so"].map(|name| folder.path().join(name));
        fs::write(&one, "first").unwrap();
        assert!(opens_by_name(&one));
        assert!(opens_by_name(&one), "the loader has it open, and finds it");
        // Another file under its name.
        fs::write(folder.path().join("new"), "second").unwrap();
        fs::rename(folder.path().join("new"), &one).unwrap();
        assert!(!opens_by_name(&one));
        // Other bytes in a file that is open, under another name.
        fs::write(&two, "third").unwrap();
        assert!(opens_by_name(&two));
        let three = folder.path().join("libthree.so");
        fs::rename(&two, &three).unwrap();
        fs::write(&three, "fourth").unwrap();
        assert!(!opens_by_name(&three));
    }

    /// Its number is free once it is removed, and the next file has it.
    #[test]
    fn a_file_that_was_exchanged_before_it_was_opened_leaves_name_and_number_to_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("libone.so");
        fs::write(&path, "first").unwrap();
        let looked_at = LibraryFile::mapped_from(&path);
        fs::write(&path, "the second").unwrap();
        assert!(library(&looked_at).unwrap_err().message().contains("exchanged or changed"));
        assert!(opens_by_name(&path));
    }
}
