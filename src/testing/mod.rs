//! For the tests of plugins (feature `testing`): a fake host, and one conformance suite a contract.
//!
//! To see a plugin in a *real* host, register it by hand: depend on `hotshoe` with its default
//! features in `[dev-dependencies]` and use
//! [`PluginHost::builder`](crate::PluginHost::builder)`().register::<MyPlugin>()`.

#[cfg(feature = "testing")]
mod block_on;
mod fake;
#[cfg(feature = "testing")]
mod storage;

#[cfg(feature = "testing")]
pub use block_on::block_on;
pub use fake::{FakeHost, Published};
#[cfg(feature = "testing")]
pub use storage::{storage_backend, storage_backend_durable};
