//! Has an entry as every plugin has, and no manifest.

use hotshoe::{Context, NoConfig, Plugin, Result};

struct Specimen;

impl Plugin for Specimen {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

const PLUGIN: hotshoe::LinkedPlugin = hotshoe::plugin!(Specimen, id = "manifest-missing");

/// Keeps the plugin in the library.
#[unsafe(no_mangle)]
pub extern "C" fn hotshoe_plugin_manifest_missing() -> usize {
    PLUGIN.manifest_text().len()
}
