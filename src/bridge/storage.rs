//! Storage backends, both ways.

use std::sync::Arc;

use bytes::Bytes;
use hotshoe_abi::__stable::{ROption, RVec};
use hotshoe_abi::{
    AbiBytes, AbiEntry, AbiFuture, AbiHealth, AbiOperation, AbiPage, AbiPrecondition, AbiRecord,
    AbiScan, AbiStorage, StorageObject, operation_kind, precondition_kind,
};

use super::{Scope, export_health, import_health};
use crate::contract::{
    Batch, Call, Capabilities, Entry, Error, ErrorKind, Health, Operation, Page, Precondition,
    Record, Result, Scan, Storage, StorageBackend, Version,
};

/// Hands `backend` out; its futures run as the instance `scope`.
pub(crate) fn export_storage<S: StorageBackend>(backend: S, scope: Scope) -> AbiStorage {
    AbiStorage::new(Arc::new(ExportedStorage { backend, scope }))
}

/// Takes a backend from elsewhere in.
pub(crate) fn import_storage(storage: AbiStorage) -> Storage {
    Storage::new(ImportedStorage(storage))
}

struct ExportedStorage<S> {
    backend: S,
    scope: Scope,
}

impl<S: StorageBackend> StorageObject for ExportedStorage<S> {
    fn get<'a>(&'a self, call: &'a Call, key: &'a str) -> AbiFuture<'a, ROption<AbiRecord>> {
        AbiFuture::new(self.scope.wrap(async move {
            let record = self.backend.get(call, key).await?;
            Ok(record.map(export_record).into())
        }))
    }

    fn put<'a>(
        &'a self,
        call: &'a Call,
        key: &'a str,
        value: AbiBytes,
        when: AbiPrecondition,
    ) -> AbiFuture<'a, u64> {
        AbiFuture::new(self.scope.wrap(async move {
            let when = import_precondition(when)?;
            Ok(self.backend.put(call, key, value.into(), when).await?.0)
        }))
    }

    fn delete<'a>(
        &'a self,
        call: &'a Call,
        key: &'a str,
        when: AbiPrecondition,
    ) -> AbiFuture<'a, bool> {
        AbiFuture::new(
            self.scope.wrap(async move {
                self.backend.delete(call, key, import_precondition(when)?).await
            }),
        )
    }

    fn scan<'a>(&'a self, call: &'a Call, scan: AbiScan) -> AbiFuture<'a, AbiPage> {
        AbiFuture::new(self.scope.wrap(async move {
            let scan = Scan {
                prefix: scan.prefix.into_string(),
                after: scan.after.into_option().map(Into::into),
                limit: usize::try_from(scan.limit).unwrap_or(usize::MAX),
            };
            let page = self.backend.scan(call, scan).await?;
            Ok(AbiPage {
                entries: page.entries.into_iter().map(export_entry).collect(),
                next: page.next.map(Into::into).into(),
                reserved: [0],
            })
        }))
    }

    fn commit<'a>(&'a self, call: &'a Call, batch: RVec<AbiOperation>) -> AbiFuture<'a, RVec<u64>> {
        AbiFuture::new(self.scope.wrap(async move {
            let operations = batch.into_iter().map(import_operation).collect::<Result<_>>()?;
            let versions = self.backend.commit(call, Batch { operations }).await?;
            // 0 is no version: counting starts at 1.
            Ok(versions.into_iter().map(|version| version.map_or(0, |version| version.0)).collect())
        }))
    }

    fn health(&self) -> AbiFuture<'_, AbiHealth> {
        AbiFuture::new(
            self.scope.wrap(async move { Ok(export_health(self.backend.health().await?)) }),
        )
    }

    fn capability(&self, field: u32) -> u64 {
        capability::get(self.backend.capabilities(), field)
    }
}

struct ImportedStorage(AbiStorage);

impl StorageBackend for ImportedStorage {
    async fn get(&self, call: &Call, key: &str) -> Result<Option<Record>> {
        Ok(import_found(self.0.get(call, key).await?))
    }

    async fn put(
        &self,
        call: &Call,
        key: &str,
        value: Bytes,
        when: Precondition,
    ) -> Result<Version> {
        self.0.put(call, key, value.into(), export_precondition(when)).await.map(Version)
    }

    async fn delete(&self, call: &Call, key: &str, when: Precondition) -> Result<bool> {
        self.0.delete(call, key, export_precondition(when)).await
    }

    async fn scan(&self, call: &Call, scan: Scan) -> Result<Page> {
        Ok(import_page(self.0.scan(call, export_scan(scan)).await?))
    }

    async fn commit(&self, call: &Call, batch: Batch) -> Result<Vec<Option<Version>>> {
        Ok(import_versions(self.0.commit(call, export_batch(batch)).await?))
    }

    async fn health(&self) -> Result<Health> {
        Ok(import_health(self.0.health().await?))
    }

    fn capabilities(&self) -> Capabilities {
        import_capabilities(|field| self.0.capability(field))
    }
}

