//! What a port leads to is taken, exchanged, or shared with something else, while calls come or are held.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;

use hotshoe_abi::{ErrorKind, PortOwner, QUEUED, SECOND, TIMED, outcome, switch};

use crate::fake::*;

#[test]
fn what_cannot_be_called_like_its_predecessor_is_not_mounted() {
    let port = PortOwner::new(Fake::new(0), numbers(1, 0), switch::CLOSED, None);
    // There is one.
    assert_eq!(port.mount(numbers(2, 0)).map_err(|refused| value(&refused)), Err(2));
    drop(port.unmount());
    for other in [OTHER, NEXT] {
        assert_eq!(port.mount(numbers(3, other)).map_err(|refused| value(&refused)), Err(3));
    }
    assert!(port.mount(numbers(4, LATER)).is_ok());
}

#[test]
fn callers_rely_on_what_is_new_only_when_it_stays() {
    let port = PortOwner::new(Fake::new(0), numbers(1, 0), 0, None);
    let version = || port.port().info().version();
    let mut spare = port.prepare(numbers(2, LATER)).map_err(|_| ()).expect("it has more");
    spare.put().expect("there is something to be exchanged");
    assert_eq!(version(), "1.0.0");
    // And back again, which nobody needs to be told of.
    spare.put().expect("there is something to be exchanged");
    spare.put().expect("there is something to be exchanged");
    port.settle();
    assert_eq!(version(), "1.1.0");
    assert!(port.prepare(numbers(3, 0)).is_err(), "what callers rely on now is not there");
}

#[test]
fn who_is_inside_goes_on_with_what_was_there_and_who_comes_has_what_is_new() {
    let port = port(0, 0);
    let ask = || port.call(|target| **target, |_| outcome::DONE).expect("it is open");
    let mut spare = port.prepare(Arc::new(8)).expect("it can be called like that");
    let (before, after, taken) = port
        .call(
            |target| {
                spare.put().expect("there is something to be exchanged");
                (**target, ask(), spare.take().map(drop))
            },
            |_| outcome::DONE,
        )
        .expect("it is open");
    assert_eq!((before, after, taken), (7, 8, Err(1)));
    assert_eq!(spare.take().map(|object| object.map(|object| **object)), Ok(Some(7)));
    assert_eq!(ask(), 8);
}

#[test]
fn what_was_put_aside_while_nobody_was_inside_can_be_taken_whoever_comes_later() {
    let port = port(0, 0);
    let mut spare = port.prepare(Arc::new(8)).expect("it can be called like that");
    spare.put().expect("there is something to be exchanged");
    let taken = port.call(|_| spare.take().map(|object| object.map(|object| **object)), |_| 0);
    assert_eq!(taken.expect("it is open"), Ok(Some(7)));
}

#[test]
fn what_somebody_may_be_inside_of_is_not_dropped() {
    let port = port(0, 0);
    let kept = Arc::new(8);
    let mut spare = port.prepare(kept.clone()).expect("it can be called like that");
    spare.put().expect("there is something to be exchanged");
    let inside = port.call(
        |target| {
            spare.put().expect("there is something to be exchanged");
            drop(spare);
            **target
        },
        |_| outcome::DONE,
    );
    assert_eq!(inside.expect("it is open"), 8);
    assert_eq!(Arc::strong_count(&kept), 2, "it stays for good");
}

#[test]
fn whose_ticket_says_so_calls_the_second_until_it_is_withdrawn() {
    let port = port(ASK, 0);
    let mut spare = port.prepare(Arc::new(8)).expect("it can be called like that");
    let ask = |ticket| {
        port.ticket.store(ticket, Ordering::Relaxed);
        let at_once = port.call(|target| **target, |_| outcome::DONE).expect("it is open");
        let mut awaited =
            port.start(|target, _| answer(**target), outcome::of).expect("it is open");
        assert!(matches!(poll(&mut awaited), Poll::Ready(Ok(value)) if value == at_once));
        at_once
    };
    assert_eq!((ask(0), ask(SECOND)), (7, 7));
    spare.share();
    assert_eq!((ask(0), ask(TIMED), ask(SECOND), ask(0)), (7, 7, 8, 7));
    port.ticket.store(SECOND, Ordering::Relaxed);
    let (inside, after, taken) = port
        .call(
            |target| {
                spare.withdraw();
                (**target, ask(SECOND), spare.take().map(drop))
            },
            |_| outcome::DONE,
        )
        .expect("it is open");
    assert_eq!((inside, after, taken), (8, 7, Err(1)));
    assert_eq!(spare.take().map(|object| object.map(|object| **object)), Ok(Some(8)));
}

