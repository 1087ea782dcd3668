//! Which files have settled: a copy takes its time, and half of a library is none.
//!
//! Pure: time and what is on the disk come from outside.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::directory::is_library;

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It is new, or has other contents, and nothing happens to it any more.
    Settled(PathBuf),
    /// It was there, and is not.
    Removed(PathBuf),
}

impl Change {
    /// Of which file.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Settled(path) | Self::Removed(path) => path,
        }
    }
}

/// Files, and which of them wait. `S` is what a look at one shows: two looks that show the same saw
/// the same contents.
///
/// A file has settled once nothing has happened to it for `debounce` and it looks as it did before.
/// That is the rule for all: for one that is written piece by piece, which starts to wait anew with
/// each piece, for one that is renamed into its place, and for one that is removed.
pub(super) struct Settling<S> {
    debounce: Duration,
    files: BTreeMap<PathBuf, File<S>>,
}

struct File<S> {
    /// As it was when it was last told of; none of what is not there, as far as anybody was told.
    told: Option<S>,
    /// As it was when it was last looked at.
    seen: Option<S>,
    /// Since when nothing has happened to it, if it waits.
    quiet: Option<Instant>,
}

impl<S: Clone + PartialEq> Settling<S> {
    pub(super) fn new(debounce: Duration) -> Self {
        Self { debounce, files: BTreeMap::new() }
    }

    /// This one is there from the beginning: nobody is told.
    pub(super) fn is_known(&mut self, path: PathBuf, seen: S) {
        self.files.insert(path, File { told: Some(seen.clone()), seen: Some(seen), quiet: None });
    }

    /// Something happened to it, and this is what it looks like now.
    pub(super) fn touched(&mut self, path: &Path, now: Instant, seen: Option<S>) {
        let file = match self.files.get_mut(path) {
            Some(file) => file,
            None => self.files.entry(path.to_owned()).or_insert(File {
                told: None,
                seen: None,
                quiet: None,
            }),
        };
        file.seen = seen;
        file.quiet = Some(now);
    }

    /// This is what it looks like now; something happened to it if it looked otherwise before.
    pub(super) fn looked_at(&mut self, path: &Path, now: Instant, seen: Option<S>) {
        let before = self.files.get(path).and_then(|file| file.seen.as_ref());
        if before != seen.as_ref() {
            self.touched(path, now, seen);
        }
    }

    /// All files that are known, or were until they were gone.
    pub(super) fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.files.keys()
    }

    /// When the next one may have settled; nothing waits if there is no such time.
    pub(super) fn due(&self) -> Option<Instant> {
        self.files.values().filter_map(|file| file.quiet).min().map(|quiet| quiet + self.debounce)
    }

    /// Looks once more at those whose time has come, and tells which have settled.
    pub(super) fn settle(
        &mut self,
        now: Instant,
        mut look: impl FnMut(&Path) -> Option<S>,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        let debounce = self.debounce;
        self.files.retain(|path, file| {
            if file.quiet.is_none_or(|quiet| now < quiet + debounce) {
                return true;
            }
            let seen = look(path);
            if seen != file.seen {
                // Somebody writes without being heard.
                file.seen = seen;
                file.quiet = Some(now);
                return true;
            }
            file.quiet = None;
            if file.told != seen {
                let path = path.clone();
                changes.push(match &seen {
                    Some(_) => Change::Settled(path),
                    None => Change::Removed(path),
                });
                file.told = seen;
            }
            file.told.is_some()
        });
        changes
    }
}

