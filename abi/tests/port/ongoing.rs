//! Calls that borrow nothing, of which mostly nothing is left when they have begun.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use hotshoe_abi::{
    AbiFuture, AbiStarted, Error, ErrorKind, Ongoing, Outset, PortOwner, QUEUED, Result, outcome,
};

use crate::fake::*;

/// Begins a call that answers what `answer` makes of the target.
fn begin<A>(port: &Port, answer: A) -> Outset<u32, Ongoing<Arc<u32>, u32, impl Call + use<A>>>
where
    A: FnOnce(u32) -> AbiFuture<'static, u32> + 'static,
{
    let mut context = Context::from_waker(Waker::noop());
    let begun = port.begin(
        move |target, context| answer(**target).start(context),
        &mut context,
        outcome::of,
    );
    begun.expect("it is open")
}

trait Call: for<'x> FnOnce(&'x Arc<u32>, &mut Context<'_>) -> AbiStarted<'x, u32> {}

impl<T: for<'x> FnOnce(&'x Arc<u32>, &mut Context<'_>) -> AbiStarted<'x, u32>> Call for T {}

fn under_way<A, O>(outset: Outset<A, O>) -> O {
    match outset {
        Outset::UnderWay(ongoing) => ongoing,
        Outset::Answered(_) => panic!("it was answered"),
    }
}

fn poll_once<C: Call>(ongoing: &mut Ongoing<Arc<u32>, u32, C>) -> Poll<Result<u32>> {
    ongoing.poll(&mut Context::from_waker(Waker::noop()), outcome::of)
}

#[test]
fn a_call_that_is_answered_at_once_has_left() {
    let port = port(0, 0);
    let answered = begin(&port, |target| AbiFuture::ready(Ok(target + 1)));
    assert!(matches!(answered, Outset::Answered(Ok(8))));
    assert_eq!((port.counts(), port.outcomes()), ((1, 1), vec![]));
    let fails = begin(&port, |_| AbiFuture::ready(Err(Error::new(ErrorKind::NotFound, "no"))));
    assert!(matches!(fails, Outset::Answered(Err(_))));
    assert_eq!(port.counts(), (2, 2));
    assert_eq!(port.outcomes(), [outcome::failed(ErrorKind::NotFound)]);
}

#[test]
fn a_call_that_panics_before_there_is_a_future_has_left() {
    let port = port(0, 0);
    let called = || drop(begin(&port, |_| panic!("on purpose")));
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(called)).is_err());
    assert_eq!(port.counts(), (1, 1));
    assert_eq!(port.outcomes(), [outcome::DROPPED]);
}

#[test]
fn a_call_under_way_goes_on_and_is_given_up_on_other_threads() {
    let port = port(0, 0);
    let dropped = Arc::new(AtomicBool::new(false));
    let noted = dropped.clone();
    let mut ongoing = under_way(begin(&port, move |_| never(&noted)));
    assert_eq!(port.counts(), (1, 0));
    thread::scope(|scope| {
        let goes_on = || {
            assert!(poll_once(&mut ongoing).is_pending());
            assert!(!dropped.load(Ordering::SeqCst));
        };
        scope.spawn(goes_on).join().expect("it is pending");
    });
    thread::scope(|scope| scope.spawn(move || drop(ongoing)).join()).expect("it is dropped");
    assert!(dropped.load(Ordering::SeqCst));
    assert_eq!(port.counts(), (1, 1));
    assert_eq!(port.outcomes(), [outcome::DROPPED]);
}

#[test]
fn a_call_that_has_to_wait_begins_when_it_is_its_turn() {
    let port = port(ASK, 2 | QUEUED);
    *port.turn.lock().unwrap() = Turn::Wait;
    let begun = Arc::new(AtomicBool::new(false));
    let noted = begun.clone();
    let mut ongoing = under_way(begin(&port, move |target| {
        noted.store(true, Ordering::SeqCst);
        answer(target)
    }));
    assert!(poll_once(&mut ongoing).is_pending());
    assert!(!begun.load(Ordering::SeqCst));
    *port.turn.lock().unwrap() = Turn::Go;
    assert!(matches!(poll_once(&mut ongoing), Poll::Ready(Ok(7))));
    assert!(begun.load(Ordering::SeqCst));
    assert_eq!(port.counts(), (1, 1));
    // Polled again it says so, and dropped it does not leave twice.
    assert!(matches!(poll_once(&mut ongoing), Poll::Ready(Err(_))));
    drop(ongoing);
    assert_eq!(port.counts(), (1, 1));
}

#[test]
fn what_a_call_that_has_to_wait_was_given_goes_when_that_is_dropped_or_over() {
    for turn in [Turn::Wait, Turn::Over] {
        let port = port(ASK, 2 | QUEUED);
        *port.turn.lock().unwrap() = turn;
        let held = Arc::new(());
        let given = held.clone();
        let mut ongoing = under_way(begin(&port, move |_| unreachable!("with {given:?}")));
        let expected = match poll_once(&mut ongoing) {
            Poll::Pending => outcome::DROPPED,
            Poll::Ready(answer) => {
                assert_eq!(Arc::strong_count(&held), 1, "not only with what is left of the call");
                outcome::of(&answer)
            }
        };
        drop(ongoing);
        assert_eq!(Arc::strong_count(&held), 1);
        assert_eq!((port.counts(), port.outcomes()), ((1, 1), vec![expected]));
    }
}

#[test]
fn somebody_keeps_the_time_of_a_call_that_is_not_answered_at_once() {
    let limit = Some(Duration::from_secs(3600));
    let port = PortOwner::new(Fake::new(0), Arc::new(7_u32), 0, limit);
    assert!(matches!(begin(&port, answer), Outset::Answered(Ok(7))));
    assert!(port.waker.lock().unwrap().is_none());
    let dropped = Arc::new(AtomicBool::new(false));
    let never = || {
        let noted = dropped.clone();
        begin(&port, move |_| never(&noted))
    };
    drop(under_way(never()));
    assert!(port.waker.lock().unwrap().is_some(), "somebody keeps the time");
    *port.turn.lock().unwrap() = Turn::Over;
    assert!(matches!(never(), Outset::Answered(Err(error)) if error.is_timeout()));
    assert!(dropped.load(Ordering::SeqCst));
    assert_eq!(port.counts(), (3, 3));
    assert_eq!(port.outcomes(), [outcome::DROPPED, outcome::failed(ErrorKind::Timeout)]);
}
