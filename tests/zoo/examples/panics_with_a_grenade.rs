//! Panics with a payload that panics when somebody drops it: in `start`, or in `execute`.

use hotshoe::{Call, Context, LinkedPlugin, Plugin, Result};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default)]
    late: bool,
}

struct Specimen(Config);

impl Plugin for Specimen {
    type Config = Config;

    async fn initialize(_: Context, config: Config) -> Result<Self> {
        Ok(Self(config))
    }

    async fn start(&self) -> Result<()> {
        if self.0.late { Ok(()) } else { std::panic::panic_any(Grenade) }
    }

    async fn execute(&self, _: &Call, _: Value) -> Result<Value> {
        std::panic::panic_any(Grenade)
    }
}

struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        panic!("the payload went wrong");
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(Specimen, id = "panics-with-a-grenade");
