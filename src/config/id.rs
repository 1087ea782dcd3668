//! What an instance or a plugin may be called.
//!
//! An id becomes a namespace, a folder below the data directory, a label of metrics and a table
//! in the configuration. Hence the narrow alphabet, and no dot in front: `..` as a folder would
//! leave the data directory.

use super::entry::quote;
use crate::manifest::RESERVED;

/// What to do about an id that is none.
pub(super) const HELP: &str = "choose another id";

const LONGEST: usize = 64;

/// Why `id` cannot be the id of an instance or a plugin.
pub(super) fn check(id: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if RESERVED.contains(&id) {
        return Err(format!("the id `{id}` is reserved for a table of the host"));
    }
    if id.is_empty() || id.len() > LONGEST || !id.chars().all(allowed) {
        return Err(format!(
            "{} is no id: 1 to {LONGEST} letters a to z or A to Z, digits, `-`, `_` or `.`",
            quote(id)
        ));
    }
    if id.starts_with('.') {
        return Err(format!("{} is no id: none begins with a dot", quote(id)));
    }
    Ok(())
}
