//! Calls that are awaited and whose answer did not come at once: until when, and who is to be woken.
//!
//! No timer for each of them: one alarm for all, at the earliest deadline; then the table is swept for
//! those that are late. A deadline is kept to within a millisecond or a 64th of the limit, whichever is
//! more.

use std::sync::{Arc, Weak};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use slab::Slab;

use super::breaker::Round;
use crate::runtime::Timekeeper;

/// No two sweeps are closer together, unless the limit is.
const GRAIN: Duration = Duration::from_millis(1);

/// The calls under way of one instance.
pub(crate) struct Flights {
    table: Mutex<Table>,
    time: Timekeeper,
    grain: Duration,
}

#[derive(Default)]
struct Table {
    flights: Slab<Flight>,
    /// When it is swept next.
    alarm: Option<Instant>,
}

/// One call.
#[derive(Debug, Default)]
pub(crate) struct Flight {
    /// When it is late.
    pub(crate) deadline: Option<Instant>,
    /// Held back on purpose, until then.
    pub(crate) held: Option<Held>,
    /// It stood in a line and has got its place.
    pub(crate) has_place: bool,
    /// The trial that it is.
    pub(crate) round: Option<Round>,
    /// Whoever awaits it.
    pub(crate) waker: Option<Waker>,
}

/// For how long a call is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    Until(Instant),
    ForEver,
}

impl Flight {
    /// Whether it is still held back.
    pub(crate) fn is_held(&mut self, now: Instant) -> bool {
        if matches!(self.held, Some(Held::Until(until)) if until <= now) {
            self.held = None;
        }
        self.held.is_some()
    }

    pub(crate) fn is_late(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }

    /// When the table is to be swept because of it. What comes within one grain is swept together; what
    /// is held back has a grain of its own, which does not depend on the limit.
    fn alarm(&self, grain: Duration) -> Option<Instant> {
        let late = self.deadline.map(|deadline| deadline + grain);
        let free = match self.held {
            Some(Held::Until(until)) => until.checked_add(GRAIN),
            Some(Held::ForEver) | None => None,
        };
        late.into_iter().chain(free).min()
    }
}

impl Flights {
    /// For calls that take so long at most.
    pub(crate) fn new(time: Timekeeper, limit: Option<Duration>) -> Arc<Self> {
        let grain = limit.map_or(GRAIN, |limit| (limit / 64).max(GRAIN));
        Arc::new(Self { table: Mutex::default(), time, grain })
    }

    /// Enters a call; its id.
    pub(crate) fn add(self: &Arc<Self>, flight: Flight) -> u32 {
        let alarm = flight.alarm(self.grain);
        let mut table = self.table.lock();
        let id = table.flights.insert(flight) as u32;
        let alarm = alarm.and_then(|at| table.wants_alarm(at));
        drop(table);
        self.set_alarm(alarm);
        id
    }

    /// Looks at a call and changes it. It is dropped by [`remove`](Self::remove) only.
    pub(crate) fn with<T>(self: &Arc<Self>, id: u32, change: impl FnOnce(&mut Flight) -> T) -> T {
        let mut table = self.table.lock();
        let flight = &mut table.flights[id as usize];
        let before = flight.alarm(self.grain);
        let answer = change(flight);
        let alarm = flight.alarm(self.grain).filter(|at| Some(*at) != before);
        let alarm = alarm.and_then(|at| table.wants_alarm(at));
        drop(table);
        self.set_alarm(alarm);
        answer
    }

    /// Whoever is to be woken for a call; replaced only if it is another one.
    pub(crate) fn register(&self, id: u32, waker: &Waker) {
        let other =
            |flight: &Flight| !flight.waker.as_ref().is_some_and(|known| known.will_wake(waker));
        if !other(&self.table.lock().flights[id as usize]) {
            return;
        }
        // Cloning and dropping a waker is somebody else's code: not under the lock.
        let waker = waker.clone();
        let replaced = self.table.lock().flights[id as usize].waker.replace(waker);
        drop(replaced);
    }

    /// Gives a place to the call that `next` names; whoever is to be woken. The line changes together with
    /// the table, so that nobody else gets its number in between.
    pub(crate) fn give_place(&self, next: impl FnOnce() -> Option<u32>) -> Option<Waker> {
        let mut table = self.table.lock();
        let flight = &mut table.flights[next()? as usize];
        flight.has_place = true;
        flight.waker.take()
    }

    /// The call gives up, together with what `step_out` does.
    pub(crate) fn remove_with<T>(&self, id: u32, step_out: impl FnOnce() -> T) -> (Flight, T) {
        let mut table = self.table.lock();
        let answer = step_out();
        (table.flights.remove(id as usize), answer)
    }

    /// The call is over.
    pub(crate) fn remove(&self, id: u32) -> Flight {
        self.table.lock().flights.remove(id as usize)
    }

    /// Wakes all that wait, to look whose turn it is.
    pub(crate) fn wake(&self) {
        let mut table = self.table.lock();
        let waiting = table.flights.iter_mut().filter_map(|(_, flight)| flight.waker.take());
        let waiting: Vec<Waker> = waiting.collect();
        drop(table);
        for waker in waiting {
            // One that panics must not keep the others from being woken.
            hotshoe_abi::guard::contain(|| waker.wake());
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.table.lock().flights.len()
    }

    fn set_alarm(self: &Arc<Self>, at: Option<Instant>) {
        if let Some(at) = at {
            self.time.alarm(at, Waker::from(Arc::new(Alarm(Arc::downgrade(self)))));
        }
    }
}

impl Table {
    /// When to set the alarm, unless it is set early enough.
    fn wants_alarm(&mut self, at: Instant) -> Option<Instant> {
        if self.alarm.is_some_and(|alarm| alarm <= at) {
            return None;
        }
        self.alarm = Some(at);
        Some(at)
    }
}

/// What the timekeeper wakes; it must not keep alive who asked for it.
struct Alarm(Weak<Flights>);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        if let Some(flights) = self.0.upgrade() {
            flights.sweep();
        }
    }
}

impl Flights {
    /// Wakes those that are late or held back no more, on the timekeeper's thread.
    fn sweep(self: &Arc<Self>) {
        let now = Instant::now();
        let mut late = Vec::new();
        let mut table = self.table.lock();
        table.alarm = None;
        let mut next: Option<Instant> = None;
        for (_, flight) in &mut table.flights {
            let was_held = flight.held.is_some();
            if flight.is_late(now) || (was_held && !flight.is_held(now)) {
                // Taken: who is woken and does not come is not woken again.
                late.extend(flight.waker.take());
            }
            if !flight.is_late(now) {
                next = next.into_iter().chain(flight.alarm(self.grain)).min();
            }
        }
        let alarm = next.and_then(|next| table.wants_alarm(next));
        drop(table);
        self.set_alarm(alarm);
        for waker in late {
            // One that panics must not keep the others from being woken.
            hotshoe_abi::guard::contain(|| waker.wake());
        }
    }
}

impl std::fmt::Debug for Flights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} flights", self.len())
    }
}
