//! Logs a hundred thousand lines at once.

use hotshoe::{Call, Context, LinkedPlugin, NoConfig, Plugin, Result};
use serde_json::Value;

struct Specimen;

impl Plugin for Specimen {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    async fn execute(&self, _: &Call, _: Value) -> Result<Value> {
        for line in 0..100_000 {
            tracing::error!(line, "flood");
        }
        Ok(Value::Null)
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(Specimen, id = "floods-the-log");
