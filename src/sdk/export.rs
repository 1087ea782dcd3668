//! Making a crate mountable: [`export_plugin!`](crate::export_plugin) and what it stands on.

use hotshoe_abi::__stable::{ROption, RStr, RString, WithMetadata, staticref};
use hotshoe_abi::{AbiContext, AbiFuture, AbiLog, AbiPlugin, PluginModule, PluginModuleRef};

use super::{Plugin, heap, instance, logging};

/// A plugin that is part of this program: its manifest and its functions.
///
/// Got from [`export_plugin!`](crate::export_plugin) through [`ExportedPlugin`], from
/// [`plugin!`](crate::plugin), or through `inventory` by the host itself.
#[derive(Clone, Copy)]
pub struct LinkedPlugin {
    manifest: &'static str,
    #[cfg_attr(not(feature = "host"), allow(dead_code, reason = "only a host asks for it"))]
    module: fn() -> PluginModuleRef,
}

inventory::collect!(LinkedPlugin);

impl LinkedPlugin {
    /// The manifest's text.
    pub fn manifest_text(&self) -> &'static str {
        self.manifest
    }

    #[cfg(feature = "host")]
    pub(crate) fn module(&self) -> PluginModuleRef {
        (self.module)()
    }
}

impl std::fmt::Debug for LinkedPlugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LinkedPlugin")
    }
}

/// A plugin type that was exported: what `PluginHostBuilder::register` takes.
pub trait ExportedPlugin: Plugin {
    /// The plugin, ready to be mounted.
    const PLUGIN: LinkedPlugin;
}

/// Where the text of a plugin's manifest is.
#[doc(hidden)]
pub trait ManifestSource: 'static {
    const TEXT: &'static str;
}

#[doc(hidden)]
pub const fn linked<P: Plugin, M: ManifestSource>() -> LinkedPlugin {
    LinkedPlugin { manifest: M::TEXT, module: module::<P, M> }
}

/// The functions of the plugin `P`.
#[doc(hidden)]
pub fn module<P: Plugin, M: ManifestSource>() -> PluginModuleRef {
    PluginModuleRef(Functions::<P, M>::TABLE.as_prefix())
}

struct Functions<P, M>(std::marker::PhantomData<(P, M)>);

impl<P: Plugin, M: ManifestSource> Functions<P, M> {
    staticref! {
        const TABLE: WithMetadata<PluginModule> = WithMetadata::new(PluginModule {
            manifest: Self::manifest,
            attach_log: Self::attach_log,
            set_log_level: Self::set_log_level,
            create: Self::create,
            usage: Self::usage,
        });
    }

    extern "C" fn manifest() -> RStr<'static> {
        RStr::from_str(M::TEXT)
    }

    extern "C" fn attach_log(log: AbiLog, level: u32) {
        hotshoe_abi::guard::contain(|| logging::attach(log, level));
    }

    extern "C" fn set_log_level(level: u32) {
        hotshoe_abi::guard::contain(|| logging::set_level(level));
    }

    extern "C" fn create(context: AbiContext, settings: RString) -> AbiFuture<'static, AbiPlugin> {
        hotshoe_abi::guard::install_hook();
        AbiFuture::new(instance::create::<P>(context, settings))
    }

    extern "C" fn usage(kind: u32) -> ROption<u64> {
        heap::usage(kind).into()
    }
}

