//! Panics in `restore_state`: it starts well, and not again.

use bytes::Bytes;
use hotshoe::{Context, LinkedPlugin, NoConfig, Plugin, Result};

struct Specimen;

impl Plugin for Specimen {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    async fn save_state(&self) -> Result<Option<Bytes>> {
        Ok(Some("state".into()))
    }

    async fn restore_state(&self, _: Bytes) -> Result<()> {
        panic!("restore_state went wrong")
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(Specimen, id = "panics-in-restore-state");
