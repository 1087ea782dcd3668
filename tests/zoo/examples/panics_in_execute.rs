//! Panics in `execute`.

use hotshoe::{Call, Context, LinkedPlugin, NoConfig, Plugin, Result};
use serde_json::Value;

struct Specimen;

impl Plugin for Specimen {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    async fn execute(&self, _: &Call, _: Value) -> Result<Value> {
        panic!("execute went wrong")
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(Specimen, id = "panics-in-execute");
