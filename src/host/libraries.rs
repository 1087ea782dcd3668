//! Libraries that are open, and who uses them.
//!
//! Their code stays mapped for good. One that nobody uses any more, because the instances that did
//! have gone on to others, is *retired*: nothing calls it, and its memory is not given back
//! before the program ends. One that is used again is not retired any more.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use hotshoe_abi::PluginModuleRef;
use parking_lot::Mutex;
use semver::Version;

use super::info::HeapUse;
use super::retired::RetiredLibrary;
use crate::config::Sha256;
use crate::manifest::Manifest;
use crate::verify::{LibraryFile, Stamp};

/// All libraries that a host has opened.
#[derive(Clone, Default)]
pub(crate) struct Libraries(Arc<Mutex<Shelf>>);

/// With a thousand of them, none is looked for among all.
#[derive(Default)]
struct Shelf {
    /// In the order in which they were opened.
    all: Vec<Open>,
    /// Places in `all` of what may be a file with this path.
    by_path: HashMap<PathBuf, Vec<usize>>,
    /// Of what was loaded from a copy with this digest.
    by_digest: HashMap<[u8; 32], usize>,
    guests: HashMap<String, Guest>,
}

/// An instance that has used libraries.
#[derive(Default)]
struct Guest {
    /// How many of its starts use one now.
    uses: usize,
    /// The places of all that it has used.
    libraries: Vec<usize>,
}

/// One that is open.
struct Open {
    module: PluginModuleRef,
    /// Whether it counts its heap: those that do not need not be asked again and again.
    counts: bool,
    plugin: String,
    version: Version,
    /// Where it came from, last.
    path: PathBuf,
    /// What the file was then.
    stamp: Stamp,
    /// SHA-256 of the bytes, if they were loaded from a copy.
    digest: Option<[u8; 32]>,
    opened: SystemTime,
    users: Vec<User>,
    /// All instances that have used it.
    guests: Vec<String>,
    /// Since when nobody uses it, and nobody is to come back to it.
    retired: Option<SystemTime>,
}

/// One start of an instance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct User {
    /// Its id.
    pub(crate) instance: String,
    /// Which of all starts of the host it was.
    pub(crate) start: u64,
}

/// A library is in use for as long as this lives: until the plugin's last object was dropped.
pub(crate) struct InUse {
    libraries: Libraries,
    /// Which one.
    at: usize,
    user: User,
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.libraries.release(self.at, &self.user);
    }
}

impl Open {
    /// Whether what would be loaded from this file is what is open.
    fn is_of(&self, file: &LibraryFile) -> bool {
        match (self.digest, file.digest()) {
            (Some(own), Some(other)) => own == other,
            // In one state a file has the same bytes, from wherever they were loaded.
            _ => self.path == file.path() && self.stamp == *file.stamp(),
        }
    }
}

impl Libraries {
    /// The library of a file, if it is open.
    pub(crate) fn open_of(&self, file: &LibraryFile) -> Option<PluginModuleRef> {
        let shelf = self.0.lock();
        shelf.place_of(file).map(|at| shelf.all[at].module)
    }

    /// The library of a file, if it is open and counts its heap.
    pub(crate) fn counting(&self, file: &LibraryFile) -> Option<PluginModuleRef> {
        let shelf = self.0.lock();
        let open = &shelf.all[shelf.place_of(file)?];
        open.counts.then_some(open.module)
    }

    /// The library of a file for one more user, if it is open.
    pub(crate) fn use_again(
        &self,
        file: &LibraryFile,
        user: &User,
    ) -> Option<(PluginModuleRef, InUse)> {
        let mut shelf = self.0.lock();
        let at = shelf.place_of(file)?;
        let module = shelf.all[at].module;
        shelf.enter(at, user);
        Some((module, InUse { libraries: self.clone(), at, user: user.clone() }))
    }

    /// Takes in a library that was opened, in use by `user`. It stays if the instance fails: it is what
    /// will be there next time.
    pub(crate) fn keep(
        &self,
        file: &LibraryFile,
        manifest: &Manifest,
        module: PluginModuleRef,
        user: User,
    ) -> InUse {
        // It has allocated by now, if only for its log. Its code is not called under the lock.
        let counts = HeapUse::of(module).is_some();
        let mut shelf = self.0.lock();
        let at = match shelf.place_of(file) {
            // Two instances opened it side by side; or the bytes of a copy came in another file.
            Some(at) => {
                let open = &mut shelf.all[at];
                open.path = file.path().to_owned();
                open.stamp = file.stamp().clone();
                at
            }
            None => {
                shelf.all.push(Open {
                    module,
                    counts,
                    plugin: manifest.id.clone(),
                    version: manifest.version.clone(),
                    path: file.path().to_owned(),
                    stamp: file.stamp().clone(),
                    digest: file.digest(),
                    opened: SystemTime::now(),
                    users: Vec::new(),
                    guests: Vec::new(),
                    retired: None,
                });
                shelf.all.len() - 1
            }
        };
        shelf.index(at);
        shelf.enter(at, &user);
        InUse { libraries: self.clone(), at, user }
    }