#[test]
fn the_second_that_takes_the_place_of_the_first_is_no_second_any_more() {
    let port = port(ASK, 0);
    let mut spare = port.prepare(Arc::new(8)).expect("it can be called like that");
    spare.share();
    spare.put().expect("there is something to be exchanged");
    for ticket in [0, SECOND] {
        port.ticket.store(ticket, Ordering::Relaxed);
        let found = port.call(|target| **target, |_| outcome::DONE);
        assert_eq!(found.expect("it is open"), 8);
    }
    assert_eq!(spare.take().map(|object| object.map(|object| **object)), Ok(Some(7)));
}

#[test]
fn a_second_that_is_taken_or_dropped_is_withdrawn_before() {
    let port = port(ASK, SECOND);
    let ask = || port.call(|target| **target, |_| outcome::DONE).expect("it is open");
    let mut spare = port.prepare(Arc::new(8)).expect("it can be called like that");
    spare.share();
    assert!(spare.take().is_ok());
    assert_eq!(ask(), 7);
    let mut spare = port.prepare(Arc::new(9)).expect("it can be called like that");
    spare.share();
    assert_eq!(ask(), 9);
    drop(spare);
    assert_eq!(ask(), 7);
}

#[test]
fn who_waits_looks_for_the_second_when_it_is_its_turn() {
    let owner = PortOwner::new(Fake::new(SECOND | QUEUED), numbers(7, 0), ASK, None);
    let mut spare = owner.prepare(numbers(8, 0)).map_err(|_| ()).expect("it can be called");
    let (handle, mut context) = (owner.port(), Context::from_waker(Waker::noop()));
    spare.share();
    let mut ask = |meanwhile: &mut dyn FnMut()| {
        *owner.turn.lock().unwrap() = Turn::Wait;
        let Err(mut queued) = handle.begin().expect("it is open").inside() else {
            panic!("it was to wait")
        };
        assert!(queued.poll_turn(&mut context).is_pending());
        meanwhile();
        *owner.turn.lock().unwrap() = Turn::Go;
        assert!(matches!(queued.poll_turn(&mut context), Poll::Ready(Ok(()))));
        queued.call(value).0
    };
    assert_eq!(ask(&mut || {}), 8);
    // Nobody is inside while it waits.
    assert_eq!(ask(&mut || assert!(spare.take().is_ok())), 7);
}

#[test]
fn a_call_whose_ticket_says_so_is_timed() {
    let port = port(ASK, TIMED);
    for _ in 0..3 {
        call(&port).expect("it is open");
        drop(port.start(|target, _| answer(**target), outcome::of).expect("it is open"));
    }
    assert!(port.reports().iter().all(|(ticket, _, timed)| (*ticket, *timed) == (TIMED, true)));
    assert_eq!(port.reports().len(), 6);
}

