//! What a key database publishes.

use serde::{Deserialize, Serialize};

/// The topic of a [`KeyEvent`] about a certificate that was stored for the first time.
pub const KEYS_ADDED: &str = "keys.added";

/// The topic of a [`KeyEvent`] about a stored certificate that got something new.
pub const KEYS_CHANGED: &str = "keys.changed";

/// The payload of `keys.added` and `keys.changed`, as JSON. Published after the change is stored;
/// delivered at most once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct KeyEvent {
    /// The certificate, by its fingerprint in upper-case hex.
    pub fingerprint: String,
}

impl KeyEvent {
    /// About this certificate.
    pub fn new(fingerprint: impl Into<String>) -> Self {
        Self { fingerprint: fingerprint.into() }
    }
}
