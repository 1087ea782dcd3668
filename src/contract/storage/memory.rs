//! [`MemoryStore`]: the contract in its shortest form.
//!
//! One ordered map under one lock. Every method does its work in a single poll, so a dropped
//! future leaves all or nothing. Use it in tests, for development, and as the yardstick by which
//! another backend is judged.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;

use super::{
    Batch, Capabilities, Entry, Operation, Page, Precondition, Record, Scan, StorageBackend,
    Version,
};
use crate::contract::{Call, Result};

/// A storage backend in memory: complete, and gone with the process.
///
/// ```
/// use hotshoe::{Call, MemoryStore, StorageExt};
/// # use hotshoe::Result;
///
/// # async fn example() -> Result<()> {
/// let store = MemoryStore::new();
/// let call = Call::none();
/// store.create(&call, "greeting", "hello").await?;
/// assert_eq!(store.read(&call, "greeting").await?.value, "hello");
/// # Ok(())
/// # }
/// ```
pub struct MemoryStore {
    state: RwLock<State>,
    capabilities: Capabilities,
}

#[derive(Default)]
struct State {
    records: BTreeMap<String, Record>,
    /// The last version given to any key. One counter for all: a key that is deleted and created
    /// again cannot get a version it had before.
    last: u64,
}

impl MemoryStore {
    /// An empty store with the default limits.
    pub fn new() -> Self {
        Self::with_capabilities(Capabilities::default())
    }

    /// An empty store with these limits. It is never durable nor shared, whatever they say.
    pub fn with_capabilities(capabilities: Capabilities) -> Self {
        let capabilities = capabilities.durable(false).shared(false).blocking(false);
        Self { state: RwLock::default(), capabilities }
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.reading().records.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.reading().records.is_empty()
    }

    // Whatever may panic happens before the first change, so a poisoned state is whole.
    fn reading(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn writing(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn version(&self, key: &str) -> Option<Version> {
        self.records.get(key).map(|record| record.version)
    }

    fn put(&mut self, key: String, value: Bytes) -> Version {
        self.last += 1;
        let version = Version(self.last);
        self.records.insert(key, Record { value, version });
        version
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryStore").field("keys", &self.len()).finish_non_exhaustive()
    }
}

impl StorageBackend for MemoryStore {
    async fn get(&self, _call: &Call, key: &str) -> Result<Option<Record>> {
        self.capabilities.check_key(key)?;
        Ok(self.reading().records.get(key).cloned())
    }

    async fn put(
        &self,
        _call: &Call,
        key: &str,
        value: Bytes,
        when: Precondition,
    ) -> Result<Version> {
        self.capabilities.check_key(key)?;
        self.capabilities.check_value(key, &value)?;
        let mut state = self.writing();
        when.check(key, state.version(key))?;
        Ok(state.put(key.to_owned(), value))
    }

    async fn delete(&self, _call: &Call, key: &str, when: Precondition) -> Result<bool> {
        self.capabilities.check_key(key)?;
        let mut state = self.writing();
        when.check(key, state.version(key))?;
        Ok(state.records.remove(key).is_some())
    }

    async fn scan(&self, _call: &Call, scan: Scan) -> Result<Page> {
        self.capabilities.check_scan(&scan)?;
        let start = match &scan.after {
            Some(after) if *after >= scan.prefix => Bound::Excluded(after.as_str()),
            _ => Bound::Included(scan.prefix.as_str()),
        };
        let state = self.reading();
        let mut found = state
            .records
            .range::<str, _>((start, Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(&scan.prefix));
        let entries: Vec<Entry> = found
            .by_ref()
            .take(scan.limit)
            .map(|(key, record)| Entry { key: key.clone(), record: record.clone() })
            .collect();
        let next = found.next().and(entries.last()).map(|entry| entry.key.clone());
        Ok(Page { entries, next })
    }

    async fn commit(&self, _call: &Call, batch: Batch) -> Result<Vec<Option<Version>>> {
        self.capabilities.check_batch(&batch)?;
        let mut state = self.writing();
        for operation in &batch.operations {
            operation.when().check(operation.key(), state.version(operation.key()))?;
        }
        let apply = |operation| match operation {
            Operation::Put { key, value, .. } => Some(state.put(key, value)),
            Operation::Delete { key, .. } => {
                state.records.remove(&key);
                None
            }
            Operation::Check { .. } => None,
        };
        Ok(batch.operations.into_iter().map(apply).collect())
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }
}
