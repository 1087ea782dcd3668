//! Calls through a port, and what becomes of them, with an object that does what a test tells it.

#![allow(unsafe_code, reason = "a port's object promises a fence")]

mod ending;
mod exchange;
mod fake;
mod ongoing;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use hotshoe_abi::{
    AbiFuture, Error, ErrorKind, PortOwner, QUEUED, Queued, SAMPLE, outcome, switch,
};

use fake::*;

#[test]
fn calls_of_all_threads_are_counted_also_when_the_threads_have_ended() {
    let port = port(0, 0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..100).for_each(|_| call(&port).expect("nothing is in the way")));
        }
    });
    assert_eq!(port.counts(), (400, 400));
    call(&port).expect("nothing is in the way");
    assert_eq!(port.counts(), (401, 401));
}

#[test]
fn whoever_takes_the_target_hears_how_many_are_inside() {
    let port = port(0, 0);
    let outer = port.call(
        |_| {
            let inner = port.call(
                |_| {
                    port.set(switch::CLOSED);
                    port.unmount().map(|_| ())
                },
                |_| outcome::DONE,
            );
            (inner.expect("it came in before"), port.unmount().map(|_| ()))
        },
        |_| outcome::DONE,
    );
    assert_eq!(outer.expect("it came in before"), (Err(2), Err(1)));
    assert_eq!(port.unmount().map(|target| target.as_deref().copied()), Ok(Some(7)));
    assert_eq!(port.unmount(), Ok(None));
}

#[test]
#[should_panic(expected = "a port is closed or paused before its target is taken")]
fn a_target_is_not_taken_from_a_port_that_is_open() {
    let _ = port(ASK, 0).unmount();
}

#[test]
fn a_handle_leads_to_the_successor() {
    let owner = PortOwner::new(Fake::new(0), numbers(1, 0), 0, None);
    let handle = owner.port();
    let ask = || handle.call(value, |_| outcome::DONE).map_err(|error| error.kind());
    assert_eq!(ask(), Ok(1));
    owner.set(switch::CLOSED);
    drop(owner.unmount().expect("nobody is inside"));
    assert_eq!(ask(), Err(ErrorKind::Unavailable));
    assert!(owner.mount(numbers(2, 0)).is_ok());
    assert_eq!(ask(), Err(ErrorKind::Unavailable));
    owner.clear(switch::CLOSED);
    assert_eq!(ask(), Ok(2));
    drop(owner);
    assert_eq!(ask(), Ok(2));
}

#[test]
fn a_call_that_panics_has_left() {
    let port = port(0, 0);
    let called = || port.call(|_| panic!("on purpose"), |()| outcome::DONE);
    assert!(catch_unwind(AssertUnwindSafe(called)).is_err());
    assert_eq!(port.counts(), (1, 1));
    assert_eq!(port.outcomes(), [outcome::DROPPED]);
}

#[test]
fn one_of_so_many_calls_of_a_thread_is_timed() {
    let port = port(0, 0);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| (0..10 * SAMPLE).for_each(|_| call(&port).expect("it is open")));
        }
    });
    assert_eq!(port.reports(), [(0, outcome::DONE, true); 30]);
}

#[test]
fn an_awaited_call_may_begin_go_on_and_end_on_different_threads() {
    let port = port(0, 0);
    let dropped = Arc::new(AtomicBool::new(false));
    let answer = thread::scope(|scope| {
        let begins = || port.start(|_, _| never(&dropped), outcome::of).expect("it is open");
        scope.spawn(begins).join().expect("a call")
    });
    let answer = thread::scope(|scope| {
        let goes_on = move || {
            let mut answer = answer;
            assert!(poll(&mut answer).is_pending());
            answer
        };
        scope.spawn(goes_on).join().expect("a call")
    });
    assert_eq!(port.counts(), (1, 0));
    port.set(switch::CLOSED);
    assert_eq!(port.unmount().map(|_| ()), Err(1));
    assert!(!dropped.load(Ordering::SeqCst));
    thread::scope(|scope| scope.spawn(move || drop(answer)).join()).expect("it is dropped");
    assert!(dropped.load(Ordering::SeqCst));
    assert_eq!(port.counts(), (1, 1));
    assert_eq!(port.outcomes(), [outcome::DROPPED]);
    assert!(port.unmount().is_ok());
}

#[test]
fn an_answer_ends_the_call_before_whoever_waits_has_it() {
    let port = port(0, 0);
    let fails = || AbiFuture::new(async { Err::<u32, _>(Error::new(ErrorKind::NotFound, "no")) });
    let mut answer = port.start(|_, _| fails(), outcome::of).expect("it is open");
    assert!(poll(&mut answer).is_ready());
    assert_eq!(port.counts(), (1, 1));
    assert_eq!(port.outcomes(), [outcome::failed(ErrorKind::NotFound)]);
    // Polled again it says so, and dropped it does not leave twice.
    assert!(matches!(poll(&mut answer), Poll::Ready(Err(_))));
    drop(answer);
    assert_eq!(port.counts(), (1, 1));
}

