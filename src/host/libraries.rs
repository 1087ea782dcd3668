//! Libraries that are open, and who uses them.
//!
//! Their code stays mapped for good. One that nobody uses any more, because the instances that did
//! have gone on to others, is *retired*: nothing calls it, and its memory is not given back
//! before the program ends. One that is used again is not retired any more.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use hotshoe_abi::PluginModuleRef;
use parking_lot::Mutex;
use semver::Version;

use super::retired::RetiredLibrary;
use crate::config::Sha256;
use crate::manifest::Manifest;
use crate::verify::{LibraryFile, Stamp};

/// All libraries that a host has opened, in that order.
#[derive(Clone, Default)]
pub(crate) struct Libraries(Arc<Mutex<Vec<Open>>>);

/// One that is open.
struct Open {
    module: PluginModuleRef,
    plugin: String,
    version: Version,
    /// Where it came from, last.
    path: PathBuf,
    /// What the file was then.
    stamp: Stamp,
    /// SHA-256 of the bytes, if they were loaded from a copy.
    digest: Option<[u8; 32]>,
    opened: SystemTime,
    users: BTreeSet<User>,
    /// All instances that have used it.
    guests: BTreeSet<String>,
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
        self.0.lock().iter().find(|open| open.is_of(file)).map(|open| open.module)
    }

    /// The library of a file for one more user, if it is open.
    pub(crate) fn use_again(
        &self,
        file: &LibraryFile,
        user: &User,
    ) -> Option<(PluginModuleRef, InUse)> {
        let mut all = self.0.lock();
        let at = all.iter().position(|open| open.is_of(file))?;
        let module = all[at].module;
        Some((module, self.enter(&mut all, at, user.clone())))
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
        let mut all = self.0.lock();
        let at = match all.iter().position(|open| open.is_of(file)) {
            // Two instances opened it side by side; or the bytes of a copy came in another file.
            Some(at) => {
                all[at].path = file.path().to_owned();
                all[at].stamp = file.stamp().clone();
                at
            }
            None => {
                all.push(Open {
                    module,
                    plugin: manifest.id.clone(),
                    version: manifest.version.clone(),
                    path: file.path().to_owned(),
                    stamp: file.stamp().clone(),
                    digest: file.digest(),
                    opened: SystemTime::now(),
                    users: BTreeSet::new(),
                    guests: BTreeSet::new(),
                    retired: None,
                });
                all.len() - 1
            }
        };
        self.enter(&mut all, at, user)
    }

    /// All that are retired, those that were opened first in front. Of their memory nothing is known yet.
    pub(super) fn retired(&self) -> Vec<Retired> {
        self.0.lock().iter().filter_map(Open::retired).collect()
    }

    /// How many are retired.
    pub(super) fn count_retired(&self) -> usize {
        self.0.lock().iter().filter(|open| open.retired.is_some()).count()
    }

    fn enter(&self, all: &mut [Open], at: usize, user: User) -> InUse {
        let open = &mut all[at];
        open.retired = None;
        open.guests.insert(user.instance.clone());
        open.users.insert(user.clone());
        retire(all);
        InUse { libraries: self.clone(), at, user }
    }

    fn release(&self, at: usize, user: &User) {
        let mut all = self.0.lock();
        all[at].users.remove(user);
        retire(&mut all);
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
        let library = RetiredLibrary {
            plugin: self.plugin.clone(),
            version: self.version.clone(),
            path: self.path.clone(),
            digest: self.digest.map(Sha256::from_bytes),
            instances: self.guests.iter().cloned().collect(),
            opened: self.opened,
            retired: self.retired?,
            copy: self.digest.map(|_| self.stamp.length()),
            memory: None,
        };
        // Any function of it will do.
        Some(Retired { library, code: self.module.manifest() as usize })
    }
}

/// Retires what nobody uses, if all who did use something else. Who has stopped may come back.
fn retire(all: &mut [Open]) {
    let busy: BTreeSet<String> =
        all.iter().flat_map(|open| &open.users).map(|user| user.instance.clone()).collect();
    for open in all {
        if open.retired.is_none() && open.users.is_empty() && open.guests.is_subset(&busy) {
            open.retired = Some(SystemTime::now());
        }
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
        assert_eq!(libraries.0.lock().len(), 1);
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
