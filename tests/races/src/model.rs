//! A bulkhead whose calls come, wait, give up and go at one time.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64 as Counter, Ordering};

use loom::cell::UnsafeCell;
use loom::thread;

use crate::bulkhead::{Bulkhead, Place};
use crate::config::BulkheadPolicy;
use crate::sync::AtomicU64;

struct Calls {
    bulkhead: Bulkhead,
    /// Who was given a place while it stood in line, by bits.
    granted: AtomicU64,
    /// What only one may touch at a time, if only one may be inside.
    alone: UnsafeCell<u32>,
    inside: Counter,
}

impl Calls {
    fn new(max: u32, queue: u32) -> Arc<Self> {
        let max_in_flight = NonZeroU32::new(max).expect("a place");
        Arc::new(Self {
            bulkhead: Bulkhead::new(BulkheadPolicy { max_in_flight, queue }),
            granted: AtomicU64::new(0),
            alone: UnsafeCell::new(0),
            inside: Counter::new(0),
        })
    }

    fn enter(&self, id: u32) -> Place {
        if self.bulkhead.try_enter() { Place::Inside } else { self.bulkhead.enter(id) }
    }

    fn leave(&self) {
        if !self.bulkhead.try_leave()
            && let Some(next) = self.bulkhead.leave()
        {
            self.granted.fetch_or(1 << next, Ordering::AcqRel);
        }
    }

    /// What a call does that has a place.
    fn stay(&self) {
        let max = u64::from(self.bulkhead.policy().max_in_flight.get());
        let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        assert!(inside <= max, "{inside} are inside");
        if max == 1 {
            // SAFETY: only this call is inside, or loom tells.
            self.alone.with_mut(|alone| unsafe { *alone += 1 });
        } else {
            thread::yield_now();
        }
        self.inside.fetch_sub(1, Ordering::SeqCst);
    }

    /// A call that does not wait for long.
    fn call(&self, id: u32) {
        let has_place = match self.enter(id) {
            Place::Inside => true,
            Place::Waiting => !self.bulkhead.give_up(id),
            Place::Full => false,
        };
        if has_place {
            self.stay();
            self.leave();
        }
    }
}

/// Tries all orders of a model with so many changes of thread where none is due; says how many there were.
fn explore(preemptions: Option<usize>, model: impl Fn() + Sync + Send + 'static) {
    let orders = Arc::new(Counter::new(0));
    let counted = orders.clone();
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        model();
    });
    let test = thread_name();
    println!("{test}: {} orders", orders.load(Ordering::Relaxed));
}

fn thread_name() -> String {
    std::thread::current().name().unwrap_or("?").to_owned()
}

/// Calls at one time; afterwards all places are there.
fn calls(max: u32, queue: u32, threads: u32, preemptions: Option<usize>) {
    explore(preemptions, move || {
        let calls = Calls::new(max, queue);
        let others: Vec<_> = (1..threads)
            .map(|id| {
                let calls = calls.clone();
                thread::spawn(move || calls.call(id))
            })
            .collect();
        calls.call(0);
        others.into_iter().for_each(|other| other.join().expect("a call"));
        assert_eq!(calls.bulkhead.counts(), (0, 0));
    });
}

#[test]
fn one_place_is_never_two_and_is_never_lost() {
    calls(1, 1, 2, None);
    calls(1, 2, 3, Some(2));
}

#[test]
fn two_places_are_never_three() {
    calls(2, 1, 3, Some(2));
}

#[test]
fn whoever_waits_gets_the_place_that_becomes_free() {
    explore(None, || {
        let calls = Calls::new(1, 1);
        assert_eq!(calls.enter(0), Place::Inside);
        let leaves = {
            let calls = calls.clone();
            thread::spawn(move || {
                calls.stay();
                calls.leave();
            })
        };
        let place = calls.enter(1);
        leaves.join().expect("a call");
        let granted = calls.granted.load(Ordering::Acquire) == 1 << 1;
        assert_eq!((place == Place::Inside, place == Place::Waiting), (!granted, granted));
        calls.stay();
        calls.leave();
        assert_eq!(calls.bulkhead.counts(), (0, 0));
    });
}
