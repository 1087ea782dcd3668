//! What the host needs of a runtime, so that it imposes none on the application: a few background
//! threads for events and periodic jobs, one that keeps time, and futures that any executor polls.

mod background;
mod gate;
mod pending;
mod timekeeper;

pub(crate) use background::{Background, Job};
pub(crate) use gate::Gate;
pub use pending::Pending;
pub(crate) use timekeeper::Timekeeper;
