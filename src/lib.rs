//! draft
extern crate self as hotshoe;
mod bridge;
#[cfg(feature = "host")]
pub mod config;
mod contract;
#[cfg(feature = "host")]
mod discover;
#[cfg(feature = "host")]
mod events;
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
pub mod resolve;
#[cfg(feature = "host")]
mod runtime;
mod sdk;
#[cfg(feature = "host")]
mod services;
pub mod settings;
#[cfg(feature = "host")]
mod tasks;
#[cfg(feature = "host")]
mod verify;
pub use bridge::current_plugin;
pub use contract::*;
pub use extension::{Deferred, Handle, Json};
#[cfg(feature = "host")]
pub use host::*;
pub use sdk::*;
/// x
#[cfg(feature = "testing")]
pub mod testing;