    /// All that are retired, those that were opened first in front. Of their memory nothing is known yet.
    pub(super) fn retired(&self) -> Vec<Retired> {
        self.0.lock().all.iter().filter_map(Open::retired).collect()
    }

    /// How many are retired.
    pub(super) fn count_retired(&self) -> usize {
        self.0.lock().all.iter().filter(|open| open.retired.is_some()).count()
    }

    fn release(&self, at: usize, user: &User) {
        self.0.lock().leave(at, user);
    }
}

impl Shelf {
    /// Where the library of a file is, if it is open.
    fn place_of(&self, file: &LibraryFile) -> Option<usize> {
        let by_digest = file.digest().and_then(|digest| self.by_digest.get(&digest));
        let by_path = self.by_path.get(file.path()).into_iter().flatten();
        let places = by_digest.into_iter().chain(by_path).copied();
        places.filter(|at| self.all[*at].is_of(file)).min()
    }

    /// It can be found by what is known of it now.
    fn index(&mut self, at: usize) {
        let open = &self.all[at];
        if let Some(digest) = open.digest {
            self.by_digest.insert(digest, at);
        }
        let places = self.by_path.entry(open.path.clone()).or_default();
        if !places.contains(&at) {
            places.push(at);
        }
    }

    fn enter(&mut self, at: usize, user: &User) {
        let open = &mut self.all[at];
        open.retired = None;
        let guest = self.guests.entry(user.instance.clone()).or_default();
        if !guest.libraries.contains(&at) {
            guest.libraries.push(at);
            open.guests.push(user.instance.clone());
        }
        if !open.users.contains(user) {
            guest.uses += 1;
            open.users.push(user.clone());
        }
        // It may be the last for whose return they were kept.
        for at in guest.libraries.clone() {
            self.retire(at);
        }
    }

    fn leave(&mut self, at: usize, user: &User) {
        let users = &mut self.all[at].users;
        if let Some(place) = users.iter().position(|other| other == user) {
            users.swap_remove(place);
            if let Some(guest) = self.guests.get_mut(&user.instance) {
                guest.uses -= 1;
            }
        }
        self.retire(at);
    }

    /// Retires what nobody uses, if all who did use something else. Who has stopped may come back.
    fn retire(&mut self, at: usize) {
        let open = &mut self.all[at];
        let is_busy = |id: &String| self.guests.get(id).is_some_and(|guest| guest.uses > 0);
        if open.retired.is_none() && open.users.is_empty() && open.guests.iter().all(is_busy) {
            open.retired = Some(SystemTime::now());
        }
    }
}

/// What is retired, and where its code is.
pub(super) struct Retired {
    pub(super) library: RetiredLibrary,
    pub(super) code: usize,
}

impl Open {
    /// What is told of it, if it is retired.
    fn retired(&self) -> Option<Retired> {
        let mut instances = self.guests.clone();
        instances.sort();
        let library = RetiredLibrary {
            plugin: self.plugin.clone(),
            version: self.version.clone(),
            path: self.path.clone(),
            digest: self.digest.map(Sha256::from_bytes),
            instances,
            opened: self.opened,
            retired: self.retired?,
            copy: self.digest.map(|_| self.stamp.length()),
            memory: None,
        };
        // Any function of it will do.
        Some(Retired { library, code: self.module.manifest() as usize })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::contract::Result;
    use crate::sdk::{Context, NoConfig, Plugin};

    struct Nothing;

    impl Plugin for Nothing {
        type Config = NoConfig;

        async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
            Ok(Self)
        }
    }

    fn module() -> PluginModuleRef {
        crate::plugin!(Nothing, id = "it").module()
    }

    fn manifest() -> Manifest {
        Manifest::parse(crate::plugin!(Nothing, id = "it").manifest_text()).unwrap()
    }

    fn user(instance: &str, start: u64) -> User {
        User { instance: instance.into(), start }
    }

    /// Puts another file in the place of this one.
    fn put(path: &Path, text: &str) -> LibraryFile {
        let beside = path.with_extension("new");
        std::fs::write(&beside, text).unwrap();
        std::fs::rename(&beside, path).unwrap();
        LibraryFile::mapped_from(path)
    }

