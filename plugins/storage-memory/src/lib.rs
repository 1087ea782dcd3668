//! The in-memory storage backend as a plugin: complete, and gone when the plugin stops. For
//! development, for tests, and for data that need not last.
//!
//! ```toml
//! [plugins.scratch]
//! plugin = "storage-memory"
//! config = { max_value_bytes = 1048576 }
//! ```

use std::sync::Arc;

use hotshoe::{Capabilities, Context, Contributions, MemoryStore, Plugin, Result};
use serde::Deserialize;

/// The settings of one instance.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The largest value, in bytes. 16 MiB unless set.
    pub max_value_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { max_value_bytes: Capabilities::default().max_value_bytes }
    }
}

/// The plugin: contributes one [`MemoryStore`] under the name `memory`.
pub struct MemoryStorage {
    backend: Arc<MemoryStore>,
}

impl Plugin for MemoryStorage {
    type Config = Config;

    async fn initialize(_context: Context, config: Config) -> Result<Self> {
        let capabilities = Capabilities::default().max_value_bytes(config.max_value_bytes);
        Ok(Self { backend: Arc::new(MemoryStore::with_capabilities(capabilities)) })
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.storage("memory", self.backend.clone());
    }
}

hotshoe::export_plugin! {
    MemoryStorage,
    category = "storage",
    tags = ["storage", "memory"],
    provides = [storage "memory"],
}
