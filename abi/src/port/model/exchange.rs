//! A target is exchanged: while calls are held, or while they come.
//!
//! Each caller writes into what it calls, in a place of its own, and reads what that was handed over. Whoever
//! exchanges the target reads the one and writes the other, without any lock: loom tells if nothing else
//! keeps them apart.

use std::sync::Arc;

use loom::cell::UnsafeCell;
use loom::thread;

use super::super::protocol::{Counts, Passage};
use super::super::state::{
    PortState,
    switch::{CLOSED, PAUSED, UNFENCED},
};
use super::super::sync::{self, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use super::super::tally::Tally;
use super::{NUMBER, explore, explore_within, full, none};

pub(super) const OLD: usize = 0;
pub(super) const NEW: usize = 1;
/// As many as a model has at most.
pub(super) const CALLERS: usize = 2;

/// What is called. It stays allocated; loom tells if it is used and freed at one time.
pub(super) struct Target {
    pub(super) is_free: UnsafeCell<bool>,
    pub(super) handed_over: UnsafeCell<u32>,
    pub(super) written: [UnsafeCell<u32>; CALLERS],
}

pub(super) struct Port {
    pub(super) state: PortState,
    pub(super) counts: Counts,
    tallies: [sync::Arc<Tally>; CALLERS],
    pub(super) targets: [Target; 2],
}

/// What became of the beginning of a call.
pub(super) enum Begun {
    Inside,
    Waits,
    Refused,
}

pub(super) type GoIn = fn(&Port) -> Passage;

impl Port {
    /// One whose switch begins with this, and that leads to the old one.
    pub(super) fn new(switch: u32) -> Arc<Self> {
        let target = |_| Target {
            is_free: UnsafeCell::new(false),
            handed_over: UnsafeCell::new(0),
            written: std::array::from_fn(|_| UnsafeCell::new(0)),
        };
        let counts = Counts::new();
        let port = Arc::new(Self {
            state: PortState {
                switch: AtomicU32::new(switch),
                slot: 0,
                number: NUMBER,
                target: AtomicPtr::new(std::ptr::null_mut()),
                limit: AtomicU64::new(u64::MAX),
                second: AtomicPtr::new(std::ptr::null_mut()),
                reserved: [0; 3],
            },
            tallies: std::array::from_fn(|_| counts.tally(NUMBER)),
            counts,
            targets: [OLD, NEW].map(target),
        });
        port.lead_to(OLD);
        port
    }

    pub(super) fn at(&self, which: usize) -> *mut () {
        std::ptr::from_ref(&self.targets[which]).cast_mut().cast()
    }

    pub(super) fn lead_to(&self, which: usize) {
        self.state.target.store(self.at(which), Ordering::Release);
    }

    pub(super) fn pause(&self) {
        self.state.pause(&self.counts);
    }

    pub(super) fn resume(&self) {
        self.state.resume(&self.counts);
    }

    pub(super) fn go_in(&self) -> Passage {
        self.state.go_in(&self.counts)
    }

    pub(super) fn is_quiet(&self, fence: fn()) -> bool {
        self.state.inside(&self.counts, fence) == 0
    }

    /// As a port does it whose object lets everybody in.
    pub(super) fn begin(&self, own: usize, fence: fn()) -> Begun {
        let tally = &self.tallies[own];
        let (_, switch) = self.state.enter(tally, fence);
        let set = if switch == 0 { 0 } else { self.state.look_again() };
        if set & CLOSED != 0 {
            tally.leave();
            Begun::Refused
        } else if set & PAUSED != 0 {
            self.counts.begin_to_wait();
            Begun::Waits
        } else {
            Begun::Inside
        }
    }

    /// What a call does inside, and that it leaves.
    pub(super) fn stay(&self, own: usize) {
        self.stay_with(own, 0);
    }

    pub(super) fn stay_with(&self, own: usize, ticket: u64) {
        let target = self.state.target_of(ticket).cast::<Target>().cast_const();
        // SAFETY: the port has it; nothing else is ever there but null.
        let target = unsafe { target.as_ref() }.expect("a call that is inside has a target");
        // SAFETY: nobody writes to them as long as somebody is inside, or loom tells.
        target.is_free.with(|is_free| assert!(!unsafe { *is_free }, "used after it was freed"));
        // SAFETY: as above.
        target.handed_over.with(|state| unsafe { *state });
        // SAFETY: nobody else is there as long as this caller is inside, or loom tells.
        target.written[own].with_mut(|written| unsafe { *written += 1 });
        self.tallies[own].leave();
    }

    pub(super) fn give_up(&self, own: usize) {
        self.counts.wait_no_more();
        self.tallies[own].leave();
    }

    /// One call, until it is over or waits although it has tried to go in: whether it does.
    pub(super) fn call(&self, own: usize, fence: fn(), go_in: GoIn) -> bool {
        let passage = match self.begin(own, fence) {
            Begun::Inside => Passage::In,
            Begun::Waits => go_in(self),
            Begun::Refused => return false,
        };
        match passage {
            Passage::In => self.stay(own),
            Passage::Held => return true,
            Passage::Gone => self.give_up(own),
        }
        false
    }

    /// What a call does that is woken when calls are held no more.
    pub(super) fn goes_on(&self, own: usize) {
        assert_eq!(self.go_in(), Passage::In, "nothing holds it any more");
        self.stay(own);
    }

    /// All that was written into one of them, and what it was handed over.
    pub(super) fn save(&self, which: usize) -> u32 {
        let target = &self.targets[which];
        // SAFETY: nobody is inside, or loom tells.
        let written = target.written.each_ref().map(|own| own.with(|written| unsafe { *written }));
        // SAFETY: as above.
        written.iter().sum::<u32>() + target.handed_over.with(|state| unsafe { *state })
    }

    pub(super) fn restore(&self, which: usize, state: u32) {
        let target = &self.targets[which];
        // SAFETY: nobody is inside, or loom tells.
        target.handed_over.with_mut(|handed_over| unsafe { *handed_over = state });
        for own in &target.written {
            // SAFETY: as above.
            own.with_mut(|written| unsafe { *written = 0 });
        }
    }

    /// Leads to another one while calls are held, and hands the state over if nobody is inside: whether it
    /// did.
    pub(super) fn hand_over(&self, from: usize, to: usize, owner: fn()) -> bool {
        let is_quiet = self.is_quiet(owner);
        if is_quiet {
            self.restore(to, self.save(from));
        }
        self.lead_to(to);
        is_quiet
    }

    pub(super) fn free(&self, which: usize) {
        // SAFETY: nobody reads it any more, or loom tells.
        self.targets[which].is_free.with_mut(|is_free| unsafe { *is_free = true });
    }

    /// Frees what it does not lead to any more, if nobody is inside.
    pub(super) fn free_if_quiet(&self, which: usize, owner: fn()) -> bool {
        let is_quiet = self.is_quiet(owner);
        if is_quiet {
            self.free(which);
        }
        is_quiet
    }
}

/// Begins the calls of so many callers, one each, all at once.
pub(super) fn callers(
    port: &Arc<Port>,
    number: usize,
    fence: fn(),
    go_in: GoIn,
) -> Vec<thread::JoinHandle<bool>> {
    let caller = |own| {
        let port = port.clone();
        thread::spawn(move || port.call(own, fence, go_in))
    };
    (0..number).map(caller).collect()
}

/// Waits for them; those that were held go on.
pub(super) fn wake(port: &Port, callers: Vec<thread::JoinHandle<bool>>) {
    for (own, caller) in callers.into_iter().enumerate() {
        if caller.join().expect("a caller") {
            port.goes_on(own);
        }
    }
}

/// Calls are held, the state is handed over, and they go on into the new one. Whoever came first may wait
/// already, and be let in for a moment before.
fn held(switch: u32, number: usize, caller: fn(), owner: fn(), go_in: GoIn) -> impl Fn() {
    move || {
        let port = Port::new(switch);
        let callers = callers(&port, number, caller, go_in);
        if switch & PAUSED != 0 {
            port.resume();
        }
        port.pause();
        let handed_over = port.hand_over(OLD, NEW, owner);
        let freed = port.free_if_quiet(OLD, owner);
        port.resume();
        wake(&port, callers);
        assert!(freed || port.free_if_quiet(OLD, owner), "nobody is inside any more");
        let written = port.save(NEW) + if handed_over { 0 } else { port.save(OLD) };
        assert_eq!(written, number as u32, "what a call wrote is lost");
    }
}

#[test]
fn a_call_is_inside_of_the_old_one_and_waited_for_or_waits_for_the_new_one() {
    explore(held(0, 1, full, full, Port::go_in));
}

#[test]
fn so_are_two() {
    explore_within(4, held(0, 2, full, full, Port::go_in));
}

#[test]
fn a_call_that_goes_in_while_others_are_held_again_is_seen_inside_or_waits_on() {
    explore(held(PAUSED, 1, full, full, Port::go_in));
}

#[test]
fn where_there_is_no_fence_for_all_threads_a_switch_that_is_always_set_does() {
    explore(held(UNFENCED, 1, none, full, Port::go_in));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn without_the_fence_of_its_callers_it_is_not_safe() {
    explore(held(0, 1, none, full, Port::go_in));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn without_the_fence_of_its_owner_it_is_not_safe() {
    explore(held(0, 1, full, none, Port::go_in));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn whether_a_call_may_go_in_and_that_it_does_is_one_step() {
    explore(held(PAUSED, 1, full, full, |port| {
        if port.state.switch.load(Ordering::SeqCst) & PAUSED != 0 {
            return Passage::Held;
        }
        port.counts.wait_no_more();
        Passage::In
    }));
}

/// A call gives up waiting while another one is inside, and somebody looks.
fn given_up(give_up: fn(&Port), is_quiet: fn(&Port) -> bool) -> impl Fn() {
    move || {
        let port = Port::new(PAUSED);
        assert!(matches!(port.begin(0, full), Begun::Waits), "calls are held");
        port.resume();
        assert!(matches!(port.begin(1, full), Begun::Inside), "nothing is in its way");
        let gives_up = {
            let port = port.clone();
            thread::spawn(move || give_up(&port))
        };
        let stays = {
            let port = port.clone();
            thread::spawn(move || port.stay(1))
        };
        port.pause();
        let handed_over = is_quiet(&port);
        if handed_over {
            port.restore(NEW, port.save(OLD));
        }
        port.lead_to(NEW);
        gives_up.join().expect("one that gives up");
        stays.join().expect("one that was inside");
        assert!(port.free_if_quiet(OLD, full), "nobody is inside any more");
    }
}

fn looks(port: &Port) -> bool {
    port.is_quiet(full)
}

#[test]
fn nobody_inside_is_missed_for_one_that_gives_up() {
    explore(given_up(|port| port.give_up(0), looks));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn whoever_gives_up_says_that_it_waits_no_more_before_it_leaves() {
    let leaves_first = |port: &Port| {
        port.tallies[0].leave();
        port.counts.wait_no_more();
    };
    explore(given_up(leaves_first, looks));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn who_has_left_is_counted_before_who_waits() {
    explore(given_up(
        |port| port.give_up(0),
        |port| {
            full();
            let waiting = *port.counts.waiting();
            let left: u64 = port.tallies.iter().map(|tally| tally.left()).sum();
            let entered: u64 = port.tallies.iter().map(|tally| tally.entered()).sum();
            entered - left - waiting == 0
        },
    ));
}

/// Calls come all the time, and none is held. Whoever exchanges the target looks before that, or afterwards.
fn passed_on(switch: u32, caller: fn(), owner: fn(), looks_before: bool) -> impl Fn() {
    move || {
        let port = Port::new(switch);
        let callers = [1, 2].map(|calls| {
            let port = port.clone();
            thread::spawn(move || {
                for _ in 0..calls {
                    assert!(!port.call(calls - 1, caller, Port::go_in), "nobody is held");
                }
            })
        });
        port.restore(NEW, 7);
        let was_quiet = looks_before && port.is_quiet(owner);
        port.lead_to(NEW);
        let freed = was_quiet || !looks_before && port.is_quiet(owner);
        if freed {
            port.free(OLD);
        }
        for caller in callers {
            caller.join().expect("a caller");
        }
        assert!(freed || port.free_if_quiet(OLD, owner), "nobody is inside any more");
        assert_eq!(port.save(OLD) + port.save(NEW), 7 + 3, "what a call wrote is lost");
    }
}

#[test]
fn once_nobody_was_inside_after_the_exchange_nobody_is_in_the_old_one() {
    explore_within(4, passed_on(0, full, full, false));
}

#[test]
fn nor_is_anybody_where_there_is_no_fence_for_all_threads() {
    explore_within(3, passed_on(UNFENCED, none, full, false));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn that_nobody_was_inside_before_the_exchange_says_nothing() {
    explore(passed_on(0, full, full, true));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn who_is_not_held_needs_the_fence_of_callers_too() {
    explore(passed_on(0, none, full, false));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn who_is_not_held_needs_the_fence_of_the_owner_too() {
    explore(passed_on(0, full, none, false));
}

/// What serves ends before its successor begins: in between there is nothing. Perhaps nothing comes.
fn taken(switch: u32, caller: fn(), owner: fn(), comes: bool, go_in: GoIn) -> impl Fn() {
    move || {
        let port = Port::new(switch);
        let callers = callers(&port, 1, caller, go_in);
        port.pause();
        let mut state = None;
        if port.state.take(&port.counts, owner).is_ok() {
            state = Some(port.save(OLD));
            port.free(OLD);
        }
        if let Some(state) = state.filter(|_| comes) {
            port.restore(NEW, state);
            port.lead_to(NEW);
        }
        port.resume();
        let is_there = state.is_none() || comes;
        for caller in callers {
            let waits = caller.join().expect("a caller");
            match waits.then(|| port.go_in()) {
                Some(Passage::In) if is_there => port.stay(0),
                Some(Passage::Gone) if !is_there => port.give_up(0),
                None => {}
                Some(other) => panic!("it was {other:?}"),
            }
        }
        assert!(port.is_quiet(owner), "nobody is inside any more");
        if state.is_some() && comes {
            assert_eq!(port.save(NEW), 1, "what a call wrote is lost");
        }
    }
}

#[test]
fn no_call_gets_at_nothing_while_there_is_nothing() {
    explore(taken(0, full, full, true, Port::go_in));
}

#[test]
fn nor_when_nothing_comes() {
    explore(taken(0, full, full, false, Port::go_in));
}

#[test]
fn nor_where_there_is_no_fence_for_all_threads() {
    explore(taken(UNFENCED, none, full, true, Port::go_in));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn what_ends_in_between_needs_the_fence_of_callers_too() {
    explore(taken(0, none, full, true, Port::go_in));
}

#[test]
#[should_panic(expected = "a call that is inside has a target")]
fn who_is_held_no_more_looks_whether_there_is_anything() {
    explore(taken(0, full, full, false, |port| {
        let mut waiting = port.counts.waiting();
        if port.state.switch.load(Ordering::SeqCst) & PAUSED != 0 {
            return Passage::Held;
        }
        *waiting -= 1;
        Passage::In
    }));
}

/// The new one is exchanged for the old one again, with what was written into it meanwhile.
fn rolled_back(calls: u32, caller: fn(), owner: fn()) -> impl Fn() {
    move || {
        let port = Port::new(0);
        let caller = {
            let port = port.clone();
            // It waits on after its first call, if that is held.
            thread::spawn(move || (0..calls).any(|_| port.call(0, caller, Port::go_in)))
        };
        port.pause();
        let handed_over = port.hand_over(OLD, NEW, owner);
        port.resume();
        port.pause();
        let handed_back = port.hand_over(NEW, OLD, owner);
        let freed = port.free_if_quiet(NEW, owner);
        port.resume();
        wake(&port, vec![caller]);
        assert!(freed || port.free_if_quiet(NEW, owner), "nobody is inside any more");
        if handed_over && handed_back {
            let calls = port.counts.sums().0;
            assert_eq!(u64::from(port.save(OLD)), calls, "what a call wrote is lost");
        }
    }
}

#[test]
fn a_way_back_is_another_exchange() {
    explore(rolled_back(1, full, full));
}

#[test]
fn who_calls_twice_on_the_way_back() {
    explore_within(4, rolled_back(2, full, full));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_way_back_needs_the_fence_of_callers_too() {
    explore(rolled_back(1, none, full));
}