#[test]
fn a_call_in_line_begins_when_it_is_its_turn() {
    let port = port(ASK, 2 | QUEUED);
    *port.turn.lock().unwrap() = Turn::Wait;
    let begun = AtomicBool::new(false);
    let call = |answer| {
        begun.store(true, Ordering::Relaxed);
        AbiFuture::ready(Ok(answer))
    };
    let mut answer = port.start(|target, _| call(**target), outcome::of).expect("it is open");
    assert!(answer.is_queued() && poll(&mut answer).is_pending());
    assert!(!begun.load(Ordering::Relaxed));
    assert!(port.waker.lock().unwrap().is_some(), "somebody is to be woken");
    *port.turn.lock().unwrap() = Turn::Go;
    assert!(matches!(poll(&mut answer), Poll::Ready(Ok(7))));
    assert!(begun.load(Ordering::Relaxed));
    assert_eq!(port.outcomes(), [outcome::DONE]);
}

#[test]
fn a_call_whose_time_is_over_before_its_turn_never_begins() {
    let port = port(ASK, 2 | QUEUED);
    *port.turn.lock().unwrap() = Turn::Over;
    let call = || -> AbiFuture<'_, u32> { unreachable!("it was over before it began") };
    let mut answer = port.start(|_, _| call(), outcome::of).expect("it is open");
    assert!(
        matches!(poll(&mut answer), Poll::Ready(Err(error)) if error.kind() == ErrorKind::Timeout)
    );
    assert_eq!(port.counts(), (1, 1));
    assert_eq!(port.outcomes(), [outcome::failed(ErrorKind::Timeout)]);
}

#[test]
fn a_service_in_whose_line_a_call_stands_is_called_when_it_is_its_turn() {
    let owner = PortOwner::new(Fake::new(2 | QUEUED), numbers(1, 0), ASK, None);
    *owner.turn.lock().unwrap() = Turn::Wait;
    let (handle, mut context) = (owner.port(), Context::from_waker(Waker::noop()));
    let begin = || match handle.begin().expect("it is open").inside() {
        Ok(_) => panic!("it is not its turn"),
        Err(queued) => queued,
    };
    let called = AtomicBool::new(false);
    let is_called = |queued: Queued| {
        let call = || drop(queued.call(|_| called.store(true, Ordering::Relaxed)));
        catch_unwind(AssertUnwindSafe(call)).is_ok() || called.load(Ordering::Relaxed)
    };
    assert!(!is_called(begin()), "it was not its turn");
    let mut queued = begin();
    assert!(queued.poll_turn(&mut context).is_pending());
    *owner.turn.lock().unwrap() = Turn::Go;
    assert!(matches!(queued.poll_turn(&mut context), Poll::Ready(Ok(()))));
    assert_eq!(queued.call(value).0, 1);
    *owner.turn.lock().unwrap() = Turn::Over;
    let mut over = begin();
    assert!(matches!(over.poll_turn(&mut context), Poll::Ready(Err(_))));
    assert!(!is_called(over), "it was over");
    assert_eq!(owner.counts(), (3, 3));
}

#[test]
fn a_call_with_a_limit_is_dropped_when_it_is_over() {
    let limit = Some(Duration::from_secs(3600));
    let port = PortOwner::new(Fake::new(0), Arc::new(7_u32), 0, limit);
    let dropped = Arc::new(AtomicBool::new(false));
    let mut answer = port.start(|_, _| never(&dropped), outcome::of).expect("it is open");
    assert!(port.waker.lock().unwrap().is_none());
    assert!(poll(&mut answer).is_pending());
    assert!(port.waker.lock().unwrap().is_some(), "somebody keeps the time");
    *port.turn.lock().unwrap() = Turn::Over;
    assert!(matches!(poll(&mut answer), Poll::Ready(Err(_))));
    assert!(dropped.load(Ordering::SeqCst));
    assert_eq!(port.outcomes(), [outcome::failed(ErrorKind::Timeout)]);
}

#[test]
fn a_call_that_is_given_up_ends_as_it_is_told() {
    let port = port(0, 0);
    let dropped = Arc::new(AtomicBool::new(false));
    let mut answer = port.start(|_, _| never(&dropped), outcome::of).expect("it is open");
    assert!(poll(&mut answer).is_pending());
    answer.give_up(outcome::failed(ErrorKind::Timeout));
    assert!(dropped.load(Ordering::SeqCst));
    assert_eq!(port.counts(), (1, 1));
    drop(answer);
    assert_eq!(port.outcomes(), [outcome::failed(ErrorKind::Timeout)]);
}
