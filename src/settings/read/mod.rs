//! Reads a `serde_json::Value` as a type, and keeps apart what did not fit and where.
//!
//! Used on both sides of a boundary. A plugin's settings are read by the plugin, which alone knows
//! their type; what to say about a failure is for the host, which alone knows the file, the line
//! and which values are secrets. So a [`Fault`] travels as data, and nobody makes words of it on
//! the way.

mod deserializer;
mod fault;

use serde::de::DeserializeOwned;
use serde_json::Value;

pub(crate) use fault::Fault;
#[cfg(feature = "host")]
pub(crate) use fault::{Step, What};

/// Reads `value` as a `T`.
pub(crate) fn read<T: DeserializeOwned>(value: &Value) -> Result<T, Fault> {
    T::deserialize(deserializer::At(value))
}
