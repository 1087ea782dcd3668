//! A call by the host of one of its own ports that borrows nothing, so that a future can be written by hand that
//! has the call and what it belongs to.

use std::marker::PhantomData;
use std::mem::transmute;
use std::task::{Context, Poll, ready};

use super::awaited::Awaited;
use super::owner::{PortObject, PortOwner, PortTarget};
use crate::{AbiFuture, Result};

/// A call under way. It keeps its port, and what is called, where they are.
#[must_use = "a call goes on only if it is polled"]
pub struct Ongoing<R, A: 'static, C> {
    /// Not called yet: it waits for its turn. In a box, so that other calls keep no room for it.
    call: Option<Box<C>>,
    /// Dropped before `awaited`, with which the call leaves: it borrows what is called.
    future: Option<AbiFuture<'static, A>>,
    awaited: Awaited,
    _target: PhantomData<fn(&R)>,
}

impl<T: PortObject, R: PortTarget> PortOwner<T, R> {
    /// Begins a call, at once unless it has to wait for its turn. It has left when it has answered or is dropped.
    ///
    /// # Errors
    /// Whatever is in the way of the call.
    #[inline]
    pub fn begin<A, C>(&self, call: C) -> Result<Ongoing<R, A, C>>
    where
        // Whatever it is, it can keep the target nowhere but in the future.
        C: for<'x> FnOnce(&'x R) -> AbiFuture<'x, A> + 'static,
    {
        // SAFETY: the targets of this port are `R`s.
        let awaited = unsafe { self.raw().enter::<R>(false)? }.awaited();
        let mut ongoing =
            Ongoing { call: None, future: None, awaited, _target: PhantomData::<fn(&R)> };
        if ongoing.awaited.is_queued() {
            ongoing.call = Some(Box::new(call));
        } else {
            // SAFETY: it entered a port of `R`s.
            ongoing.future = Some(unsafe { begun(&ongoing.awaited, call) });
        }
        Ok(ongoing)
    }
}

/// What a call that is inside answers with.
///
/// # Safety
/// The targets of its port are `R`s, and the future is dropped before the call leaves.
#[inline]
unsafe fn begun<R, A, C>(inside: &Awaited, call: C) -> AbiFuture<'static, A>
where
    C: for<'x> FnOnce(&'x R) -> AbiFuture<'x, A>,
{
    // SAFETY: by contract.
    let future = call(unsafe { inside.target::<R>() });
    // SAFETY: what it borrows stays until the call has left, which is after the future is dropped.
    unsafe { transmute::<AbiFuture<'_, A>, AbiFuture<'static, A>>(future) }
}

impl<R, A, C> Ongoing<R, A, C>
where
    C: for<'x> FnOnce(&'x R) -> AbiFuture<'x, A>,
{
    /// Polls it. Once there is an answer, `outcome` tells how the call ended ([`outcome`](super::outcome)).
    ///
    /// # Errors
    /// What it answers, and whatever ends it.
    #[inline]
    pub fn poll(
        &mut self,
        context: &mut Context<'_>,
        outcome: impl FnOnce(&Result<A>) -> u32,
    ) -> Poll<Result<A>> {
        if self.call.is_some() {
            ready!(self.poll_turn(context))?;
        }
        self.awaited.poll(context, &mut self.future, &mut Some(outcome))
    }

    #[cold]
    #[inline(never)]
    fn poll_turn(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        ready!(self.awaited.poll_turn(context)).inspect_err(|_| self.call = None)?;
        if let Some(call) = self.call.take() {
            // SAFETY: it entered a port of `R`s.
            self.future = Some(unsafe { begun(&self.awaited, *call) });
        }
        Poll::Ready(Ok(()))
    }
}
