//! Where the answer of a call is put, and who is told.
//!
//! Putting and telling are two steps: in between, the lane takes note that its thread is free, so that
//! whoever hears of the answer finds it so. Wakers and outputs are somebody else's: they are cloned,
//! woken and dropped outside of the lock.

use std::task::{Poll, Waker};

use hotshoe_abi::guard::contain;
use parking_lot::Mutex;

use crate::contract::{Error, Result};

/// A [`Slot`] of whatever type.
pub(super) trait Answer: Send + Sync {
    /// Puts an error there, unless there is something.
    fn fail(&self, error: Error);
    /// Tells whoever waits.
    fn announce(&self);
    /// Drops what nobody will be told of.
    fn discard(&self);
}

pub(super) struct Slot<T>(Mutex<Inner<T>>);

struct Inner<T> {
    output: Option<Result<T>>,
    announced: bool,
    waker: Option<Waker>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self(Mutex::new(Inner { output: None, announced: false, waker: None }))
    }
}

impl<T> Slot<T> {
    /// Puts an answer there. The first one counts.
    pub(super) fn put(&self, output: Result<T>) {
        let mut inner = self.0.lock();
        if inner.output.is_none() && !inner.announced {
            inner.output = Some(output);
        } else {
            drop(inner);
            drop(output);
        }
    }

    pub(super) fn poll(&self, waker: &Waker) -> Poll<Result<T>> {
        let waker = waker.clone();
        let mut inner = self.0.lock();
        if inner.announced {
            let output = inner.output.take();
            drop(inner);
            return Poll::Ready(output.expect("a call is not awaited again after its answer"));
        }
        let replaced = inner.waker.replace(waker);
        drop(inner);
        drop(replaced);
        Poll::Pending
    }

    /// Whoever waited does so no more.
    pub(super) fn forget_waker(&self) {
        let waker = self.0.lock().waker.take();
        drop(waker);
    }
}

impl<T: Send> Answer for Slot<T> {
    fn fail(&self, error: Error) {
        self.put(Err(error));
    }

    fn announce(&self) {
        let mut inner = self.0.lock();
        inner.announced = true;
        let waker = inner.waker.take();
        drop(inner);
        contain(|| waker.into_iter().for_each(Waker::wake));
    }

    fn discard(&self) {
        let mut inner = self.0.lock();
        let output = if inner.announced { None } else { inner.output.take() };
        drop(inner);
        contain(|| drop(output));
    }
}
