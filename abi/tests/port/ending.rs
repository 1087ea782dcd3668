//! Threads that end, ports that end, and targets that come and go.

use std::cell::RefCell;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;

use hotshoe_abi::{AbiFuture, ErrorKind, PortOwner, Result, outcome, switch};

use crate::fake::*;

/// Calls or leaves when its thread ends.
struct Last(Box<dyn FnOnce()>);

thread_local! {
    static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
}

impl Drop for Last {
    fn drop(&mut self) {
        std::mem::replace(&mut self.0, Box::new(|| ()))();
    }
}

/// On a thread, whose own calls begin before or after its local is there: locals are destroyed in an order
/// that follows from that.
fn at_the_end_of_a_thread(port: &Port, calls_first: bool, last: impl FnOnce() + Send + 'static) {
    let port = port.clone();
    let ends = thread::spawn(move || {
        if calls_first {
            call(&port).expect("it is open");
        }
        LAST.set(Some(Last(Box::new(last))));
        if !calls_first {
            call(&port).expect("it is open");
        }
    });
    ends.join().expect("its locals are destroyed");
}

#[test]
fn a_call_from_the_destructor_of_a_local_goes_in_or_is_refused() {
    for calls_first in [true, false] {
        let port = port(0, 0);
        let (own, answer) = (port.clone(), Arc::new(Mutex::new(None)));
        let told = answer.clone();
        at_the_end_of_a_thread(&port, calls_first, move || {
            *told.lock().unwrap() = Some(call(&own).map_err(|error| error.kind()));
        });
        let answer = answer.lock().unwrap().take().expect("it was called");
        let calls = match answer {
            Ok(()) => 2,
            Err(kind) => {
                assert_eq!(kind, ErrorKind::Unavailable);
                1
            }
        };
        assert_eq!(port.counts(), (calls, calls));
    }
}

#[test]
fn an_awaited_call_that_is_dropped_with_a_local_has_left() {
    for calls_first in [true, false] {
        let port = port(0, 0);
        let owner = PortOwner::new(Fake::new(0), numbers(1, 0), 0, None);
        let handle = owner.port();
        at_the_end_of_a_thread(&port, calls_first, {
            let (_, awaited) = handle.enter().expect("it is open").call_awaited(|_| ());
            move || drop(awaited)
        });
        assert_eq!(owner.counts(), (1, 1));
        owner.set(switch::CLOSED);
        assert!(owner.unmount().is_ok());
    }
}

#[test]
fn a_target_goes_with_the_last_share_of_its_port() {
    let target = Arc::new(7);
    let port = PortOwner::new(Fake::new(0), target.clone(), 0, None);
    // Also if that goes in a call of its own.
    let shares = Mutex::new(vec![port.clone(), port.clone()]);
    port.call(|_| shares.lock().unwrap().clear(), |()| outcome::DONE).expect("it is open");
    assert_eq!(Arc::strong_count(&target), 2);
    drop(port);
    assert_eq!(Arc::strong_count(&target), 1);
}

#[test]
fn a_port_whose_shares_have_gone_stays_for_the_call_inside() {
    let owner = PortOwner::new(Fake::new(0), numbers(5, 0), 0, None);
    let handle = owner.port();
    let (seen, mut awaited) = handle.enter().expect("it is open").call_awaited(|object| {
        let object = object.data() as usize;
        AbiFuture::new(poll_fn(move |_| {
            // SAFETY: what is called stays until the call has left.
            Poll::Ready(Ok(unsafe { *(object as *const u32) }))
        }))
    });
    drop((owner, handle));
    let answer = awaited.poll(
        &mut Context::from_waker(Waker::noop()),
        &mut Some(seen),
        &mut None::<fn(&Result<u32>) -> u32>,
    );
    assert!(matches!(answer, Poll::Ready(Ok(5))));
}

#[test]
fn threads_that_stay_find_their_own_count_of_each_port_that_comes_and_goes() {
    const THREADS: usize = 3;
    let ports: Mutex<Vec<Port>> = Mutex::default();
    let step = Barrier::new(THREADS + 1);
    let mut found = Vec::new();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for round in 0..50 {
                    step.wait();
                    let mine = ports.lock().unwrap().clone();
                    // Not all threads call all ports.
                    mine.iter().skip(round % 3).for_each(|port| call(port).expect("it is open"));
                    drop(mine);
                    step.wait();
                }
            });
        }
        for round in 0..50 {
            let fresh: Vec<Port> = (0..1 + round % 7).map(|_| port(0, 0)).collect();
            *ports.lock().unwrap() = fresh.clone();
            step.wait();
            step.wait();
            for (at, port) in fresh.iter().enumerate() {
                let calls = if at < round % 3 { 0 } else { THREADS as u64 };
                found.push((port.counts(), (calls, calls)));
            }
        }
    });
    // Not in between: others would wait for whoever panics.
    found.into_iter().for_each(|(counts, calls)| assert_eq!(counts, calls));
}

#[test]
fn targets_come_and_go_while_others_call() {
    let new = || Alive(AtomicBool::new(true));
    let port = PortOwner::new(Fake::new(0), new(), ASK, None);
    let (done, got_in) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let inside = |target: &Alive| assert!(target.0.load(Ordering::SeqCst));
                    if port.call(inside, |()| outcome::DONE).is_ok() {
                        got_in.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        for _ in 0..200 {
            let before = got_in.load(Ordering::Relaxed);
            while got_in.load(Ordering::Relaxed) == before {
                thread::yield_now();
            }
            port.set(switch::CLOSED);
            while port.unmount().is_err() {
                thread::yield_now();
            }
            assert!(port.mount(new()).is_ok());
            port.clear(switch::CLOSED);
        }
        done.store(true, Ordering::Relaxed);
    });
    let (entered, left) = port.counts();
    assert_eq!(entered, left);
}
