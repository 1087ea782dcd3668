//! One start of an instance: what it mounted, from the first port to the last call that has left.
//!
//! An end that takes too long is given up and goes on by itself, while a successor may have started. So
//! it must know which ports are still its own: those whose target it has not taken yet.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hotshoe_abi::PortTarget;
use parking_lot::Mutex;

use super::canary::Canary;
use super::contribution::Contribution;
use super::port::{AnyPort, AnySpare, Port};
use super::supervisor::{Next, Supervisor};
use super::watch::{CLOSED, WITHDRAWN, Watch};
use crate::contract::Result;
use crate::runtime::lane::Lane;

/// How long whoever waits for calls to end sleeps at most.
const NAP: Duration = Duration::from_millis(2);
/// And at first.
const FIRST_NAP: Duration = Duration::from_micros(20);

/// What one start mounted.
pub(crate) struct Term {
    supervisor: Arc<Supervisor>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Those with a target of this start.
    ports: Vec<Arc<dyn AnyPort>>,
    /// What of this start could be behind ports that lead to that of another one.
    spares: Vec<Box<dyn AnySpare>>,
    lane: Option<Arc<Lane>>,
    /// Whose place it is to take, until it has.
    predecessor: Option<Arc<Term>>,
}

impl State {
    /// What it had beside ports is behind them now, and what the other one had is beside them.
    fn take_over(&mut self, other: &mut Self) {
        for spare in std::mem::take(&mut self.spares) {
            let same = |port: &Arc<dyn AnyPort>| std::ptr::eq(port.watch(), spare.watch());
            self.ports.extend(other.ports.extract_if(.., |port| same(port)));
            other.spares.push(spare);
        }
        self.lane = other.lane.take();
        self.predecessor = None;
    }

    /// Whether what this start brought is behind this port, or beside it.
    fn has(&self, port: &Arc<dyn AnyPort>) -> bool {
        let same = |watch: &Watch| std::ptr::eq(watch, port.watch());
        self.ports.iter().any(|own| same(own.watch()))
            || self.spares.iter().any(|spare| same(spare.watch()))
    }
}

/// What was called, to be dropped where it does not matter how long that takes.
pub(crate) type Taken = Vec<Box<dyn Any + Send>>;

impl Term {
    pub(crate) fn new(supervisor: Arc<Supervisor>) -> Arc<Self> {
        Arc::new(Self { supervisor, state: Mutex::default() })
    }

    /// One that is to take the place of another one: of one that serves by [`exchange`](Self::exchange), of
    /// one that has ended while calls were held by [`succeed`](Self::succeed).
    pub(crate) fn successor(of: &Arc<Self>) -> Arc<Self> {
        let state = State { predecessor: Some(of.clone()), ..State::default() };
        Arc::new(Self { supervisor: of.supervisor.clone(), state: Mutex::new(state) })
    }

    pub(crate) fn supervisor(&self) -> &Arc<Supervisor> {
        &self.supervisor
    }

    /// The port of a contribution, still closed, with `target` behind it; or that of a predecessor that
    /// serves, with `target` beside it.
    ///
    /// # Errors
    /// It cannot be called like what it is to replace.
    pub(crate) fn port<R: PortTarget>(&self, of: Contribution, target: R) -> Result<Port<R>> {
        let mut state = self.state.lock();
        let Some(predecessor) = state.predecessor.clone() else {
            let (port, shared) = self.supervisor.port(of, target);
            state.ports.push(shared);
            return Ok(port);
        };
        // Nobody else's: what a generation before that has left may still be on its way out. And one for
        // each of several handlers of one topic.
        let free = |port: &&Arc<dyn AnyPort>| port.watch().contribution == of && !state.has(port);
        let before = predecessor.state.lock().ports.iter().find(free).cloned();
        let (port, next) = self.supervisor.port_of_successor(before, of, target)?;
        match next {
            Next::Mounted(port) => state.ports.push(port),
            Next::Spare(spare) => state.spares.push(spare),
        }
        Ok(port)
    }

    /// Waits until nobody is inside, up to `deadline`; how many still are. For good only while calls are
    /// held.
    pub(crate) fn quiet(&self, deadline: Instant) -> u64 {
        let mut nap = FIRST_NAP;
        loop {
            let inside = self.state.lock().ports.iter().map(|port| port.inside()).sum();
            let left = deadline.saturating_duration_since(Instant::now());
            if inside == 0 || left.is_zero() {
                return inside;
            }
            std::thread::sleep(nap.min(left));
            nap = NAP.min(nap * 2);
        }
    }

