//! What is written about a certificate beside its material.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// The record at `meta/<fingerprint>`.
///
/// It lists the index entries as they were written. An update deletes by this list, not by what
/// the program of today would have written, so no entry is ever left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Meta {
    /// When it was stored for the first time, seconds since 1970.
    pub added: u64,
    /// When it got something new, seconds since 1970.
    pub changed: u64,
    /// Its index entries, without the fingerprint.
    pub entries: Vec<String>,
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
