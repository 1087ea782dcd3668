//! Panics while its settings are read.

use hotshoe::{Context, LinkedPlugin, Plugin, Result};
use serde::{Deserialize, Deserializer};

struct Settings;

impl<'de> Deserialize<'de> for Settings {
    fn deserialize<D: Deserializer<'de>>(_: D) -> std::result::Result<Self, D::Error> {
        panic!("its settings went wrong")
    }
}

struct Specimen;

impl Plugin for Specimen {
    type Config = Settings;

    async fn initialize(_: Context, _: Settings) -> Result<Self> {
        Ok(Self)
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(Specimen, id = "panics-in-settings");