/// Makes this crate a plugin: mountable as a library file, and linked.
///
/// Takes the plugin's type, then what its manifest says beyond what Cargo knows. `id` is the
/// package's name, `version`, `description`, `authors`, `license` and `homepage` are the
/// package's, unless given here.
///
/// ```
/// # use hotshoe::{Context, Plugin, NoConfig, Result};
/// # struct RateLimit;
/// # impl Plugin for RateLimit {
/// #     type Config = NoConfig;
/// #     async fn initialize(_: Context, _: NoConfig) -> Result<Self> { Ok(RateLimit) }
/// # }
/// hotshoe::export_plugin! {
///     RateLimit,
///     name = "Rate limit",
///     category = "traffic",
///     tags = ["http", "limits"],
///     provides = [service "quota" = "1.0.0", middleware, storage "memory"],
///     requires = [plugin "keydb" = "^0.1", optional service "geo" = ">=1.0.0"],
///     endpoints = [GET "/quota/{user}"],
///     permissions = ["storage", "events.publish:quota.*"],
///     swap = "overlap",
///     state = "kept",
///     metadata = { "team" = "platform" },
/// }
/// # fn main() {}
/// ```
///
/// | field | value | meaning |
/// | --- | --- | --- |
/// | `swap` | `"overlap"` | the default: while it is exchanged, both generations are up for a time |
/// | | `"exclusive"` | it owns a port, a lock or a file: the old one stops before the new one is initialised |
/// | `state` | `"handed-over"` | the default: [`save_state`](crate::Plugin::save_state) and [`restore_state`](crate::Plugin::restore_state) are asked when it is restarted or exchanged |
/// | | `"none"` | there is none: neither is asked, no call is held, and a share of the calls can go to the new one first |
/// | | `"kept"` | handed over, and also saved when it stops and restored at its next start, after the end of the host, too |
///
/// One crate exports one plugin. A type that other plugins share (an extension point, say) belongs
/// into a plain crate: a plugin that depended on another plugin's crate would contain it, manifest
/// and all, and be refused for that.
///
/// A library whose crate installs a [`CountingAllocator`](crate::CountingAllocator) tells its host how
/// much of the heap it has in use.
///
/// It uses `#[export_name]` and `#[link_section]`, which the lint `unsafe_code` counts as unsafe:
/// a crate that *forbids* (rather than denies) that lint cannot export a plugin.
#[macro_export]
macro_rules! export_plugin {
    ($plugin:ty $(, $($rest:tt)*)?) => {
        #[allow(unsafe_code)]
        const _: () = {
            $crate::__manifest!(Manifest, $($($rest)*)?);

            // Read by the host from the file, before any code of it runs.
            #[used]
            #[cfg_attr(not(any(target_vendor = "apple", windows)), unsafe(link_section = ".hotshoe"))]
            #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__hotshoe"))]
            #[cfg_attr(windows, unsafe(link_section = ".hotshoe"))]
            static SECTION: [u8; <Manifest as $crate::__private::ManifestSource>::TEXT.len()] =
                $crate::__private::join(&[<Manifest as $crate::__private::ManifestSource>::TEXT]);

            extern "C" fn construct() -> $crate::__private::RootModuleResult {
                $crate::__private::__call_root_module_loader(
                    $crate::__private::module::<$plugin, Manifest>,
                )
            }

            // SAFETY: `construct` returns the module whose type is named here. The name of the
            // symbol holds the name of this crate, so that several plugins link into one program.
            #[unsafe(export_name = ::core::concat!("hotshoe_plugin_", ::core::env!("CARGO_CRATE_NAME")))]
            static HEADER: $crate::__private::LibHeader = unsafe {
                $crate::__private::LibHeader::from_constructor::<$crate::__private::PluginModuleRef>(
                    construct,
                    $crate::__private::CheckTypeLayout::Yes,
                )
            };

            impl $crate::ExportedPlugin for $plugin {
                const PLUGIN: $crate::LinkedPlugin =
                    $crate::__private::linked::<$plugin, Manifest>();
            }

            $crate::__private::inventory::submit! {
                <$plugin as $crate::ExportedPlugin>::PLUGIN
            }
        };
    };
}

/// A plugin of the application itself, to be registered by hand: takes what
/// [`export_plugin!`](crate::export_plugin) takes, exports nothing, gives a
/// [`LinkedPlugin`](crate::LinkedPlugin).
///
/// ```
/// # use hotshoe::{Context, Plugin, NoConfig, Result};
/// # struct Audit;
/// # impl Plugin for Audit {
/// #     type Config = NoConfig;
/// #     async fn initialize(_: Context, _: NoConfig) -> Result<Self> { Ok(Audit) }
/// # }
/// let audit = hotshoe::plugin!(Audit, id = "audit", category = "security");
/// ```
#[macro_export]
macro_rules! plugin {
    ($plugin:ty $(, $($rest:tt)*)?) => {{
        $crate::__manifest!(Manifest, $($($rest)*)?);
        $crate::__private::linked::<$plugin, Manifest>()
    }};
}

