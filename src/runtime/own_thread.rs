//! Which threads are the host's own: those that run plugins' code for it. Waiting there for an
//! operation of the host can be waiting for oneself.

use std::cell::Cell;

thread_local! {
    static OWN: Cell<bool> = const { Cell::new(false) };
}

/// From now on this thread is one of the host's.
pub(crate) fn become_own_thread() {
    OWN.set(true);
}

/// Whether this thread is one of the host's.
pub(crate) fn on_own_thread() -> bool {
    OWN.try_with(Cell::get).unwrap_or(false)
}
