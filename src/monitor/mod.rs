//! What happens to the instances of a host, told as it happens: [`PluginHost::events`].
//!
//! These are not the events that plugins publish to each other: those have topics and payloads, and
//! are told to plugins. These are told to the application, for its logs and its user interface.
//!
//! [`PluginHost::events`]: crate::PluginHost::events

mod board;
mod event;
mod sampled;
mod stream;
mod words;

pub(crate) use board::Monitor;
pub use event::{BreakerState, HostEvent, HostEventKind, Refusal, Resource, Symptom};
pub(crate) use sampled::Sampled;
pub use stream::EventStream;
