//! The protocol in every order that its threads may come in, and with all that they may see of each
//! other's memory: `scripts/loom`.
//!
//! There is no `membarrier` in loom. A full fence on both sides stands for it: what the system promises is
//! that every thread passes one at some point while the call lasts, and the caller has its own where the
//! compiler's is.

mod exchange;
mod second;

use std::sync::Arc;

use loom::cell::UnsafeCell;
use loom::thread;

use super::protocol::Counts;
use super::state::{
    PortState,
    switch::{CLOSED, UNFENCED},
};
use super::sync::{AtomicPtr, AtomicU32, AtomicU64, Ordering, fence};
use super::tally::Tally;

/// What is called. It stays allocated; loom tells if it is used and freed at one time.
struct Target {
    is_free: UnsafeCell<bool>,
}

struct Port {
    state: PortState,
    counts: Counts,
    target: Target,
}

const NUMBER: u64 = 1;
/// Something in the way of calls, whatever it is.
const LIMITED: u32 = 1 << 4;

fn full() {
    fence(Ordering::SeqCst);
}

/// A caller's, without the other half.
fn none() {}

impl Port {
    /// One whose switch begins with this.
    fn new(switch: u32) -> Arc<Self> {
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
            counts: Counts::new(),
            target: Target { is_free: UnsafeCell::new(false) },
        });
        let target = std::ptr::from_ref(&port.target).cast_mut().cast();
        port.state.target.store(target, Ordering::Release);
        port
    }

    /// Begins a call: whether it was let in.
    fn enter(&self, tally: &Tally, fence: fn()) -> bool {
        let (_, switch) = self.state.enter(tally, fence);
        let is_in = switch == 0 || self.state.look_again() & CLOSED == 0;
        if !is_in {
            tally.leave();
        }
        is_in
    }

    /// What a call does inside.
    fn touch(&self) {
        let target = self.state.target.load(Ordering::Acquire).cast::<Target>().cast_const();
        // SAFETY: the port has it; nothing else is ever there but null.
        let target = unsafe { target.as_ref() }.expect("a call that is inside has a target");
        // SAFETY: nobody writes to it as long as somebody is inside, or loom tells.
        target.is_free.with(|is_free| assert!(!unsafe { *is_free }, "used after it was freed"));
    }

    fn call(&self, tally: &Tally, fence: fn()) -> bool {
        let is_in = self.enter(tally, fence);
        if is_in {
            self.touch();
            tally.leave();
        }
        is_in
    }

    /// Whether the target is taken, and freed.
    fn take(&self, fence: fn()) -> bool {
        let taken = self.state.take(&self.counts, fence).is_ok();
        if taken {
            // SAFETY: nobody reads it any more, or loom tells.
            self.target.is_free.with_mut(|is_free| unsafe { *is_free = true });
        }
        taken
    }

    fn set(&self, bits: u32) {
        self.state.switch.fetch_or(bits, Ordering::SeqCst);
    }
}

/// Tries all orders of a model, and says how many there were.
///
/// Loom misses orders in which a thread begins in the midst of others, and some in which one is held up
/// between two accesses of a place that it reads before it writes to it. So all threads begin first, and a
/// tally is counted up in one step.
fn explore(model: impl Fn() + Sync + Send + 'static) {
    explore_by(&loom::model::Builder::new(), model);
}

/// Tries those orders only in which threads are interrupted so many times at most, where there are too many to
/// try them all.
fn explore_within(interruptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(interruptions);
    explore_by(&builder, model);
}

fn explore_by(builder: &loom::model::Builder, model: impl Fn() + Sync + Send + 'static) {
    let begun = std::time::Instant::now();
    let orders = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counted = orders.clone();
    let counted = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        model();
    };
    builder.check(counted);
    let test = std::thread::current();
    let within = builder.preemption_bound;
    let within = within.map(|most| format!(" with {most} interruptions at most"));
    println!(
        "{}: {} orders{} in {:.1?}",
        test.name().unwrap_or("?"),
        orders.load(Ordering::Relaxed),
        within.unwrap_or_default(),
        begun.elapsed()
    );
}

/// Two callers, and one who takes the target away.
fn taken_away(switch: u32, caller: fn(), owner: fn()) -> impl Fn() {
    move || {
        let port = Port::new(switch);
        let callers = [(); 2].map(|()| {
            let port = port.clone();
            let tally = port.counts.tally(NUMBER);
            thread::spawn(move || port.call(&tally, caller))
        });
        port.set(CLOSED);
        let at_once = port.take(owner);
        for caller in callers {
            caller.join().expect("a caller");
        }
        assert!(at_once || port.take(owner), "nobody is inside any more");
    }
}

