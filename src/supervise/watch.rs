//! What looks after the calls of one port: whether they may go in, whose turn it is, how they ended.

use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use hotshoe_abi::{AbiTurn, PortObject, QUEUED, SECOND, TIMED, outcome, switch};

use super::breaker::Round;
use super::bucket::Bucket;
use super::bulkhead::{Bulkhead, Place};
use super::contribution::Contribution;
use super::flights::{Flight, Held};
use super::limits::Limits;
use super::meter::Meter;
use super::supervisor::Supervisor;
use crate::config::Fault;
use crate::contract::{Error, ErrorKind, Result};
use crate::monitor::Refusal;
use crate::runtime::fence;

/// Its instance does not serve.
pub(super) const CLOSED: u32 = switch::CLOSED;
/// There is no fence for all threads: every call goes the long way.
const UNFENCED: u32 = switch::UNFENCED;
/// The circuit breaker has to be asked.
pub(super) const BREAKER: u32 = switch::BREAKER;
/// What serves now has nothing for it: whoever waits is refused, too.
pub(super) const WITHDRAWN: u32 = switch::WITHDRAWN;
/// What it leads to is being exchanged: calls wait.
const PAUSED: u32 = switch::PAUSED;
/// Calls are counted against a quota.
const RATE: u32 = 1 << 4;
/// Calls need a place.
const BULKHEAD: u32 = 1 << 5;
/// Calls may go wrong on purpose.
pub(super) const FAULT: u32 = 1 << 6;
/// A share of the calls goes to another generation.
pub(super) const CANARY: u32 = 1 << 8;

/// Its instance is not well; only for those that choose among several, calls go in.
pub(super) const UNWELL: u32 = switch::UNWELL;

/// How a call ended that its instance's own threads did not take.
pub(super) const TURNED_AWAY: u32 = outcome::DROPPED - 1;

/// In a ticket, besides [`QUEUED`], and [`TIMED`] and [`SECOND`] while there is a canary: the call has a place in the bulkhead.
const PLACE: u64 = 1 << 1;
/// It is entered among the flights, by the id above [`ID`].
const FLIGHT: u64 = 1 << 2;
/// It stands in line for a place.
const LINE: u64 = 1 << 3;
/// Its thread is blocked until it is its turn.
const BLOCKS: u64 = 1 << 4;
/// It came while calls were held.
const HELD: u64 = 1 << 5;
const ID: u32 = 8;
const _: () = assert!((PLACE | FLIGHT | LINE | BLOCKS | HELD) & (QUEUED | TIMED | SECOND) == 0);

/// What looks after its calls.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(super) supervisor: Arc<Supervisor>,
    pub(super) contribution: Contribution,
    pub(super) meter: Meter,
    /// The quota of this contribution alone.
    pub(super) rate: Option<Bucket>,
    pub(super) limits: Arc<Limits>,
    /// How long an awaited call may take.
    pub(super) limit: Option<Duration>,
}

impl Watch {
    /// With what the switch of its port begins with: closed, among others.
    pub(super) fn new(supervisor: &Arc<Supervisor>, of: Contribution) -> (Self, u32) {
        let limited = of.is_limited();
        let rate = supervisor.quota_of(&of).map(Bucket::new);
        let mut switch = CLOSED;
        let mut meet = |condition, bit| switch |= if condition { bit } else { 0 };
        meet(!fence::is_there(), UNFENCED);
        let middleware = matches!(of, Contribution::Middleware(_));
        let limits = match middleware {
            true => Limits::new(supervisor.policy()),
            false => supervisor.limits.clone(),
        };
        meet(limited && (rate.is_some() || limits.bucket.is_some()), RATE);
        meet(limited && limits.bulkhead.is_some(), BULKHEAD);
        meet(supervisor.has_faults_for(&of), FAULT);
        // Middleware waits for what comes after it: only its own time counts, see `in_own_time`.
        let timed = limited && !middleware;
        let limit = supervisor.limit.filter(|_| timed);
        let watch = Self {
            supervisor: supervisor.clone(),
            contribution: of,
            meter: Meter::default(),
            rate,
            limits,
            limit,
        };
        (watch, switch)
    }
}

