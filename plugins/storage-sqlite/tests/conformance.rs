//! The SQLite backend keeps the storage contract, also over opening again.

use std::path::Path;

use bytes::Bytes;
use hotshoe::testing::{block_on, storage_backend, storage_backend_durable};
use hotshoe::{
    Batch, Call, Capabilities, Health, Page, Precondition, Record, Result, Scan, StorageBackend,
    Version,
};
use storage_sqlite::{Config, SqliteBackend, Synchronous};
use tempfile::TempDir;

/// A backend in a directory that goes with it.
struct Temporary(SqliteBackend, #[allow(dead_code, reason = "removed when dropped")] TempDir);

fn temporary(config: &Config) -> Temporary {
    let directory = tempfile::tempdir().unwrap();
    Temporary(open(directory.path(), config), directory)
}

fn open(directory: &Path, config: &Config) -> SqliteBackend {
    SqliteBackend::open(&config.file_in(directory).unwrap(), config).unwrap()
}

impl StorageBackend for Temporary {
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

#[test]
fn it_keeps_the_contract() {
    storage_backend(|| temporary(&Config::default()));
}

#[test]
fn it_keeps_the_contract_with_other_settings() {
    let config =
        Config { synchronous: Synchronous::Normal, max_value_bytes: 4096, ..Config::default() };
    storage_backend(|| temporary(&config));
}

#[test]
fn it_keeps_what_it_acknowledged() {
    storage_backend_durable(|directory| open(directory, &Config::default()));
}

#[test]
fn a_page_of_large_values_ends_early() {
    let Temporary(store, _directory) = temporary(&Config::default());
    let call = Call::none();
    block_on(async {
        for key in ["a", "b", "c"] {
            store.put(&call, key, vec![1; 3 << 20].into(), Precondition::Any).await.unwrap();
        }
        let page = store.scan(&call, Scan::prefix("")).await.unwrap();
        assert_eq!((page.entries.len(), page.next.as_deref()), (2, Some("b")));
        let page = store.scan(&call, Scan::prefix("").after("b")).await.unwrap();
        assert_eq!((page.entries.len(), page.next), (1, None));
    });
}
