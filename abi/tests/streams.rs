//! A body may be looked at from several threads.

use std::cell::Cell;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::thread::ThreadId;

use bytes::Bytes;
use hotshoe_abi::{Body, BodyStream, Result};

/// A stream that may move between threads, and must not be shared by them.
struct Countdown {
    left: u64,
    asked: Cell<u64>,
    home: ThreadId,
}

/// How often one was asked by a thread that had it only shared.
static ABROAD: AtomicUsize = AtomicUsize::new(0);

impl Countdown {
    fn new(left: u64) -> Self {
        Self { left, asked: Cell::new(0), home: std::thread::current().id() }
    }
}

impl BodyStream for Countdown {
    fn poll_chunk(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        Poll::Ready(Some(Ok(Bytes::from_static(b"."))))
    }

    fn len(&self) -> Option<u64> {
        self.asked.set(self.asked.get() + 1);
        if std::thread::current().id() != self.home {
            ABROAD.fetch_add(1, Ordering::Relaxed);
        }
        Some(self.left)
    }
}

#[test]
fn the_length_of_a_stream_that_is_not_sync_can_be_read_by_two_threads() {
    let body = Body::stream(Countdown::new(3));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| assert_eq!(body.len(), Some(3)));
        }
    });
    assert_eq!(ABROAD.load(Ordering::Relaxed), 0, "it was asked by threads that only share it");
}

#[test]
fn the_length_of_a_stream_follows_what_was_taken_from_it() {
    let mut body = Body::stream(Countdown::new(2));
    let mut context = Context::from_waker(std::task::Waker::noop());
    assert_eq!(body.len(), Some(2));
    assert!(body.poll_chunk(&mut context).is_ready());
    assert_eq!(body.len(), Some(1));
}
