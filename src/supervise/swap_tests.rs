//! Generations that take each other's place while calls come, wait, stay, end and are given up: in any
//! order, against a model that says who answers what.

use std::future::Future;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use hotshoe_abi::{AbiFuture, PortTarget};
use proptest::prelude::*;

use super::port::AnyPort;
use super::{Canary, Contribution, Hold, Port, Supervisor, Term};
use crate::config::{BreakerPolicy, CanaryPolicy, Supervision};
use crate::contract::{Error, ErrorKind, Result};
use crate::monitor::Monitor;
use crate::runtime::Timekeeper;

/// What generations contribute, or some of it: two that others make calls of, two that are called alike.
const ALL: usize = 4;

fn contribution(at: usize) -> Contribution {
    match at {
        0 => Contribution::Execute,
        1 => Contribution::Route { method: "GET".into(), path: "/".into() },
        at => Contribution::Topic("topic".into(), at - 2),
    }
}

/// What one generation has behind one port.
#[derive(Default)]
struct Object {
    generation: usize,
    inside: AtomicU32,
    dropped: AtomicU32,
    dropped_in_use: AtomicU32,
}

struct Target(Arc<Object>);

impl PortTarget for Target {}

impl Drop for Target {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, Ordering::Relaxed);
        self.0.dropped_in_use.fetch_add(self.0.inside.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

const STAYS: u8 = 0;
const ANSWERS: u8 = 1;
const FAILS: u8 = 2;

/// A call inside, which is answered with the number of the generation when it is told to end.
struct Visit(Arc<Object>, Arc<AtomicU8>);

impl Future for Visit {
    type Output = Result<u32>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<u32>> {
        match self.1.load(Ordering::Relaxed) {
            STAYS => Poll::Pending,
            ANSWERS => Poll::Ready(Ok(self.0.generation as u32)),
            _ => Poll::Ready(Err(Error::new(ErrorKind::Other, "on purpose"))),
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::Relaxed);
    }
}

/// It has got nowhere yet.
const NOWHERE: usize = usize::MAX;

/// A call, and what the model says of it.
struct Call {
    answer: Pin<Box<dyn Future<Output = Result<u32>>>>,
    ends: Arc<AtomicU8>,
    /// The generation that it got to.
    got_to: Arc<AtomicUsize>,
    port: usize,
    /// The generation that the model says it is inside of; none while it waits.
    inside: Option<usize>,
    /// Whether it is of the share of a canary; none if nobody can tell.
    is_of_share: Option<bool>,
}

impl Call {
    /// It is in since it was polled.
    fn is_in(&mut self, door: &Door) {
        let got_to = self.got_to.load(Ordering::Relaxed);
        let leads_to = door.leads_to.expect("it leads somewhere");
        match door.second.filter(|_| self.is_of_share != Some(false)) {
            Some(second) => {
                assert!(got_to == leads_to || got_to == second, "it got to {got_to}");
                self.is_of_share = Some(got_to == second);
            }
            None => assert_eq!(got_to, leads_to, "it got there"),
        }
        self.inside = Some(got_to);
    }
}

/// A port, and what the model says of it.
struct Door {
    port: Port<Target>,
    of: usize,
    leads_to: Option<usize>,
    /// That gets a share of the calls.
    second: Option<usize>,
    closed: bool,
    held: bool,
    /// Its breaker is asked, which is open.
    broken: bool,
    withdrawn: bool,
}

/// A generation, and what the model says it has.
struct Generation {
    term: Arc<Term>,
    doors: Vec<usize>,
    /// What is beside these doors, by generation.
    beside: Vec<(usize, usize)>,
}

struct House {
    supervisor: Arc<Supervisor>,
    doors: Vec<Door>,
    /// The door of each contribution that its supervisor knows.
    known: [Option<usize>; ALL],
    objects: Vec<Arc<Object>>,
    generations: usize,
    serving: Option<Generation>,
    raised: Option<Generation>,
    kept: Option<Generation>,
    retired: Vec<Generation>,
    calls: Vec<Call>,
    /// Whether whoever trips the breaker has calls held.
    tells: bool,
    tripped: bool,
    is_open: bool,
    /// Those that exchange, and whoever else holds calls.
    holds: Vec<Hold>,
    /// How many hold calls.
    holders: usize,
    /// Generations of which something may stay for good: they ended although somebody was inside.
    left: Vec<usize>,
}

#[derive(Clone, Debug)]
enum Step {
    Call(usize),
    Poll(usize),
    End(usize, bool),
    Drop(usize),
    /// A successor that contributes what the bits say is brought up.
    Raise(u8),
    Abandon,
    Share,
    Hold,
    Release,
    Exchange,
    Probation,
    RollBack,
    Promote,
    /// Perhaps while calls are held.
    Retire(bool),
    /// What serves ends while calls are held; a successor comes, or does not, or comes although
    /// somebody is inside.
    InPlace(u8, Comes),
    Stop,
    Start(u8),
    RefuseWhatWaits,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Comes {
    Not,
    IfQuiet,
    Anyway,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let set = || 0u8..1 << ALL;
    let comes = prop_oneof![Just(Comes::Not), Just(Comes::IfQuiet), Just(Comes::Anyway)];
    let step = prop_oneof![
        10 => any::<usize>().prop_map(Step::Call),
        6 => any::<usize>().prop_map(Step::Poll),
        6 => (any::<usize>(), prop::bool::weighted(0.15)).prop_map(|(at, fails)| Step::End(at, fails)),
        2 => any::<usize>().prop_map(Step::Drop),
        4 => set().prop_map(Step::Raise),
        1 => Just(Step::Abandon),
        3 => Just(Step::Share),
        4 => Just(Step::Hold),
        4 => Just(Step::Release),
        4 => Just(Step::Exchange),
        2 => Just(Step::Probation),
        2 => Just(Step::RollBack),
        2 => Just(Step::Promote),
        3 => any::<bool>().prop_map(Step::Retire),
        2 => (set(), comes).prop_map(|(set, comes)| Step::InPlace(set, comes)),
        1 => Just(Step::Stop),
        2 => set().prop_map(Step::Start),
        1 => Just(Step::RefuseWhatWaits),
    ];
    prop::collection::vec(step, 1..200)
}

impl House {
    fn new() -> Self {
        let mut breaker = BreakerPolicy::failures(NonZeroU32::MIN);
        breaker.open_for = Duration::from_secs(3600);
        let policy = Supervision { breaker: Some(breaker), ..Supervision::default() };
        let supervisor =
            Supervisor::new("it", policy, None, &Timekeeper::new(), &Monitor::default());
        Self {
            supervisor,
            doors: Vec::new(),
            known: [None; ALL],
            objects: Vec::new(),
            generations: 0,
            serving: None,
            raised: None,
            kept: None,
            retired: Vec::new(),
            calls: Vec::new(),
            tells: false,
            tripped: false,
            is_open: false,
            holds: Vec::new(),
            holders: 0,
            left: Vec::new(),
        }
    }

    /// Brings up a generation behind or beside the doors.
    fn generation(&mut self, set: u8, predecessor: Option<&Generation>) -> Generation {
        let term = match predecessor {
            Some(predecessor) => Term::successor(&predecessor.term),
            None => Term::new(self.supervisor.clone()),
        };
        let number = self.generations;
        self.generations += 1;
        let (mut doors, mut beside) = (Vec::new(), Vec::new());
        for of in (0..ALL).filter(|of| set & 1 << of != 0) {
            let object = Arc::new(Object { generation: number, ..Object::default() });
            self.objects.push(object.clone());
            let port = term.port(contribution(of), Target(object)).expect("all are called alike");
            let before = predecessor
                .and_then(|it| it.doors.iter().copied().find(|at| self.doors[*at].of == of));
            match before.or(self.known[of]) {
                Some(at) if self.doors[at].leads_to.is_none() => {
                    self.doors[at].leads_to = Some(number);
                    doors.push(at);
                }
                Some(at) if before.is_some() => beside.push((at, number)),
                _ => {
                    self.known[of] = Some(self.doors.len());
                    doors.push(self.doors.len());
                    self.doors.push(Door {
                        port,
                        of,
                        leads_to: Some(number),
                        second: None,
                        closed: true,
                        held: self.holders > 0,
                        broken: self.is_open && contribution(of).is_limited(),
                        withdrawn: false,
                    });
                }
            }
        }
        Generation { term, doors, beside }
    }

    fn begin(&mut self, at: usize) {
        if self.doors.is_empty() {
            return;
        }
        let at = at % self.doors.len();
        let door = &self.doors[at];
        let ends = Arc::new(AtomicU8::new(STAYS));
        let got_to = Arc::new(AtomicUsize::new(NOWHERE));
        let (port, fate, noted) = (door.port.clone(), ends.clone(), got_to.clone());
        let answer = Box::pin(async move {
            port.run(move |target: &Target, _| {
                target.0.inside.fetch_add(1, Ordering::Relaxed);
                noted.store(target.0.generation, Ordering::Relaxed);
                AbiFuture::new(Visit(target.0.clone(), fate))
            })
            .await
        });
        let is_of_share = if door.second.is_some() { None } else { Some(false) };
        let mut call = Call { answer, ends, got_to, port: at, inside: None, is_of_share };
        let polled = poll(&mut call);
        if door.closed || door.broken {
            assert_eq!(polled, Poll::Ready(Err(ErrorKind::Unavailable)), "a call that is refused");
            return;
        }
        assert_eq!(polled, Poll::Pending, "a call that stays, or waits");
        if !door.held {
            call.is_in(door);
        }
        self.calls.push(call);
    }

    fn poll(&mut self, at: usize) {
        let call = &mut self.calls[at];
        let door = &self.doors[call.port];
        let polled = poll(call);
        if call.inside.is_none() && !door.held && !door.withdrawn && door.leads_to.is_some() {
            call.is_in(door);
        }
        let expected = match call.inside {
            Some(inside) => match call.ends.load(Ordering::Relaxed) {
                STAYS => Poll::Pending,
                ANSWERS => Poll::Ready(Ok(inside as u32)),
                _ => Poll::Ready(Err(ErrorKind::Other)),
            },
            None => {
                assert_eq!(call.got_to.load(Ordering::Relaxed), NOWHERE, "it waits, or is refused");
                if door.held { Poll::Pending } else { Poll::Ready(Err(ErrorKind::Unavailable)) }
            }
        };
        assert_eq!(polled, expected, "a call at the port of {}", door.port.watch().contribution);
        if polled.is_ready() {
            let of = door.of;
            let call = self.calls.swap_remove(at);
            if polled == Poll::Ready(Err(ErrorKind::Other)) {
                // Those of the share are the canary's business.
                let is_of_share =
                    call.is_of_share.unwrap_or_else(|| !self.supervisor.limits.is_open());
                if !is_of_share {
                    self.failed(of);
                }
            }
        }
    }

    /// One failure opens the breaker.
    fn failed(&mut self, of: usize) {
        if !contribution(of).is_limited() || std::mem::replace(&mut self.is_open, true) {
            return;
        }
        match self.tells {
            true => self.trip(),
            false => self.refuse(),
        }
    }

    /// Somebody is told, and calls wait for what they do.
    fn trip(&mut self) {
        self.tells = false;
        self.tripped = true;
        self.hold();
        self.doors.iter_mut().for_each(|door| door.broken = false);
    }

    fn refuse(&mut self) {
        for door in &mut self.doors {
            door.broken = contribution(door.of).is_limited();
        }
    }

    fn forget_failures(&mut self) {
        self.is_open = false;
        self.doors.iter_mut().for_each(|door| door.broken = false);
    }

    fn hold(&mut self) {
        self.holders += 1;
        self.doors.iter_mut().for_each(|door| door.held = true);
    }

    fn hold_no_more(&mut self) {
        self.holders -= 1;
        if self.holders == 0 {
            for door in &mut self.doors {
                door.held = false;
                door.closed |= door.leads_to.is_none();
            }
        }
    }

    /// One that exchanges holds calls.
    fn new_hold(&mut self) -> Hold {
        self.hold();
        Hold::new(&self.supervisor)
    }

    fn release(&mut self, hold: Hold) {
        drop(hold);
        self.hold_no_more();
    }

    /// What calls were held for because the breaker has opened.
    fn tell_no_more(&mut self) {
        self.tells = false;
        if std::mem::take(&mut self.tripped) {
            self.hold_no_more();
        }
    }

    /// Nobody takes over if the breaker has opened.
    fn refuse_what_waits(&mut self) {
        self.supervisor.refuse_what_waits();
        if self.is_open {
            self.refuse();
        }
        self.tell_no_more();
    }

    /// Behind the doors is what the one had beside them, and the other way round.
    fn take_over(&mut self, new: &mut Generation, old: &mut Generation) {
        for (at, number) in std::mem::take(&mut new.beside) {
            let before = self.doors[at].leads_to.replace(number).expect("it led somewhere");
            self.doors[at].second = None;
            new.doors.extend(old.doors.extract_if(.., |door| *door == at));
            old.beside.push((at, before));
        }
        self.forget_failures();
    }

    /// Leads to one generation what leads to the other.
    fn exchange(&mut self, new: &mut Generation, old: &mut Generation) {
        new.term.exchange(&old.term).expect("all ports lead somewhere");
        self.take_over(new, old);
        for at in &old.doors {
            let door = &mut self.doors[*at];
            // What is queued for the others is delivered still.
            if !contribution(door.of).ends_last() {
                (door.closed, door.withdrawn) = (true, true);
            }
        }
        self.open(new);
    }

    fn open(&mut self, of: &Generation) {
        for at in &of.doors {
            (self.doors[*at].closed, self.doors[*at].withdrawn) = (false, false);
        }
    }

    fn promote(&mut self) {
        self.refuse_what_waits();
        if let Some(serving) = &self.serving {
            serving.term.settle();
        }
        self.retired.extend(self.kept.take());
    }

    fn abandon(&mut self) {
        let Some(raised) = self.raised.take() else { return };
        raised.term.withdraw();
        raised.beside.iter().for_each(|(at, _)| self.doors[*at].second = None);
        self.retired.push(raised);
    }

    /// Has calls go to what is to serve and to what serves.
    fn share(&mut self) {
        let Some(raised) = &self.raised else { return };
        let policy = CanaryPolicy { share: 0.5, ..CanaryPolicy::default() };
        raised.term.share(&Canary::new(policy).0);
        for (at, number) in &raised.beside {
            let door = &mut self.doors[*at];
            door.second = Some(*number).filter(|_| contribution(door.of).is_limited());
        }
    }

    /// Takes of those that serve no more what nobody is inside of.
    fn retire(&mut self) {
        for generation in &mut self.retired {
            drop(generation.term.take_spares());
            drop(generation.term.drain_rest(Instant::now()));
            let (calls, doors) = (&self.calls, &mut self.doors);
            generation.doors.retain(|at| {
                let door = &mut doors[*at];
                door.closed = true;
                // Calls that wait at a port that is paused may wait on.
                let counts =
                    |call: &Call| call.port == *at && !(door.held && call.inside.is_none());
                let stays = calls.iter().any(counts);
                if !stays {
                    door.leads_to = None;
                }
                stays
            });
        }
    }

    fn take(&mut self, step: Step) {
        let calls = self.calls.len();
        match step {
            Step::Call(at) => self.begin(at),
            Step::Poll(at) if calls > 0 => self.poll(at % calls),
            Step::End(at, fails) if calls > 0 => {
                let fate = if fails { FAILS } else { ANSWERS };
                self.calls[at % calls].ends.store(fate, Ordering::Relaxed);
                self.poll(at % calls);
            }
            Step::Drop(at) if calls > 0 => drop(self.calls.swap_remove(at % calls)),
            Step::Poll(_) | Step::End(..) | Step::Drop(_) => {}
            Step::Raise(set) => self.raise(set),
            Step::Abandon => self.abandon(),
            Step::Share => self.share(),
            Step::Hold => {
                let hold = self.new_hold();
                self.holds.push(hold);
            }
            Step::Release => {
                if let Some(hold) = self.holds.pop() {
                    self.release(hold);
                }
            }
            Step::Exchange => {
                let Some(mut new) = self.raised.take() else { return };
                let mut old = self.serving.take().expect("one serves if there is a successor");
                self.exchange(&mut new, &mut old);
                (self.serving, self.kept) = (Some(new), Some(old));
            }
            Step::Probation => {
                if self.kept.is_some() && !self.tripped {
                    drop(self.supervisor.tell_trip());
                    self.tells = true;
                    if self.is_open {
                        self.trip();
                    }
                }
            }
            Step::RollBack => self.roll_back(),
            Step::Promote => self.promote(),
            Step::Retire(holds) => {
                let hold = holds.then(|| self.new_hold());
                self.retire();
                hold.into_iter().for_each(|hold| self.release(hold));
            }
            Step::InPlace(set, comes) => self.in_place(set, comes),
            Step::Stop => self.stop(),
            Step::Start(set) => self.start(set),
            Step::RefuseWhatWaits => self.refuse_what_waits(),
        }
    }

    fn raise(&mut self, set: u8) {
        if self.raised.is_some() {
            return;
        }
        self.promote();
        let Some(serving) = self.serving.take() else { return };
        self.raised = Some(self.generation(set, Some(&serving)));
        self.serving = Some(serving);
    }

    fn roll_back(&mut self) {
        let Some(mut old) = self.kept.take() else { return };
        let hold = self.new_hold();
        self.supervisor.tell_trip_no_more();
        self.tell_no_more();
        let mut serving = self.serving.take().expect("one serves if one is kept");
        self.exchange(&mut old, &mut serving);
        self.serving = Some(old);
        self.release(hold);
        self.retired.push(serving);
    }

    fn in_place(&mut self, set: u8, comes: Comes) {
        if self.serving.is_none() || self.raised.is_some() {
            return;
        }
        self.promote();
        let hold = self.new_hold();
        let mut old = self.serving.take().expect("one serves");
        if old.term.quiet(Instant::now()) > 0 && comes != Comes::Anyway {
            self.serving = Some(old);
            return self.release(hold);
        }
        drop(old.term.take_held());
        for at in &old.doors {
            let mut inside = self.calls.iter().filter(|call| call.inside.is_some());
            let door = &mut self.doors[*at];
            if inside.any(|call| call.port == *at) {
                self.left.extend(door.leads_to);
            } else {
                door.leads_to = None;
            }
        }
        if comes == Comes::Not {
            old.term.close();
            for at in &old.doors {
                self.doors[*at].closed |= !contribution(self.doors[*at].of).ends_last();
            }
        } else {
            let mut new = self.generation(set, Some(&old));
            new.term.succeed(&old.term);
            self.take_over(&mut new, &mut old);
            for at in &old.doors {
                (self.doors[*at].closed, self.doors[*at].withdrawn) = (true, true);
            }
            self.open(&new);
            self.serving = Some(new);
        }
        self.release(hold);
    }

    fn stop(&mut self) {
        self.abandon();
        self.retired.extend(self.kept.take());
        if let Some(serving) = self.serving.take() {
            serving.term.close();
            self.retired.push(serving);
        }
        self.refuse_what_waits();
        self.retire();
    }

    fn start(&mut self, set: u8) {
        if self.serving.is_some() {
            return;
        }
        let new = self.generation(set, None);
        new.term.open();
        self.forget_failures();
        self.open(&new);
        self.serving = Some(new);
    }

    /// What has to be true between any two steps.
    fn check(&self) {
        for (at, door) in self.doors.iter().enumerate() {
            let calls = self.calls.iter().filter(|call| call.port == at);
            let (inside, waiting): (Vec<_>, Vec<_>) = calls.partition(|call| call.inside.is_some());
            assert_eq!(door.port.inside(), inside.len() as u64, "calls inside");
            let (entered, left) = door.port.counts();
            assert_eq!(entered - left, (inside.len() + waiting.len()) as u64, "calls");
        }
        for object in &self.objects {
            assert_eq!(object.dropped_in_use.load(Ordering::Relaxed), 0, "dropped under a call");
            assert!(object.dropped.load(Ordering::Relaxed) <= 1, "dropped twice");
        }
    }

    /// All calls go on, and end; then a generation with everything serves.
    fn end(&mut self) {
        for hold in std::mem::take(&mut self.holds) {
            self.release(hold);
        }
        self.promote();
        assert_eq!(self.holders, 0, "nobody holds calls");
        for at in (0..self.calls.len()).rev() {
            self.calls[at].ends.store(ANSWERS, Ordering::Relaxed);
            self.poll(at);
        }
        assert!(self.calls.is_empty(), "a call that nothing holds goes on");
        self.stop();
        self.check();
        for object in self.objects.iter().filter(|object| !self.left.contains(&object.generation)) {
            assert_eq!(object.dropped.load(Ordering::Relaxed), 1, "dropped once");
        }
        self.start((1 << ALL) - 1);
        for at in self.known.into_iter().flatten() {
            self.begin(at);
            self.calls[0].ends.store(ANSWERS, Ordering::Relaxed);
            self.poll(0);
        }
        self.stop();
        let left = self.doors.iter().filter_map(|door| door.leads_to);
        assert!(left.into_iter().all(|of| self.left.contains(&of)), "of them nothing is left");
    }
}

fn poll(call: &mut Call) -> Poll<Result<u32, ErrorKind>> {
    let polled = call.answer.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    polled.map(|answer| answer.map_err(|error| error.kind()))
}

proptest! {
    #[test]
    fn each_call_ends_once_in_the_generation_that_the_model_says(steps in steps()) {
        let mut house = House::new();
        house.start((1 << ALL) - 1);
        for step in steps {
            house.take(step);
            house.check();
        }
        house.end();
    }
}
