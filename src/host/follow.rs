//! Following the directories while the host runs: a file that is put there takes the place of what runs.
//!
//! The watch tells of files that have settled, and never waits. What they mean is found out by an
//! operation like those that people ask for, on a thread of its own: all that has come until then at
//! once, and of each file what it holds by then.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use hotshoe_abi::plain::Line;
use parking_lot::Mutex;
use semver::Version;

use super::core::{Core, Operation};
use super::slot::Slot;
use super::swap::Wanted;
use crate::contract::{Error, ErrorKind, Result};
use crate::discover::{Candidate, Change, DirectoryWatch, Source};
use crate::runtime::Pending;
use crate::verify::Verdict;

/// What is followed, and what has changed.
#[derive(Default)]
pub(crate) struct Following {
    watch: Mutex<Option<Watching>>,
    changes: Arc<Mutex<Changes>>,
}

/// It ends with this.
struct Watching {
    _watch: DirectoryWatch,
    /// Wakes the thread that takes changes in. One that was rung already need not be rung again.
    bell: SyncSender<()>,
}

#[derive(Default)]
struct Changes {
    /// Of each file the last one.
    new: BTreeMap<PathBuf, Change>,
    /// Files whose turn comes when a probation is over.
    waiting: BTreeSet<PathBuf>,
}

impl Changes {
    fn take(&mut self) -> BTreeMap<PathBuf, Change> {
        for path in self.new.keys() {
            self.waiting.remove(path);
        }
        std::mem::take(&mut self.new)
    }
}

impl Following {
    /// Nothing is followed any more.
    pub(super) fn end(&self) {
        *self.watch.lock() = None;
    }

    /// A probation is over: it is the turn of what waited for that.
    pub(super) fn probation_is_over(&self) {
        let mut changes = self.changes.lock();
        let waiting = std::mem::take(&mut changes.waiting);
        for path in waiting {
            // What has come since is nearer to what is there.
            changes.new.entry(path.clone()).or_insert(Change::Settled(path));
        }
        drop(changes);
        if let Some(watching) = &*self.watch.lock() {
            let _ = watching.bell.try_send(());
        }
    }
}

/// An instance that is to go on to what a file holds.
struct Due {
    /// Those that others depend on started before them, and go first.
    started: u64,
    instance: String,
    file: PathBuf,
    /// Of the build; none of a file that is none.
    digest: Option<[u8; 32]>,
}

impl Core {
    /// Follows the directories from now on, if the configuration says so.
    ///
    /// # Errors
    /// [`ErrorKind::ResourceLimit`] if the system watches no more, or has no thread.
    pub(super) fn follow(self: &Arc<Self>) -> Result<()> {
        let plugins = &self.config.plugins;
        let mut watch = self.following.watch.lock();
        if !plugins.watch || plugins.directories.is_empty() || watch.is_some() {
            return Ok(());
        }
        let (bell, rung) = sync_channel::<()>(1);
        let core = Arc::downgrade(self);
        std::thread::Builder::new()
            .name("hotshoe-follow".into())
            .spawn(move || {
                while let (Ok(()), Some(core)) = (rung.recv(), core.upgrade()) {
                    let taken = Pending::spawn("follow", move || {
                        core.take_changes_in();
                        Ok(())
                    });
                    if let Err(error) = taken.wait() {
                        tracing::error!(%error, "what has changed in a directory is not taken in");
                    }
                }
            })
            .map_err(|error| {
                Error::new(ErrorKind::ResourceLimit, "no thread could be started")
                    .caused_by(&error)
                    .with_help("let the process have more threads")
            })?;
        let (changes, ring) = (self.following.changes.clone(), bell.clone());
        let tell = move |told: Vec<Change>| {
            let told = told.into_iter().map(|change| (change.path().to_owned(), change));
            changes.lock().new.extend(told);
            let _ = ring.try_send(());
        };
        let started = DirectoryWatch::start(&plugins.directories, plugins.watch_debounce, tell)?;
        *watch = Some(Watching { _watch: started, bell });
        Ok(())
    }

