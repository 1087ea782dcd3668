//! A plugin without the `hotshoe` crate, so that a changed hotshoe-abi is all that it takes to build
//! one. Copied into the workspace that `variants.rs` makes.

use std::sync::Arc;

use hotshoe_abi::__stable::{
    __call_root_module_loader, CheckTypeLayout, LibHeader, ROption, RStr, RString,
    RootModuleResult, WithMetadata, staticref,
};
use hotshoe_abi::{
    AbiBytes, AbiContext, AbiContributions, AbiFuture, AbiHealth, AbiLog, AbiPlugin, BUILD_RECORDS,
    Call, PluginModule, PluginModuleRef, PluginObject, Result, context_text, health_status,
};

const BEGIN: &str = "hotshoe-manifest\u{1f}1\u{1e}";
const OWN: &str = concat!(
    "panic\u{1f}true\u{1e}symbol\u{1f}bare_plugin\u{1e}id\u{1f}",
    env!("CARGO_PKG_NAME"),
    "\u{1e}version\u{1f}1.0.0\u{1e}end\u{1e}"
);
const LENGTH: usize = BEGIN.len() + BUILD_RECORDS.len() + OWN.len();

#[used]
#[unsafe(link_section = ".hotshoe")]
static SECTION: [u8; LENGTH] = {
    let mut all = [0; LENGTH];
    let parts = [BEGIN, BUILD_RECORDS, OWN];
    let (mut part, mut at) = (0, 0);
    while part < parts.len() {
        let bytes = parts[part].as_bytes();
        let mut index = 0;
        while index < bytes.len() {
            all[at] = bytes[index];
            index += 1;
            at += 1;
        }
        part += 1;
    }
    all
};

// SAFETY: `construct` returns the module whose type is named here.
#[unsafe(export_name = "bare_plugin")]
static HEADER: LibHeader =
    unsafe { LibHeader::from_constructor::<PluginModuleRef>(construct, CheckTypeLayout::Yes) };

extern "C" fn construct() -> RootModuleResult {
    __call_root_module_loader(|| PluginModuleRef(Module::TABLE.as_prefix()))
}

struct Module;

impl Module {
    staticref! {
        const TABLE: WithMetadata<PluginModule> =
            WithMetadata::new(PluginModule { manifest, attach_log, set_log_level, create, usage });
    }
}

extern "C" fn manifest() -> RStr<'static> {
    RStr::from_str(std::str::from_utf8(&SECTION).unwrap_or_default())
}

extern "C" fn attach_log(_: AbiLog, _: u32) {}

extern "C" fn set_log_level(_: u32) {}

/// Counts nothing.
extern "C" fn usage(_: u32) -> ROption<u64> {
    ROption::RNone
}

/// Leaves a note that it ran.
extern "C" fn create(context: AbiContext, _: RString) -> AbiFuture<'static, AbiPlugin> {
    AbiFuture::new(async move {
        let folder = context.text(context_text::DATA_DIR);
        std::fs::write(format!("{folder}/created"), "").expect("a note is left");
        Ok(AbiPlugin::new(Arc::new(Bare)))
    })
}

struct Bare;

impl PluginObject for Bare {
    fn contribute(&self, _: &AbiContributions) -> Result<()> {
        Ok(())
    }

    fn start(&self) -> AbiFuture<'_, ()> {
        AbiFuture::ready(Ok(()))
    }

    fn stop(&self) -> AbiFuture<'_, ()> {
        AbiFuture::ready(Ok(()))
    }

    fn health(&self) -> AbiFuture<'_, AbiHealth> {
        let status = health_status::HEALTHY;
        AbiFuture::ready(Ok(AbiHealth { status, message: RString::new(), reserved: [0; 2] }))
    }

    fn execute<'a>(&'a self, _: &'a Call, input: RString) -> AbiFuture<'a, RString> {
        AbiFuture::ready(Ok(input))
    }

    fn metrics(&self) -> Result<RString> {
        Ok("[]".into())
    }

    fn save_state(&self) -> AbiFuture<'_, ROption<AbiBytes>> {
        AbiFuture::ready(Ok(ROption::RNone))
    }

    fn restore_state(&self, _: AbiBytes) -> AbiFuture<'_, ()> {
        AbiFuture::ready(Ok(()))
    }
}
