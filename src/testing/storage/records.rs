//! One key: written, read, deleted.

use bytes::Bytes;

use super::check::{Check, NOBODY, Outcome, Store, ensure, equal};
use crate::contract::{HealthStatus, Precondition, StorageBackend};
use crate::testing::block_on;

pub(super) fn checks<S: StorageBackend>() -> Vec<Check<S>> {
    vec![
        ("a new store is empty and healthy", new_is_empty),
        ("what was written is read back", reads_back),
        ("a key that was never written is absent", absent),
        ("a value is replaced as a whole", replaces),
        ("an empty value is not an absent one", empty_value),
        ("a value may be any bytes", binary_values),
        ("a key may be any text, and is compared by its bytes", any_key),
        ("deleting says whether the key was there", delete_says),
        ("a handle shows the same store", shares),
    ]
}

fn new_is_empty<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    let page = block_on(store.0.scan(NOBODY, crate::contract::Scan::prefix("")))?;
    equal("the first scan", page, crate::contract::Page::default())?;
    equal("health", block_on(store.0.health())?.status, HealthStatus::Healthy)
}

fn reads_back<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    let version = store.set("a", "one")?;
    let record = store.get("a")?;
    equal("the value", record.as_ref().map(|r| r.value.clone()), Some(Bytes::from("one")))?;
    equal("the version", record.map(|r| r.version), Some(version))
}

fn absent<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    store.set("ab", "x")?;
    for key in ["a", "abc", "AB", "ab ", ""] {
        equal(&format!("the key {key:?}"), store.get(key)?, None)?;
    }
    Ok(())
}

fn replaces<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    store.set("a", "a long value")?;
    store.set("a", "short")?;
    equal("the value", store.value("a")?, Some(Bytes::from("short")))
}

fn empty_value<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    store.put("a", Bytes::new(), Precondition::Absent)?;
    equal("the value", store.value("a")?, Some(Bytes::new()))?;
    equal("deleting it", store.delete("a", Precondition::Any)?, true)
}

fn binary_values<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    let all: Vec<u8> = (0..=255).chain((0..=255).rev()).collect();
    for value in [all, vec![0], vec![0xFF, 0xFE, 0xFD], b"'; DROP TABLE records; --".to_vec()] {
        let value = Bytes::from(value);
        store.put("a", value.clone(), Precondition::Any)?;
        equal("the value", store.value("a")?, Some(value))?;
    }
    Ok(())
}

/// Keys that tempt a backend: SQL, globs, paths, control characters, case, normal forms.
pub(super) const ODD_KEYS: [&str; 22] = [
    "",
    " ",
    "\0",
    "a",
    "A",
    "a\0b",
    "a/b",
    "../a",
    "a\\b",
    "a%",
    "a_",
    "a*[b]?",
    "'",
    "\"; DROP TABLE records; --",
    "1",
    "01",
    "line\nbreak",
    "\u{e9}",
    "e\u{301}",
    "\u{d7ff}",
    "\u{ffff}",
    "\u{10ffff}",
];

fn any_key<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    for (index, key) in ODD_KEYS.iter().enumerate() {
        store.put(key, index.to_string(), Precondition::Absent)?;
    }
    for (index, key) in ODD_KEYS.iter().enumerate() {
        let expected = Some(Bytes::from(index.to_string()));
        equal(&format!("the value of {key:?}"), store.value(key)?, expected)?;
    }
    Ok(())
}

fn delete_says<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    equal("deleting an absent key", store.delete("a", Precondition::Any)?, false)?;
    store.set("a", "x")?;
    equal("deleting a key", store.delete("a", Precondition::Any)?, true)?;
    equal("reading it then", store.get("a")?, None)?;
    equal("deleting it again", store.delete("a", Precondition::Any)?, false)
}

fn shares<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let one = std::sync::Arc::new(make());
    let other = Store(crate::contract::Storage::new(one.clone()));
    let one = Store(one);
    one.set("a", "x")?;
    equal("through a handle", other.value("a")?, Some(Bytes::from("x")))?;
    let (through, direct) = (other.0.capabilities(), one.0.capabilities());
    ensure(through == direct, || format!("expected {direct:?}, found {through:?} by a handle"))
}
