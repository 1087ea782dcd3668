//! Everything that crosses a library boundary between a hotshoe host and its plugins.
//!
//! This crate is versioned apart from `hotshoe`: abi_stable compares the *package version* of the
//! crate that defines a type, so what crosses must not change its version with every release of
//! the host.
//!
//! # Rules
//!
//! 1. What may have to grow is an opaque handle with a table of functions ([`Request`],
//!    [`Response`], [`Call`], [`Error`], [`AbiContext`], [`AbiFuture`] …). Tables are abi_stable prefix
//!    types: functions are only ever appended, after the last prefix field.
//! 2. Memory is freed by the side that allocated it: every owning handle carries its own `drop`.
//! 3. No panic crosses: every function behind a table runs inside [`guard::guard`].
//! 4. Layouts never depend on a feature of this crate; it has none.
//!
//! # Growing
//!
//! Plugins and hosts of one line (`1`) work together, whichever is the older. So what is
//! of use later is *appended*: a function after the last one of its table, with types that only it
//! uses. Its wrapper gets it as an `Option`, and does without it where an older library lacks it.
//! Texts, kinds and levels are numbers, to which others may be added.
//!
//! Structs that cross as they are have room at their end, as `reserved`: words that are zeros. Whoever finds
//! something else there was handed something newer, and may do without it. What must not be overlooked
//! needs a function or a capability of its own.
//!
//! Everything else is a *break*: a field more or less in a struct, another type, name or order,
//! another number for the same thing, another `last_prefix_field`. A break needs a new line, and all
//! plugins built again. `layout.snapshot` has every layout; the test that compares it tells one from
//! the other, and how to accept it. `tests/abi_growth` of `hotshoe` has plugins and a host of a later
//! version of this crate.
//!
//! # Who uses it
//!
//! Applications and plugin authors use the `hotshoe` crate, which re-exports the handles they
//! meet. Two modules of `hotshoe` touch the tables: its `sdk` (contract to table, compiled into
//! the plugin) and its `load` (table to contract, compiled into the host).

#![allow(unsafe_code, reason = "this crate is the boundary: calls through foreign tables")]

mod body;
mod buffer;
mod call;
mod contribute;
mod describe;
mod error;
mod event;
mod extension;
mod future;
pub mod guard;
mod handler;
mod log;
mod module;
mod object;
mod pairs;
mod parts;
pub mod plain;
mod plugin;
mod port;
mod request;
mod response;
mod result;
mod services;
mod storage;
mod task;
mod telling;
mod typed;
mod waker;

pub use body::{Body, BodyStream};
pub use buffer::AbiBytes;
pub use call::{Call, CallBuilder};
pub use contribute::{AbiContributions, ContributeObject, ContributeVTable, ContributeVTableRef};
pub use error::{Cause, Error, ErrorKind, Result};
pub use event::{
    AbiEventHandler, Event, EventHandlerObject, EventHandlerVTable, EventHandlerVTableRef,
    EventParts,
};
pub use extension::{
    ExtensionInfo, ExtensionInfoRef, ExtensionTable, RawExtension, release_shared, retain_shared,
};
pub use future::{AbiFuture, AbiPoll, AbiStarted, FutureVTable, FutureVTableRef};
pub use handler::{
    AbiHandler, AbiMiddleware, Chain, HandlerObject, HandlerVTable, HandlerVTableRef,
    MiddlewareObject, MiddlewareVTable, MiddlewareVTableRef, Next, NextVTable, NextVTableRef,
};
pub use log::{AbiField, AbiLog, AbiMetadata, LogObject, LogVTable, LogVTableRef, value_kind};
pub use module::{PluginModule, PluginModuleRef, usage_figure};
pub use parts::{HeaderPair, RequestParts, ResponseParts};
pub use plugin::{
    AbiHealth, AbiPlugin, PluginObject, PluginVTable, PluginVTableRef, health_status,
};
pub use port::{
    AbiPort, AbiTurn, Answering, Awaited, Begun, Inside, Ongoing, Outset, PortObject, PortOwner,
    PortState, PortTarget, PortVTable, PortVTableRef, QUEUED, Queued, SAMPLE, SECOND, Spare, TIMED,
    Tally, Within, outcome, switch,
};
pub use request::{Request, RequestBuilder};
pub use response::Response;
pub use result::AbiResult;
pub use services::{
    AbiContext, ContextObject, ContextVTable, ContextVTableRef, context_text, metric_kind,
};
pub use storage::{
    AbiEntry, AbiOperation, AbiPage, AbiPrecondition, AbiRecord, AbiScan, AbiStorage,
    StorageObject, StorageVTable, StorageVTableRef, capability_number, operation_kind,
    precondition_kind,
};
pub use task::{AbiTask, TaskObject, TaskVTable, TaskVTableRef};
pub use telling::{BeforeWake, telling};

/// What abi_stable offers to the two adapters: its standard types, its library header and the
/// macros behind prefix types. Not for applications or plugin authors.
#[doc(hidden)]
pub mod __stable {
    pub use abi_stable::abi_stability::abi_checking::{
        AbiInstability, AbiInstabilityError, AbiInstabilityErrors, ExpectedFound,
        check_layout_compatibility,
    };
    pub use abi_stable::library::{
        __call_root_module_loader, AbiHeaderRef, LibHeader, LibraryError, RootModule,
        RootModuleResult,
    };
    pub use abi_stable::prefix_type::WithMetadata;
    pub use abi_stable::sabi_types::Constructor;
    pub use abi_stable::std_types::{ROption, RSlice, RStr, RString, RVec};
    pub use abi_stable::type_layout::{
        LifetimeIndexPair, TLData, TLField, TLFieldOrFunction, TypeLayout,
    };
    pub use abi_stable::{StableAbi, library::CheckTypeLayout, staticref};

    pub use crate::describe::{arguments, field_type, lifetimes, signature, type_name};
}

/// The version of this crate: what a host and a plugin have to agree on.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A fingerprint of this crate's sources: equal fingerprints mean equal layouts.
pub const FINGERPRINT: &str = env!("HOTSHOE_FINGERPRINT");

/// The target triple this crate was compiled for.
pub const TARGET: &str = env!("HOTSHOE_TARGET");

/// The compiler this crate was compiled with, as `rustc --version` names it.
pub const RUSTC: &str = env!("HOTSHOE_RUSTC");

/// The facts of this build as manifest records (see `hotshoe::manifest` for the format).
#[doc(hidden)]
pub const BUILD_RECORDS: &str = concat!(
    "abi\u{1f}",
    env!("CARGO_PKG_VERSION"),
    "\u{1e}fingerprint\u{1f}",
    env!("HOTSHOE_FINGERPRINT"),
    "\u{1e}rustc\u{1f}",
    env!("HOTSHOE_RUSTC"),
    "\u{1e}target\u{1f}",
    env!("HOTSHOE_TARGET"),
    "\u{1e}profile\u{1f}",
    env!("HOTSHOE_PROFILE"),
    "\u{1e}",
);
