//! Watches over directories of plugins while the host runs.
//!
//! What the system tells only says when to look; what is so is what a look shows. So it does not
//! matter if events are lost, come twice or name something else, and every directory is also looked
//! at now and then without any: one that was not there may be, and not every file system tells.

use std::collections::BTreeSet;
use std::io::ErrorKind as Io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use hotshoe_abi::plain::Line;
use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecursiveMode, Watcher};

use super::settling::{Change, Settling, library_of};
use crate::contract::{Error, ErrorKind, Result};
use crate::verify::Stamp;

/// How often directories are looked at without any event. Nobody minds such a delay for a directory
/// that was not there, and a look costs some microseconds a file.
const RHYTHM: Duration = Duration::from_secs(2);

/// So many events wait. Beyond, all directories are looked at, which costs less than as many events.
const MOST_WAITING: usize = 1024;

/// Watches for as long as it lives. A call of the callback that has begun is not waited for; after
/// the drop none begins.
pub(crate) struct DirectoryWatch {
    inbox: SyncSender<Event>,
    ended: Arc<AtomicBool>,
}

impl Drop for DirectoryWatch {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        // If it is full, the thread is awake anyway.
        let _ = self.inbox.try_send(Event::new(EventKind::Any));
    }
}

impl DirectoryWatch {
    /// Tells `tell` what changes in these directories from now on, on a thread of their own; of what is
    /// there already nothing is told. Directories need not be there. Paths begin as the directories
    /// are written.
    ///
    /// # Errors
    /// [`ErrorKind::ResourceLimit`] if the system watches no more for this user, or has no thread.
    pub(crate) fn start(
        directories: &[PathBuf],
        debounce: Duration,
        tell: impl FnMut(Vec<Change>) + Send + 'static,
    ) -> Result<Self> {
        Self::start_with(directories, debounce, RHYTHM, tell, |inbox, lost| {
            let hear = move |heard: notify::Result<Event>| match heard {
                Ok(event) if is_of_no_interest(&event) => {}
                Ok(event) if event.need_rescan() => lost.store(true, Ordering::Release),
                Ok(event) => {
                    if let Err(TrySendError::Full(_)) = inbox.try_send(event) {
                        lost.store(true, Ordering::Release);
                    }
                }
                Err(_) => lost.store(true, Ordering::Release),
            };
            let system = notify::recommended_watcher(hear)?;
            Ok(Box::new(system))
        })
    }

    fn start_with(
        directories: &[PathBuf],
        debounce: Duration,
        rhythm: Duration,
        tell: impl FnMut(Vec<Change>) + Send + 'static,
        system: impl FnOnce(SyncSender<Event>, Arc<AtomicBool>) -> notify::Result<System>,
    ) -> Result<Self> {
        let (inbox, events) = sync_channel(MOST_WAITING);
        let lost = Arc::new(AtomicBool::new(false));
        let ended = Arc::new(AtomicBool::new(false));
        let system = system(inbox.clone(), lost.clone()).map_err(|error| not_watched(&error))?;
        let mut sentinel = Sentinel {
            system,
            events,
            lost,
            ended: ended.clone(),
            directories: directories.iter().map(|path| Directory::new(path)).collect(),
            settling: Settling::new(debounce),
            debounce,
            rhythm,
            looked: Instant::now(),
            suspicious: false,
            tell: Box::new(tell),
        };
        sentinel.begin();
        std::thread::Builder::new()
            .name("hotshoe-watch".into())
            .spawn(move || sentinel.run())
            .map_err(|error| {
                Error::new(ErrorKind::ResourceLimit, "no thread could be started")
                    .caused_by(&error)
                    .with_help("let the process have more threads")
            })?;
        Ok(Self { inbox, ended })
    }
}

fn not_watched(error: &notify::Error) -> Error {
    Error::new(ErrorKind::ResourceLimit, "the plugin directories cannot be watched")
        .caused_by(error)
        .with_help("on Linux raise `fs.inotify.max_user_instances`, or do not watch them")
}

/// Who only reads changes nothing. A look at a directory is such an event itself.
fn is_of_no_interest(event: &Event) -> bool {
    let written = EventKind::Access(AccessKind::Close(AccessMode::Write));
    event.kind.is_access() && event.kind != written
}

type System = Box<dyn Watcher + Send>;

/// A look at a library: itself, and its signature. Both decide whether it may be loaded.
type Look = (Stamp, Option<Stamp>);

/// What the thread has.
struct Sentinel {
    system: System,
    events: Receiver<Event>,
    /// Events were lost.
    lost: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
    directories: Vec<Directory>,
    settling: Settling<Look>,
    debounce: Duration,
    rhythm: Duration,
    /// When all directories were looked at.
    looked: Instant,
    /// Something happened that is not about one file.
    suspicious: bool,
    tell: Box<dyn FnMut(Vec<Change>) + Send>,
}

