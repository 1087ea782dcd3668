//! Does nothing wrong, and was built with `panic = "abort"`.

use hotshoe::{Context, NoConfig, Plugin, Result};

struct Specimen;

impl Plugin for Specimen {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

hotshoe::export_plugin!(Specimen, id = "panics-abort");
