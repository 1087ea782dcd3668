//! A storage backend behind its port.

use std::sync::Arc;

use bytes::Bytes;
use hotshoe_abi::{AbiFuture, AbiStorage, outcome};

use super::port::Port;
use crate::bridge::{
    export_batch, export_precondition, export_scan, import_capabilities, import_found,
    import_health, import_page, import_versions,
};
use crate::contract::{
    Batch, Call, Capabilities, Health, Page, Precondition, Record, Result, Scan, StorageBackend,
    Version,
};

/// The same backend; each of its calls goes through the port, and on the instance's own threads if it
/// has some: then with arguments of its own.
///
/// It is a backend as the host has them, not one that crosses: what calls it is on this side, and one
/// future less is made for each call.
pub(crate) struct SupervisedStorage(pub(crate) Port<Arc<AbiStorage>>);

impl StorageBackend for SupervisedStorage {
    async fn get(&self, call: &Call, key: &str) -> Result<Option<Record>> {
        let found = if self.0.lane().is_none() {
            self.0.run(move |storage, _| storage.get(call, key)).await
        } else {
            let (call, key) = (call.clone(), key.to_owned());
            self.there(move |storage| AbiFuture::new(async move { storage.get(&call, &key).await }))
                .await
        };
        Ok(import_found(found?))
    }

    async fn put(
        &self,
        call: &Call,
        key: &str,
        value: Bytes,
        when: Precondition,
    ) -> Result<Version> {
        let (value, when) = (value.into(), export_precondition(when));
        let version = if self.0.lane().is_none() {
            self.0.run(move |storage, _| storage.put(call, key, value, when)).await
        } else {
            let (call, key) = (call.clone(), key.to_owned());
            self.there(move |storage| {
                AbiFuture::new(async move { storage.put(&call, &key, value, when).await })
            })
            .await
        };
        version.map(Version)
    }

    async fn delete(&self, call: &Call, key: &str, when: Precondition) -> Result<bool> {
        let when = export_precondition(when);
        if self.0.lane().is_none() {
            return self.0.run(move |storage, _| storage.delete(call, key, when)).await;
        }
        let (call, key) = (call.clone(), key.to_owned());
        self.there(move |storage| {
            AbiFuture::new(async move { storage.delete(&call, &key, when).await })
        })
        .await
    }

    async fn scan(&self, call: &Call, scan: Scan) -> Result<Page> {
        let scan = export_scan(scan);
        let page = if self.0.lane().is_none() {
            self.0.run(move |storage, _| storage.scan(call, scan)).await
        } else {
            let call = call.clone();
            self.there(move |storage| {
                AbiFuture::new(async move { storage.scan(&call, scan).await })
            })
            .await
        };
        Ok(import_page(page?))
    }

    async fn commit(&self, call: &Call, batch: Batch) -> Result<Vec<Option<Version>>> {
        let batch = export_batch(batch);
        let versions = if self.0.lane().is_none() {
            self.0.run(move |storage, _| storage.commit(call, batch)).await
        } else {
            let call = call.clone();
            self.there(move |storage| {
                AbiFuture::new(async move { storage.commit(&call, batch).await })
            })
            .await
        };
        Ok(import_versions(versions?))
    }

    async fn health(&self) -> Result<Health> {
        Ok(import_health(self.there(|storage| storage.health()).await?))
    }

    /// What a backend can do is asked before it is used: nothing while it does not serve.
    fn capabilities(&self) -> Capabilities {
        let ask = |field| self.0.call(|storage| Ok(storage.capability(field))).unwrap_or_default();
        import_capabilities(ask)
    }
}

impl SupervisedStorage {
    /// In a box, so that calls on their callers' threads keep no room for it.
    fn there<'a, A, C>(&'a self, call: C) -> AbiFuture<'a, A>
    where
        A: Send + 'static,
        C: for<'x> FnOnce(&'x AbiStorage) -> AbiFuture<'x, A> + Send + 'static,
    {
        AbiFuture::new(self.0.ask(call, outcome::of))
    }
}
