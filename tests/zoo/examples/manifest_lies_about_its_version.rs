//! Has a manifest of version 9.0.0 around a plugin of version 1.0.0.

use hotshoe::__private::{
    __call_root_module_loader, CheckTypeLayout, LibHeader, ManifestSource, PluginModuleRef,
    RootModuleResult, module,
};
use hotshoe::{Context, NoConfig, Plugin, Result};

struct Specimen;

impl Plugin for Specimen {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

const TEXTS: &[&str] = &[
    zoo::FORMAT,
    zoo::BUILD,
    "panic\u{1f}true\u{1e}symbol\u{1f}hotshoe_plugin_manifest_lies_about_its_version\u{1e}\
     id\u{1f}manifest-lies-about-its-version\u{1e}version\u{1f}1.0.0\u{1e}end\u{1e}",
];
static TEXT: [u8; hotshoe::__private::len(TEXTS)] = hotshoe::__private::join(TEXTS);

struct Truth;

impl ManifestSource for Truth {
    const TEXT: &'static str = hotshoe::__private::text(&TEXT);
}

extern "C" fn construct() -> RootModuleResult {
    __call_root_module_loader(module::<Specimen, Truth>)
}

// SAFETY: `construct` returns the module whose type is named here.
#[unsafe(export_name = "hotshoe_plugin_manifest_lies_about_its_version")]
static HEADER: LibHeader =
    unsafe { LibHeader::from_constructor::<PluginModuleRef>(construct, CheckTypeLayout::Yes) };

zoo::manifest!(
    "manifest-lies-about-its-version",
    "hotshoe_plugin_manifest_lies_about_its_version",
    "version\u{1f}9.0.0"
);
