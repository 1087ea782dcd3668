//! Panics in threads of its own, while the host calls it and while nobody does.

use hotshoe::{Call, Context, LinkedPlugin, NoConfig, Plugin, Result};
use serde_json::{Value, json};

struct Specimen;

impl Plugin for Specimen {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    async fn execute(&self, _: &Call, _: Value) -> Result<Value> {
        let thread = std::thread::spawn(|| panic!("the thread went wrong"));
        Ok(json!(thread.join().is_err()))
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(Specimen, id = "panics-in-its-own-thread");
