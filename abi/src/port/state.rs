//! What a port looks like from outside: a few words that callers read, and a table for the rest.

use abi_stable::StableAbi;

use super::sync::{AtomicPtr, AtomicU32, AtomicU64};
use super::tally::Tally;
use crate::waker::AbiWaker;
use crate::{AbiResult, Error};

/// What a caller reads of a port: one cache line.
#[repr(C, align(64))]
#[derive(StableAbi)]
#[cfg_attr(all(test, loom), sabi(unsafe_opaque_fields))]
pub struct PortState {
    /// 0 as long as nothing is in the way of a call.
    pub(super) switch: AtomicU32,
    /// Where a thread keeps its tally of this port. Given out anew when the port has gone.
    pub(super) slot: u32,
    /// Of all ports that ever were in this process.
    pub(super) number: u64,
    /// The object to be called; null while there is none.
    pub(super) target: AtomicPtr<()>,
    /// How long a call may be awaited, in nanoseconds; `u64::MAX` for ever.
    pub(super) limit: AtomicU64,
    /// What calls with a ticket that says [`SECOND`] call instead; null while there is none.
    pub(super) second: AtomicPtr<()>,
    /// Zeros; see [growing](crate#growing).
    pub(super) reserved: [u64; 3],
}

/// Bits of the switch that callers know, who choose among several ports. What others mean is the host's
/// business.
pub mod switch {
    /// Its instance does not serve.
    pub const CLOSED: u32 = 1;
    /// The owner has no fence for all threads: each call passes one of its own. From the beginning to the
    /// end, or never.
    pub const UNFENCED: u32 = 1 << 1;
    /// Its circuit breaker has to be asked, and most likely refuses.
    pub const BREAKER: u32 = 1 << 2;
    /// What it leads to is being exchanged: calls wait until that is done.
    pub const PAUSED: u32 = 1 << 3;
    /// What comes instead has nothing for it: who waits is refused, too.
    pub const WITHDRAWN: u32 = 1 << 7;
    /// Its instance says that it is not well. Calls go in.
    pub const UNWELL: u32 = 1 << 16;
}

/// How a call ended, by number.
pub mod outcome {
    use crate::{ErrorKind, Result};

    /// It answered.
    pub const DONE: u32 = 0;
    /// Whoever awaited the answer has dropped it.
    pub const DROPPED: u32 = u32::MAX;

    /// By whether it is an error.
    #[inline]
    pub fn of<T>(answer: &Result<T>) -> u32 {
        answer.as_ref().map_or_else(|error| failed(error.kind()), |_| DONE)
    }

    /// It failed with an error of this kind.
    pub fn failed(kind: ErrorKind) -> u32 {
        kind.code() + 1
    }

    /// The kind of error with which it failed, if it did.
    pub fn kind(outcome: u32) -> Option<ErrorKind> {
        match outcome {
            DONE | DROPPED => None,
            failed => Some(ErrorKind::from_code(failed - 1)),
        }
    }
}

/// In a ticket: the call has to ask for its turn before it goes on. Until then it does not look at the
/// target, which may be exchanged meanwhile.
pub const QUEUED: u64 = 1;

/// In a ticket: the call is timed, whether or not it is one of [`SAMPLE`](super::SAMPLE).
pub const TIMED: u64 = 1 << 6;

/// In a ticket: the call goes to the second target, if there is one when it looks.
pub const SECOND: u64 = 1 << 7;

/// Whose turn it is, for a call that is awaited.
#[repr(u64)]
#[derive(StableAbi)]
pub enum AbiTurn {
    /// The call goes on.
    Go,
    /// Not yet; the waker will be called.
    Wait,
    /// It is over.
    Over(Error),
}

/// The functions behind a port, for all that is not the plain way.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PortVTableRef)))]
#[sabi(missing_field(option))]
pub struct PortVTable {
    pub(super) retain: unsafe extern "C" fn(*const ()),
    pub(super) release: unsafe extern "C" fn(*const ()),
    /// A tally for the calling thread, with one share of it.
    pub(super) tally: unsafe extern "C" fn(*const ()) -> *const Tally,
    pub(super) release_tally: unsafe extern "C" fn(*const Tally),
    /// Counts one out for a thread that is about to end.
    pub(super) stray: unsafe extern "C" fn(*const ()),
    /// Asked where the switch is set: whether the call may go on; to decide it may block, if that is
    /// said. A ticket other than 0 has to be given back by `leave`.
    pub(super) admit: unsafe extern "C" fn(*const (), bool) -> AbiResult<u64>,
    /// A call that has a ticket, failed, was dropped or was timed has ended: its ticket, outcome, and
    /// nanoseconds or `u64::MAX`.
    pub(super) leave: unsafe extern "C" fn(*const (), u64, u32, u64),
    /// Whether the awaited call with this ticket may be polled. Once asked, the call has a ticket.
    #[sabi(last_prefix_field)]
    pub(super) turn: unsafe extern "C" fn(*const (), &mut u64, &AbiWaker) -> AbiTurn,
}

/// A share of a port, whatever is behind it.
#[repr(C)]
#[derive(StableAbi)]
pub(crate) struct RawPort {
    pub(super) state: *const PortState,
    pub(super) vtable: PortVTableRef,
}

// SAFETY: behind the pointer is a port of the host, which is `Send` and `Sync`.
unsafe impl Send for RawPort {}
// SAFETY: as above.
unsafe impl Sync for RawPort {}

impl RawPort {
    pub(super) fn state(&self) -> &PortState {
        // SAFETY: the port lives as long as this share.
        unsafe { &*self.state }
    }

    pub(super) fn data(&self) -> *const () {
        self.state.cast()
    }
}

impl Clone for RawPort {
    fn clone(&self) -> Self {
        // SAFETY: the function belongs to the port, which is alive.
        unsafe { (self.vtable.retain())(self.data()) };
        Self { state: self.state, vtable: self.vtable }
    }
}

impl Drop for RawPort {
    fn drop(&mut self) {
        // SAFETY: the function belongs to the port; this share is given back once.
        unsafe { (self.vtable.release())(self.data()) };
    }
}

impl std::fmt::Debug for RawPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "port in slot {}", self.state().slot)
    }
}
