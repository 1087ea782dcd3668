//! Blocks its thread in `stop`.

use hotshoe::{Context, LinkedPlugin, NoConfig, Plugin, Result};

struct Specimen;

impl Plugin for Specimen {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    async fn stop(&self) -> Result<()> {
        loop {
            std::thread::park();
        }
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(Specimen, id = "blocks-in-stop");