/// Declares a type that holds the text of a manifest.
#[doc(hidden)]
#[macro_export]
macro_rules! __manifest {
    ($Name:ident, $($fields:tt)*) => {
        struct $Name;

        impl $Name {
            const PARTS: &'static [&'static str] = &[
                "hotshoe-manifest\u{1f}1\u{1e}",
                $crate::__private::BUILD_RECORDS,
                ::core::concat!(
                    "panic\u{1f}", ::core::cfg!(panic = "unwind"), "\u{1e}",
                    "symbol\u{1f}hotshoe_plugin_", ::core::env!("CARGO_CRATE_NAME"), "\u{1e}",
                    "id\u{1f}", ::core::env!("CARGO_PKG_NAME"), "\u{1e}",
                    "version\u{1f}", ::core::env!("CARGO_PKG_VERSION"), "\u{1e}",
                    "description\u{1f}", ::core::env!("CARGO_PKG_DESCRIPTION"), "\u{1e}",
                    "authors\u{1f}", ::core::env!("CARGO_PKG_AUTHORS"), "\u{1e}",
                    "license\u{1f}", ::core::env!("CARGO_PKG_LICENSE"), "\u{1e}",
                    "homepage\u{1f}", ::core::env!("CARGO_PKG_HOMEPAGE"), "\u{1e}",
                    $crate::__manifest_records!($($fields)*),
                    "end\u{1e}",
                ),
            ];
            const BYTES: [u8; $crate::__private::len(Self::PARTS)] =
                $crate::__private::join(Self::PARTS);
        }

        impl $crate::__private::ManifestSource for $Name {
            const TEXT: &'static str = $crate::__private::text(&$Name::BYTES);
        }
    };
}

/// The records of the fields that an author gives.
#[doc(hidden)]
#[macro_export]
macro_rules! __manifest_records {
    () => { "" };
    (provides = [$($list:tt)*] $(, $($rest:tt)*)?) => {
        ::core::concat!($crate::__manifest_provides!($($list)*), $crate::__manifest_records!($($($rest)*)?))
    };
    (requires = [$($list:tt)*] $(, $($rest:tt)*)?) => {
        ::core::concat!($crate::__manifest_requires!($($list)*), $crate::__manifest_records!($($($rest)*)?))
    };
    (endpoints = [$($method:ident $path:literal),* $(,)?] $(, $($rest:tt)*)?) => {
        ::core::concat!(
            $("endpoint\u{1f}", ::core::stringify!($method), "\u{1f}", $path, "\u{1e}",)*
            $crate::__manifest_records!($($($rest)*)?)
        )
    };
    (tags = [$($tag:literal),* $(,)?] $(, $($rest:tt)*)?) => {
        ::core::concat!($("tag\u{1f}", $tag, "\u{1e}",)* $crate::__manifest_records!($($($rest)*)?))
    };
    (permissions = [$($permission:literal),* $(,)?] $(, $($rest:tt)*)?) => {
        ::core::concat!(
            $("permission\u{1f}", $permission, "\u{1e}",)*
            $crate::__manifest_records!($($($rest)*)?)
        )
    };
    // Of these two the default is not written, so that older hosts have nothing to pass over.
    (swap = "overlap" $(, $($rest:tt)*)?) => { $crate::__manifest_records!($($($rest)*)?) };
    (swap = "exclusive" $(, $($rest:tt)*)?) => {
        ::core::concat!("swap\u{1f}exclusive\u{1e}", $crate::__manifest_records!($($($rest)*)?))
    };
    (swap = $($other:tt)*) => {
        ::core::compile_error!("`swap` is \"overlap\" (the default) or \"exclusive\"")
    };
    (state = "handed-over" $(, $($rest:tt)*)?) => { $crate::__manifest_records!($($($rest)*)?) };
    (state = "none" $(, $($rest:tt)*)?) => {
        ::core::concat!("state\u{1f}none\u{1e}", $crate::__manifest_records!($($($rest)*)?))
    };
    (state = "kept" $(, $($rest:tt)*)?) => {
        ::core::concat!("state\u{1f}kept\u{1e}", $crate::__manifest_records!($($($rest)*)?))
    };
    (state = $($other:tt)*) => {
        ::core::compile_error!("`state` is \"handed-over\" (the default), \"none\" or \"kept\"")
    };
    (metadata = { $($key:literal = $value:literal),* $(,)? } $(, $($rest:tt)*)?) => {
        ::core::concat!(
            $("metadata\u{1f}", $key, "\u{1f}", $value, "\u{1e}",)*
            $crate::__manifest_records!($($($rest)*)?)
        )
    };
    (id = $value:literal $(, $($rest:tt)*)?) => {
        ::core::concat!("id\u{1f}", $value, "\u{1e}", $crate::__manifest_records!($($($rest)*)?))
    };
    (name = $value:literal $(, $($rest:tt)*)?) => {
        ::core::concat!("name\u{1f}", $value, "\u{1e}", $crate::__manifest_records!($($($rest)*)?))
    };
    (version = $value:literal $(, $($rest:tt)*)?) => {
        ::core::concat!("version\u{1f}", $value, "\u{1e}", $crate::__manifest_records!($($($rest)*)?))
    };
    (description = $value:literal $(, $($rest:tt)*)?) => {
        ::core::concat!("description\u{1f}", $value, "\u{1e}", $crate::__manifest_records!($($($rest)*)?))
    };
    (authors = $value:literal $(, $($rest:tt)*)?) => {
        ::core::concat!("authors\u{1f}", $value, "\u{1e}", $crate::__manifest_records!($($($rest)*)?))
    };
    (license = $value:literal $(, $($rest:tt)*)?) => {
        ::core::concat!("license\u{1f}", $value, "\u{1e}", $crate::__manifest_records!($($($rest)*)?))
    };
    (homepage = $value:literal $(, $($rest:tt)*)?) => {
        ::core::concat!("homepage\u{1f}", $value, "\u{1e}", $crate::__manifest_records!($($($rest)*)?))
    };
    (category = $value:literal $(, $($rest:tt)*)?) => {
        ::core::concat!("category\u{1f}", $value, "\u{1e}", $crate::__manifest_records!($($($rest)*)?))
    };
    ($field:ident $($rest:tt)*) => {
        ::core::compile_error!(::core::concat!(
            "`", ::core::stringify!($field), "` is no field of a manifest, or has another form; \
            there are: id, name, version, description, authors, license, homepage and category \
            (= \"text\"), tags and permissions (= [\"text\"]), \
            provides (= [service \"x\" = \"1.0.0\", storage \"kind\", middleware]), \
            requires (= [plugin \"x\" = \"^1\", optional service \"y\" = \"^1\"]), \
            endpoints (= [GET \"/path\"]), swap (= \"overlap\" or \"exclusive\"), \
            state (= \"handed-over\", \"none\" or \"kept\"), metadata (= { \"key\" = \"value\" })"
        ))
    };
}

