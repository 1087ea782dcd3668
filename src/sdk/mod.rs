//! The plugin author's side: [`Plugin`], its [`Context`], what it contributes, and the macros that
//! make a crate mountable.

mod context;
mod contributions;
mod export;
#[allow(unsafe_code, reason = "an allocator has to be one")]
mod heap;
mod instance;
pub(crate) mod logging;
mod manifest_text;
mod plugin;

pub use context::{Context, Metrics};
pub use contributions::Contributions;
pub use export::{ExportedPlugin, LinkedPlugin};
pub use heap::CountingAllocator;
pub use plugin::{Metric, NoConfig, Plugin};

/// What the macros expand to. Not for use by hand; may change in any release.
#[doc(hidden)]
pub mod __private {
    pub use hotshoe_abi::__stable::{
        __call_root_module_loader, CheckTypeLayout, LibHeader, RStr, RString, RVec,
        RootModuleResult, WithMetadata,
    };
    pub use hotshoe_abi::{
        BUILD_RECORDS, ExtensionInfo, ExtensionInfoRef, ExtensionTable, PluginModuleRef,
        RawExtension, release_shared, retain_shared,
    };
    pub use inventory;

    pub use super::export::{ManifestSource, linked, module};
    pub use super::manifest_text::{join, len, text};
    pub use crate::extension::{Answer, Crossing, ExtensionPoint};

    /// Hands out an implementation of the extension point `Self`.
    pub trait Provide<T> {
        fn provide(value: std::sync::Arc<T>) -> RawExtension;
    }

    /// The signature of a method in a table's description.
    pub fn signature(name: &str, arguments: &[String], answer: &str) -> String {
        format!("{name}({})->{answer}", arguments.join(","))
    }

    /// The signatures of an extension point, as they cross.
    pub fn methods_of<X: ?Sized + ExtensionPoint>() -> RVec<RString> {
        hotshoe_abi::guard::guard(X::methods)
            .unwrap_or_default()
            .into_iter()
            .map(RString::from)
            .collect()
    }

    /// Runs a method inside the guard.
    #[inline]
    pub fn answer<A: Answer>(f: impl FnOnce() -> A) -> A::Wire {
        // Inside the guard, too: writing JSON runs somebody's `Serialize`.
        match hotshoe_abi::guard::guard(|| f().into_wire()) {
            Ok(wire) => wire,
            Err(panic) => A::failed(panic).into_wire(),
        }
    }
}
