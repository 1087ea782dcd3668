//! A plugin for tests: requires `faulty`, and would like `guarded`.

use hotshoe::{Context, NoConfig, Plugin, Result};

/// The plugin.
pub struct Needy;

impl Plugin for Needy {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Needy)
    }
}

hotshoe::export_plugin! {
    Needy,
    category = "test",
    requires = [plugin "faulty" = "^1.1", optional plugin "guarded" = "^2"],
}
