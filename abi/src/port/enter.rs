//! One call, from its beginning to its end.

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::sync::atomic::compiler_fence;
use std::time::Instant;

use super::awaited::Awaited;
use super::state::{QUEUED, RawPort, TIMED, outcome};
use super::sync::Ordering;
use super::tally::{self, Tally};
use crate::{Error, ErrorKind, Result};

/// One of so many calls of a thread is timed. A power of two.
pub const SAMPLE: u64 = 64;

/// A call that has begun. Dropping it without [`end`](Self::end) is giving it up.
pub(super) struct Entered<'a, R> {
    port: &'a RawPort,
    tally: &'a Tally,
    ticket: u64,
    started: Option<Instant>,
    _target: PhantomData<&'a R>,
}

impl RawPort {
    /// Calls what is behind the port.
    ///
    /// # Safety
    /// Its targets are `R`s.
    #[inline]
    pub(super) unsafe fn call<R, T>(
        &self,
        call: impl FnOnce(&R) -> T,
        outcome: impl FnOnce(&T) -> u32,
    ) -> Result<T> {
        // SAFETY: as here.
        let entered = unsafe { self.enter::<R>(true)? };
        let answer = call(entered.target());
        entered.end(outcome(&answer));
        Ok(answer)
    }

    /// Begins a call; whether it may block to get in.
    ///
    /// # Safety
    /// The targets of the port are `R`s.
    // Wherever a program has several calls, they would share one function instead, and hand what it returns over
    // in memory: half as many instructions again for the shortest call.
    #[inline(always)]
    pub(super) unsafe fn enter<R>(&self, may_block: bool) -> Result<Entered<'_, R>> {
        let state = self.state();
        let Some(tally) = tally::of_this_thread(state, self.data(), self.vtable) else {
            return Err(ending());
        };
        let (timed, switch) = state.enter(tally, || compiler_fence(Ordering::SeqCst));
        let (ticket, timed) = match switch {
            0 => (0, timed),
            _ => {
                let ticket = self.admit(tally, may_block)?;
                (ticket, timed || ticket & TIMED != 0)
            }
        };
        let started = timed.then(Instant::now);
        Ok(Entered { port: self, tally, ticket, started, _target: PhantomData })
    }

    #[cold]
    #[inline(never)]
    fn admit(&self, tally: &Tally, may_block: bool) -> Result<u64> {
        // SAFETY: the function belongs to the port.
        let answer = unsafe { (self.vtable.admit())(self.data(), may_block) };
        answer.into_result().inspect_err(|_| tally.leave())
    }

    /// Tells the host of the end of a call.
    #[cold]
    #[inline(never)]
    pub(super) fn report(&self, ticket: u64, outcome: u32, started: Option<Instant>) {
        let nanos = started.map_or(u64::MAX, |at| at.elapsed().as_nanos() as u64);
        // SAFETY: the function belongs to the port.
        unsafe { (self.vtable.leave())(self.data(), ticket, outcome, nanos) };
    }
}

impl<'a, R> Entered<'a, R> {
    /// Whether the call waits for its turn before it may go on.
    #[inline]
    pub(super) fn is_queued(&self) -> bool {
        self.ticket & QUEUED != 0
    }

    /// What is called: there until this call has left.
    #[inline]
    pub(super) fn target(&self) -> &R {
        let target = self.port.state().target_of(self.ticket);
        // SAFETY: not null, since the switch is set as long as there is no target; it is an `R`, as
        // whoever entered has promised; it stays until this call has left.
        unsafe { &*target.cast::<R>() }
    }

    #[inline]
    pub(super) fn end(self, outcome: u32) {
        let this = ManuallyDrop::new(self);
        if outcome != outcome::DONE || this.ticket != 0 || this.started.is_some() {
            this.port.report(this.ticket, outcome, this.started);
        }
        // The last that is touched: whoever waits for it may free the port.
        this.tally.leave();
    }

    /// The call goes on until its future has.
    #[inline]
    pub(super) fn awaited(self) -> Awaited {
        let this = ManuallyDrop::new(self);
        Awaited::new(this.port, this.ticket, this.started)
    }
}

impl<R> Drop for Entered<'_, R> {
    fn drop(&mut self) {
        self.port.report(self.ticket, outcome::DROPPED, self.started);
        self.tally.leave();
    }
}

#[cold]
fn ending() -> Error {
    Error::new(ErrorKind::Unavailable, "a call of a plugin was not expected on a thread that ends")
        .with_help("call it before the thread's locals are destroyed")
}