/// Capabilities by number, so that there can be more of them later.
mod capability {
    use hotshoe_abi::capability_number::{
        BLOCKING, DURABLE, MAX_BATCH, MAX_KEY_BYTES, MAX_VALUE_BYTES, SHARED,
    };

    use super::Capabilities;

    pub(super) fn get(capabilities: Capabilities, field: u32) -> u64 {
        match field {
            DURABLE => capabilities.durable.into(),
            SHARED => capabilities.shared.into(),
            BLOCKING => capabilities.blocking.into(),
            MAX_KEY_BYTES => capabilities.max_key_bytes as u64,
            MAX_VALUE_BYTES => capabilities.max_value_bytes as u64,
            MAX_BATCH => capabilities.max_batch as u64,
            _ => u64::MAX,
        }
    }

    pub(super) fn collect(get: impl Fn(u32) -> u64) -> Capabilities {
        let size = |field| usize::try_from(get(field)).unwrap_or(usize::MAX);
        Capabilities {
            durable: get(DURABLE) == 1,
            shared: get(SHARED) == 1,
            blocking: get(BLOCKING) == 1,
            max_key_bytes: size(MAX_KEY_BYTES),
            max_value_bytes: size(MAX_VALUE_BYTES),
            max_batch: size(MAX_BATCH),
        }
    }
}

/// What a backend can do, asked by number.
pub(crate) fn import_capabilities(get: impl Fn(u32) -> u64) -> Capabilities {
    capability::collect(get)
}

fn export_record(record: Record) -> AbiRecord {
    AbiRecord { value: record.value.into(), version: record.version.0, reserved: [0] }
}

fn import_record(record: AbiRecord) -> Record {
    Record { value: record.value.into(), version: Version(record.version) }
}

pub(crate) fn import_found(found: ROption<AbiRecord>) -> Option<Record> {
    found.into_option().map(import_record)
}

pub(crate) fn export_scan(scan: Scan) -> AbiScan {
    AbiScan {
        prefix: scan.prefix.into(),
        after: scan.after.map(Into::into).into(),
        limit: scan.limit as u64,
        reserved: [0; 2],
    }
}

pub(crate) fn import_page(page: AbiPage) -> Page {
    Page {
        entries: page.entries.into_iter().map(import_entry).collect(),
        next: page.next.into_option().map(Into::into),
    }
}

fn export_entry(entry: Entry) -> AbiEntry {
    AbiEntry { key: entry.key.into(), record: export_record(entry.record) }
}

fn import_entry(entry: AbiEntry) -> Entry {
    Entry { key: entry.key.into(), record: import_record(entry.record) }
}

pub(crate) fn export_precondition(when: Precondition) -> AbiPrecondition {
    match when {
        Precondition::Any => AbiPrecondition { kind: precondition_kind::ANY, version: 0 },
        Precondition::Absent => AbiPrecondition { kind: precondition_kind::ABSENT, version: 0 },
        Precondition::At(version) => {
            AbiPrecondition { kind: precondition_kind::AT, version: version.0 }
        }
    }
}

fn import_precondition(when: AbiPrecondition) -> Result<Precondition> {
    match when.kind {
        precondition_kind::ANY => Ok(Precondition::Any),
        precondition_kind::ABSENT => Ok(Precondition::Absent),
        precondition_kind::AT => Ok(Precondition::At(Version(when.version))),
        kind => Err(unknown("precondition", kind)),
    }
}

pub(crate) fn export_batch(batch: Batch) -> RVec<AbiOperation> {
    batch.operations.into_iter().map(export_operation).collect()
}

pub(crate) fn import_versions(versions: RVec<u64>) -> Vec<Option<Version>> {
    versions.into_iter().map(|version| (version != 0).then_some(Version(version))).collect()
}

fn export_operation(operation: Operation) -> AbiOperation {
    let when = export_precondition(operation.when());
    let (kind, key, value) = match operation {
        Operation::Put { key, value, .. } => (operation_kind::PUT, key, value.into()),
        Operation::Delete { key, .. } => (operation_kind::DELETE, key, AbiBytes::new()),
        Operation::Check { key, .. } => (operation_kind::CHECK, key, AbiBytes::new()),
    };
    AbiOperation { kind, key: key.into(), value, when, reserved: [0] }
}

fn import_operation(operation: AbiOperation) -> Result<Operation> {
    let when = import_precondition(operation.when)?;
    let key = operation.key.into_string();
    match operation.kind {
        operation_kind::PUT => Ok(Operation::Put { key, value: operation.value.into(), when }),
        operation_kind::DELETE => Ok(Operation::Delete { key, when }),
        operation_kind::CHECK => Ok(Operation::Check { key, when }),
        kind => Err(unknown("operation", kind)),
    }
}

/// What a newer library asks for must fail, not be guessed.
fn unknown(what: &str, kind: u32) -> Error {
    Error::new(ErrorKind::Unsupported, format!("storage {what} number {kind} is not known here"))
        .with_help("rebuild the plugin that provides the storage with a current hotshoe")
}
