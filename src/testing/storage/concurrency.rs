//! Several threads at once: nothing is lost, nothing is torn.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::check::{Check, Failure, NOBODY, Outcome, Store, ensure, equal};
use crate::contract::Precondition::{Absent, Any, At};
use crate::contract::{Batch, Result, StorageBackend};
use crate::testing::block_on;

const THREADS: u64 = 4;
const ROUNDS: u64 = 25;

pub(super) fn checks<S: StorageBackend>() -> Vec<Check<S>> {
    vec![
        ("counting from several threads loses no count", counter),
        ("of several writers with one precondition one wins", one_winner),
        ("a batch is seen whole or not at all", whole_batches),
        ("several threads on keys of their own do not meet", own_keys),
    ]
}

fn number(value: &Bytes) -> u64 {
    std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).unwrap_or(u64::MAX)
}

/// Runs `work` on several threads; the first failure counts.
fn together(work: impl Fn(u64) -> Outcome + Sync) -> Outcome {
    std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..THREADS).map(|id| scope.spawn(move || work(id))).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, Outcome>| {
            thread.join().unwrap_or_else(|payload| std::panic::resume_unwind(payload))
        };
        threads.into_iter().map(join).fold(Ok(()), Result::and)
    })
}

fn counter<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    store.set("n", "0")?;
    together(|_| {
        for _ in 0..ROUNDS {
            add_one(&store)?;
        }
        Ok(())
    })?;
    let found = store.value("n")?.as_ref().map(number);
    equal("the count", found, Some(THREADS * ROUNDS))
}

fn add_one<S: StorageBackend>(store: &Store<S>) -> Outcome {
    // A conflict means that somebody else has counted, so there cannot be more of them.
    for _ in 0..=THREADS * ROUNDS {
        let Some(record) = store.get("n")? else {
            return ensure(false, || "expected the counter, found no key".into());
        };
        let next = (number(&record.value).wrapping_add(1)).to_string();
        match store.put("n", next, At(record.version)) {
            Err(error) if error.is_conflict() => {}
            outcome => return outcome.map(|_| ()).map_err(Failure::from),
        }
    }
    ensure(false, || "expected one of the writers to get on, found only conflicts".into())
}

fn one_winner<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    let mut when = Absent;
    for round in 0..ROUNDS {
        let start = Barrier::new(THREADS as usize);
        let winners = AtomicU64::new(0);
        together(|id| {
            start.wait();
            match store.put("a", id.to_string(), when) {
                Ok(_) => winners.fetch_add(1, Ordering::Relaxed),
                Err(error) if error.is_conflict() => 0,
                Err(error) => return Err(error.into()),
            };
            Ok(())
        })?;
        equal(&format!("the winners of round {round}"), winners.into_inner(), 1)?;
        when = store.get("a")?.map_or(Absent, |record| At(record.version));
    }
    Ok(())
}

fn whole_batches<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    store.put("left", "0", Any)?;
    store.put("right", "0", Any)?;
    together(|id| {
        for round in 1..=ROUNDS {
            if id == 0 {
                let value = Bytes::from(round.to_string());
                let batch = Batch::new().put("left", value.clone(), Any).put("right", value, Any);
                block_on(store.0.commit(NOBODY, batch))?;
                continue;
            }
            // `right` is read later, so it is never older than `left`; then the other way round.
            for (first, second) in [("left", "right"), ("right", "left")] {
                let before = store.value(first)?.as_ref().map(number);
                let then = store.value(second)?.as_ref().map(number);
                ensure(before <= then, || {
                    format!("expected {second} at {before:?} or later, found {then:?}")
                })?;
            }
        }
        Ok(())
    })
}

fn own_keys<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    together(|id| {
        let key = format!("thread/{id}");
        let mut version = store.put(&key, "0", Absent)?;
        for round in 1..=ROUNDS {
            version = store.put(&key, round.to_string(), At(version))?;
            let found = store.get(&key)?.map(|record| record.version);
            equal("the version just written", found, Some(version))?;
        }
        ensure(store.delete(&key, At(version))?, || format!("expected {key}, found no key"))
    })
}
