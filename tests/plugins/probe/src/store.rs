//! The probe's storage backend: in memory, with keys at which it misbehaves.

use std::sync::Arc;

use bytes::Bytes;
use hotshoe::{
    Batch, Call, Capabilities, Contributions, Health, MemoryStore, Page, Precondition, Record,
    Result, Scan, StorageBackend, Version,
};

use crate::handlers::of_kind;
use crate::notes::Notes;
use crate::{Fault, Probe};

pub(crate) fn contribute(probe: &Arc<Probe>, to: &mut Contributions<'_>) {
    let store =
        || Store { memory: MemoryStore::with_capabilities(limits()), notes: probe.notes.clone() };
    if !probe.fault(Fault::NoStorage) {
        to.storage("probe-memory", store());
    }
    if probe.fault(Fault::UnpromisedStorage) {
        to.storage("tape", store());
    }
}

fn limits() -> Capabilities {
    // None of them the default, so that one that gets lost on the way shows.
    Capabilities::default().durable(true).shared(false).blocking(true).max_value_bytes(4096)
}

struct Store {
    memory: MemoryStore,
    notes: Notes,
}

impl Store {
    async fn misbehave(&self, key: &str) -> Result<()> {
        match key.rsplit('/').next().unwrap_or_default() {
            "panic" => panic!("a store was told to panic"),
            "error" => Err(of_kind("io")),
            "never" => self.notes.never("storage").await,
            _ => Ok(()),
        }
    }
}

impl StorageBackend for Store {
    async fn get(&self, call: &Call, key: &str) -> Result<Option<Record>> {
        self.misbehave(key).await?;
        self.memory.get(call, key).await
    }

    async fn put(
        &self,
        call: &Call,
        key: &str,
        value: Bytes,
        when: Precondition,
    ) -> Result<Version> {
        self.misbehave(key).await?;
        self.memory.put(call, key, value, when).await
    }

    async fn delete(&self, call: &Call, key: &str, when: Precondition) -> Result<bool> {
        self.misbehave(key).await?;
        self.memory.delete(call, key, when).await
    }

    async fn scan(&self, call: &Call, scan: Scan) -> Result<Page> {
        self.misbehave(&scan.prefix).await?;
        self.memory.scan(call, scan).await
    }

    async fn commit(&self, call: &Call, batch: Batch) -> Result<Vec<Option<Version>>> {
        for operation in &batch.operations {
            self.misbehave(operation.key()).await?;
        }
        self.memory.commit(call, batch).await
    }

    async fn health(&self) -> Result<Health> {
        Ok(Health::degraded("only memory"))
    }

    fn capabilities(&self) -> Capabilities {
        limits()
    }
}
