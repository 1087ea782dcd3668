//! The root of a plugin library: what the host finds behind its one exported symbol, and what a
//! linked plugin hands over without a symbol.

use abi_stable::StableAbi;
use abi_stable::library::RootModule;
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::{ROption, RStr, RString};

use crate::{AbiContext, AbiFuture, AbiLog, AbiPlugin};

/// The functions of one plugin, the same for every mount.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginModuleRef)))]
#[sabi(missing_field(option))]
pub struct PluginModule {
    /// The manifest: the text that the library's section `.hotshoe` holds.
    pub manifest: extern "C" fn() -> RStr<'static>,
    /// Connects the library's log records to the host; records above the level are not sent.
    pub attach_log: extern "C" fn(AbiLog, u32),
    /// Changes the level.
    pub set_log_level: extern "C" fn(u32),
    /// Makes and initialises an instance with its settings, a JSON object.
    #[sabi(last_prefix_field)]
    pub create: extern "C" fn(AbiContext, RString) -> AbiFuture<'static, AbiPlugin>,
    /// How much of something the library uses, by one of the numbers of [`usage_figure`]; none if it
    /// does not count that. Cheap enough to be asked each second.
    pub usage: extern "C" fn(u32) -> ROption<u64>,
}

/// What [`PluginModule::usage`] is asked for.
pub mod usage_figure {
    /// Bytes of heap that are in use.
    pub const HEAP_IN_USE: u32 = 0;
    /// The most that were in use at once, roughly.
    pub const HEAP_PEAK: u32 = 1;
    /// Allocations that were made so far.
    pub const HEAP_ALLOCATIONS: u32 = 2;
}

impl RootModule for PluginModuleRef {
    abi_stable::declare_root_module_statics! {PluginModuleRef}

    const BASE_NAME: &'static str = "hotshoe_plugin";
    const NAME: &'static str = "hotshoe_plugin";
    const VERSION_STRINGS: VersionStrings = abi_stable::package_version_strings!();
}
