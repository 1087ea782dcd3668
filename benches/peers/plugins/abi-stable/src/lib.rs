//! The plugin as abi_stable has them: a root module, checked when it is loaded, that makes a trait object.

#![allow(unused_qualifications, non_local_definitions, reason = "its macros expand to such items")]

use abi_stable::library::RootModule;
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::{RBox, RResult, RString, RVec};
use abi_stable::{StableAbi, export_root_module, prefix_type::PrefixTypeTrait, sabi_trait};

/// What the program calls.
#[sabi_trait]
pub trait Contract: Send + Sync {
    /// The sum.
    fn add(&self, a: u64, b: u64) -> RResult<u64, RString>;
    /// The same bytes.
    fn echo(&self, bytes: RVec<u8>) -> RResult<RVec<u8>, RString>;
    /// The document, counted up.
    #[sabi(last_prefix_field)]
    fn json(&self, document: RVec<u8>) -> RResult<RVec<u8>, RString>;
}

/// The trait object.
pub type Plugin = Contract_TO<'static, RBox<()>>;

/// What the library exports.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = ModuleRef)))]
#[sabi(missing_field(panic))]
pub struct Module {
    /// Makes the plugin.
    #[sabi(last_prefix_field)]
    pub new: extern "C" fn() -> Plugin,
}

impl RootModule for ModuleRef {
    abi_stable::declare_root_module_statics! {ModuleRef}
    const BASE_NAME: &'static str = "peers_abi_stable";
    const NAME: &'static str = "peers_abi_stable";
    const VERSION_STRINGS: VersionStrings = abi_stable::package_version_strings!();
}

#[export_root_module]
fn root_module() -> ModuleRef {
    Module { new }.leak_into_prefix()
}

extern "C" fn new() -> Plugin {
    Contract_TO::from_value(Implementation, abi_stable::erased_types::TD_Opaque)
}

struct Implementation;

impl Contract for Implementation {
    fn add(&self, a: u64, b: u64) -> RResult<u64, RString> {
        RResult::ROk(a.wrapping_add(b))
    }

    fn echo(&self, bytes: RVec<u8>) -> RResult<RVec<u8>, RString> {
        RResult::ROk(bytes)
    }

    fn json(&self, mut document: RVec<u8>) -> RResult<RVec<u8>, RString> {
        match peers_task::count_up(&mut document) {
            Ok(()) => RResult::ROk(document),
            Err(error) => RResult::RErr(format!("{error:?}").into()),
        }
    }
}
