//! Does nothing wrong, and needs a library whose constructor writes a file. A run path says where.

use hotshoe::{Context, NoConfig, Plugin, Result};

struct Specimen;

impl Plugin for Specimen {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

hotshoe::export_plugin!(Specimen, id = "needs-a-run-path");
