//! What the tests share: certificates, and a storage in memory that can fail and interfere.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use bytes::Bytes;
use hotshoe::{
    Batch, Call, Capabilities, Entry, Error, ErrorKind, Operation, Page, Precondition, Record,
    Result, Scan, StorageBackend, Version,
};
use hotshoe_openpgp_keys::{Certificate, Limits};

macro_rules! data {
    ($file:literal) => {
        include_bytes!(concat!("../../openpgp-keys/tests/data/", $file))
    };
}

pub(crate) const ALICE: &[u8] = data!("alice.pgp");
pub(crate) const ALICE_ONE_UID: &[u8] = data!("alice-one-uid.pgp");
pub(crate) const CAROL_BEFORE: &[u8] = data!("carol-before.pgp");
pub(crate) const CAROL_REVOKED: &[u8] = data!("carol-revoked.pgp");
pub(crate) const BOB_SECRET: &[u8] = data!("bob-secret.asc");
pub(crate) const DEBIAN: &[u8] = data!("debian-archive-keyring.gpg");

pub(crate) fn certificate(bytes: &[u8]) -> Certificate {
    Certificate::from_bytes(bytes, &Limits::default()).unwrap()
}

/// A storage in memory.
#[derive(Default)]
pub(crate) struct Memory {
    state: Mutex<State>,
    /// So many commits fail with a conflict, as if somebody else had been faster.
    pub conflicts: AtomicUsize,
    /// How many steps the largest batch had.
    pub largest_batch: AtomicUsize,
    /// Entries of a page at most.
    page: Option<usize>,
    max_batch: Option<usize>,
}

#[derive(Default)]
struct State {
    records: BTreeMap<String, Record>,
    version: u64,
}

impl Memory {
    pub(crate) fn paged(page: usize) -> Self {
        Self { page: Some(page), ..Self::default() }
    }

    pub(crate) fn with_max_batch(max_batch: usize) -> Self {
        Self { max_batch: Some(max_batch), ..Self::default() }
    }

    pub(crate) fn keys(&self, prefix: &str) -> Vec<String> {
        let state = self.state.lock().unwrap();
        state.records.keys().filter(|key| key.starts_with(prefix)).cloned().collect()
    }

    pub(crate) fn value(&self, key: &str) -> Option<Bytes> {
        self.state.lock().unwrap().records.get(key).map(|record| record.value.clone())
    }
}

impl StorageBackend for Memory {
    async fn get(&self, _: &Call, key: &str) -> Result<Option<Record>> {
        Ok(self.state.lock().unwrap().records.get(key).cloned())
    }

    async fn put(
        &self,
        call: &Call,
        key: &str,
        value: Bytes,
        when: Precondition,
    ) -> Result<Version> {
        let done = self.commit(call, Batch::new().put(key, value, when)).await?;
        Ok(done.first().copied().flatten().unwrap_or_default())
    }

    async fn delete(&self, call: &Call, key: &str, when: Precondition) -> Result<bool> {
        let there = self.get(call, key).await?.is_some();
        self.commit(call, Batch::new().delete(key, when)).await?;
        Ok(there)
    }

    async fn scan(&self, _: &Call, scan: Scan) -> Result<Page> {
        let state = self.state.lock().unwrap();
        let limit = scan.limit.min(self.page.unwrap_or(usize::MAX)).max(1);
        let mut entries: Vec<Entry> = state
            .records
            .iter()
            .filter(|(key, _)| key.starts_with(&scan.prefix))
            .filter(|(key, _)| scan.after.as_ref().is_none_or(|after| *key > after))
            .take(limit + 1)
            .map(|(key, record)| Entry { key: key.clone(), record: record.clone() })
            .collect();
        let more = entries.len() > limit;
        entries.truncate(limit);
        let next = entries.last().filter(|_| more).map(|entry| entry.key.clone());
        Ok(Page { entries, next })
    }

    async fn commit(&self, _: &Call, batch: Batch) -> Result<Vec<Option<Version>>> {
        let conflict = || Error::new(ErrorKind::Conflict, "somebody else was faster");
        if self.conflicts.try_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok() {
            return Err(conflict());
        }
        self.largest_batch.fetch_max(batch.operations.len(), SeqCst);
        let mut state = self.state.lock().unwrap();
        assert!(batch.operations.len() <= self.capabilities().max_batch, "the batch is too large");
        let mut seen = std::collections::BTreeSet::new();
        for operation in &batch.operations {
            assert!(seen.insert(operation.key()), "{} twice in a batch", operation.key());
            assert!(operation.key().len() <= crate::layout::MAX_KEY_BYTES);
            let current = state.records.get(operation.key()).map(|record| record.version);
            if !operation.when().holds(current) {
                return Err(conflict());
            }
        }
        let mut versions = Vec::new();
        for operation in batch.operations {
            versions.push(match operation {
                Operation::Put { key, value, .. } => {
                    state.version += 1;
                    let version = Version(state.version);
                    state.records.insert(key, Record { value, version });
                    Some(version)
                }
                Operation::Delete { key, .. } => {
                    state.records.remove(&key);
                    None
                }
                Operation::Check { .. } => None,
            });
        }
        Ok(versions)
    }

    fn capabilities(&self) -> Capabilities {
        let mut can = Capabilities::default();
        can.max_batch = self.max_batch.unwrap_or(can.max_batch);
        can
    }
}
