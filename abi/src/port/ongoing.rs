//! A call by the host of one of its own ports that borrows nothing, so that a future can be written by hand that
//! has the call and what it belongs to.

use std::marker::PhantomData;
use std::mem::transmute;
use std::task::{Context, Poll, ready};

use super::awaited::Awaited;
use super::owner::{PortObject, PortOwner, PortTarget};
use crate::{AbiFuture, AbiStarted, Result};

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

/// What came of a call as soon as it had begun.
#[must_use = "a call goes on only if it is polled"]
pub enum Outset<A, O> {
    /// It is over.
    Answered(Result<A>),
    /// It goes on, and the waker of who began it will be called.
    UnderWay(O),
}

impl<T: PortObject, R: PortTarget> PortOwner<T, R> {
    /// Begins a call, at once unless it has to wait for its turn. It has left when it has answered or is dropped.
    ///
    /// As for [`Ongoing::poll`], `outcome` tells how it ended.
    ///
    /// # Errors
    /// Whatever is in the way of the call.
    #[inline]
    pub fn begin<A, C>(
        &self,
        call: C,
        context: &mut Context<'_>,
        outcome: impl FnOnce(&Result<A>) -> u32,
    ) -> Result<Outset<A, Ongoing<R, A, C>>>
    where
        // Whatever it is, it can keep the target nowhere but in the future.
        C: for<'x> FnOnce(&'x R, &mut Context<'_>) -> AbiStarted<'x, A> + 'static,
    {
        // SAFETY: the targets of this port are `R`s.
        let entered = unsafe { self.raw().enter::<R>(false)? };
        if entered.is_queued() {
            let call = Some(Box::new(call));
            return Ok(Outset::UnderWay(Ongoing::new(call, None, entered.awaited())));
        }
        // SAFETY: the call leaves when it is over, or with what is under way.
        let answer = match unsafe { begun(entered.target(), call, context) } {
            AbiStarted::Done(value) => Ok(value),
            AbiStarted::Failed(error) => Err(error),
            AbiStarted::Pending(future) => {
                let mut ongoing = Ongoing::new(None, Some(future), entered.awaited());
                return Ok(match ongoing.awaited.poll_limit(context, &mut ongoing.future) {
                    Poll::Ready(answer) => Outset::Answered(answer),
                    Poll::Pending => Outset::UnderWay(ongoing),
                });
            }
        };
        entered.end(outcome(&answer));
        Ok(Outset::Answered(answer))
    }
}

/// What came of a call that is inside.
///
/// # Safety
/// What is pending is dropped before the call leaves.
#[inline]
unsafe fn begun<R, A, C>(target: &R, call: C, context: &mut Context<'_>) -> AbiStarted<'static, A>
where
    C: for<'x> FnOnce(&'x R, &mut Context<'_>) -> AbiStarted<'x, A>,
{
    let started = call(target, context);
    // SAFETY: what it borrows stays until the call has left, which is after the future is dropped.
    unsafe { transmute::<AbiStarted<'_, A>, AbiStarted<'static, A>>(started) }
}

impl<R, A, C> Ongoing<R, A, C> {
    #[inline]
    fn new(call: Option<Box<C>>, future: Option<AbiFuture<'static, A>>, awaited: Awaited) -> Self {
        Self { call, future, awaited, _target: PhantomData }
    }
}

impl<R, A: Send, C> Ongoing<R, A, C>
where
    C: for<'x> FnOnce(&'x R, &mut Context<'_>) -> AbiStarted<'x, A>,
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
            // SAFETY: the targets of its port are `R`s; the future is dropped before the call leaves.
            let started = unsafe { begun(self.awaited.target::<R>(), *call, context) };
            self.future = Some(started.into_future());
        }
        Poll::Ready(Ok(()))
    }
}
