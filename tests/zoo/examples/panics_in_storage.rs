//! A storage backend of which every method panics.

use std::sync::Arc;

use bytes::Bytes;
use hotshoe::{
    Batch, Call, Capabilities, Context, Contributions, Health, LinkedPlugin, NoConfig, Page,
    Plugin, Precondition, Record, Result, Scan, StorageBackend, Version,
};

struct Specimen;

impl Plugin for Specimen {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.storage("fault", self.clone());
    }
}

impl StorageBackend for Specimen {
    async fn get(&self, _: &Call, _: &str) -> Result<Option<Record>> {
        panic!("get went wrong")
    }

    async fn put(&self, _: &Call, _: &str, _: Bytes, _: Precondition) -> Result<Version> {
        panic!("put went wrong")
    }

    async fn delete(&self, _: &Call, _: &str, _: Precondition) -> Result<bool> {
        panic!("delete went wrong")
    }

    async fn scan(&self, _: &Call, _: Scan) -> Result<Page> {
        panic!("scan went wrong")
    }

    async fn commit(&self, _: &Call, _: Batch) -> Result<Vec<Option<Version>>> {
        panic!("commit went wrong")
    }

    async fn health(&self) -> Result<Health> {
        panic!("the health of the backend went wrong")
    }

    fn capabilities(&self) -> Capabilities {
        panic!("capabilities went wrong")
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin =
    zoo::plugin!(Specimen, id = "panics-in-storage", provides = [storage "fault"]);
