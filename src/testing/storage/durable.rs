//! What was acknowledged is there after the store was dropped and opened again.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::check::{NOBODY, Named, Outcome, Store, conflict, ensure, equal};
use super::records::ODD_KEYS;
use crate::contract::Precondition::{Absent, Any, At};
use crate::contract::{Batch, Scan, StorageBackend};
use crate::testing::block_on;

type DurableCheck<S> = Named<fn(&dyn Fn(&Path) -> S) -> Outcome>;

pub(super) fn checks<S: StorageBackend>() -> Vec<DurableCheck<S>> {
    vec![
        ("it says that it is durable", says_so),
        ("an opened store has all that was acknowledged", keeps),
        ("a deletion stays after opening again", stays_deleted),
        ("versions go on growing after opening again", versions_grow),
        ("stores in two directories have nothing in common", apart),
    ]
}

/// A directory that nobody else may read, removed when dropped.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("hotshoe-storage-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        if let Err(error) = builder.create(&path) {
            panic!("cannot make the temporary directory {}: {error}", path.display());
        }
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // Left behind if it cannot be removed: no reason to fail a check.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn says_so<S: StorageBackend>(make: &dyn Fn(&Path) -> S) -> Outcome {
    let directory = Directory::new();
    equal("durable", make(&directory.0).capabilities().durable, true)
}

fn keeps<S: StorageBackend>(make: &dyn Fn(&Path) -> S) -> Outcome {
    let directory = Directory::new();
    let store = Store(make(&directory.0));
    for (index, key) in ODD_KEYS.iter().enumerate() {
        store.put(key, vec![0xFF; index * 1000], Any)?;
    }
    let batch = Batch::new().put("batch/1", "x", Absent).put("batch/2", "", Absent);
    block_on(store.0.commit(NOBODY, batch))?;
    let before = block_on(store.0.scan(NOBODY, Scan::prefix("")))?;
    drop(store);

    let store = Store(make(&directory.0));
    equal("all of it", block_on(store.0.scan(NOBODY, Scan::prefix("")))?, before)
}

fn stays_deleted<S: StorageBackend>(make: &dyn Fn(&Path) -> S) -> Outcome {
    let directory = Directory::new();
    let store = Store(make(&directory.0));
    store.set("a", "x")?;
    store.delete("a", Any)?;
    drop(store);
    equal("the key", Store(make(&directory.0)).get("a")?, None)
}

fn versions_grow<S: StorageBackend>(make: &dyn Fn(&Path) -> S) -> Outcome {
    let directory = Directory::new();
    let mut seen = vec![];
    for _ in 0..3 {
        let store = Store(make(&directory.0));
        let stays = store.set("stays", "x")?;
        seen.push(store.put("goes", "x", Absent)?);
        store.delete("goes", Any)?;
        drop(store);

        let store = Store(make(&directory.0));
        let version = store.put("goes", "x", Absent)?;
        for old in &seen {
            conflict("a write at an old version", store.put("goes", "y", At(*old)))?;
        }
        seen.push(version);
        store.delete("goes", Any)?;
        store.put("stays", "y", At(stays))?;
    }
    ensure(seen.is_sorted_by(|a, b| a < b), || format!("expected growing versions, found {seen:?}"))
}

fn apart<S: StorageBackend>(make: &dyn Fn(&Path) -> S) -> Outcome {
    let (here, there) = (Directory::new(), Directory::new());
    let (one, other) = (Store(make(&here.0)), Store(make(&there.0)));
    one.set("a", "one")?;
    equal("the key there", other.get("a")?, None)?;
    other.set("a", "other")?;
    equal("the key here", one.value("a")?, Some(Bytes::from("one")))
}
