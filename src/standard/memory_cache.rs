//! [`MemoryCache`]: a cache in the host's memory, bounded in bytes.
//!
//! What was used longest ago goes first: uses are numbered, and an ordered map from number to key
//! finds the oldest.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::Cache;
use crate::contract::{Error, ErrorKind, Result};

/// A [`Cache`] in memory.
///
/// ```
/// use hotshoe::standard::{Cache, MemoryCache};
///
/// # fn main() -> hotshoe::Result<()> {
/// let cache = MemoryCache::new(1 << 20);
/// cache.put("geo/192.0.2.1", "NL".into(), Some(60_000))?;
/// assert_eq!(cache.get("geo/192.0.2.1")?.as_deref(), Some(&b"NL"[..]));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct MemoryCache {
    limit: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<String, Entry>,
    by_use: BTreeMap<u64, String>,
    uses: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    value: Bytes,
    expires: Option<Instant>,
    used: u64,
}

impl MemoryCache {
    /// Keys and values together take at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { limit, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cache for MemoryCache {
    fn get(&self, key: &str) -> Result<Option<Bytes>> {
        Ok(self.state().get(key, Instant::now()))
    }

    fn put(&self, key: &str, value: Bytes, milliseconds: Option<u64>) -> Result<()> {
        let size = key.len() + value.len();
        if size > self.limit {
            return Err(Error::new(
                ErrorKind::ResourceLimit,
                format!(
                    "an entry of at most {} bytes was expected, this one has {size}",
                    self.limit
                ),
            )
            .with_help("keep something smaller, or give the cache more room"));
        }
        let mut state = self.state();
        state.remove(key);
        while state.bytes + size > self.limit {
            let Some((_, oldest)) = state.by_use.pop_first() else { break };
            state.remove(&oldest);
        }
        // Too far away to be counted is never.
        let expires = milliseconds
            .and_then(|length| Instant::now().checked_add(Duration::from_millis(length)));
        state.insert(key, value, expires);
        Ok(())
    }

    fn remove(&self, key: &str) -> Result<bool> {
        Ok(self.state().remove(key))
    }
}

impl State {
    fn get(&mut self, key: &str, now: Instant) -> Option<Bytes> {
        let entry = self.entries.get_mut(key)?;
        if entry.expires.is_some_and(|expires| expires <= now) {
            self.remove(key);
            return None;
        }
        self.uses += 1;
        let before = std::mem::replace(&mut entry.used, self.uses);
        let value = entry.value.clone();
        if let Some(key) = self.by_use.remove(&before) {
            self.by_use.insert(self.uses, key);
        }
        Some(value)
    }

    fn insert(&mut self, key: &str, value: Bytes, expires: Option<Instant>) {
        self.uses += 1;
        self.bytes += key.len() + value.len();
        self.by_use.insert(self.uses, key.to_owned());
        self.entries.insert(key.to_owned(), Entry { value, expires, used: self.uses });
    }

    fn remove(&mut self, key: &str) -> bool {
        let Some(entry) = self.entries.remove(key) else { return false };
        self.by_use.remove(&entry.used);
        self.bytes -= key.len() + entry.value.len();
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let cache = MemoryCache::new(6);
        for key in ["a", "b", "c"] {
            cache.put(key, "1".into(), None).unwrap();
        }
        assert!(cache.get("a").unwrap().is_some());
        cache.put("d", "1".into(), None).unwrap();
        let there = ["a", "b", "c", "d"].map(|key| cache.get(key).unwrap().is_some());
        assert_eq!(there, [true, false, true, true]);
    }

    #[test]
    fn what_has_expired_is_gone() {
        let cache = MemoryCache::new(100);
        cache.put("a", "1".into(), Some(0)).unwrap();
        assert_eq!(cache.get("a").unwrap(), None);
        assert_eq!(cache.state().bytes, 0);
    }

    #[test]
    fn what_is_larger_than_the_cache_is_refused_and_nothing_is_lost() {
        let cache = MemoryCache::new(4);
        cache.put("a", "1".into(), None).unwrap();
        assert!(cache.put("b", "12345".into(), None).unwrap_err().is_resource_limit());
        assert!(cache.get("a").unwrap().is_some());
    }

    proptest! {
        #[test]
        fn the_limit_holds_whatever_is_done(
            steps in proptest::collection::vec((0u8..3, 0u8..8, 0usize..20), 0..200),
        ) {
            let cache = MemoryCache::new(64);
            for (what, key, size) in steps {
                let key = format!("k{key}");
                match what {
                    0 => cache.put(&key, vec![0; size].into(), None).unwrap(),
                    1 => drop(cache.get(&key).unwrap()),
                    _ => drop(cache.remove(&key).unwrap()),
                }
                let state = cache.state();
                let bytes: usize = state.entries.iter().map(|(k, e)| k.len() + e.value.len()).sum();
                prop_assert!(bytes <= 64);
                prop_assert_eq!(bytes, state.bytes);
                prop_assert_eq!(state.entries.len(), state.by_use.len());
            }
        }
    }
}
