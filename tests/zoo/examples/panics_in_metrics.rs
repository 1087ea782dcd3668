//! Panics in `metrics`.

use hotshoe::{Context, LinkedPlugin, Metric, NoConfig, Plugin, Result};

struct Specimen;

impl Plugin for Specimen {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn metrics(&self) -> Vec<Metric> {
        panic!("metrics went wrong")
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(Specimen, id = "panics-in-metrics");
