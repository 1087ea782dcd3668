//! [`Tx`]: optimistic transactions on any backend.
//!
//! Nothing is locked. Reads are remembered with their versions, writes are kept back; `commit`
//! turns both into one conditional batch, which the backend takes whole or refuses. Whoever
//! commits first wins, the other gets a conflict and tries again.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::limits::in_time;
use super::{Batch, Operation, Precondition, Record, StorageBackend};
use crate::contract::{Call, Result};

/// A transaction. Made by [`StorageExt::begin`](super::StorageExt::begin).
///
/// # Contract
/// - `get` sees the transaction's own writes, and gives the same answer each time.
/// - Nothing is written before [`commit`](Self::commit); then everything is, or nothing.
/// - `commit` fails with [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) if a key that was
///   read has changed since, also if it was only read. What commits is therefore serialisable.
/// - A key that was written without being read is overwritten, whatever is there.
/// - Dropped without `commit`, it was never there.
///
/// It is optimistic: while it runs, two reads may see the store at different moments. `commit`
/// refuses such a transaction, but code between must not trip over it. Scans take no part; read
/// keys one by one, or keep an index under a key of its own.
///
/// Each key counts as one step of a batch; the backend's
/// [`max_batch`](super::Capabilities::max_batch) limits how many there may be.
///
/// # Threading
/// Methods take `&self`: several tasks may read at once.
pub struct Tx<'a, S: ?Sized> {
    store: &'a S,
    call: &'a Call,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// What was found in the store, so that it is found again.
    reads: BTreeMap<String, Option<Record>>,
    /// What is to be there; `None` for nothing.
    writes: BTreeMap<String, Option<Bytes>>,
}

impl<'a, S: StorageBackend + ?Sized> Tx<'a, S> {
    pub(super) fn new(store: &'a S, call: &'a Call) -> Self {
        Self { store, call, state: Arc::default() }
    }

    /// The value of a key, as this transaction sees it; `None` when it is absent.
    ///
    /// # Errors
    /// Those of the backend's `get`.
    ///
    /// # Cancellation
    /// A dropped future has read nothing.
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        if let Some(known) = self.state().known(key) {
            return Ok(known);
        }
        let found = self.store.get(self.call, key).await?;
        let mut state = self.state();
        // Somebody may have read or written it on this transaction meanwhile: the first read
        // stays, an own write hides it.
        if let Slot::Vacant(slot) = state.reads.entry(key.to_owned()) {
            slot.insert(found);
        }
        Ok(state.known(key).flatten())
    }

    /// Writes a key when the transaction commits.
    pub fn put(&self, key: impl Into<String>, value: impl Into<Bytes>) {
        self.state().writes.insert(key.into(), Some(value.into()));
    }

    /// Deletes a key when the transaction commits; an absent key is no error.
    pub fn delete(&self, key: impl Into<String>) {
        self.state().writes.insert(key.into(), None);
    }

    /// Makes all writes happen, if everything that was read is still so.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) when somebody else was faster: nothing was
    /// written, run the transaction again. [`InvalidInput`](crate::ErrorKind::InvalidInput) for
    /// too many keys, keys too long and values too large. After any other error it may have
    /// happened or not.
    ///
    /// # Cancellation
    /// A dropped future leaves either nothing or the whole transaction behind.
    pub async fn commit(self) -> Result<()> {
        let state = std::mem::take(&mut *self.state());
        let batch = state.into_batch();
        if !batch.operations.is_empty() {
            self.store.commit(self.call, batch).await?;
        }
        Ok(())
    }

    /// Forgets all writes. The same as dropping it, but said.
    pub fn rollback(self) {
        *self.state() = State::default();
    }

    // No change panics half-way, so a poisoned state is whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The value of a key as far as it is known: written here, or read before.
    fn known(&self, key: &str) -> Option<Option<Bytes>> {
        let written = || self.writes.get(key).cloned();
        let read = || Some(self.reads.get(key)?.as_ref().map(|record| record.value.clone()));
        written().or_else(read)
    }

    fn into_batch(self) -> Batch {
        let Self { reads, mut writes } = self;
        let mut operations = Vec::with_capacity(reads.len() + writes.len());
        let step = |key, write, when| match write {
            Some(value) => Operation::Put { key, value, when },
            None => Operation::Delete { key, when },
        };
        for (key, found) in reads {
            let when =
                found.map_or(Precondition::Absent, |record| Precondition::At(record.version));
            operations.push(match writes.remove(&key) {
                Some(write) => step(key, write, when),
                None => Operation::Check { key, when },
            });
        }
        let blind = writes.into_iter().map(|(key, write)| step(key, write, Precondition::Any));
        operations.extend(blind);
        Batch { operations }
    }
}

impl<S: ?Sized> std::fmt::Debug for Tx<'_, S> {
    /// Counts only: keys and values may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("Tx")
            .field("reads", &state.reads.len())
            .field("writes", &state.writes.len())
            .finish_non_exhaustive()
    }
}

/// Runs `body` in a transaction and commits it, again after each conflict.
pub(super) async fn run<'a, S, T, F, Fut>(
    store: &'a S,
    call: &'a Call,
    attempts: u32,
    mut body: F,
) -> Result<T>
where
    S: StorageBackend + ?Sized,
    F: FnMut(Tx<'a, S>) -> Fut,
    Fut: Future<Output = Result<T>>,
{
    let mut left = attempts.max(1);
    loop {
        in_time(call, "running a transaction")?;
        left -= 1;
        let tx = Tx::new(store, call);
        let handed_out = Tx { store, call, state: Arc::clone(&tx.state) };
        let outcome = match body(handed_out).await {
            Ok(value) => tx.commit().await.map(|()| value),
            Err(error) => Err(error),
        };
        match outcome {
            Err(error) if error.is_conflict() && left > 0 => {}
            outcome => return outcome,
        }
    }
}
