//! A plugin for tests: requires `ring-b`, which requires it.

use hotshoe::{Context, NoConfig, Plugin, Result};

/// The plugin.
pub struct RingA;

impl Plugin for RingA {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(RingA)
    }
}

hotshoe::export_plugin!(RingA, category = "test", requires = [plugin "ring-b" = "^1"]);
