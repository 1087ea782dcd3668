//! What a method of an extension point returns: `Result<T>` at once, or [`Deferred`].

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use hotshoe_abi::__stable::StableAbi;
use hotshoe_abi::{AbiFuture, AbiPort, AbiResult, Awaited, Begun, Inside, Queued, outcome};

use super::Crossing;
use super::handle::{Later, Method};
use crate::contract::{Error, Result};

/// The return type of a method: always able to carry an error, because the other side may panic.
///
/// # Safety
/// As for [`Crossing`]: the same signature, the same wire type.
#[diagnostic::on_unimplemented(
    message = "a method of an extension point cannot return `{Self}`",
    note = "return `hotshoe::Result<T>`, or `hotshoe::Deferred<T>` for an asynchronous method"
)]
pub unsafe trait Answer: Sized {
    /// What crosses.
    type Wire: StableAbi;

    /// The type in a signature.
    fn signature() -> String;

    /// The answer of a call that failed before it could answer.
    fn failed(error: Error) -> Self;

    /// To what crosses.
    fn into_wire(self) -> Self::Wire;

    /// From what crossed.
    fn from_wire(wire: Self::Wire) -> Self;

    /// A call that has begun.
    #[doc(hidden)]
    type Begun<'p>;

    /// Begins a call through a port.
    ///
    /// # Errors
    /// Whatever is in the way of the call.
    #[doc(hidden)]
    fn begin(port: &AbiPort) -> Result<Self::Begun<'_>>;

    /// The answer to a call that has begun.
    #[doc(hidden)]
    fn to(begun: Self::Begun<'_>, method: impl Method<Self::Wire>) -> Self;
}

// SAFETY: `AbiResult` of what the signature of `T` stands for.
unsafe impl<T: Crossing> Answer for Result<T> {
    type Wire = AbiResult<T::Wire>;

    fn signature() -> String {
        T::signature()
    }

    fn failed(error: Error) -> Self {
        Err(error)
    }

    #[inline]
    fn into_wire(self) -> Self::Wire {
        match self {
            Ok(value) => AbiResult::Done(value.into_wire()),
            Err(error) => AbiResult::Failed(error),
        }
    }

    #[inline]
    fn from_wire(wire: Self::Wire) -> Self {
        match wire {
            AbiResult::Done(value) => T::from_wire(value),
            AbiResult::Failed(error) => Err(error),
        }
    }

    type Begun<'p> = Inside<'p>;

    #[inline]
    fn begin(port: &AbiPort) -> Result<Inside<'_>> {
        port.enter()
    }

    #[inline]
    fn to(inside: Inside<'_>, method: impl Method<Self::Wire>) -> Self {
        let ended = |wire: &Self::Wire| match wire {
            AbiResult::Done(_) => outcome::DONE,
            AbiResult::Failed(error) => outcome::failed(error.kind()),
        };
        Self::from_wire(inside.call(|object| method.now(object), ended))
    }
}

/// The answer of an asynchronous method, as a future that owns what it needs.
///
/// # Cancellation
/// Dropping it drops the provider's future.
///
/// # Panics
/// A panic of the provider's future is its error.
#[must_use = "a future does nothing until it is awaited"]
pub struct Deferred<T: Crossing + 'static> {
    /// Until it is done. Dropped before `awaited`, with which the call leaves.
    future: Option<AbiFuture<'static, T::Wire>>,
    /// The call that it answers, if it came through a port.
    awaited: Option<Awaited>,
}

/// By which a call tells how it ended; none of these does but by whether it is an error.
type Outcome<T> = fn(&Result<<T as Crossing>::Wire>) -> u32;

impl<T: Crossing + 'static> Deferred<T> {
    /// Answers with the result of `future`.
    pub fn new(future: impl Future<Output = Result<T>> + Send + 'static) -> Self {
        // What crosses from the start: one box, whoever awaits it.
        let future = AbiFuture::new(async move { Ok(future.await?.into_wire()) });
        Self { future: Some(future), awaited: None }
    }
}

impl<T: Crossing + 'static> Future for Deferred<T> {
    type Output = Result<T>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        self.poll_wire(context).map(|wire| T::from_wire(wire?))
    }
}

// SAFETY: `AbiFuture` of what the signature of `T` stands for; no `T` has a signature with `async`.
unsafe impl<T: Crossing + 'static> Answer for Deferred<T> {
    type Wire = AbiFuture<'static, T::Wire>;

    fn signature() -> String {
        format!("async {}", T::signature())
    }

    fn failed(error: Error) -> Self {
        Self::new(async move { Err(error) })
    }

    #[inline]
    fn into_wire(self) -> Self::Wire {
        match self {
            Self { future: Some(future), awaited: None } => future,
            passed => passed.passed_on(),
        }
    }

    #[inline]
    fn from_wire(wire: Self::Wire) -> Self {
        Self { future: Some(wire), awaited: None }
    }

    type Begun<'p> = Begun<'p>;

    #[inline]
    fn begin(port: &AbiPort) -> Result<Begun<'_>> {
        port.begin()
    }

    #[inline]
    fn to(begun: Begun<'_>, method: impl Method<Self::Wire>) -> Self {
        match begun.inside() {
            Ok(inside) => {
                let (future, awaited) = inside.call_awaited(|object| method.now(object));
                Self { future: Some(future), awaited: Some(awaited) }
            }
            Err(queued) => Self::in_turn(queued, method.later()),
        }
    }
}

impl<T: Crossing + 'static> Deferred<T> {
    #[inline]
    fn poll_wire(&mut self, context: &mut Context<'_>) -> Poll<Result<T::Wire>> {
        match (&mut self.awaited, &mut self.future) {
            (Some(awaited), future) => awaited.poll(context, future, &mut None::<Outcome<T>>),
            (None, Some(future)) => Pin::new(future).poll(context),
            (None, None) => unreachable!("without a port the future stays"),
        }
    }

    /// Somebody else's call goes on with this.
    #[cold]
    fn passed_on(mut self) -> AbiFuture<'static, T::Wire> {
        AbiFuture::new(poll_fn(move |context| self.poll_wire(context)))
    }

    /// Of a call that begins when it has its turn.
    #[cold]
    #[inline(never)]
    fn in_turn(mut queued: Queued, call: Later<AbiFuture<'static, T::Wire>>) -> Self {
        let future = AbiFuture::new(async move {
            poll_fn(|context| queued.poll_turn(context)).await?;
            let (future, mut awaited) = queued.call(call);
            // Dropped before `awaited`, with which the call leaves.
            let mut future = Some(future);
            poll_fn(|context| awaited.poll(context, &mut future, &mut None::<Outcome<T>>)).await
        });
        Self { future: Some(future), awaited: None }
    }
}