struct Directory {
    /// As it is written.
    path: PathBuf,
    /// As events name it.
    whole: PathBuf,
    /// Which one is being watched under this path.
    watched: Option<Stamp>,
    /// The log has why it is not.
    complained: bool,
}

impl Directory {
    fn new(path: &Path) -> Self {
        let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Self { path: path.to_owned(), whole, watched: None, complained: false }
    }

    /// Watches what is there now.
    fn watch(&mut self, system: &mut System) {
        let there = std::fs::metadata(&self.whole).ok().filter(|there| there.is_dir());
        let Some(there) = there.map(|there| Stamp::of(&there)) else {
            if self.watched.take().is_some() {
                let _ = system.unwatch(&self.whole);
            }
            return;
        };
        // Elsewhere than on Unix nothing tells two directories apart.
        let is_it = |watched: &Stamp| watched.is_same_file(&there) || cfg!(not(unix));
        if self.watched.as_ref().is_some_and(is_it) {
            return;
        }
        // Of one that was here before.
        let _ = system.unwatch(&self.whole);
        match system.watch(&self.whole, RecursiveMode::NonRecursive) {
            Ok(()) => {
                self.watched = Some(there);
                self.complained = false;
            }
            Err(error) if !self.complained => {
                self.complained = true;
                tracing::warn!(
                    directory = %Line(self.path.display()),
                    error = %Line(error),
                    "the system does not watch the plugin directory; it is looked at now and then"
                );
            }
            Err(_) => {}
        }
    }

    /// The libraries that are there; none if that cannot be known now.
    fn libraries(&self) -> Option<BTreeSet<PathBuf>> {
        let entries = match std::fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if matches!(error.kind(), Io::NotFound | Io::NotADirectory) => {
                return Some(BTreeSet::new());
            }
            Err(_) => return None,
        };
        let mut libraries = BTreeSet::new();
        for entry in entries {
            let path = self.path.join(entry.ok()?.file_name());
            libraries.extend(library_of(&path).filter(|library| *library == path));
        }
        Some(libraries)
    }
}

impl Sentinel {
    /// Whatever happens after this is told.
    fn begin(&mut self) {
        for directory in &mut self.directories {
            directory.watch(&mut self.system);
            for library in directory.libraries().into_iter().flatten() {
                if let Some(seen) = look(&library) {
                    self.settling.is_known(library, seen);
                }
            }
        }
    }

    fn run(mut self) {
        loop {
            let wake = self.wake().saturating_duration_since(Instant::now());
            let first = self.events.recv_timeout(wake).ok();
            if self.ended.load(Ordering::Acquire) {
                return;
            }
            let more = self.events.try_iter().take(MOST_WAITING);
            let events: Vec<Event> = first.into_iter().chain(more).collect();
            self.hear(events);
            if self.lost.swap(false, Ordering::AcqRel) {
                self.suspicious = true;
                // Perhaps they said that it is another directory by now.
                self.directories.iter_mut().for_each(|directory| directory.watched = None);
            }
            if self.next_look() <= Instant::now() {
                self.look_around();
            }
            let changes = self.settling.settle(Instant::now(), look);
            if !changes.is_empty() && !self.ended.load(Ordering::Acquire) {
                (self.tell)(changes);
            }
        }
    }

    fn wake(&self) -> Instant {
        self.settling.due().map_or(self.next_look(), |due| due.min(self.next_look()))
    }

    /// Those who write something else there all the time do not make it look all the time.
    fn next_look(&self) -> Instant {
        self.looked + if self.suspicious { self.debounce.min(self.rhythm) } else { self.rhythm }
    }

    fn hear(&mut self, events: Vec<Event>) {
        // One copy makes many events.
        let paths: BTreeSet<PathBuf> = events.into_iter().flat_map(|event| event.paths).collect();
        for path in paths {
            if let Some(itself) = self.directories.iter_mut().find(|at| at.whole == path) {
                itself.watched = None;
            }
            let here = self.directories.iter().find(|at| path.parent() == Some(&at.whole));
            let named = here.zip(path.file_name()).map(|(at, name)| at.path.join(name));
            match named.and_then(|path| library_of(&path)) {
                Some(library) => self.settling.touched(&library, Instant::now(), look(&library)),
                // A link that leads to libraries, say.
                None => self.suspicious = true,
            }
        }
    }

