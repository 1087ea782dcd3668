//! Blocks its thread when it is dropped.

use hotshoe::{Context, LinkedPlugin, NoConfig, Plugin, Result};

struct Specimen;

impl Plugin for Specimen {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

impl Drop for Specimen {
    fn drop(&mut self) {
        loop {
            std::thread::park();
        }
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(Specimen, id = "blocks-in-drop");
