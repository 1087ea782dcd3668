//! Panics in `initialize`.

use hotshoe::{Context, LinkedPlugin, NoConfig, Plugin, Result};

enum Specimen {}

impl Plugin for Specimen {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        panic!("initialize went wrong")
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(Specimen, id = "panics-in-initialize");
