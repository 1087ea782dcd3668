//! What the host needs of a runtime, so that it imposes none on the application: a few background
//! threads for events and periodic jobs, a plugin's own ones where the operator wants that, one that keeps
//! time, and futures that any executor polls.

mod background;
mod crew;
pub(crate) mod fence;
pub(crate) mod lane;
mod nesting;
mod own_thread;
mod pending;
mod sign;
mod timekeeper;

pub(crate) use background::{Background, Job};
pub(crate) use nesting::nested;
pub(crate) use own_thread::{become_own_thread, on_own_thread};
pub use pending::Pending;
pub(crate) use sign::Sign;
pub(crate) use timekeeper::Timekeeper;
