//! For the tests of plugins (feature `testing`): a fake host, and one conformance suite a contract.
//!
//! To see a plugin in a *real* host, register it by hand: depend on `hotshoe` with its default
//! features in `[dev-dependencies]` and use
//! [`PluginHost::builder`](crate::PluginHost::builder)`().register::<MyPlugin>()`.

mod fake;

pub use fake::{FakeHost, Published};
