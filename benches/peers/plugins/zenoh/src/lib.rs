//! The plugin for zenoh-plugin-trait, and the contract that it and the program share.

use std::error::Error;

use peers_task::NoCount;
use zenoh_plugin_trait::{
    Plugin, PluginControl, PluginInstance, PluginStartArgs, StructVersion, plugin_version,
};

/// What a plugin that was started can do.
pub trait Contract: PluginControl + Send + Sync {
    /// The sum.
    fn add(&self, a: u64, b: u64) -> Result<u64, NoCount>;
    /// The bytes as they came.
    fn echo(&self, bytes: Vec<u8>) -> Result<Vec<u8>, NoCount>;
    /// The document counted up.
    fn json(&self, document: Vec<u8>) -> Result<Vec<u8>, NoCount>;
}

/// A plugin that was started.
pub type Running = Box<dyn Contract>;

impl PluginControl for Running {}
impl PluginInstance for Running {}

/// What a plugin is started with: nothing.
pub struct Start;

impl StructVersion for Start {
    fn struct_version() -> &'static str {
        "1"
    }

    fn struct_features() -> &'static str {
        ""
    }
}

impl PluginStartArgs for Start {}

/// The plugin.
pub struct Peer;

zenoh_plugin_trait::declare_plugin!(Peer);

impl Plugin for Peer {
    type StartArgs = Start;
    type Instance = Running;

    const DEFAULT_NAME: &'static str = "peer";
    const PLUGIN_VERSION: &'static str = plugin_version!();
    const PLUGIN_LONG_VERSION: &'static str = plugin_version!();

    fn start(_: &str, _: &Start) -> Result<Running, Box<dyn Error + Send + Sync>> {
        Ok(Box::new(Peer))
    }
}

impl PluginControl for Peer {}

impl Contract for Peer {
    fn add(&self, a: u64, b: u64) -> Result<u64, NoCount> {
        Ok(a.wrapping_add(b))
    }

    fn echo(&self, bytes: Vec<u8>) -> Result<Vec<u8>, NoCount> {
        Ok(bytes)
    }

    fn json(&self, mut document: Vec<u8>) -> Result<Vec<u8>, NoCount> {
        peers_task::count_up(&mut document)?;
        Ok(document)
    }
}
