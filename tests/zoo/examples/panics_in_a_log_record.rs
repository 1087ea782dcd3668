//! Logs a value that panics when it is shown.

use std::fmt;

use hotshoe::{Call, Context, LinkedPlugin, NoConfig, Plugin, Result};
use serde_json::Value;

struct Specimen;

impl Plugin for Specimen {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    async fn execute(&self, _: &Call, _: Value) -> Result<Value> {
        tracing::error!(value = %Wrong, "a value is to be shown");
        Ok(Value::Null)
    }
}

struct Wrong;

impl fmt::Display for Wrong {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("the value went wrong")
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(Specimen, id = "panics-in-a-log-record");