    fn look_around(&mut self) {
        for directory in &mut self.directories {
            directory.watch(&mut self.system);
            let Some(mut libraries) = directory.libraries() else { continue };
            let known = self.settling.paths();
            libraries.extend(known.filter(|at| at.parent() == Some(&directory.path)).cloned());
            for library in libraries {
                self.settling.looked_at(&library, Instant::now(), look(&library));
            }
        }
        self.suspicious = false;
        self.looked = Instant::now();
    }
}

/// What a library looks like; none if there is no file of this name.
fn look(library: &Path) -> Option<Look> {
    let stamp = |path: &Path| {
        let metadata = std::fs::metadata(path).ok().filter(|metadata| metadata.is_file());
        metadata.map(|metadata| Stamp::of(&metadata))
    };
    let mut signature = library.as_os_str().to_owned();
    signature.push(".minisig");
    Some((stamp(library)?, stamp(Path::new(&signature))))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::mpsc::{RecvTimeoutError, channel};

    use notify::event::Flag;
    use tempfile::TempDir;

    use super::*;

    /// Nobody waits for so long unless the test fails.
    const PATIENCE: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(20);
    const NEVER: Duration = Duration::from_secs(3600);

    /// Puts a file there, all at once: half of one could settle if this thread is kept waiting.
    fn put(path: &Path, text: &str) {
        let beside = path.with_extension("new");
        fs::write(&beside, text).unwrap();
        fs::rename(&beside, path).unwrap();
    }

    /// A folder, a watch over `plugins` in it, and what it tells.
    struct Post {
        folder: TempDir,
        watch: Option<DirectoryWatch>,
        told: Receiver<Vec<Change>>,
    }

    impl Post {
        /// Events come from the system, and all is looked at in this rhythm.
        fn with_rhythm(rhythm: Duration) -> Self {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir(folder.path().join("plugins")).unwrap();
            Self::over(folder, rhythm, |inbox, _| {
                let hear = move |heard: notify::Result<Event>| {
                    if let Some(event) = heard.ok().filter(|event| !is_of_no_interest(event)) {
                        let _ = inbox.send(event);
                    }
                };
                Ok(Box::new(notify::recommended_watcher(hear)?))
            })
        }

        /// The system says nothing.
        fn deaf(rhythm: Duration) -> Self {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir(folder.path().join("plugins")).unwrap();
            Self::over(folder, rhythm, |_, _| Ok(Box::new(notify::NullWatcher)))
        }

        fn over(
            folder: TempDir,
            rhythm: Duration,
            system: impl FnOnce(SyncSender<Event>, Arc<AtomicBool>) -> notify::Result<System>,
        ) -> Self {
            let (tell, told) = channel();
            let directories = [folder.path().join("plugins")];
            let tell = move |changes| drop(tell.send(changes));
            let watch = DirectoryWatch::start_with(&directories, SHORT, rhythm, tell, system);
            Self { folder, watch: Some(watch.unwrap()), told }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join("plugins").join(name)
        }

        fn library(&self, name: &str) -> PathBuf {
            self.path(name).with_extension(std::env::consts::DLL_EXTENSION)
        }

        /// Waits until this is told, and nothing else is before.
        fn expect(&self, changes: &[Change]) {
            let told = self.told.recv_timeout(PATIENCE).expect("it is told");
            assert_eq!(told, changes);
        }
    }

    #[test]
    fn a_file_that_comes_and_goes_is_told_by_the_system() {
        let post = Post::with_rhythm(NEVER);
        let path = post.library("liba");
        put(&path, "a build");
        post.expect(&[Change::Settled(path.clone())]);
        put(&path, "a longer build");
        post.expect(&[Change::Settled(path.clone())]);
        fs::remove_file(&path).unwrap();
        post.expect(&[Change::Removed(path)]);
    }

    #[test]
    fn what_is_there_when_it_begins_is_not_told_and_temporary_names_never_are() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("plugins")).unwrap();
        let there = folder.path().join("plugins").join("liba").with_extension("so");
        fs::write(&there, "a build").unwrap();
        let post = Post::over(folder, SHORT, |_, _| Ok(Box::new(notify::NullWatcher)));
        for passed_over in [".libb.so", "libb.so.tmp", "libb.txt"] {
            fs::write(post.path(passed_over), "half of").unwrap();
        }
        let last = post.library("libz");
        put(&last, "a build");
        post.expect(&[Change::Settled(last)]);
    }

    #[test]
    fn a_signature_that_comes_later_is_news_of_its_library() {
        let post = Post::with_rhythm(NEVER);
        let path = post.library("liba");
        put(&path, "a build");
        post.expect(&[Change::Settled(path.clone())]);
        let mut signature = path.clone().into_os_string();
        signature.push(".minisig");
        put(Path::new(&signature), "signed");
        post.expect(&[Change::Settled(path)]);
    }

    #[test]
    fn a_directory_that_is_removed_and_comes_again_is_watched_again() {
        let post = Post::with_rhythm(SHORT);
        let path = post.library("liba");
        for _ in 0..3 {
            put(&path, "a build");
            post.expect(&[Change::Settled(path.clone())]);
            fs::remove_dir_all(post.path("")).unwrap();
            post.expect(&[Change::Removed(path.clone())]);
            fs::create_dir(post.path("")).unwrap();
        }
    }

    /// By the system itself, once it was found: looks alone would do it, too.
    #[test]
    fn a_directory_that_is_there_only_later_is_watched_from_then_on() {
        let folder = tempfile::tempdir().unwrap();
        let mut directory = Directory::new(&folder.path().join("plugins"));
        let (tell, told) = channel();
        let mut system: System = Box::new(notify::recommended_watcher(tell).unwrap());
        directory.watch(&mut system);
        assert!(directory.watched.is_none() && !directory.complained);
        fs::create_dir(&directory.path).unwrap();
        directory.watch(&mut system);
        fs::write(directory.path.join("liba.so"), "a build").unwrap();
        let event = told.recv_timeout(PATIENCE).unwrap().unwrap();
        assert_eq!(event.paths, [directory.path.join("liba.so")]);
        // Another one in its place, which may have the same number: an event said so.
        fs::rename(&directory.path, folder.path().join("old")).unwrap();
        fs::create_dir(&directory.path).unwrap();
        directory.watch(&mut system);
        fs::write(directory.path.join("libb.so"), "a build").unwrap();
        let named = |event: notify::Result<Event>| {
            event.unwrap().paths.contains(&directory.path.join("libb.so"))
        };
        while !named(told.recv_timeout(PATIENCE).expect("an event of the new one")) {}
    }

    #[test]
    fn a_file_system_that_tells_nothing_is_looked_at() {
        let post = Post::deaf(SHORT);
        let path = post.library("liba");
        put(&path, "a build");
        post.expect(&[Change::Settled(path.clone())]);
        fs::remove_file(&path).unwrap();
        post.expect(&[Change::Removed(path)]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_elsewhere_by_now_is_news_of_what_is_behind_it() {
        let post = Post::with_rhythm(NEVER);
        for (release, text) in [("one", "a build"), ("two", "a longer build")] {
            fs::create_dir(post.folder.path().join(release)).unwrap();
            fs::write(post.folder.path().join(release).join("liba"), text).unwrap();
        }
        let link = |release: &str| {
            let (to, beside) = (post.folder.path().join(release), post.path(".new"));
            std::os::unix::fs::symlink(to, &beside).unwrap();
            fs::rename(beside, post.path("current")).unwrap();
        };
        link("one");
        let path = post.library("liba");
        std::os::unix::fs::symlink("current/liba", &path).unwrap();
        post.expect(&[Change::Settled(path.clone())]);
        link("two");
        post.expect(&[Change::Settled(path)]);
    }

    #[test]
    fn after_lost_events_all_is_looked_at() {
        let mut lost = None;
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("plugins")).unwrap();
        let post = Post::over(folder, NEVER, |inbox, flag| {
            lost = Some((inbox, flag));
            Ok(Box::new(notify::NullWatcher))
        });
        let path = post.library("liba");
        put(&path, "a build");
        let (inbox, flag) = lost.unwrap();
        flag.store(true, Ordering::Release);
        inbox.send(Event::new(EventKind::Other).set_flag(Flag::Rescan)).unwrap();
        post.expect(&[Change::Settled(path)]);
    }

    #[test]
    fn nothing_is_told_after_the_drop_and_the_thread_ends() {
        let mut post = Post::deaf(SHORT);
        post.watch = None;
        fs::write(post.library("liba"), "a build").unwrap();
        // The sender is the thread's: it is gone with it.
        assert_eq!(post.told.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected));
    }

    /// As hosts start it.
    #[test]
    fn a_relative_directory_is_named_as_it_is_written() {
        let folder = tempfile::tempdir_in(".").unwrap();
        let directory = Path::new(".").join(folder.path().file_name().unwrap());
        let (tell, told) = channel();
        let tell = move |changes| drop(tell.send(changes));
        let watch = DirectoryWatch::start(std::slice::from_ref(&directory), SHORT, tell).unwrap();
        let path = directory.join("liba").with_extension(std::env::consts::DLL_EXTENSION);
        put(&path, "a build");
        assert_eq!(told.recv_timeout(PATIENCE).unwrap(), [Change::Settled(path)]);
        drop(watch);
    }
}
