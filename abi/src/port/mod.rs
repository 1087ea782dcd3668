//! A port: where calls of one contribution go in, whoever calls, from whichever library.
//!
//! On the way of a call that nothing is in the way of there are no locks, no shared counters and no
//! functions of the host: the caller counts itself in on its own [`Tally`](crate::Tally), looks at the
//! switch, reads the target, calls it and counts itself out. All else is behind the switch.
//!
//! **Why the target can be called.** A caller counts itself in, and then looks at the switch. Whoever
//! wants to take the target away sets the switch, then makes every thread of the process pass a full
//! fence (`membarrier`), and then waits until as many have left as have entered. So a caller either is
//! counted, and waited for, or sees the switch. Between the two steps of the caller there is nothing
//! but a fence for the compiler. Where the system has no such fence for all threads, the switch is
//! always set, and callers pass a fence on the way to [`PortObject::admit`].
//!
//! **Two targets.** For a while a port may have a second one: who is let in with a ticket that says so goes
//! there. It is taken away like this: first nobody finds it any more, and then as many must have left as have
//! entered. So a caller either has found the first one in its place, or is waited for.
//!
//! `protocol.rs` is that part alone, and `scripts/loom` tries it in every order.
//!
//! The idea is that of asymmetric fences: Dice, Huang, Yang, *Asymmetric Dekker Synchronization*
//! (2001), and membarrier(2).

mod answering;
mod awaited;
mod direct;
mod enter;
#[cfg(all(test, loom))]
mod model;
mod ongoing;
mod owner;
mod protocol;
mod service;
mod state;
mod sync;
mod tally;

pub use answering::{Answering, Within};
pub use awaited::Awaited;
pub use enter::SAMPLE;
pub use ongoing::{Ongoing, Outset};
pub use owner::{PortObject, PortOwner, PortTarget, Spare};
pub use service::{AbiPort, Begun, Inside, Queued};
pub use state::{
    AbiTurn, PortState, PortVTable, PortVTableRef, QUEUED, SECOND, TIMED, outcome, switch,
};
pub use tally::Tally;
