//! draft
extern crate self as hotshoe;
mod bridge;
#[cfg(feature = "host")]
pub mod config;
mod contract;
pub mod extension;
mod sdk;
pub mod settings;
pub use bridge::current_plugin;
pub use contract::*;
pub use extension::{Deferred, Handle, Json};
pub use sdk::*;
/// x
#[cfg(feature = "testing")]
pub mod testing;
