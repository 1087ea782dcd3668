//! The limits that a backend states are those that it has.

use bytes::Bytes;

use super::check::{Check, NOBODY, Outcome, Store, ensure, equal, invalid};
use crate::contract::Precondition::Any;
use crate::contract::{Batch, Capabilities, StorageBackend};
use crate::testing::block_on;

/// Limits greater than this are not tried: the suite stays quick.
const TRIED_BYTES: usize = 64 << 20;
const TRIED_STEPS: usize = 10_000;

pub(super) fn checks<S: StorageBackend>() -> Vec<Check<S>> {
    vec![
        ("capabilities are constant and leave room", constant),
        ("the longest key works, a longer one is refused", keys),
        ("the largest value works, a larger one is refused", values),
        ("the longest batch works, a longer one is refused", batches),
        ("one bad step spoils a batch", bad_step),
    ]
}

fn constant<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = make();
    let before = store.capabilities();
    let Capabilities { max_key_bytes, max_value_bytes, max_batch, .. } = before;
    ensure(max_key_bytes > 0 && max_value_bytes > 0 && max_batch > 0, || {
        format!("expected limits above zero, found {before:?}")
    })?;
    let store = Store(store);
    store.set("a", "x")?;
    equal("capabilities after a write", store.0.capabilities(), before)
}

fn keys<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    let limit = store.0.capabilities().max_key_bytes;
    if limit > TRIED_BYTES {
        return Ok(());
    }
    // Of two bytes a character, so that bytes are counted.
    let longest = "\u{e9}".repeat(limit / 2) + &"k".repeat(limit % 2);
    store.set(&longest, "x")?;
    equal("the longest key", store.value(&longest)?, Some(Bytes::from("x")))?;
    equal("deleting it", store.delete(&longest, Any)?, true)?;

    let longer = longest + "k";
    invalid("writing a longer key", store.set(&longer, "x"))?;
    invalid("reading a longer key", store.get(&longer))?;
    invalid("deleting a longer key", store.delete(&longer, Any))?;
    let batch = Batch::new().check(longer, Any);
    invalid("a longer key in a batch", block_on(store.0.commit(NOBODY, batch)))
}

fn values<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    let limit = store.0.capabilities().max_value_bytes;
    if limit > TRIED_BYTES {
        return Ok(());
    }
    let largest = Bytes::from(vec![0xA5; limit]);
    store.put("a", largest.clone(), Any)?;
    let found = store.value("a")?;
    ensure(found == Some(largest), || "the largest value: expected it, found another".into())?;

    store.set("a", "before")?;
    let larger = Bytes::from(vec![0xA5; limit + 1]);
    invalid("writing a larger value", store.put("a", larger.clone(), Any))?;
    let batch = Batch::new().put("a", larger, Any);
    invalid("a larger value in a batch", block_on(store.0.commit(NOBODY, batch)))?;
    equal("the value", store.value("a")?, Some(Bytes::from("before")))
}

fn batches<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    let limit = store.0.capabilities().max_batch;
    if limit > TRIED_STEPS {
        return Ok(());
    }
    let batch = |steps: usize| {
        (0..steps).fold(Batch::new(), |batch, step| batch.put(format!("{step}"), "x", Any))
    };
    invalid("a longer batch", block_on(store.0.commit(NOBODY, batch(limit + 1))))?;
    equal("the first key of it", store.get("0")?, None)?;
    let versions = block_on(store.0.commit(NOBODY, batch(limit)))?;
    equal("the versions of the longest batch", versions.iter().flatten().count(), limit)
}

fn bad_step<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    let limit = store.0.capabilities().max_key_bytes;
    if limit > TRIED_BYTES {
        return Ok(());
    }
    let batch = Batch::new().put("a", "x", Any).put("k".repeat(limit + 1), "x", Any);
    invalid("a batch with a key too long", block_on(store.0.commit(NOBODY, batch)))?;
    equal("the good step", store.get("a")?, None)
}