/// The records of `provides`.
#[doc(hidden)]
#[macro_export]
macro_rules! __manifest_provides {
    () => { "" };
    (service $name:literal = $version:literal $(, $($rest:tt)*)?) => {
        ::core::concat!("provides\u{1f}service\u{1f}", $name, "\u{1f}", $version, "\u{1e}",
            $crate::__manifest_provides!($($($rest)*)?))
    };
    (storage $kind:literal $(, $($rest:tt)*)?) => {
        ::core::concat!("provides\u{1f}storage\u{1f}", $kind, "\u{1e}",
            $crate::__manifest_provides!($($($rest)*)?))
    };
    (middleware $(, $($rest:tt)*)?) => {
        ::core::concat!("provides\u{1f}middleware\u{1e}",
            $crate::__manifest_provides!($($($rest)*)?))
    };
    ($($other:tt)*) => {
        ::core::compile_error!(::core::concat!("`provides` has entries of the form \
            service \"x\" = \"1.0.0\", storage \"kind\" or middleware, not: ", ::core::stringify!($($other)*)))
    };
}

/// The records of `requires`.
#[doc(hidden)]
#[macro_export]
macro_rules! __manifest_requires {
    () => { "" };
    (optional plugin $name:literal = $range:literal $(, $($rest:tt)*)?) => {
        ::core::concat!("wants\u{1f}plugin\u{1f}", $name, "\u{1f}", $range, "\u{1e}",
            $crate::__manifest_requires!($($($rest)*)?))
    };
    (optional service $name:literal = $range:literal $(, $($rest:tt)*)?) => {
        ::core::concat!("wants\u{1f}service\u{1f}", $name, "\u{1f}", $range, "\u{1e}",
            $crate::__manifest_requires!($($($rest)*)?))
    };
    (plugin $name:literal = $range:literal $(, $($rest:tt)*)?) => {
        ::core::concat!("requires\u{1f}plugin\u{1f}", $name, "\u{1f}", $range, "\u{1e}",
            $crate::__manifest_requires!($($($rest)*)?))
    };
    (service $name:literal = $range:literal $(, $($rest:tt)*)?) => {
        ::core::concat!("requires\u{1f}service\u{1f}", $name, "\u{1f}", $range, "\u{1e}",
            $crate::__manifest_requires!($($($rest)*)?))
    };
    ($($other:tt)*) => {
        ::core::compile_error!(::core::concat!("`requires` has entries of the form \
            plugin \"x\" = \"^1\" or service \"x\" = \"^1\", each perhaps with optional before it, not: ",
            ::core::stringify!($($other)*)))
    };
}
