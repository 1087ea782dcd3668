//! A call whose answer is awaited.

use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use super::state::{AbiTurn, QUEUED, RawPort, SECOND, outcome};
use super::sync::Ordering;
use super::tally;
use crate::waker::AbiWaker;
use crate::{Error, ErrorKind, Result};

/// A call that has begun and is awaited, on whichever threads. Dropping it is giving it up.
///
/// It has no share of its port: a port stays for as long as somebody is inside.
#[derive(Debug)]
pub struct Awaited {
    port: ManuallyDrop<RawPort>,
    ticket: u64,
    started: Option<Instant>,
    /// Its answer did not come at once: before each poll somebody is asked.
    asks: bool,
    over: bool,
}

impl Awaited {
    pub(super) fn new(port: &RawPort, ticket: u64, started: Option<Instant>) -> Self {
        let port = ManuallyDrop::new(RawPort { state: port.state, vtable: port.vtable });
        Self { port, ticket, started, asks: ticket & QUEUED != 0, over: false }
    }

    /// What is called, now: another may be there after the call has waited for its turn.
    ///
    /// # Safety
    /// The targets of the port are `R`s.
    ///
    /// # Panics
    /// If the call is not inside: it waits for its turn, or is over.
    pub(super) unsafe fn target<R>(&self) -> &R {
        let target = match self.over || self.makes_a_detour() {
            false => self.port.state().target.load(Ordering::Acquire),
            true => self.other_target(),
        };
        // SAFETY: not null while somebody is inside; it is an `R`, by contract.
        unsafe { &*target.cast::<R>() }
    }

    #[cold]
    #[inline(never)]
    fn other_target(&self) -> *mut () {
        assert!(!self.over && !self.is_queued(), "a call goes on when it has its turn");
        self.port.state().target_of(self.ticket)
    }

    /// Whether the call waits for its turn, or perhaps goes to the second target.
    #[inline]
    pub(super) fn makes_a_detour(&self) -> bool {
        self.ticket & (QUEUED | SECOND) != 0
    }

    #[inline]
    pub(super) fn ticket(&self) -> u64 {
        self.ticket
    }

    /// Whether the call waits for its turn before it may begin.
    pub fn is_queued(&self) -> bool {
        self.ticket & QUEUED != 0
    }

    /// Waits for its turn, if it has to.
    ///
    /// # Errors
    /// The call is over.
    pub fn poll_turn(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        if !self.asks {
            return Poll::Ready(Ok(()));
        }
        match self.turn(context) {
            AbiTurn::Go => Poll::Ready(Ok(())),
            AbiTurn::Wait => Poll::Pending,
            AbiTurn::Over(error) => {
                self.end(outcome::failed(error.kind()));
                Poll::Ready(Err(error))
            }
        }
    }

    /// Polls what is awaited, unless it has to wait for its turn or has run out of time. It is dropped
    /// as soon as the call is over, before whoever waits for that hears of it.
    ///
    /// Once there is an answer, `outcome` tells how the call ended ([`outcome::of`] without one).
    #[inline]
    pub fn poll<F, T, O>(
        &mut self,
        context: &mut Context<'_>,
        future: &mut Option<F>,
        outcome: &mut Option<O>,
    ) -> Poll<Result<T>>
    where
        F: Future<Output = Result<T>> + Unpin,
        O: FnOnce(&Result<T>) -> u32,
    {
        let Some(polled) = future else { return Poll::Ready(Err(finished())) };
        if self.asks {
            match self.turn(context) {
                AbiTurn::Go => {}
                AbiTurn::Wait => return Poll::Pending,
                AbiTurn::Over(error) => return Poll::Ready(self.give_up(future, error)),
            }
        }
        match Pin::new(polled).poll(context) {
            Poll::Ready(answer) => {
                *future = None;
                self.end(match outcome.take() {
                    Some(outcome) => outcome(&answer),
                    None => outcome::of(&answer),
                });
                Poll::Ready(answer)
            }
            Poll::Pending => self.poll_limit(context, future),
        }
    }

    /// What is awaited is pending: whether the call may take that long.
    pub(super) fn poll_limit<F, T>(
        &mut self,
        context: &mut Context<'_>,
        future: &mut Option<F>,
    ) -> Poll<Result<T>> {
        if !self.asks && self.port.state().limit.load(Ordering::Relaxed) != u64::MAX {
            self.asks = true;
            if let AbiTurn::Over(error) = self.turn(context) {
                return Poll::Ready(self.give_up(future, error));
            }
        }
        Poll::Pending
    }

    #[cold]
    #[inline(never)]
    fn turn(&mut self, context: &mut Context<'_>) -> AbiTurn {
        let waker = AbiWaker::lend(context.waker());
        // SAFETY: the function belongs to the port, which stays while this call is inside.
        unsafe { (self.port.vtable.turn())(self.port.data(), &mut self.ticket, &waker) }
    }

    #[cold]
    fn give_up<F, T>(&mut self, future: &mut Option<F>, error: Error) -> Result<T> {
        *future = None;
        self.end(outcome::failed(error.kind()));
        Err(error)
    }

    #[cold]
    #[inline(never)]
    fn given_up(&mut self) {
        self.end(outcome::DROPPED);
    }

    #[inline]
    pub(super) fn end(&mut self, outcome: u32) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        if outcome != outcome::DONE || self.ticket != 0 || self.started.is_some() {
            self.port.report(self.ticket, outcome, self.started);
        }
        match tally::of_this_thread(self.port.state(), self.port.data(), self.port.vtable) {
            // The last that is touched: whoever waits for it may free the port.
            Some(tally) => tally.leave(),
            // SAFETY: the function belongs to the port, which stays while this call is inside.
            None => unsafe { (self.port.vtable.stray())(self.port.data()) },
        }
    }
}

impl Drop for Awaited {
    #[inline]
    fn drop(&mut self) {
        if !self.over {
            self.given_up();
        }
    }
}

#[cold]
fn finished() -> Error {
    Error::new(ErrorKind::IllegalState, "a finished call was polled again")
}
