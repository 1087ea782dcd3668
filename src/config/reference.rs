//! [`Reference`]: a value that says where the value is, `{ env = "NAME" }` or `{ file = "path" }`.
//!
//! A secret need not stand in the configuration: a table with exactly the key `env` or `file`,
//! and a text as its value, stands for what is there. Following one is
//! [`resolve`](super::resolve)'s business.

use serde_json::Value;

/// Where a value is to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reference<'v> {
    Env(&'v str),
    File(&'v str),
}

/// The reference that `value` is, if it is one.
pub(super) fn reference(value: &Value) -> Option<Reference<'_>> {
    let map = value.as_object().filter(|map| map.len() == 1)?;
    let (key, value) = map.iter().next()?;
    match (key.as_str(), value.as_str()?) {
        ("env", name) => Some(Reference::Env(name)),
        ("file", path) => Some(Reference::File(path)),
        _ => None,
    }
}
