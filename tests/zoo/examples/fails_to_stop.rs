//! Returns an error from `stop`.

use hotshoe::{Context, Error, ErrorKind, LinkedPlugin, NoConfig, Plugin, Result};

struct Specimen;

impl Plugin for Specimen {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    async fn stop(&self) -> Result<()> {
        Err(Error::new(
            ErrorKind::Io,
            "a database was expected to take the last records, it is gone",
        ))
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(Specimen, id = "fails-to-stop");
