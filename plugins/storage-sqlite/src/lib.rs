//! The SQLite storage backend as a plugin: versioned keys and values in one file, kept when the
//! process ends, is killed or loses power.
//!
//! ```toml
//! [plugins.secrets]
//! plugin = "storage-sqlite"
//! config = { path = "secrets.db", synchronous = "full", busy_timeout = "5s" }
//! ```
//!
//! The file is made readable and writable by its owner only, and belongs to one instance at a
//! time: see [`SqliteBackend::open`].

mod backend;
mod config;
mod error;
mod file;
mod schema;
mod statements;

use std::sync::Arc;

use hotshoe::{Context, Contributions, Health, Plugin, Result, StorageBackend};

pub use backend::SqliteBackend;
pub use config::{Config, Synchronous};

/// The plugin: contributes one [`SqliteBackend`] under the name `sqlite`.
pub struct SqliteStorage {
    backend: Arc<SqliteBackend>,
}

impl Plugin for SqliteStorage {
    type Config = Config;

    async fn initialize(context: Context, config: Config) -> Result<Self> {
        let file = config.file_in(context.data_dir())?;
        Ok(Self { backend: Arc::new(SqliteBackend::open(&file, &config)?) })
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.storage("sqlite", self.backend.clone());
    }

    async fn stop(&self) -> Result<()> {
        self.backend.checkpoint()
    }

    async fn health(&self) -> Result<Health> {
        self.backend.health().await
    }
}

hotshoe::export_plugin! {
    SqliteStorage,
    category = "storage",
    tags = ["storage", "sqlite"],
    provides = [storage "sqlite"],
    swap = "exclusive",
    state = "none",
}
