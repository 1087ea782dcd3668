//! Batches are atomic, and no key appears twice.

use bytes::Bytes;

use super::check::{Check, NOBODY, Outcome, Store, conflict, ensure, equal, invalid};
use crate::contract::Precondition::{Absent, Any, At};
use crate::contract::{Batch, Result, StorageBackend, Version};
use crate::testing::block_on;

pub(super) fn checks<S: StorageBackend>() -> Vec<Check<S>> {
    vec![
        ("an empty batch does nothing", empty),
        ("a batch happens as a whole and says its versions", whole),
        ("a batch with one broken precondition changes nothing", nothing),
        ("a check in a batch changes nothing", check),
        ("a key may appear only once in a batch", duplicates),
        ("deleting in a batch makes older versions useless", delete_in_batch),
    ]
}

fn commit<S: StorageBackend>(store: &Store<S>, batch: Batch) -> Result<Vec<Option<Version>>> {
    block_on(store.0.commit(NOBODY, batch))
}

fn empty<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    equal("its versions", commit(&store, Batch::new())?, vec![])
}

fn whole<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    let old = store.set("old", "x")?;
    let gone = store.set("gone", "x")?;
    let same = store.set("same", "x")?;
    let batch = Batch::new()
        .put("new", "1", Absent)
        .delete("gone", At(gone))
        .put("old", "2", At(old))
        .check("same", At(same))
        .delete("never", Any)
        .check("nothing", Absent)
        .put("any", "3", Any);
    let versions = commit(&store, batch)?;
    let given: Vec<bool> = versions.iter().map(Option::is_some).collect();
    equal("which steps have a version", given, vec![true, false, true, false, false, false, true])?;
    for (key, index, value) in [("new", 0, "1"), ("old", 2, "2"), ("any", 6, "3")] {
        let record = store.get(key)?;
        equal(key, record.as_ref().map(|r| r.value.clone()), Some(Bytes::from(value)))?;
        equal(key, record.map(|r| r.version), versions[index])?;
    }
    let newest = versions.iter().flatten().min();
    ensure(newest > Some(&same), || format!("expected more than {same}, found {versions:?}"))?;
    equal("the others", store.versions(&["gone", "same", "never"])?, vec![None, Some(same), None])
}

/// Adds a step that does not hold, given a version that is no longer.
type AddStep = fn(Batch, Version) -> Batch;

fn nothing<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    let first = store.set("a", "x")?;
    store.set("a", "x")?;
    store.set("b", "x")?;
    let before = store.versions(&["a", "b", "c", "d"])?;
    let broken: [(&str, AddStep); 5] = [
        ("a write at an old version", |batch, old| batch.put("a", "y", At(old))),
        ("a write if absent", |batch, _| batch.put("a", "y", Absent)),
        ("a deletion at an old version", |batch, old| batch.delete("a", At(old))),
        ("a check of an old version", |batch, old| batch.check("a", At(old))),
        ("a check of a key that is not absent", |batch, _| batch.check("a", Absent)),
    ];
    for (what, add) in broken {
        let last = add(Batch::new().put("c", "y", Any).delete("b", Any), first);
        conflict(&format!("{what} as the last step"), commit(&store, last))?;
        let first = add(Batch::new(), first).put("c", "y", Any).delete("b", Any);
        conflict(&format!("{what} as the first step"), commit(&store, first))?;
        equal("the versions", store.versions(&["a", "b", "c", "d"])?, before.clone())?;
    }
    Ok(())
}

fn check<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    let version = store.set("a", "x")?;
    let batch = Batch::new().check("a", At(version)).check("b", Absent).check("c", Any);
    equal("its versions", commit(&store, batch)?, vec![None; 3])?;
    equal("the versions", store.versions(&["a", "b", "c"])?, vec![Some(version), None, None])
}

fn duplicates<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    let batches = [
        Batch::new().put("a", "1", Any).put("a", "2", Any),
        Batch::new().put("a", "1", Any).delete("a", Any),
        Batch::new().put("b", "1", Any).check("a", Absent).put("a", "1", Any),
    ];
    for batch in batches {
        invalid("a batch with a key twice", commit(&store, batch))?;
        equal("what is there", store.versions(&["a", "b"])?, vec![None, None])?;
    }
    Ok(())
}

fn delete_in_batch<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    let first = store.set("a", "x")?;
    commit(&store, Batch::new().delete("a", At(first)))?;
    let second = commit(&store, Batch::new().put("a", "x", Absent))?[0];
    ensure(second > Some(first), || format!("expected more than {first}, found {second:?}"))?;
    conflict("a batch at the old version", commit(&store, Batch::new().put("a", "y", At(first))))
}
