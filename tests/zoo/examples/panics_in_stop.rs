//! Panics in `stop`.

use hotshoe::{Context, LinkedPlugin, NoConfig, Plugin, Result};

struct Specimen;

impl Plugin for Specimen {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    async fn stop(&self) -> Result<()> {
        panic!("stop went wrong")
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(Specimen, id = "panics-in-stop");
