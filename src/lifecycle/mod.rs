//! The life of an instance: its states, and calls with a deadline.

mod call;
mod phase;

pub(crate) use call::{Relay, Stage, Standby, Worker};
pub use phase::{Event, EventKind, IllegalTransition, Phase, State, Status};
