//! Blocks its thread in `initialize`.

use hotshoe::{Context, LinkedPlugin, NoConfig, Plugin, Result};

enum Specimen {}

impl Plugin for Specimen {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        loop {
            std::thread::park();
        }
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(Specimen, id = "blocks-in-initialize");
