//! A storage backend behind its port.

use std::sync::Arc;

use hotshoe_abi::__stable::{ROption, RVec};
use hotshoe_abi::{
    AbiBytes, AbiFuture, AbiHealth, AbiOperation, AbiPage, AbiPrecondition, AbiRecord, AbiScan,
    AbiStorage, StorageObject, outcome,
};

use super::port::Port;
use crate::contract::Call;

/// The same backend; each of its calls goes through the port, and on the instance's own threads if it
/// has some: then with arguments of its own.
pub(crate) struct SupervisedStorage(pub(crate) Port<Arc<AbiStorage>>);

impl StorageObject for SupervisedStorage {
    fn get<'a>(&'a self, call: &'a Call, key: &'a str) -> AbiFuture<'a, ROption<AbiRecord>> {
        if self.0.lane().is_none() {
            return AbiFuture::new(self.0.run(move |storage, _| storage.get(call, key)));
        }
        let (call, key) = (call.clone(), key.to_owned());
        self.there(move |storage| AbiFuture::new(async move { storage.get(&call, &key).await }))
    }

    fn put<'a>(
        &'a self,
        call: &'a Call,
        key: &'a str,
        value: AbiBytes,
        when: AbiPrecondition,
    ) -> AbiFuture<'a, u64> {
        if self.0.lane().is_none() {
            return AbiFuture::new(
                self.0.run(move |storage, _| storage.put(call, key, value, when)),
            );
        }
        let (call, key) = (call.clone(), key.to_owned());
        self.there(move |storage| {
            AbiFuture::new(async move { storage.put(&call, &key, value, when).await })
        })
    }

    fn delete<'a>(
        &'a self,
        call: &'a Call,
        key: &'a str,
        when: AbiPrecondition,
    ) -> AbiFuture<'a, bool> {
        if self.0.lane().is_none() {
            return AbiFuture::new(self.0.run(move |storage, _| storage.delete(call, key, when)));
        }
        let (call, key) = (call.clone(), key.to_owned());
        self.there(move |storage| {
            AbiFuture::new(async move { storage.delete(&call, &key, when).await })
        })
    }

    fn scan<'a>(&'a self, call: &'a Call, scan: AbiScan) -> AbiFuture<'a, AbiPage> {
        if self.0.lane().is_none() {
            return AbiFuture::new(self.0.run(move |storage, _| storage.scan(call, scan)));
        }
        let call = call.clone();
        self.there(move |storage| AbiFuture::new(async move { storage.scan(&call, scan).await }))
    }

    fn commit<'a>(&'a self, call: &'a Call, batch: RVec<AbiOperation>) -> AbiFuture<'a, RVec<u64>> {
        if self.0.lane().is_none() {
            return AbiFuture::new(self.0.run(move |storage, _| storage.commit(call, batch)));
        }
        let call = call.clone();
        self.there(move |storage| AbiFuture::new(async move { storage.commit(&call, batch).await }))
    }

    fn health(&self) -> AbiFuture<'_, AbiHealth> {
        self.there(|storage| storage.health())
    }

    /// What a backend can do is asked before it is used: nothing while it does not serve.
    fn capability(&self, field: u32) -> u64 {
        self.0.call(|storage| Ok(storage.capability(field))).unwrap_or_default()
    }
}

impl SupervisedStorage {
    fn there<'a, A, C>(&'a self, call: C) -> AbiFuture<'a, A>
    where
        A: Send + 'static,
        C: for<'x> FnOnce(&'x AbiStorage) -> AbiFuture<'x, A> + Send + 'static,
    {
        AbiFuture::new(self.0.ask(call, outcome::of))
    }
}
