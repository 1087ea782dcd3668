//! Counts the calls that are inside an instance, so that stopping it can wait for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

/// Set when the gate is closed; the other bits count.
const CLOSED: usize = 1 << (usize::BITS - 1);

/// Lets calls in until it is closed.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: AtomicUsize,
    empty: Mutex<()>,
    emptied: Condvar,
}

/// One call inside. Dropping it is leaving.
#[derive(Debug)]
pub(crate) struct Pass(Arc<Gate>);

impl Gate {
    /// A gate that nobody can pass yet.
    pub(crate) fn closed() -> Self {
        Self { state: AtomicUsize::new(CLOSED), ..Self::default() }
    }

    /// Lets calls in.
    pub(crate) fn open(&self) {
        self.state.fetch_and(!CLOSED, Ordering::SeqCst);
    }

    /// Enters, unless the gate is closed.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<Pass> {
        let pass = Pass(self.clone());
        // The count goes up before the look at the flag: whoever closes sees either this call's
        // count, or this call sees the flag. Dropping the pass takes the count back.
        let before = self.state.fetch_add(1, Ordering::SeqCst);
        (before & CLOSED == 0).then_some(pass)
    }

    /// How many calls are inside.
    pub(crate) fn inside(&self) -> usize {
        self.state.load(Ordering::SeqCst) & !CLOSED
    }

    /// Lets nobody in any more.
    pub(crate) fn close(&self) {
        self.state.fetch_or(CLOSED, Ordering::SeqCst);
    }

    /// Waits until everybody has left, up to `deadline`; how many were still inside then.
    pub(crate) fn drain(&self, deadline: Instant) -> usize {
        self.close();
        let mut guard = self.empty.lock();
        while self.inside() > 0 {
            if self.emptied.wait_until(&mut guard, deadline).timed_out() {
                break;
            }
        }
        self.inside()
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.0.state.fetch_sub(1, Ordering::SeqCst) == CLOSED + 1 {
            // The lock orders this with the look at the count in `drain`.
            drop(self.0.empty.lock());
            self.0.emptied.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn a_closed_gate_lets_nobody_in() {
        let gate = Arc::new(Gate::closed());
        assert!(gate.enter().is_none());
        gate.open();
        assert!(gate.enter().is_some());
        assert_eq!(gate.inside(), 0);
    }

    #[test]
    fn draining_waits_for_whoever_is_inside() {
        let gate = Arc::new(Gate::default());
        let pass = gate.enter();
        let other = gate.clone();
        let waiting = std::thread::spawn(move || other.drain(soon()));
        // Until the other thread has closed the gate there is nothing to wait for.
        while gate.enter().is_some() {
            std::thread::yield_now();
        }
        drop(pass);
        assert_eq!(waiting.join().unwrap(), 0);
    }

    #[test]
    fn draining_gives_up_at_its_deadline_and_says_how_many_are_left() {
        let gate = Arc::new(Gate::default());
        let _one = gate.enter();
        let _two = gate.enter();
        assert_eq!(gate.drain(Instant::now()), 2);
    }
}
