//! Ids of requests, made like those that hotshoe's host makes.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// A random number of this server, and one that counts up.
pub(super) struct Ids {
    server: u64,
    count: AtomicU64,
}

impl Default for Ids {
    fn default() -> Self {
        let server = RandomState::new().hash_one(std::process::id());
        Self { server, count: AtomicU64::new(0) }
    }
}

impl Ids {
    pub(super) fn next(&self) -> String {
        format!("{:016x}-{:x}", self.server, self.count.fetch_add(1, Ordering::Relaxed))
    }
}