    /// While the instance starts, say: what counts is what was verified, not what is there afterwards.
    #[test]
    fn a_file_that_was_exchanged_after_it_was_opened_is_told_from_the_library_that_is_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("libit.so");
        let libraries = Libraries::default();
        let opened = put(&path, "one build");
        let _held = std::fs::File::open(&path).unwrap();
        let _used = libraries.keep(&opened, &manifest(), module(), user("it", 0));
        let exchanged = put(&path, "another one");
        assert!(libraries.open_of(&exchanged).is_none());
        assert!(libraries.open_of(&opened).is_some());
        assert!(libraries.use_again(&exchanged, &user("it", 1)).is_none());
        assert!(libraries.use_again(&opened, &user("it", 1)).is_some());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_was_loaded_from_a_copy_is_known_by_its_bytes_in_whatever_file_they_come() {
        let folder = tempfile::tempdir().unwrap();
        let libraries = Libraries::default();
        let first = put(&folder.path().join("libit.so"), "one build").copied().unwrap();
        let used = libraries.keep(&first, &manifest(), module(), user("it", 0));
        let again = put(&folder.path().join("libother.so"), "one build");
        assert!(libraries.open_of(&again).is_none(), "it would be mapped from disk");
        assert!(libraries.open_of(&again.copied().unwrap()).is_some());
        // What was to be mapped from disk turned out to be those bytes, and is known from now on.
        drop(libraries.keep(&again, &manifest(), module(), user("it", 1)));
        assert!(libraries.open_of(&LibraryFile::mapped_from(again.path())).is_some());
        assert!(libraries.open_of(&first).is_some());
        assert_eq!(libraries.0.lock().all.len(), 1);
        drop(used);
    }

    /// Opens a build for an instance.
    struct Builds {
        folder: tempfile::TempDir,
        libraries: Libraries,
    }

    impl Builds {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().unwrap(), libraries: Libraries::default() }
        }

        fn open(&self, name: &str, user: User) -> InUse {
            let path = self.folder.path().join(name);
            if !path.exists() {
                std::fs::write(&path, name).unwrap();
            }
            let file = LibraryFile::mapped_from(&path);
            match self.libraries.use_again(&file, &user) {
                Some((_, used)) => used,
                None => self.libraries.keep(&file, &manifest(), module(), user),
            }
        }

        /// The names of what is retired.
        fn retired(&self) -> Vec<String> {
            let name = |retired: Retired| {
                retired.library.path.file_name().unwrap().to_str().unwrap().to_owned()
            };
            let retired: Vec<_> = self.libraries.retired().into_iter().map(name).collect();
            assert_eq!(retired.len(), self.libraries.count_retired());
            retired
        }
    }

    #[test]
    fn what_an_instance_has_left_for_another_build_is_retired_once_nothing_of_it_is_left() {
        let builds = Builds::new();
        let old = builds.open("old.so", user("it", 0));
        let new = builds.open("new.so", user("it", 1));
        assert!(builds.retired().is_empty(), "both generations live");
        drop(old);
        assert_eq!(builds.retired(), ["old.so"]);
        drop(new);
        assert_eq!(builds.retired(), ["old.so"], "who has stopped may come back");
        let again = builds.open("old.so", user("it", 2));
        assert_eq!(builds.retired(), ["new.so"], "what is used again is not retired");
        drop(again);
    }

    #[test]
    fn a_build_that_failed_beside_one_that_goes_on_is_retired() {
        let builds = Builds::new();
        let _old = builds.open("old.so", user("it", 0));
        drop(builds.open("broken.so", user("it", 1)));
        assert_eq!(builds.retired(), ["broken.so"]);
    }

    #[test]
    fn a_build_that_came_after_the_old_one_had_stopped_retires_it_too() {
        let builds = Builds::new();
        drop(builds.open("old.so", user("it", 0)));
        assert!(builds.retired().is_empty());
        let _new = builds.open("new.so", user("it", 1));
        assert_eq!(builds.retired(), ["old.so"]);
    }

    #[test]
    fn a_build_that_several_share_is_retired_when_all_of_them_have_gone_on() {
        let builds = Builds::new();
        let (a, b) = (builds.open("old.so", user("a", 0)), builds.open("old.so", user("b", 1)));
        let _new = builds.open("new.so", user("a", 2));
        drop(a);
        drop(b);
        assert!(builds.retired().is_empty(), "`b` may come back");
        let b = builds.open("new.so", user("b", 3));
        assert_eq!(builds.retired(), ["old.so"]);
        drop(b);
    }
}
