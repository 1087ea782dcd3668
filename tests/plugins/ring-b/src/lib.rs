//! A plugin for tests: requires `ring-a`, which requires it.

use hotshoe::{Context, NoConfig, Plugin, Result};

/// The plugin.
pub struct RingB;

impl Plugin for RingB {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(RingB)
    }
}

hotshoe::export_plugin!(RingB, category = "test", requires = [plugin "ring-a" = "^1"]);
