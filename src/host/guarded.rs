//! [`Guarded`]: storage that was handed out, and can be refused afterwards.

use bytes::Bytes;

use super::permissions::Permit;
use crate::contract::{
    Batch, Call, Capabilities, Health, Page, Precondition, Record, Result, Scan, StorageBackend,
    Version,
};

/// A backend in front of which stands a permit. What has begun when it is revoked comes to its end.
pub(super) struct Guarded<S> {
    backend: S,
    permit: Permit,
}

impl<S: StorageBackend> Guarded<S> {
    pub(super) fn new(backend: S, permit: Permit) -> Self {
        Self { backend, permit }
    }
}

impl<S: StorageBackend> StorageBackend for Guarded<S> {
    async fn get(&self, call: &Call, key: &str) -> Result<Option<Record>> {
        self.permit.check()?;
        self.backend.get(call, key).await
    }

    async fn put(
        &self,
        call: &Call,
        key: &str,
        value: Bytes,
        when: Precondition,
    ) -> Result<Version> {
        self.permit.check()?;
        self.backend.put(call, key, value, when).await
    }

    async fn delete(&self, call: &Call, key: &str, when: Precondition) -> Result<bool> {
        self.permit.check()?;
        self.backend.delete(call, key, when).await
    }

    async fn scan(&self, call: &Call, scan: Scan) -> Result<Page> {
        self.permit.check()?;
        self.backend.scan(call, scan).await
    }

    async fn commit(&self, call: &Call, batch: Batch) -> Result<Vec<Option<Version>>> {
        self.permit.check()?;
        self.backend.commit(call, batch).await
    }

    async fn health(&self) -> Result<Health> {
        self.permit.check()?;
        self.backend.health().await
    }

    /// What a backend can do is no secret, and cannot fail.
    fn capabilities(&self) -> Capabilities {
        self.backend.capabilities()
    }
}