    /// Takes in whatever has changed by now.
    fn take_changes_in(self: &Arc<Self>) {
        let mut operation = self.operation.lock();
        let changes = self.following.changes.lock().take();
        // A start that failed has stopped everything.
        let is_over = operation.closed || self.following.watch.lock().is_none();
        if is_over || changes.is_empty() {
            return;
        }
        let mut due = Vec::new();
        let mut retry = BTreeSet::new();
        for change in changes.into_values() {
            match change {
                Change::Settled(path) => self.settled(&mut operation, &path, &mut due, &mut retry),
                Change::Removed(path) => self.removed(&mut operation, &path),
            }
        }
        due.sort_by_key(|due| due.started);
        for due in due {
            self.go_on_to(&mut operation, due);
        }
        self.bring_up(&mut operation, &retry);
    }

    /// Finds out whom it concerns that a file holds something else: who is to be exchanged for it, and who
    /// does not run and is to be tried again.
    fn settled(
        &self,
        operation: &mut Operation,
        path: &Path,
        due: &mut Vec<Due>,
        retry: &mut BTreeSet<String>,
    ) {
        operation.forget_report(path);
        let build = match self.verifier.verify(path) {
            Ok(Verdict::Plugin(verified)) => Some(Candidate::from(*verified)),
            Ok(Verdict::NoPlugin(_)) | Err(_) => None,
        };
        if build.is_none() && !path.exists() {
            // That it was removed is yet to be told.
            return;
        }
        let digest = build.as_ref().and_then(digest_of);
        // What it held before may be tried again, should it come back.
        operation.declined.retain(|(_, of), declined| of != path || Some(*declined) == digest);
        let slots = self.slots.read();
        for slot in slots.values() {
            let concerned = match &build {
                Some(build) => is_better(build, slot),
                // That is for those to know whose file it was.
                None => slot.path() == Some(path),
            };
            let instance = slot.id.clone();
            if !concerned || operation.has_declined(&instance, path) {
                continue;
            }
            if slot.running.is_none() {
                operation.chosen.remove(&instance);
                retry.insert(instance);
            } else if slot.on_probation() {
                tracing::info!(
                    plugin = instance,
                    path = %Line(path.display()),
                    "what is in its file now waits until the probation is over"
                );
                self.following.changes.lock().waiting.insert(path.to_owned());
            } else {
                due.push(Due { started: slot.started, instance, file: path.to_owned(), digest });
            }
        }
        drop(slots);
        if let Some(Source::File(file)) = build.map(|build| build.source) {
            file.close();
        }
    }

    /// Exchanges an instance. If that fails, it stays with what it runs, until the file changes again.
    fn go_on_to(self: &Arc<Self>, operation: &mut Operation, due: Due) {
        let Due { instance, file, digest, .. } = due;
        let now = self.slots.read().get(&instance).and_then(|slot| slot.candidate.clone());
        // Those who ask for it are not there; it was logged and told.
        if self.swap(operation, &instance, Wanted::File(file.clone())).is_ok() {
            return;
        }
        if let Some(digest) = digest {
            operation.decline(&instance, file, digest);
        }
        // A restart is not to bring in what was not fit to be swapped in.
        if let Some(now) = now {
            operation.chosen.entry(instance).or_insert(now);
        }
    }

    /// A file is gone; what runs from it goes on.
    fn removed(&self, operation: &mut Operation, path: &Path) {
        operation.forget_report(path);
        operation.declined.retain(|(_, of), _| of != path);
        let slots = self.slots.read();
        for slot in slots.values().filter(|slot| slot.running.is_some()) {
            if slot.path() == Some(path) {
                tracing::warn!(
                    plugin = slot.id,
                    path = %Line(path.display()),
                    "its file was removed: it goes on, and will not be there when the program is \
                     started again"
                );
            }
        }
    }
}

/// Whether an instance would run this build, rather than the one it has, if it were started now. In the
/// file that it came from that is whatever the operator has put there.
fn is_better(build: &Candidate, slot: &Slot) -> bool {
    /// Releases before pre-releases, as when it is resolved.
    fn rank(version: &Version) -> (bool, &Version) {
        (version.pre.is_empty(), version)
    }
    let (Some(now), Source::File(file)) = (&slot.candidate, &build.source) else { return false };
    let Source::File(own) = &now.source else { return false };
    let (version, own_version) = (&build.manifest.version, &now.manifest.version);
    let is_wanted = slot.config.version.as_ref().is_none_or(|range| range.matches(version));
    slot.config.plugin == build.manifest.id
        && is_wanted
        && (file.path() == own.path() || rank(version) > rank(own_version))
        && !file.is_same_build(own)
}

fn digest_of(build: &Candidate) -> Option<[u8; 32]> {
    match &build.source {
        Source::File(file) => file.digest(),
        Source::Linked(_) => None,
    }
}
