//! Does nothing wrong but for writing a file when it is opened.

use hotshoe::{Context, NoConfig, Plugin, Result};

struct Specimen;

impl Plugin for Specimen {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

hotshoe::export_plugin!(Specimen, id = "writes-before-main");

zoo::before_main!(zoo::leave_a_trace);
