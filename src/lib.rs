//! A plugin host to embed: one plugin crate, unchanged, is linked into a program or loaded from a
//! directory, and no caller can tell which.
//!
//! - An **application** builds a [`PluginHost`]: it finds plugins, checks them before any of their
//!   code runs, puts them in order, starts them side by side, and contains what a process can
//!   contain.
//! - A **plugin** is a crate with a type that implements [`Plugin`] and one line of
//!   [`export_plugin!`]. It contributes request handlers, middleware, storage backends, event
//!   handlers, periodic jobs, and services behind traits of the application's own
//!   ([`extension_point!`]).
//!
//! What no in-process host survives comes first: a plugin that segfaults, aborts, exits, overflows
//! its stack, or panics in a drop while unwinding takes the program with it. Panics, errors, hangs
//! of life-cycle calls, wrong versions and files that are no plugins are contained.
//!
//! # A plugin
//!
//! ```
//! use std::sync::Arc;
//!
//! use hotshoe::{Context, Contributions, Plugin, Request, RequestHandler, Response, Result};
//!
//! #[derive(serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Config {
//!     greeting: String,
//! }
//!
//! struct Hello(Config);
//!
//! impl Plugin for Hello {
//!     type Config = Config;
//!
//!     async fn initialize(_: Context, config: Config) -> Result<Self> {
//!         Ok(Hello(config))
//!     }
//!
//!     fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
//!         to.handler("GET", "/hello/{name}", self.clone());
//!     }
//! }
//!
//! impl RequestHandler for Hello {
//!     async fn handle(&self, request: Request) -> Result<Response> {
//!         let name = request.param("name").unwrap_or("you");
//!         Ok(Response::text(200, format!("{}, {name}\n", self.0.greeting)))
//!     }
//! }
//!
//! hotshoe::export_plugin!(Hello, id = "hello", endpoints = [GET "/hello/{name}"]);
//! # fn main() -> Result<()> {
//! # use hotshoe::{PluginHost, config::InstanceConfig};
//! # let settings = serde_json::json!({ "greeting": "good day" });
//! # let host = PluginHost::builder()
//! #     .linked(["hello"])
//! #     .instance(InstanceConfig::new("hello").with_settings(settings))
//! #     .build()?;
//! # host.start().wait()?;
//! # let response = host.respond_blocking(Request::builder("GET", "/hello/ada").build());
//! # assert_eq!(response.status(), 200);
//! # host.stop().wait()
//! # }
//! ```
//!
//! # A host
//!
//! ```no_run
//! use hotshoe::{PluginHost, Request, Result, config::Config};
//!
//! # async fn run() -> Result<()> {
//! let host = PluginHost::builder()
//!     .config(Config::from_toml("[plugins.hello.config]\ngreeting = 'good day'", "inline").unwrap())
//!     .directory("plugins")
//!     .build()?;
//! let report = host.start().await?;
//! println!("{report}");
//! let response = host.handle(Request::builder("GET", "/hello/ada").build()).await?;
//! host.stop().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! | feature | default | what it adds |
//! | --- | --- | --- |
//! | `host` | yes | [`PluginHost`] and all that an application needs |
//! | `watch` | yes | what comes into directories of plugins, and goes, is noticed while the host runs |
//! | `tower` | no | the host's routes as a `tower` service, for axum and hyper |
//! | `metrics` | no | figures of all instances for the `metrics` facade |
//! | `testing` | no | conformance suites and a fake host, for the tests of plugins |
//!
//! Plugins depend on this crate with `default-features = false`.

// The macros name this crate as its users do.
extern crate self as hotshoe;

mod bridge;
#[cfg(feature = "host")]
pub mod config;
mod contract;
#[cfg(feature = "host")]
mod discover;
#[cfg(feature = "host")]
mod events;
#[allow(unsafe_code, reason = "it writes and reads tables of functions, whose types it checks")]
pub mod extension;
#[cfg(feature = "host")]
mod gateway;
#[cfg(feature = "host")]
mod host;
#[cfg(feature = "host")]
pub mod lifecycle;
#[cfg(feature = "host")]
mod load;
#[cfg(feature = "host")]
pub mod manifest;
#[cfg(feature = "host")]
mod metrics;
#[cfg(feature = "host")]
pub mod monitor;
#[cfg(feature = "host")]
pub mod preflight;
#[cfg(feature = "host")]
pub mod replay;
#[cfg(feature = "host")]
pub mod resolve;
#[cfg(feature = "host")]
mod runtime;
mod sdk;
#[cfg(feature = "host")]
mod services;
pub mod settings;
pub mod standard;
#[cfg(feature = "host")]
mod state;
#[cfg(feature = "host")]
mod supervise;
#[cfg(feature = "host")]
mod tasks;
#[cfg(feature = "testing")]
pub mod testing;
// The host tries libraries against the same fake.
#[cfg(all(feature = "host", not(feature = "testing")))]
#[allow(dead_code, unused_imports, unreachable_pub, reason = "most of it is for tests")]
mod testing;
#[cfg(feature = "host")]
mod verify;

pub use bridge::current_plugin;
pub use contract::{
    BackupSummary, Batch, Body, BodyStream, Buffer, Call, CallBuilder, Capabilities, Cause,
    CopySummary, Entries, Entry, Error, ErrorKind, Event, EventHandler, EventParts, HandlerFn,
    HeaderPair, Health, HealthStatus, MemoryStore, Middleware, Namespaced, Next, Operation, Page,
    Precondition, Record, Request, RequestBuilder, RequestHandler, RequestParts, Response,
    ResponseParts, RestoreMode, RestoreSummary, Result, ResultExt, Scan, Storage, StorageBackend,
    StorageExt, Task, TaskFn, Tx, Version, handler_fn, task_fn,
};
pub use extension::{Deferred, Direct, Handle, Json, Pool};
#[cfg(feature = "tower")]
pub use gateway::{GatewayService, HttpBody};
#[cfg(feature = "host")]
pub use host::{
    Execution, HeapUse, LibraryMemory, Mount, PluginHost, PluginHostBuilder, PluginInfo,
    PluginMetrics, RetiredLibrary, StartReport, SwapReport, TaskInfo, UpdateReport,
};
#[cfg(feature = "host")]
pub use metrics::Figure;
#[cfg(feature = "host")]
pub use runtime::Pending;
pub use sdk::{
    __private, Context, Contributions, CountingAllocator, ExportedPlugin, LinkedPlugin, Metric,
    Metrics, NoConfig, Plugin,
};
#[cfg(feature = "host")]
pub use services::{Authority, Permission, PermissionState};
#[cfg(feature = "host")]
pub use supervise::{CallStats, ContributionStats, Injected, Latency};
