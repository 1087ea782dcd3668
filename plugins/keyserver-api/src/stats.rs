//! Figures of a key database.

use serde::{Deserialize, Serialize};

/// Figures of a key database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Stats {
    /// How many certificates are stored.
    pub certificates: u64,
    /// Certificates stored for the first time, since the start.
    pub added: u64,
    /// Certificates that got something new, since the start.
    pub updated: u64,
    /// Certificates sent again with nothing new, since the start.
    pub unchanged: u64,
    /// Certificates and whole uploads that were refused, since the start.
    pub refused: u64,
    /// Lookups, since the start.
    pub lookups: u64,
}