// SAFETY: where there is no fence for all threads, `UNFENCED` is set when the port is made and never
// taken back.
#[allow(unsafe_code, reason = "it promises a fence, or none and a switch that is always set")]
unsafe impl PortObject for Watch {
    fn fence(&self) {
        fence::everywhere();
    }

    fn admit(&self, switch: u32, blocks: bool) -> Result<u64> {
        if switch & CLOSED != 0 {
            return Err(self.refuse(Refusal::Stopped, self.closed()));
        }
        let supervisor = &*self.supervisor;
        let round = match switch & BREAKER {
            0 => None,
            _ => supervisor.ask_breaker(&self.limits).map_err(|until| self.broken(until))?,
        };
        let admitted = self.admit_past_breaker(switch, blocks, round);
        if let (Err(_), Some(round)) = (&admitted, round) {
            supervisor.trial_ended(&self.limits, round, outcome::DROPPED);
        }
        let ticket = admitted?;
        match switch & (FAULT | PAUSED | CANARY) {
            0 => Ok(ticket),
            _ => self.admit_by_detour(switch, ticket, blocks, round.is_some()),
        }
    }

    fn leave(&self, ticket: u64, ended: u32, nanos: u64) {
        // Most of those that get here had nothing but a place.
        if ticket == PLACE && ended == outcome::DONE && nanos == u64::MAX {
            self.give_place_back();
        } else {
            self.end(ticket, ended, nanos);
        }
    }

    fn turn(&self, ticket: &mut u64, waker: &Waker) -> AbiTurn {
        let flights = &self.supervisor.flights;
        if *ticket & FLIGHT == 0 {
            let Some(limit) = self.limit else { return AbiTurn::Go };
            // From here on it is awaited.
            let deadline = Instant::now().checked_add(limit);
            let flight = Flight { deadline, waker: Some(waker.clone()), ..Flight::default() };
            *ticket |= FLIGHT | u64::from(flights.add(flight)) << ID;
            return AbiTurn::Go;
        }
        if *ticket & LINE != 0 {
            match self.turn_in_line(ticket, waker) {
                AbiTurn::Go => {}
                other => return other,
            }
            if let Err(error) = self.strike(ticket, *ticket & BLOCKS != 0) {
                return AbiTurn::Over(error);
            }
        }
        let id = (*ticket >> ID) as u32;
        flights.register(id, waker);
        let now = Instant::now();
        let (late, held) = flights.with(id, |flight| {
            // It has none if it is a trial that does not answer at once; that of the line is not that of
            // a middleware, which waits for others.
            flight.deadline =
                self.limit.and_then(|limit| flight.deadline.or_else(|| now.checked_add(limit)));
            (flight.is_late(now), flight.is_held(now))
        });
        if late {
            let held = *ticket & (HELD | QUEUED) == HELD | QUEUED;
            AbiTurn::Over(if held { self.held_too_long() } else { self.late() })
        } else if held {
            AbiTurn::Wait
        } else {
            *ticket &= !QUEUED;
            AbiTurn::Go
        }
    }
}

impl Watch {
    /// Lets a call in that goes wrong on purpose, is held, or perhaps goes to another generation.
    #[cold]
    #[inline(never)]
    fn admit_by_detour(
        &self,
        switch: u32,
        mut ticket: u64,
        blocks: bool,
        is_trial: bool,
    ) -> Result<u64> {
        // Who stands in line is hit when it is in.
        if switch & FAULT != 0
            && ticket & LINE == 0
            && let Err(error) = self.strike(&mut ticket, blocks)
        {
            // As if it had been called.
            self.leave(ticket, outcome::failed(error.kind()), u64::MAX);
            return Err(error);
        }
        if switch & PAUSED != 0 && ticket & QUEUED == 0 {
            self.enter_flight(&mut ticket, |_| {});
            ticket |= QUEUED | HELD;
        }
        // What a breaker tries is what it opened for.
        if switch & CANARY != 0 && !is_trial {
            ticket |= self.supervisor.canary.read().as_ref().map_or(0, |canary| canary.admit());
        }
        Ok(ticket)
    }

