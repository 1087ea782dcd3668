//! Versions grow, and preconditions on them are kept.

use super::check::{Check, Outcome, Store, conflict, ensure, equal};
use crate::contract::Precondition::{Absent, Any, At};
use crate::contract::{StorageBackend, Version};

pub(super) fn checks<S: StorageBackend>() -> Vec<Check<S>> {
    vec![
        ("every change gives a greater version", grows),
        ("a write of the same value is a change", same_value),
        ("a key that was deleted never has an old version again", aba),
        ("`Absent` holds only for an absent key", put_absent),
        ("`At` holds only for that version", put_at),
        ("deleting keeps preconditions", delete_when),
        ("a refused change leaves everything as it was", refused_changes_nothing),
    ]
}

fn grows<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    let mut last = store.set("a", "x")?;
    for _ in 0..10 {
        store.set("b", "y")?;
        let version = store.set("a", "x")?;
        ensure(version > last, || format!("expected more than {last}, found {version}"))?;
        equal("what is read", store.versions(&["a"])?, vec![Some(version)])?;
        last = version;
    }
    Ok(())
}

fn same_value<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    let first = store.set("a", "x")?;
    let second = store.set("a", "x")?;
    ensure(second > first, || format!("expected more than {first}, found {second}"))?;
    conflict("a write at the first version", store.put("a", "y", At(first)))
}

fn aba<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    let mut seen = vec![];
    for _ in 0..5 {
        seen.push(store.put("a", "x", Absent)?);
        seen.push(store.set("a", "y")?);
        store.delete("a", Any)?;
    }
    let version = store.put("a", "x", Absent)?;
    ensure(seen.is_sorted_by(|a, b| a < b) && version > seen[seen.len() - 1], || {
        format!("expected growing versions, found {seen:?}, then {version}")
    })?;
    for old in seen {
        conflict("a write at a version from before the deletion", store.put("a", "z", At(old)))?;
    }
    equal("the version", store.versions(&["a"])?, vec![Some(version)])
}

fn put_absent<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    store.put("a", "x", Absent)?;
    conflict("a second write of the key", store.put("a", "y", Absent))?;
    store.delete("a", Any)?;
    store.put("a", "z", Absent)?;
    Ok(())
}

fn put_at<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    conflict("a write of an absent key", store.put("a", "x", At(Version(1))))?;
    conflict("a write of an absent key at version 0", store.put("a", "x", At(Version(0))))?;
    let first = store.set("a", "x")?;
    let second = store.put("a", "y", At(first))?;
    conflict("a write at an old version", store.put("a", "z", At(first)))?;
    let ahead = At(Version(second.0 + 1));
    conflict("a write at a version to come", store.put("a", "z", ahead))?;
    let most = At(Version(u64::MAX));
    conflict("a write at the greatest version", store.put("a", "z", most))?;
    store.put("a", "z", At(second))?;
    Ok(())
}

fn delete_when<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    equal("deleting an absent key if absent", store.delete("a", Absent)?, false)?;
    conflict("deleting an absent key at a version", store.delete("a", At(Version(1))))?;
    let first = store.set("a", "x")?;
    let second = store.set("a", "y")?;
    conflict("deleting a key if absent", store.delete("a", Absent))?;
    conflict("deleting at an old version", store.delete("a", At(first)))?;
    equal("deleting at the version", store.delete("a", At(second))?, true)?;
    conflict("deleting it again at the version", store.delete("a", At(second)))
}

fn refused_changes_nothing<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    store.set("a", "x")?;
    let before = store.get("a")?;
    conflict("a write if absent", store.put("a", "y", Absent))?;
    conflict("a write at a wrong version", store.put("a", "y", At(Version(u64::MAX))))?;
    conflict("a deletion at a wrong version", store.delete("a", At(Version(u64::MAX))))?;
    conflict("a write of another key", store.put("b", "y", At(Version(u64::MAX))))?;
    equal("the key", store.get("a")?, before)?;
    equal("the other key", store.get("b")?, None)
}
