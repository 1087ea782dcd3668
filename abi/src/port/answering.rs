//! A call by the host of one of its own ports, as a future.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::awaited::Awaited;
use super::owner::{PortObject, PortOwner, PortTarget};
use crate::{AbiFuture, Result};

/// Says that the lifetime `'x` of one call is within `'p`, so that arguments may be borrowed for that
/// long: a bound that `for<'x>` has no words for.
#[derive(Clone, Copy)]
pub struct Within<'x, 'p>(PhantomData<&'x &'p ()>);

/// A call under way.
#[must_use = "a future does nothing until it is awaited"]
pub struct Answering<'p, T: PortObject, R: PortTarget, A: 'static, C, O> {
    port: &'p PortOwner<T, R>,
    /// Not called yet.
    call: Option<C>,
    /// Dropped before `awaited`, with which the call leaves.
    future: Option<AbiFuture<'p, A>>,
    awaited: Awaited,
    outcome: Option<O>,
}

impl<T: PortObject, R: PortTarget> PortOwner<T, R> {
    /// Begins a call; it has left when the future is done or dropped. `outcome` tells from the answer
    /// how it ended ([`outcome`](super::outcome)).
    ///
    /// # Errors
    /// Whatever is in the way of the call.
    pub fn start<'p, A: 'static, C, O>(
        &'p self,
        call: C,
        outcome: O,
    ) -> Result<Answering<'p, T, R, A, C, O>>
    where
        // Whatever it is, it can keep the target nowhere but in the future.
        C: for<'x> FnOnce(&'x R, Within<'x, 'p>) -> AbiFuture<'x, A>,
        O: FnOnce(&Result<A>) -> u32,
    {
        // SAFETY: the targets of this port are `R`s.
        let awaited = unsafe { self.raw().enter::<R>(false)? }.awaited();
        Ok(Answering {
            port: self,
            call: Some(call),
            future: None,
            awaited,
            outcome: Some(outcome),
        })
    }
}

impl<T: PortObject, R: PortTarget, A: 'static, C, O> Answering<'_, T, R, A, C, O> {
    /// Whether the call waits for its turn before it may begin.
    pub fn is_queued(&self) -> bool {
        self.awaited.is_queued()
    }

    /// Drops what is awaited. That is how the call ends, and there will be no answer.
    pub fn give_up(&mut self, outcome: u32) {
        self.call = None;
        self.future = None;
        self.awaited.end(outcome);
    }
}

// Nothing in it is pinned: a future that crosses is a box.
impl<T: PortObject, R: PortTarget, A: 'static, C, O> Unpin for Answering<'_, T, R, A, C, O> {}

impl<'p, T: PortObject, R: PortTarget, A: 'static, C, O> Future for Answering<'p, T, R, A, C, O>
where
    C: for<'x> FnOnce(&'x R, Within<'x, 'p>) -> AbiFuture<'x, A>,
    O: FnOnce(&Result<A>) -> u32,
{
    type Output = Result<A>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<A>> {
        let this = self.get_mut();
        if this.call.is_some() {
            let makes_a_detour = this.awaited.makes_a_detour();
            if makes_a_detour && this.awaited.is_queued() {
                ready!(this.awaited.poll_turn(context)).inspect_err(|_| this.call = None)?;
            }
            if let Some(call) = this.call.take() {
                let ticket = if makes_a_detour { this.awaited.ticket() } else { 0 };
                // SAFETY: the call is inside until `awaited` ends it, which drops the future first.
                let target = unsafe { this.port.target_of(ticket) };
                this.future = Some(call(target, Within(PhantomData)));
            }
        }
        this.awaited.poll(context, &mut this.future, &mut this.outcome)
    }
}