/// Of which library a file is: of itself, or the one whose signature it is. None of what is no
/// library by its name.
pub(super) fn library_of(file: &Path) -> Option<PathBuf> {
    let name = file.file_name()?.to_str()?;
    let name = name.strip_suffix(".minisig").unwrap_or(name);
    let path = file.with_file_name(name);
    is_library(&path).then_some(path)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DEBOUNCE: u64 = 500;

    /// A disk and a clock.
    struct World {
        begin: Instant,
        /// Milliseconds since then.
        now: u64,
        disk: BTreeMap<PathBuf, u32>,
        /// What the last look at each showed.
        looks: BTreeMap<PathBuf, Option<u32>>,
        settling: Settling<u32>,
    }

    impl World {
        fn new() -> Self {
            Self {
                begin: Instant::now(),
                now: 0,
                disk: BTreeMap::new(),
                looks: BTreeMap::new(),
                settling: Settling::new(Duration::from_millis(DEBOUNCE)),
            }
        }

        fn time(&self) -> Instant {
            self.begin + Duration::from_millis(self.now)
        }

        fn put(&mut self, name: &str, contents: Option<u32>) {
            match contents {
                Some(contents) => self.disk.insert(name.into(), contents),
                None => self.disk.remove(Path::new(name)),
            };
        }

        fn hear(&mut self, name: &str) {
            let seen = self.disk.get(Path::new(name)).copied();
            self.looks.insert(name.into(), seen);
            self.settling.touched(Path::new(name), self.time(), seen);
        }

        fn change(&mut self, name: &str, contents: Option<u32>) {
            self.put(name, contents);
            self.hear(name);
        }

        fn settle(&mut self) -> Vec<Change> {
            let now = self.time();
            let mut looks = self.looks.clone();
            let changes = self.settling.settle(now, |path| {
                let seen = self.disk.get(path).copied();
                looks.insert(path.to_owned(), seen);
                seen
            });
            for Change::Settled(path) | Change::Removed(path) in &changes {
                assert_eq!(looks.get(path), self.looks.get(path), "two looks show the same");
            }
            self.looks = looks;
            changes
        }

        /// What is told after so many milliseconds.
        fn after(&mut self, milliseconds: u64) -> Vec<Change> {
            self.now += milliseconds;
            self.settle()
        }
    }

    fn settled(name: &str) -> Vec<Change> {
        vec![Change::Settled(name.into())]
    }

    fn removed(name: &str) -> Vec<Change> {
        vec![Change::Removed(name.into())]
    }

    #[test]
    fn a_file_that_is_renamed_into_place_has_settled_as_soon_as_the_time_is_over() {
        let mut world = World::new();
        world.change("a.so", Some(1));
        assert_eq!(world.after(DEBOUNCE - 1), []);
        assert_eq!(world.after(1), settled("a.so"));
        assert_eq!(world.settling.due(), None);
        assert_eq!(world.after(DEBOUNCE), []);
    }

    #[test]
    fn a_file_that_is_written_waits_from_the_last_piece_on() {
        let mut world = World::new();
        for piece in 1..9 {
            world.change("a.so", Some(piece));
            assert_eq!(world.after(DEBOUNCE - 1), []);
        }
        assert_eq!(world.after(1), settled("a.so"));
    }

    #[test]
    fn a_file_that_grows_without_a_sound_waits_too() {
        let mut world = World::new();
        world.change("a.so", Some(1));
        world.put("a.so", Some(2));
        assert_eq!(world.after(DEBOUNCE), []);
        assert_eq!(world.after(DEBOUNCE - 1), []);
        assert_eq!(world.after(1), settled("a.so"));
    }

    #[test]
    fn a_file_that_is_gone_is_told_once_and_one_that_was_never_told_is_not() {
        let mut world = World::new();
        world.change("a.so", Some(1));
        assert_eq!(world.after(DEBOUNCE), settled("a.so"));
        world.change("a.so", None);
        world.change("passing.so", Some(1));
        world.change("passing.so", None);
        assert_eq!(world.after(DEBOUNCE), removed("a.so"));
        assert_eq!(world.settling.paths().count(), 0);
    }

    #[test]
    fn what_is_exchanged_in_two_steps_was_never_gone() {
        let mut world = World::new();
        world.settling.is_known("a.so".into(), 1);
        world.change("a.so", None);
        assert_eq!(world.after(DEBOUNCE - 1), []);
        world.change("a.so", Some(2));
        assert_eq!(world.after(DEBOUNCE), settled("a.so"));
    }

    #[test]
    fn what_is_as_it_was_is_not_told() {
        let mut world = World::new();
        world.settling.is_known("a.so".into(), 1);
        world.put("a.so", Some(1));
        world.hear("a.so");
        assert_eq!(world.after(DEBOUNCE), []);
        world.change("a.so", Some(2));
        world.change("a.so", Some(1));
        assert_eq!(world.after(DEBOUNCE), []);
    }

    #[test]
    fn temporary_names_are_passed_over_and_a_signature_is_its_librarys() {
        let of = |name: &str| library_of(Path::new(name)).map(|path| path.display().to_string());
        let library = format!("/p/liba.{}", std::env::consts::DLL_EXTENSION);
        assert_eq!(of(&library), Some(library.clone()));
        assert_eq!(of(&format!("{library}.minisig")), Some(library.clone()));
        let hidden = library.replace("liba", ".liba");
        for passed_over in [
            hidden.clone(),
            format!("{hidden}.minisig"),
            format!("{library}.tmp"),
            format!("{library}~"),
            "/p/liba".into(),
            "/p/.minisig".into(),
            "/".into(),
        ] {
            assert_eq!(of(&passed_over), None, "{passed_over}");
        }
    }

    #[derive(Clone, Debug)]
    enum Deed {
        /// Something is written or removed, and heard of or not.
        Put(&'static str, Option<u32>, bool),
        /// Heard of, though nothing has changed.
        Hear(&'static str),
        /// Looked at all of them.
        Look,
        Wait(u64),
    }

    fn deed() -> impl Strategy<Value = Deed> {
        let name = prop_oneof![Just("a.so"), Just("b.so")];
        prop_oneof![
            (name.clone(), prop::option::of(0..3_u32), any::<bool>())
                .prop_map(|(name, contents, heard)| Deed::Put(name, contents, heard)),
            name.prop_map(Deed::Hear),
            Just(Deed::Look),
            (0..2 * DEBOUNCE).prop_map(Deed::Wait),
        ]
    }

    fn look_at_all(world: &mut World) {
        for name in ["a.so", "b.so"] {
            let seen = world.disk.get(Path::new(name)).copied();
            let now = world.time();
            world.looks.insert(name.into(), seen);
            world.settling.looked_at(Path::new(name), now, seen);
        }
    }

    proptest! {
        #[test]
        fn nothing_is_told_too_early_or_twice_and_everything_in_the_end(
            deeds in prop::collection::vec(deed(), 0..60),
        ) {
            let mut world = World::new();
            let mut told: BTreeMap<PathBuf, u32> = BTreeMap::new();
            // When something was last heard of each.
            let mut heard: BTreeMap<PathBuf, u64> = BTreeMap::new();
            for deed in deeds {
                match deed {
                    Deed::Put(name, contents, aloud) => {
                        world.put(name, contents);
                        if aloud {
                            world.hear(name);
                            heard.insert(name.into(), world.now);
                        }
                    }
                    Deed::Hear(name) => {
                        world.hear(name);
                        heard.insert(name.into(), world.now);
                    }
                    Deed::Look => look_at_all(&mut world),
                    Deed::Wait(milliseconds) => world.now += milliseconds,
                }
                note(&mut world, &mut told, &heard)?;
            }
            // A last look, and quiet: what people were told is what is there.
            look_at_all(&mut world);
            while let Some(due) = world.settling.due() {
                world.now = due.duration_since(world.begin).as_millis() as u64;
                note(&mut world, &mut told, &heard)?;
            }
            prop_assert_eq!(told, world.disk);
        }
    }

    /// Takes down what is told, and that it was right to tell it.
    fn note(
        world: &mut World,
        told: &mut BTreeMap<PathBuf, u32>,
        heard: &BTreeMap<PathBuf, u64>,
    ) -> Result<(), TestCaseError> {
        for change in world.settle() {
            let (path, contents) = match change {
                Change::Settled(path) => (path.clone(), world.disk.get(&path).copied()),
                Change::Removed(path) => (path, None),
            };
            prop_assert_eq!(world.disk.get(&path).copied(), contents);
            if let Some(heard) = heard.get(&path) {
                prop_assert!(world.now >= heard + DEBOUNCE, "{:?} too early", path);
            }
            let before = match contents {
                Some(contents) => told.insert(path, contents),
                None => told.remove(&path),
            };
            prop_assert_ne!(before, contents, "told twice");
        }
        Ok(())
    }
}