#[test]
fn a_target_is_freed_when_nobody_is_inside() {
    explore(taken_away(0, full, full));
}

#[test]
fn where_there_is_no_fence_for_all_threads_a_switch_that_is_always_set_does() {
    explore_within(4, taken_away(UNFENCED, none, full));
}

#[test]
fn a_call_that_met_something_else_in_its_way_is_waited_for() {
    explore_within(4, taken_away(LIMITED, full, full));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn nothing_else_in_its_way_stands_for_a_fence() {
    explore(taken_away(LIMITED, none, full));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn without_the_fence_of_its_callers_it_is_not_safe() {
    explore(taken_away(0, none, full));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn without_the_fence_of_its_owner_it_is_not_safe() {
    explore(taken_away(0, full, none));
}

#[test]
fn a_call_that_ends_on_another_thread_is_counted_until_then() {
    explore(|| {
        let port = Port::new(0);
        let handed_over = Arc::new(AtomicU32::new(0));
        let begins = {
            let (port, handed_over) = (port.clone(), handed_over.clone());
            let tally = port.counts.tally(NUMBER);
            thread::spawn(move || {
                if port.enter(&tally, full) {
                    handed_over.store(1, Ordering::Release);
                }
            })
        };
        let ends = {
            let (port, handed_over) = (port.clone(), handed_over.clone());
            let tally = port.counts.tally(NUMBER);
            thread::spawn(move || {
                let has_it = handed_over.load(Ordering::Acquire) == 1;
                if has_it {
                    port.touch();
                    tally.leave();
                }
                has_it
            })
        };
        port.set(CLOSED);
        let at_once = port.take(full);
        begins.join().expect("the first thread");
        let has_ended = ends.join().expect("the other thread");
        if handed_over.load(Ordering::Acquire) == 1 && !has_ended {
            assert!(!at_once && !port.take(full), "somebody is inside");
            port.touch();
            port.counts.stray();
        }
        assert!(at_once || port.take(full), "nobody is inside any more");
    });
}

#[test]
fn a_call_that_ends_on_a_thread_about_to_end_is_counted_until_then() {
    explore(|| {
        let port = Port::new(0);
        let tally = port.counts.tally(NUMBER);
        let caller = {
            let port = port.clone();
            thread::spawn(move || {
                let is_in = port.enter(&tally, full);
                drop(tally);
                if is_in {
                    port.touch();
                    port.counts.stray();
                }
            })
        };
        port.set(CLOSED);
        let at_once = port.take(full);
        caller.join().expect("a caller");
        assert!(at_once || port.take(full), "nobody is inside any more");
    });
}

#[test]
fn no_more_have_left_than_have_entered_and_none_is_forgotten() {
    explore(|| {
        let port = Port::new(0);
        let [first, second] = [(); 2].map(|()| port.counts.tally(NUMBER));
        let looks_on = {
            let port = port.clone();
            thread::spawn(move || {
                let (entered, left) = port.counts.sums();
                assert!(left <= entered, "{left} of {entered} have left");
            })
        };
        port.enter(&first, full);
        // As if it had ended on another thread.
        second.leave();
        port.enter(&first, full);
        first.leave();
        // As a thread does at its end.
        drop((first, second));
        looks_on.join().expect("who looks on");
        assert_eq!(port.counts.sums(), (2, 2));
        // What it has left is in the sums, too.
        assert_eq!(port.counts.sums(), (2, 2));
    });
}

#[test]
fn what_a_successor_has_is_seen_by_whoever_finds_the_port_open() {
    explore(|| {
        let port = Port::new(0);
        port.set(CLOSED);
        let mine = std::ptr::from_ref(&port.target).cast_mut().cast();
        assert!(port.state.take(&port.counts, full).is_ok());
        let tally = port.counts.tally(NUMBER);
        let caller = {
            let port = port.clone();
            thread::spawn(move || port.call(&tally, full))
        };
        // SAFETY: nobody is inside, or loom tells.
        port.target.is_free.with_mut(|is_free| unsafe { *is_free = false });
        port.state.target.store(mine, Ordering::Release);
        port.state.switch.fetch_and(!CLOSED, Ordering::SeqCst);
        caller.join().expect("a caller");
    });
}