#[test]
fn seconds_come_and_go_while_others_call() {
    let new = || Alive(AtomicBool::new(true));
    let port = PortOwner::new(Fake::new(SECOND), new(), ASK, None);
    let (done, got_in) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let inside = |target: &Alive| assert!(target.0.load(Ordering::SeqCst));
                    port.call(inside, |()| outcome::DONE).expect("it is open");
                    got_in.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for round in 0..200 {
            let mut spare = port.prepare(new()).map_err(|_| ()).expect("it can be called");
            spare.share();
            let before = got_in.load(Ordering::Relaxed);
            while got_in.load(Ordering::Relaxed) == before {
                thread::yield_now();
            }
            if round % 2 == 0 {
                spare.put().expect("there is something to be exchanged");
            }
            while spare.take().is_err() {
                thread::yield_now();
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    let (entered, left) = port.counts();
    assert_eq!(entered, left);
}

#[test]
fn calls_that_are_held_wait_and_are_not_inside() {
    let port = port(0, QUEUED);
    port.pause();
    let ask = || port.start(|target, _| answer(**target), outcome::of).expect("it may wait");
    let mut waits = ask();
    assert!(poll(&mut waits).is_pending());
    let mut gives_up = ask();
    assert!(poll(&mut gives_up).is_pending());
    assert_eq!((port.inside(), port.counts()), (0, (2, 0)));
    drop(gives_up);
    assert_eq!((port.inside(), port.counts()), (0, (2, 1)));
    // What was there is taken, and something else comes.
    assert_eq!(port.unmount().map(|target| target.as_deref().copied()), Ok(Some(7)));
    assert!(poll(&mut waits).is_pending());
    port.mount(Arc::new(8)).expect("there is nothing");
    port.resume();
    assert!(matches!(poll(&mut waits), Poll::Ready(Ok(8))));
    assert_eq!((port.inside(), port.counts()), (0, (2, 2)));
}

#[test]
fn a_thread_that_is_held_goes_on_when_calls_are_held_no_more() {
    let port = port(0, QUEUED);
    port.pause();
    let (asked, held) = std::sync::mpsc::channel();
    thread::scope(|scope| {
        let asks = scope.spawn(|| {
            asked.send(()).expect("somebody waits");
            port.call(|target| **target, |_| outcome::DONE)
        });
        held.recv().expect("it asks");
        let mut spare = port.prepare(Arc::new(8)).expect("it can be called like that");
        while port.inside() > 0 || port.counts().0 == 0 {
            thread::yield_now();
        }
        spare.put().expect("there is something to be exchanged");
        port.resume();
        port.wake();
        assert_eq!(asks.join().expect("it answers").expect("it is open"), 8);
    });
}

#[test]
fn a_call_that_waits_where_nothing_comes_any_more_is_over() {
    let port = port(0, QUEUED);
    port.pause();
    let mut waits = port.start(|_, _| answer(1), outcome::of).expect("it may wait");
    assert!(poll(&mut waits).is_pending());
    drop(port.unmount());
    port.set(switch::CLOSED);
    port.resume();
    let Poll::Ready(Err(error)) = poll(&mut waits) else { panic!("it was to be over") };
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!((port.inside(), port.counts()), (0, (1, 1)));
}

#[test]
fn a_port_that_is_paused_lets_nobody_in_that_does_not_wait() {
    let port = port(0, 2);
    port.pause();
    assert_eq!(call(&port).map_err(|error| error.kind()), Err(ErrorKind::Unavailable));
    assert_eq!(port.outcomes(), [outcome::DROPPED]);
}

#[test]
fn a_port_without_a_target_stays_closed() {
    let port = port(0, 2);
    port.set(switch::CLOSED);
    drop(port.unmount());
    port.clear(switch::CLOSED | ASK);
    assert_eq!(port.switch(), switch::CLOSED);
    assert_eq!(call(&port).map_err(|error| error.kind()), Err(ErrorKind::Unavailable));
    // The ticket is given back.
    assert_eq!(port.outcomes(), [outcome::DROPPED]);
    assert_eq!(port.counts(), (1, 1));
}

#[test]
fn a_port_whose_target_was_taken_while_calls_were_held_is_closed_when_they_are_no_more() {
    let port = port(0, 0);
    port.pause();
    drop(port.unmount());
    port.resume();
    assert_eq!(port.switch(), switch::CLOSED);
    assert_eq!(call(&port).map_err(|error| error.kind()), Err(ErrorKind::Unavailable));
    assert!(port.mount(Arc::new(8)).is_ok());
    port.clear(switch::CLOSED);
    assert_eq!(port.call(|target| **target, |_| outcome::DONE).ok(), Some(8));
}
