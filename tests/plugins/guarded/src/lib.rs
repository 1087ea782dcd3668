//! A plugin for tests: uses its storage in `initialize`, for which it needs the permission.

use hotshoe::{Context, NoConfig, Plugin, Result};

/// The plugin.
pub struct Guarded;

impl Plugin for Guarded {
    type Config = NoConfig;

    async fn initialize(context: Context, _: NoConfig) -> Result<Self> {
        context.storage()?;
        Ok(Guarded)
    }
}

hotshoe::export_plugin!(Guarded, category = "test", permissions = ["storage"]);
