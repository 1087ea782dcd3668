//! The storage contract.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;

use super::{Batch, Capabilities, Page, Precondition, Record, Scan, Version};
use crate::contract::{Call, Health, Result};

/// A versioned key-value store.
///
/// Kept this small on purpose: a large storage interface is hard to implement and impossible to
/// change. Create, update, transactions, backup, restore and copying are in
/// [`StorageExt`](crate::StorageExt), built on these methods and the same for every backend.
///
/// # Contract
/// - A key is UTF-8 text, ordered by its bytes. A value is bytes. Both are limited by
///   [`capabilities`](Self::capabilities); beyond, a call fails with
///   [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput).
/// - Every change gives the key a version greater than any it ever had.
/// - `put`, `delete` and `commit` are atomic and linearisable: when one returns, every later call
///   sees it. Of two concurrent changes with the same precondition on a version, one wins.
/// - `scan` returns keys in order. A key that exists during the whole scan is returned exactly
///   once over its pages; one that comes or goes meanwhile may or may not be.
/// - A key may appear only once in a batch.
///
/// The suite `hotshoe::testing::storage_backend` (feature `testing`) checks all of it.
///
/// # Lifecycle
/// Contributed by a plugin, used between its `start` and its `stop`. When `stop` returns, what was
/// acknowledged is on its way to where it is kept.
///
/// # Threading
/// Called from any thread, any number of times at once. A backend that blocks says so in its
/// capabilities.
///
/// # Cancellation
/// A dropped future leaves either nothing or the whole change behind.
///
/// # Panics
/// Contained: the caller gets [`ErrorKind::Panic`](crate::ErrorKind::Panic). After a panic a
/// backend must still keep what it acknowledged.
///
/// # Errors
/// [`Conflict`](crate::ErrorKind::Conflict) where a precondition does not hold,
/// [`InvalidInput`](crate::ErrorKind::InvalidInput) for keys, values and batches beyond the limits,
/// [`Io`](crate::ErrorKind::Io) for what fails below, with the cause,
/// [`Unavailable`](crate::ErrorKind::Unavailable) for what may work a moment later.
pub trait StorageBackend: Send + Sync + 'static {
    /// Reads one key.
    fn get(&self, call: &Call, key: &str) -> impl Future<Output = Result<Option<Record>>> + Send;

    /// Writes one key; returns its new version.
    fn put(
        &self,
        call: &Call,
        key: &str,
        value: Bytes,
        when: Precondition,
    ) -> impl Future<Output = Result<Version>> + Send;

    /// Deletes one key; returns whether it was there.
    fn delete(
        &self,
        call: &Call,
        key: &str,
        when: Precondition,
    ) -> impl Future<Output = Result<bool>> + Send;

    /// Reads keys in order, one page.
    fn scan(&self, call: &Call, scan: Scan) -> impl Future<Output = Result<Page>> + Send;

    /// All of it or nothing; returns the new version for each `Put`, `None` for other steps.
    fn commit(
        &self,
        call: &Call,
        batch: Batch,
    ) -> impl Future<Output = Result<Vec<Option<Version>>>> + Send;

    /// How the backend is. The default says: well.
    fn health(&self) -> impl Future<Output = Result<Health>> + Send {
        std::future::ready(Ok(Health::healthy()))
    }

    /// What it can do. Asked at any time; constant.
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }
}

impl<S: StorageBackend> StorageBackend for Arc<S> {
    fn get(&self, call: &Call, key: &str) -> impl Future<Output = Result<Option<Record>>> + Send {
        (**self).get(call, key)
    }

    fn put(
        &self,
        call: &Call,
        key: &str,
        value: Bytes,
        when: Precondition,
    ) -> impl Future<Output = Result<Version>> + Send {
        (**self).put(call, key, value, when)
    }

    fn delete(
        &self,
        call: &Call,
        key: &str,
        when: Precondition,
    ) -> impl Future<Output = Result<bool>> + Send {
        (**self).delete(call, key, when)
    }

    fn scan(&self, call: &Call, scan: Scan) -> impl Future<Output = Result<Page>> + Send {
        (**self).scan(call, scan)
    }

    fn commit(
        &self,
        call: &Call,
        batch: Batch,
    ) -> impl Future<Output = Result<Vec<Option<Version>>>> + Send {
        (**self).commit(call, batch)
    }

    fn health(&self) -> impl Future<Output = Result<Health>> + Send {
        (**self).health()
    }

    fn capabilities(&self) -> Capabilities {
        (**self).capabilities()
    }
}
