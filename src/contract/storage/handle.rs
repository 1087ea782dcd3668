//! [`Storage`]: any backend behind one type.
//!
//! The author's trait has `async` methods, which cannot be called through `dyn`. Its object-safe
//! twin boxes the futures; a blanket implementation makes the twin of every backend.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;

use super::{Batch, Capabilities, Page, Precondition, Record, Scan, StorageBackend, Version};
use crate::contract::{Call, Health, Result};

/// A storage backend, whichever it is and wherever it came from. Cloning shares it.
///
/// It is itself a [`StorageBackend`], so whatever works on one works on this.
#[derive(Clone)]
pub struct Storage(Arc<dyn DynStorage>);

type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// The object-safe twin of [`StorageBackend`].
trait DynStorage: Send + Sync + 'static {
    fn get<'a>(&'a self, call: &'a Call, key: &'a str) -> Boxed<'a, Option<Record>>;
    fn put<'a>(
        &'a self,
        call: &'a Call,
        key: &'a str,
        value: Bytes,
        when: Precondition,
    ) -> Boxed<'a, Version>;
    fn delete<'a>(&'a self, call: &'a Call, key: &'a str, when: Precondition) -> Boxed<'a, bool>;
    fn scan<'a>(&'a self, call: &'a Call, scan: Scan) -> Boxed<'a, Page>;
    fn commit<'a>(&'a self, call: &'a Call, batch: Batch) -> Boxed<'a, Vec<Option<Version>>>;
    fn health(&self) -> Boxed<'_, Health>;
    fn capabilities(&self) -> Capabilities;
}

impl<S: StorageBackend> DynStorage for S {
    fn get<'a>(&'a self, call: &'a Call, key: &'a str) -> Boxed<'a, Option<Record>> {
        Box::pin(StorageBackend::get(self, call, key))
    }

    fn put<'a>(
        &'a self,
        call: &'a Call,
        key: &'a str,
        value: Bytes,
        when: Precondition,
    ) -> Boxed<'a, Version> {
        Box::pin(StorageBackend::put(self, call, key, value, when))
    }

    fn delete<'a>(&'a self, call: &'a Call, key: &'a str, when: Precondition) -> Boxed<'a, bool> {
        Box::pin(StorageBackend::delete(self, call, key, when))
    }

    fn scan<'a>(&'a self, call: &'a Call, scan: Scan) -> Boxed<'a, Page> {
        Box::pin(StorageBackend::scan(self, call, scan))
    }

    fn commit<'a>(&'a self, call: &'a Call, batch: Batch) -> Boxed<'a, Vec<Option<Version>>> {
        Box::pin(StorageBackend::commit(self, call, batch))
    }

    fn health(&self) -> Boxed<'_, Health> {
        Box::pin(StorageBackend::health(self))
    }

    fn capabilities(&self) -> Capabilities {
        StorageBackend::capabilities(self)
    }
}

impl Storage {
    /// Any backend behind one type.
    pub fn new<S: StorageBackend>(backend: S) -> Self {
        Self(Arc::new(backend))
    }
}

impl std::fmt::Debug for Storage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Storage").field(&self.0.capabilities()).finish()
    }
}

impl StorageBackend for Storage {
    async fn get(&self, call: &Call, key: &str) -> Result<Option<Record>> {
        self.0.get(call, key).await
    }

    async fn put(
        &self,
        call: &Call,
        key: &str,
        value: Bytes,
        when: Precondition,
    ) -> Result<Version> {
        self.0.put(call, key, value, when).await
    }

    async fn delete(&self, call: &Call, key: &str, when: Precondition) -> Result<bool> {
        self.0.delete(call, key, when).await
    }

    async fn scan(&self, call: &Call, scan: Scan) -> Result<Page> {
        self.0.scan(call, scan).await
    }

    async fn commit(&self, call: &Call, batch: Batch) -> Result<Vec<Option<Version>>> {
        self.0.commit(call, batch).await
    }

    async fn health(&self) -> Result<Health> {
        self.0.health().await
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }
}
