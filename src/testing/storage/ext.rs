//! What [`StorageExt`] builds on a backend holds on this one.

use std::io::Cursor;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;

use super::check::{Check, NOBODY, Outcome, Store, conflict, ensure, equal, refused};
use super::records::ODD_KEYS;
use crate::contract::Precondition::Any;
use crate::contract::{
    Entry, Error, MemoryStore, RestoreMode, Result, StorageBackend, StorageExt, Tx,
};
use crate::testing::block_on;

pub(super) fn checks<S: StorageBackend>() -> Vec<Check<S>> {
    vec![
        ("create, read, update and remove say what is missing or there", crud),
        ("a transaction sees its own writes and nobody else does", own_writes),
        ("a transaction whose reads have changed is refused", changed_reads),
        ("a transaction that is dropped changes nothing", dropped),
        ("a transaction is run again after a conflict", runs_again),
        ("a scan of all goes over every page", scan_all),
        ("a backup restored into a new store is the same", backup_restore),
        ("restoring over existing keys does as it is told", restore_modes),
        ("a copy to another backend and back is the same", copies),
    ]
}

fn crud<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = make();
    let missing = |what, found| refused(what, "not_found", found, Error::is_not_found);
    block_on(async {
        missing("reading", store.read(NOBODY, "a").await.map(|_| ()))?;
        missing("updating", store.update(NOBODY, "a", "x").await.map(|_| ()))?;
        missing("removing", store.remove(NOBODY, "a").await)?;
        let created = store.create(NOBODY, "a", "x").await?;
        let again = store.create(NOBODY, "a", "y").await;
        refused("creating it again", "already_exists", again, Error::is_already_exists)?;
        let updated = store.update(NOBODY, "a", "y").await?;
        ensure(updated > created, || format!("expected more than {created}, found {updated}"))?;
        let record = store.read(NOBODY, "a").await?;
        equal("the record", (record.value, record.version), (Bytes::from("y"), updated))?;
        store.remove(NOBODY, "a").await?;
        missing("reading then", store.read(NOBODY, "a").await.map(|_| ()))
    })
}

fn own_writes<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    store.set("a", "old")?;
    store.set("gone", "x")?;
    block_on(async {
        let tx = store.0.begin(NOBODY);
        tx.put("a", "new");
        tx.put("b", "new");
        tx.delete("gone");
        equal("its own write", tx.get("a").await?, Some(Bytes::from("new")))?;
        equal("its own new key", tx.get("b").await?, Some(Bytes::from("new")))?;
        equal("its own deletion", tx.get("gone").await?, None)?;
        let outside = store.0.read(NOBODY, "a").await?.value;
        equal("the key for others", outside, Bytes::from("old"))?;
        tx.commit().await?;
        equal("after commit", store.0.read(NOBODY, "a").await?.value, Bytes::from("new"))?;
        equal("the deleted key", store.0.get(NOBODY, "gone").await?, None)
    })
}

fn changed_reads<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    store.set("a", "x")?;
    for read in ["a", "absent"] {
        let tx = store.0.begin(NOBODY);
        let before = block_on(tx.get(read))?;
        tx.put("b", "y");
        store.set(read, "changed")?;
        equal("a second read", block_on(tx.get(read))?, before)?;
        conflict("its commit", block_on(tx.commit()))?;
        equal("its write", store.get("b")?, None)?;
    }
    let blind = store.0.begin(NOBODY);
    blind.put("a", "blind");
    store.set("a", "changed")?;
    block_on(blind.commit())?;
    equal("a key only written", store.value("a")?, Some(Bytes::from("blind")))
}

fn dropped<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    let version = store.set("a", "x")?;
    let tx = store.0.begin(NOBODY);
    tx.put("a", "y");
    tx.delete("a");
    drop(tx);
    let tx = store.0.begin(NOBODY);
    tx.delete("a");
    tx.rollback();
    equal("the version", store.versions(&["a"])?, vec![Some(version)])
}

fn runs_again<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    store.set("n", "")?;
    let runs = AtomicU32::new(0);
    let run = |interfere: u32| {
        let body = |tx| append(tx, &store, runs.fetch_add(1, Ordering::Relaxed) < interfere);
        block_on(store.0.transaction(NOBODY, 3, body))
    };
    run(2)?;
    equal("how often it ran", runs.swap(0, Ordering::Relaxed), 3)?;
    equal("what it wrote", store.value("n")?, Some(Bytes::from("|")))?;

    conflict("too many conflicts", run(9))?;
    equal("how often it ran then", runs.swap(0, Ordering::Relaxed), 3)?;
    equal("what is left", store.value("n")?, Some(Bytes::from("|")))
}