    /// Gets a share of the calls of the start that serves, where both can be called: not of events and jobs.
    /// That lasts until it [takes its place](Self::exchange) or is [withdrawn](Self::withdraw).
    pub(crate) fn share(&self, canary: &Arc<Canary>) {
        let mut state = self.state.lock();
        let limited = |spare: &&mut Box<dyn AnySpare>| spare.watch().contribution.is_limited();
        state.spares.iter_mut().filter(limited).for_each(|spare| spare.share());
        let shared = state.spares.iter().map(|spare| &spare.watch().contribution);
        let of: Vec<&Contribution> = shared.filter(|of| of.is_limited()).collect();
        self.supervisor.begin_canary(canary, &of);
    }

    /// Gets no calls of the start that serves any more. Who is inside goes on.
    pub(crate) fn withdraw(&self) {
        self.supervisor.end_canary();
        self.state.lock().spares.iter_mut().for_each(|spare| spare.withdraw());
    }

    /// Takes the place of another start that serves: behind each port that both have is what this one
    /// brought, ports that only the other one has are closed, and those that only this one has are open.
    /// What the other one had stays beside the ports, so that it can take the place of this one again.
    ///
    /// Calls that are held go on into this one, or are refused if it has nothing for them. Those that are not,
    /// because there is no state to be handed over, may be in either while this runs.
    ///
    /// # Errors
    /// A port leads to nothing; what was exchanged before is back in its place.
    pub(crate) fn exchange(&self, other: &Self) -> Result<()> {
        let (mut own, mut other) = (self.state.lock(), other.state.lock());
        let (own, other) = (&mut *own, &mut *other);
        for at in 0..own.spares.len() {
            if let Err(error) = own.spares[at].put() {
                for spare in &mut own.spares[..at] {
                    // It was the other way round a moment ago, and nobody else changes it.
                    let _ = spare.put();
                }
                return Err(error);
            }
        }
        // Before the others are closed: whoever comes late finds what there is.
        own.ports.iter().for_each(|port| port.clear(CLOSED | WITHDRAWN));
        own.take_over(other);
        // Events that are queued are delivered still.
        let first = other.ports.iter().filter(|port| !port.watch().contribution.ends_last());
        first.for_each(|port| port.set(CLOSED | WITHDRAWN));
        self.supervisor.end_canary();
        self.supervisor.forget_failures();
        Ok(())
    }

    /// Takes what is behind its ports while calls are held and nobody is inside; the ports stay its own, for
    /// whoever follows.
    pub(crate) fn take_held(&self) -> Taken {
        let state = self.state.lock();
        state.ports.iter().filter_map(|port| port.take().ok()).collect()
    }

    /// Follows another start that has ended while calls were held: has its threads, and its ports that lead
    /// here are open, the others are closed.
    pub(crate) fn succeed(&self, ended: &Self) {
        let (mut own, mut ended) = (self.state.lock(), ended.state.lock());
        let (own, ended) = (&mut *own, &mut *ended);
        // Behind these somebody was left: they lead to the one that has ended until now.
        own.spares.retain_mut(|spare| spare.put().is_ok());
        own.take_over(ended);
        // Who waits there is not to get to what ends, or to what comes and does not serve yet.
        ended.ports.iter().for_each(|port| port.set(CLOSED | WITHDRAWN));
        own.ports.iter().for_each(|port| port.clear(CLOSED | WITHDRAWN));
        self.supervisor.forget_failures();
    }

    /// What is behind its ports stays there: there is no way back.
    pub(crate) fn settle(&self) {
        self.state.lock().ports.iter().for_each(|port| port.settle());
    }

    /// Takes what of this start is beside ports and nobody is inside of any more. How many may still be
    /// inside of the rest.
    pub(crate) fn take_spares(&self) -> (Taken, u64) {
        let mut taken = Vec::new();
        let mut inside = 0;
        self.state.lock().spares.retain_mut(|spare| match spare.take() {
            Ok(object) => {
                taken.push(object);
                false
            }
            Err(calls) => {
                inside += calls;
                true
            }
        });
        (taken, inside)
    }

    /// Lets calls in.
    pub(crate) fn open(&self) {
        let lane = self.supervisor.serve();
        let mut state = self.state.lock();
        state.lane = lane;
        state.ports.iter().for_each(|port| port.clear(CLOSED | WITHDRAWN));
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
        let mut nap = FIRST_NAP;
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