    /// A call has ended of which there is something to be noted.
    #[inline(never)]
    fn end(&self, ticket: u64, ended: u32, nanos: u64) {
        let supervisor = &*self.supervisor;
        let canary = match ticket & TIMED {
            0 => None,
            _ => supervisor.canary.read().clone(),
        };
        if let Some(canary) = &canary {
            canary.left(ticket);
        }
        if ticket & LINE != 0 {
            let round = self.leave_line((ticket >> ID) as u32);
            if let Some(round) = round {
                supervisor.trial_ended(&self.limits, round, outcome::DROPPED);
            }
            return match ended {
                outcome::DROPPED => self.meter.ended(ended),
                _ => self.meter.refuse(Refusal::Bulkhead),
            };
        }
        let flight =
            (ticket & FLIGHT != 0).then(|| supervisor.flights.remove((ticket >> ID) as u32));
        if ticket & PLACE != 0 {
            self.give_place_back();
        }
        // What was over before it got to the plugin says nothing of that.
        let refused = match ticket & (HELD | QUEUED) == HELD | QUEUED && ended != outcome::DROPPED {
            true => Some(Refusal::Held),
            false => (ended == TURNED_AWAY).then_some(Refusal::Lane),
        };
        if let Some(why) = refused {
            self.tell_refusal(why);
            if let Some(round) = flight.as_ref().and_then(|flight| flight.round) {
                supervisor.trial_ended(&self.limits, round, outcome::DROPPED);
            }
            return;
        }
        self.meter.ended(ended);
        if nanos != u64::MAX {
            self.meter.time(nanos);
        }
        if let Some(canary) = &canary {
            canary.ended(ticket, ended, nanos);
        }
        // What the other generation does is not this one's breaker's business.
        if self.contribution.is_limited() && ticket & SECOND == 0 {
            match flight.as_ref().and_then(|flight| flight.round) {
                Some(round) => supervisor.trial_ended(&self.limits, round, ended),
                None => supervisor.call_ended(&self.limits, ended, nanos != u64::MAX),
            }
        }
        // A waker is somebody else's code: last.
        drop(flight);
    }

    fn admit_past_breaker(&self, switch: u32, blocks: bool, round: Option<Round>) -> Result<u64> {
        let supervisor = &*self.supervisor;
        if switch & RATE != 0 {
            let buckets =
                [(&self.rate, Refusal::RouteRate), (&self.limits.bucket, Refusal::InstanceRate)];
            for (bucket, why) in buckets {
                if let Some(bucket) = bucket.as_ref().filter(|bucket| !bucket.take()) {
                    return Err(self.refuse(why, self.too_often(bucket, why)));
                }
            }
        }
        let flight = || Flight { round, ..Flight::default() };
        let enter = || FLIGHT | u64::from(supervisor.flights.add(flight())) << ID;
        let Some(bulkhead) = self.limits.bulkhead.as_ref().filter(|_| switch & BULKHEAD != 0)
        else {
            return Ok(if round.is_some() { enter() } else { 0 });
        };
        if bulkhead.try_enter() {
            return Ok(PLACE | if round.is_some() { enter() } else { 0 });
        }
        let deadline = supervisor.limit.and_then(|limit| Instant::now().checked_add(limit));
        let id = supervisor.flights.add(Flight { deadline, ..flight() });
        let place = bulkhead.enter(id);
        let mut ticket = FLIGHT | u64::from(id) << ID;
        match place {
            Place::Inside => Ok(ticket | PLACE),
            Place::Full => {
                supervisor.flights.remove(id);
                Err(self.refuse(Refusal::Bulkhead, self.full()))
            }
            Place::Waiting => {
                ticket |= QUEUED | LINE | if blocks { BLOCKS } else { 0 };
                Ok(ticket)
            }
        }
    }

