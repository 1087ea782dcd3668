//! Calls that the host begins and that borrow nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use hotshoe_abi::{AbiFuture, ErrorKind, Ongoing, QUEUED, Result, outcome};

use crate::fake::{ASK, Turn, answer, never, port};

fn poll<C>(call: &mut Ongoing<Arc<u32>, u32, C>) -> Poll<Result<u32>>
where
    C: for<'x> FnOnce(&'x Arc<u32>) -> AbiFuture<'x, u32>,
{
    call.poll(&mut Context::from_waker(Waker::noop()), outcome::of)
}

/// Sets what it was given when it goes.
struct Tells(Arc<AtomicBool>);

impl Drop for Tells {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn one_begins_at_once_and_leaves_when_it_has_answered() {
    let port = port(0, 0);
    let mut call = port.begin(|target: &Arc<u32>| answer(**target)).expect("it is open");
    assert_eq!(port.counts(), (1, 0));
    assert!(matches!(poll(&mut call), Poll::Ready(Ok(7))));
    assert_eq!(port.counts(), (1, 1));
    assert!(
        matches!(poll(&mut call), Poll::Ready(Err(error)) if error.kind() == ErrorKind::IllegalState)
    );
    drop(call);
    assert_eq!(port.counts(), (1, 1), "it does not leave twice");
}

#[test]
fn one_that_is_dropped_half_way_has_left_once_its_future_has_gone() {
    let port = port(0, 0);
    let dropped = Arc::new(AtomicBool::new(false));
    let told = dropped.clone();
    let mut call = port.begin(move |_: &Arc<u32>| never(&told)).expect("it is open");
    assert!(poll(&mut call).is_pending());
    assert_eq!(port.counts(), (1, 0), "it is inside");
    drop(call);
    assert!(dropped.load(Ordering::SeqCst));
    assert_eq!((port.counts(), port.outcomes()), ((1, 1), vec![outcome::DROPPED]));
}

#[test]
fn one_in_line_begins_when_it_is_its_turn() {
    let port = port(ASK, 2 | QUEUED);
    *port.turn.lock().unwrap() = Turn::Wait;
    let mut call = port.begin(|target: &Arc<u32>| answer(**target)).expect("it is open");
    assert!(poll(&mut call).is_pending());
    assert!(port.waker.lock().unwrap().is_some(), "somebody is to be woken");
    *port.turn.lock().unwrap() = Turn::Go;
    assert!(matches!(poll(&mut call), Poll::Ready(Ok(7))));
    assert_eq!((port.counts(), port.outcomes()), ((1, 1), vec![outcome::DONE]));
}

#[test]
fn what_one_in_line_was_given_goes_when_it_is_dropped_or_over() {
    for turn in [Turn::Wait, Turn::Over] {
        let port = port(ASK, 2 | QUEUED);
        *port.turn.lock().unwrap() = turn;
        let (begun, gone) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (begins, tells) = (begun.clone(), Tells(gone.clone()));
        let call = port.begin(move |_: &Arc<u32>| {
            begins.store(true, Ordering::SeqCst);
            drop(tells);
            answer(0)
        });
        let mut call = call.expect("it is open");
        let expected = match poll(&mut call) {
            Poll::Pending => outcome::DROPPED,
            Poll::Ready(answer) => {
                assert!(gone.load(Ordering::SeqCst), "not only with what is left of the call");
                outcome::of(&answer)
            }
        };
        drop(call);
        assert!(gone.load(Ordering::SeqCst) && !begun.load(Ordering::SeqCst));
        assert_eq!((port.counts(), port.outcomes()), ((1, 1), vec![expected]));
    }
}
