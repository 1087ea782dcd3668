//! A future that is dropped half-way leaves all or nothing.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use bytes::Bytes;

use super::check::{Check, NOBODY, Outcome, Store, equal};
use crate::contract::Precondition::Any;
use crate::contract::{Batch, Result, StorageBackend};

const KEYS: [&str; 3] = ["a", "b", "c"];

pub(super) fn checks<S: StorageBackend>() -> Vec<Check<S>> {
    vec![
        ("a future that is never polled changes nothing", never_polled),
        ("a batch dropped after one poll is there whole or not at all", batch),
        ("a write dropped after one poll leaves the store usable", put),
    ]
}

fn poll_once<F: Future>(future: F) {
    let mut future = pin!(future);
    let _ = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
}

fn never_polled<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    drop(store.0.put(NOBODY, "a", Bytes::from("x"), Any));
    drop(store.0.commit(NOBODY, Batch::new().put("a", "x", Any)));
    equal("the key", store.get("a")?, None)
}

fn batch<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    for round in 0..8 {
        let value = Bytes::from(round.to_string());
        let batch =
            KEYS.iter().fold(Batch::new(), |batch, key| batch.put(*key, value.clone(), Any));
        poll_once(store.0.commit(NOBODY, batch));
        let mut found = values(&store)?;
        if found.iter().any(|value| *value != found[0]) {
            // It may have happened while they were read; then it has happened now.
            found = values(&store)?;
        }
        let first = found[0].clone();
        equal("the values of one batch", found, vec![first; KEYS.len()])?;
    }
    Ok(())
}

fn values<S: StorageBackend>(store: &Store<S>) -> Result<Vec<Option<Bytes>>> {
    KEYS.iter().map(|key| store.value(key)).collect()
}

fn put<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    for key in KEYS {
        poll_once(store.0.put(NOBODY, key, Bytes::from("first"), Any));
        poll_once(store.0.get(NOBODY, key));
        poll_once(store.0.delete(NOBODY, "other", Any));
    }
    // A backend must not be stuck in what was dropped.
    store.set("later", "x")?;
    equal("a later write", store.value("later")?, Some(Bytes::from("x")))
}