    /// Whether the call has got its place.
    fn turn_in_line(&self, ticket: &mut u64, waker: &Waker) -> AbiTurn {
        let flights = &self.supervisor.flights;
        let id = (*ticket >> ID) as u32;
        flights.register(id, waker);
        let now = Instant::now();
        let (has_place, late) = flights.with(id, |flight| (flight.has_place, flight.is_late(now)));
        if has_place {
            *ticket = *ticket & !(QUEUED | LINE) | PLACE;
            AbiTurn::Go
        } else if late {
            AbiTurn::Over(self.waited())
        } else {
            AbiTurn::Wait
        }
    }

    /// Lets a call that is in go wrong, if that is its fate: held back, or over with this error.
    ///
    /// A call that does not give back a future cannot be held back but by holding its thread, and nothing
    /// ends it there: one that would never be answered ends when it would be late, or at once.
    fn strike(&self, ticket: &mut u64, blocks: bool) -> Result<()> {
        // The one thing of a backend that gives back no future tells what it can do: no call.
        if blocks && matches!(self.contribution, Contribution::Storage(_)) {
            return Ok(());
        }
        let Some(fault) = self.supervisor.next_fault(&self.contribution) else { return Ok(()) };
        match fault {
            Fault::Fail => Err(self.on_purpose(ErrorKind::Other, "it failed")),
            Fault::Panic => Err(self.on_purpose(ErrorKind::Panic, "it panicked")),
            Fault::Delay(delay) if blocks => {
                std::thread::sleep(delay);
                Ok(())
            }
            Fault::Never if blocks => match self.limit {
                Some(limit) => {
                    std::thread::sleep(limit);
                    Err(self.late())
                }
                None => Err(self.endless()),
            },
            Fault::Delay(delay) => {
                let until = Instant::now().checked_add(delay);
                self.hold(ticket, until.map_or(Held::ForEver, Held::Until));
                Ok(())
            }
            Fault::Never => {
                self.hold(ticket, Held::ForEver);
                Ok(())
            }
        }
    }

    /// Holds back a call that is awaited; its time runs.
    fn hold(&self, ticket: &mut u64, held: Held) {
        self.enter_flight(ticket, |flight| flight.held = Some(held));
        *ticket |= QUEUED;
    }

    /// Enters a call among the flights, if it is not there yet; its time runs.
    fn enter_flight(&self, ticket: &mut u64, change: impl FnOnce(&mut Flight)) {
        let flights = &self.supervisor.flights;
        let deadline = self.limit.and_then(|limit| Instant::now().checked_add(limit));
        if *ticket & FLIGHT == 0 {
            let mut flight = Flight { deadline, ..Flight::default() };
            change(&mut flight);
            *ticket |= FLIGHT | u64::from(flights.add(flight)) << ID;
        } else {
            flights.with((*ticket >> ID) as u32, |flight| {
                flight.deadline = flight.deadline.or(deadline);
                change(flight);
            });
        }
    }

    /// How many may be inside, and how many wait.
    pub(super) fn places(&self) -> (u32, u32) {
        let policy = self.limits.bulkhead.as_ref().map(Bulkhead::policy).unwrap_or_default();
        (policy.max_in_flight.get(), policy.queue)
    }

    /// A call that waits for its place gives up; the trial that it was to be.
    fn leave_line(&self, id: u32) -> Option<Round> {
        let bulkhead = self.limits.bulkhead.as_ref()?;
        let (flight, still_waited) =
            self.supervisor.flights.remove_with(id, || bulkhead.give_up(id));
        if !still_waited {
            self.give_place_back();
        }
        flight.round
    }

    /// A call has left the bulkhead.
    fn give_place_back(&self) {
        let Some(bulkhead) = &self.limits.bulkhead else { return };
        if bulkhead.try_leave() {
            return;
        }
        if let Some(waker) = self.supervisor.flights.give_place(|| bulkhead.leave()) {
            hotshoe_abi::guard::contain(|| waker.wake());
        }
    }

    pub(super) fn refuse(&self, why: Refusal, error: Error) -> Error {
        self.tell_refusal(why);
        error.with_plugin(self.supervisor.instance())
    }

    fn tell_refusal(&self, why: Refusal) {
        self.meter.refuse(why);
        // That the host asks in vain how an instance is that ends is nobody's news.
        if self.contribution.is_limited() {
            self.supervisor.refused(why);
        }
    }
}