/// Adds a stroke to `n` in the transaction, after somebody else has written it, if so wished.
async fn append<S: StorageBackend>(tx: Tx<'_, S>, store: &Store<S>, interfere: bool) -> Result<()> {
    let mut value = tx.get("n").await?.unwrap_or_default().to_vec();
    if interfere {
        store.0.put(NOBODY, "n", value.clone().into(), Any).await?;
    }
    value.push(b'|');
    tx.put("n", value);
    Ok(())
}

/// Every odd key, with values of several kinds.
fn fill<S: StorageBackend>(store: &S) -> Result<Vec<(String, Bytes)>> {
    for (index, key) in ODD_KEYS.iter().enumerate() {
        let value = match index % 3 {
            0 => Bytes::new(),
            1 => Bytes::from(vec![0xFF; index * 100]),
            _ => Bytes::from((0..=255).collect::<Vec<u8>>()),
        };
        block_on(store.put(NOBODY, key, value, Any))?;
    }
    contents(store)
}

fn contents<S: StorageBackend>(store: &S) -> Result<Vec<(String, Bytes)>> {
    let entries = block_on(store.scan_all(NOBODY, "").page_size(3).collect())?;
    Ok(entries.into_iter().map(|Entry { key, record }| (key, record.value)).collect())
}

fn scan_all<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = make();
    let mut expected = ODD_KEYS.map(str::to_owned);
    expected.sort_unstable();
    let found: Vec<String> = fill(&store)?.into_iter().map(|(key, _)| key).collect();
    equal("the keys", found, expected.to_vec())
}

fn backup_restore<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let (store, fresh) = (make(), make());
    let expected = fill(&store)?;
    let mut file = Vec::new();
    let summary = block_on(store.backup(NOBODY, &mut file))?;
    equal("records in the backup", summary.records, expected.len() as u64)?;
    equal("bytes of the backup", summary.bytes, file.len() as u64)?;
    let restored = block_on(fresh.restore(NOBODY, Cursor::new(&file), RestoreMode::Refuse))?;
    equal("records restored", restored.written, summary.records)?;
    equal("the new store", contents(&fresh)?, expected.clone())?;
    equal("the old store", contents(&store)?, expected.clone())?;

    let empty = make();
    for damaged in [&file[..file.len() - 1], &file[..file.len() / 2], &[]] {
        let found = block_on(empty.restore(NOBODY, Cursor::new(damaged), RestoreMode::Overwrite));
        refused("a truncated backup", "invalid_input", found, Error::is_invalid_input)?;
    }
    equal("what a damaged backup leaves", contents(&empty)?, vec![])
}

fn restore_modes<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let source = make();
    block_on(source.put(NOBODY, "a", Bytes::from("backup"), Any))?;
    block_on(source.put(NOBODY, "b", Bytes::from("backup"), Any))?;
    let mut file = Vec::new();
    block_on(source.backup(NOBODY, &mut file))?;

    let store = Store(make());
    store.set("b", "mine")?;
    store.set("c", "mine")?;
    let restore = |mode| block_on(store.0.restore(NOBODY, Cursor::new(&file), mode));
    let values =
        || -> Result<Vec<_>> { ["a", "b", "c"].iter().map(|key| store.value(key)).collect() };
    let [backup, mine] = ["backup", "mine"].map(|value| Some(Bytes::from(value)));

    let found = restore(RestoreMode::Refuse);
    refused("refusing", "already_exists", found, Error::is_already_exists)?;
    equal("after refusing", values()?, vec![None, mine.clone(), mine.clone()])?;
    let skipped = restore(RestoreMode::Skip)?;
    equal("skipping: written, skipped", (skipped.written, skipped.skipped), (1, 1))?;
    equal("after skipping", values()?, vec![backup.clone(), mine.clone(), mine.clone()])?;
    equal("overwriting: written", restore(RestoreMode::Overwrite)?.written, 2)?;
    equal("after overwriting", values()?, vec![backup.clone(), backup, mine])
}

fn copies<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let (store, back) = (make(), make());
    let expected = fill(&store)?;
    let count = expected.len() as u64;
    let elsewhere = MemoryStore::with_capabilities(store.capabilities());
    let there = block_on(store.copy_to(NOBODY, &elsewhere))?;
    equal("there: copied, verified", (there.copied, there.verified), (count, count))?;
    equal("what is there", contents(&elsewhere)?, expected.clone())?;
    let again = block_on(elsewhere.copy_to(NOBODY, &back))?;
    equal("back: copied, verified", (again.copied, again.verified), (count, count))?;
    equal("what is back", contents(&back)?, expected)?;
    let once_more = block_on(store.copy_to(NOBODY, &back))?;
    equal("once more: copied, present", (once_more.copied, once_more.present), (0, count))?;

    block_on(back.put(NOBODY, "a", Bytes::from("another"), Any))?;
    let found = block_on(store.copy_to(NOBODY, &back));
    refused("over another value", "already_exists", found, Error::is_already_exists)?;
    let kept = block_on(back.read(NOBODY, "a"))?.value;
    equal("the other value", kept, Bytes::from("another"))
}
