//! One start of an instance: what it mounted, from the first port to the last call that has left.
//!
//! An end that takes too long is given up and goes on by itself, while a successor may have started. So
//! it must know which ports are still its own: those whose target it has not taken yet.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hotshoe_abi::PortTarget;
use parking_lot::Mutex;

use super::contribution::Contribution;
use super::port::{AnyPort, Port};
use super::supervisor::Supervisor;
use super::watch::CLOSED;
use crate::runtime::lane::Lane;

/// How long whoever waits for calls to end sleeps at most.
const NAP: Duration = Duration::from_millis(2);

/// What one start mounted.
pub(crate) struct Term {
    supervisor: Arc<Supervisor>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Those with a target of this start.
    ports: Vec<Arc<dyn AnyPort>>,
    lane: Option<Arc<Lane>>,
}

/// What was called, to be dropped where it does not matter how long that takes.
pub(crate) type Taken = Vec<Box<dyn Any + Send>>;

impl Term {
    pub(crate) fn new(supervisor: Arc<Supervisor>) -> Arc<Self> {
        Arc::new(Self { supervisor, state: Mutex::default() })
    }

    pub(crate) fn supervisor(&self) -> &Arc<Supervisor> {
        &self.supervisor
    }

    /// The port of a contribution, still closed, with `target` behind it.
    pub(crate) fn port<R: PortTarget>(&self, of: Contribution, target: R) -> Port<R> {
        let (port, shared) = self.supervisor.port(of, target);
        self.state.lock().ports.push(shared);
        port
    }

    /// Lets calls in.
    pub(crate) fn open(&self) {
        let lane = self.supervisor.serve();
        let mut state = self.state.lock();
        state.lane = lane;
        state.ports.iter().for_each(|port| port.clear(CLOSED));
    }

    /// Lets no call in any more, but for events that are queued and jobs that run.
    pub(crate) fn close(&self) {
        let state = self.state.lock();
        let first = state.ports.iter().filter(|port| !port.watch().contribution.ends_last());
        first.for_each(|port| port.set(CLOSED));
        self.supervisor.rest();
    }

    /// Waits until nobody is inside of what [`close`](Self::close) closed, up to `deadline`, and takes
    /// what was called. Also how many calls are still inside; what they call stays where it is.
    pub(crate) fn drain(&self, deadline: Instant) -> (Taken, u64) {
        self.take(deadline, |port| !port.watch().contribution.ends_last())
    }

    /// The same for all that is left, once nothing more of it is to come.
    pub(crate) fn drain_rest(&self, deadline: Instant) -> (Taken, u64) {
        self.take(deadline, |_| true)
    }

    fn take(&self, deadline: Instant, which: impl Fn(&dyn AnyPort) -> bool) -> (Taken, u64) {
        let mut taken = Vec::new();
        let mut nap = Duration::from_micros(20);
        loop {
            let mut inside = 0;
            // Whose target was taken may be a successor's at once.
            self.state.lock().ports.retain(|port| {
                if !which(&**port) {
                    return true;
                }
                port.set(CLOSED);
                match port.take() {
                    Ok(target) => {
                        taken.push(target);
                        false
                    }
                    Err(calls) => {
                        inside += calls;
                        true
                    }
                }
            });
            let left = deadline.saturating_duration_since(Instant::now());
            if inside == 0 || left.is_zero() {
                return (taken, inside);
            }
            // Whoever leaves tells nobody: that would cost every call.
            std::thread::sleep(nap.min(left));
            nap = NAP.min(nap * 2);
        }
    }

    /// Ends the instance's own threads, up to `deadline`. How many do not come back.
    pub(crate) fn end_lane(&self, deadline: Instant) -> u32 {
        let Some(lane) = self.state.lock().lane.take() else { return 0 };
        let left = lane.close(deadline);
        self.supervisor.lane_ended(&lane, left);
        left
    }
}
