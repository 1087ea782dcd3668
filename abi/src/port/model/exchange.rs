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
    PortState, SECOND,
    switch::{CLOSED, PAUSED, UNFENCED},
};
use super::super::sync::{self, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use super::super::tally::Tally;
use super::{NUMBER, explore, explore_within, full, none};

const OLD: usize = 0;
const NEW: usize = 1;
/// As many as a model has at most.
const CALLERS: usize = 2;

/// What is called. It stays allocated; loom tells if it is used and freed at one time.
struct Target {
    is_free: UnsafeCell<bool>,
    handed_over: UnsafeCell<u32>,
    written: [UnsafeCell<u32>; CALLERS],
}

struct Port {
    state: PortState,
    counts: Counts,
    tallies: [sync::Arc<Tally>; CALLERS],
    targets: [Target; 2],
}

/// What became of the beginning of a call.
enum Begun {
    Inside,
    Waits,
    Refused,
}

type GoIn = fn(&Port) -> Passage;

impl Port {
    /// One whose switch begins with this, and that leads to the old one.
    fn new(switch: u32) -> Arc<Self> {
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
            },
            tallies: std::array::from_fn(|_| counts.tally(NUMBER)),
            counts,
            targets: [OLD, NEW].map(target),
        });
        port.lead_to(OLD);
        port
    }

    fn at(&self, which: usize) -> *mut () {
        std::ptr::from_ref(&self.targets[which]).cast_mut().cast()
    }

    fn lead_to(&self, which: usize) {
        self.state.target.store(self.at(which), Ordering::Release);
    }

    fn pause(&self) {
        self.state.pause(&self.counts);
    }

    fn resume(&self) {
        self.state.resume(&self.counts);
    }

    fn go_in(&self) -> Passage {
        self.state.go_in(&self.counts)
    }

    fn is_quiet(&self, fence: fn()) -> bool {
        self.state.inside(&self.counts, fence) == 0
    }

    /// As a port does it whose object lets everybody in.
    fn begin(&self, own: usize, fence: fn()) -> Begun {
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
    fn stay(&self, own: usize) {
        self.stay_with(own, 0);
    }

    fn stay_with(&self, own: usize, ticket: u64) {
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

    fn give_up(&self, own: usize) {
        self.counts.wait_no_more();
        self.tallies[own].leave();
    }

    /// One call, until it is over or waits although it has tried to go in: whether it does.
    fn call(&self, own: usize, fence: fn(), go_in: GoIn) -> bool {
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
    fn goes_on(&self, own: usize) {
        assert_eq!(self.go_in(), Passage::In, "nothing holds it any more");
        self.stay(own);
    }

    /// All that was written into one of them, and what it was handed over.
    fn save(&self, which: usize) -> u32 {
        let target = &self.targets[which];
        // SAFETY: nobody is inside, or loom tells.
        let written = target.written.each_ref().map(|own| own.with(|written| unsafe { *written }));
        // SAFETY: as above.
        written.iter().sum::<u32>() + target.handed_over.with(|state| unsafe { *state })
    }

    fn restore(&self, which: usize, state: u32) {
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
    fn hand_over(&self, from: usize, to: usize, owner: fn()) -> bool {
        let is_quiet = self.is_quiet(owner);
        if is_quiet {
            self.restore(to, self.save(from));
        }
        self.lead_to(to);
        is_quiet
    }

    fn free(&self, which: usize) {
        // SAFETY: nobody reads it any more, or loom tells.
        self.targets[which].is_free.with_mut(|is_free| unsafe { *is_free = true });
    }

    /// Frees what it does not lead to any more, if nobody is inside.
    fn free_if_quiet(&self, which: usize, owner: fn()) -> bool {
        let is_quiet = self.is_quiet(owner);
        if is_quiet {
            self.free(which);
        }
        is_quiet
    }
}

/// Begins the calls of so many callers, one each, all at once.
fn callers(
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
fn wake(port: &Port, callers: Vec<thread::JoinHandle<bool>>) {
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

/// What becomes of the second target.
#[derive(Clone, Copy, PartialEq)]
enum Second {
    Withdrawn,
    /// But somebody has looked who is inside before that.
    WithdrawnLate,
    Promoted,
    /// But for a moment it is neither the one nor the other.
    PromotedLate,
}

/// One call goes to the first target and one to the second, which is withdrawn, or put in the place of the first
/// one. What is over is freed once nobody is inside.
fn shared(switch: u32, caller: fn(), owner: fn(), becomes: Second) -> impl Fn() {
    move || {
        let port = Port::new(switch);
        port.state.second.store(port.at(NEW), Ordering::Release);
        let callers = [0, SECOND].map(|ticket| {
            let port = port.clone();
            thread::spawn(move || {
                let own = usize::from(ticket == SECOND);
                let passage = match port.begin(own, caller) {
                    Begun::Inside => Passage::In,
                    Begun::Waits => port.go_in(),
                    Begun::Refused => panic!("it is not closed"),
                };
                if passage == Passage::In {
                    port.stay_with(own, ticket);
                }
                (own, ticket, passage)
            })
        });
        if switch & PAUSED != 0 {
            port.resume();
        }
        let no_second = || port.state.second.store(std::ptr::null_mut(), Ordering::SeqCst);
        let was_quiet = becomes == Second::WithdrawnLate && port.is_quiet(owner);
        let over = match becomes {
            Second::Withdrawn | Second::WithdrawnLate => {
                no_second();
                NEW
            }
            Second::Promoted => {
                port.lead_to(NEW);
                no_second();
                OLD
            }
            Second::PromotedLate => {
                no_second();
                port.lead_to(NEW);
                OLD
            }
        };
        let looks = becomes != Second::WithdrawnLate;
        let freed = was_quiet || looks && port.is_quiet(owner);
        if freed {
            port.free(over);
        }
        for caller in callers {
            let (own, ticket, passage) = caller.join().expect("a caller");
            if passage == Passage::Held {
                assert_eq!(port.go_in(), Passage::In, "nothing holds it any more");
                port.stay_with(own, ticket);
            }
        }
        assert!(freed || port.free_if_quiet(over, owner), "nobody is inside any more");
        assert_eq!(port.save(OLD) + port.save(NEW), 2, "what a call wrote is lost");
        if over == OLD {
            // SAFETY: nobody is inside.
            let written = port.targets[NEW].written[1].with(|written| unsafe { *written });
            assert_eq!(written, 1, "of two that are there in turn it gets to the new one");
        }
    }
}

#[test]
fn what_had_a_share_of_the_calls_is_freed_when_nobody_is_inside() {
    explore(shared(0, full, full, Second::Withdrawn));
}

#[test]
fn so_it_is_when_calls_were_held_that_are_of_its_share() {
    explore_within(3, shared(PAUSED, full, full, Second::Withdrawn));
}

#[test]
fn and_where_there_is_no_fence_for_all_threads() {
    explore(shared(UNFENCED, none, full, Second::Withdrawn));
}

#[test]
fn calls_of_its_share_get_to_it_while_it_takes_the_place_of_the_old_one() {
    explore(shared(0, full, full, Second::Promoted));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn what_had_a_share_needs_the_fence_of_callers_too() {
    explore(shared(0, none, full, Second::Withdrawn));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn what_had_a_share_needs_the_fence_of_the_owner_too() {
    explore(shared(0, full, none, Second::Withdrawn));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn that_nobody_was_inside_before_it_was_withdrawn_says_nothing() {
    explore(shared(0, full, full, Second::WithdrawnLate));
}

#[test]
#[should_panic(expected = "it gets to the new one")]
fn it_is_in_its_place_before_it_is_no_second_any_more() {
    explore(shared(0, full, full, Second::PromotedLate));
}
