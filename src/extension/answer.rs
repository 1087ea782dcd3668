//! What a method of an extension point returns: `Result<T>` at once, or [`Deferred`].

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use hotshoe_abi::__stable::{RResult, StableAbi};
use hotshoe_abi::AbiFuture;

use super::Crossing;
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
}

// SAFETY: `RResult` of what the signature of `T` stands for.
unsafe impl<T: Crossing> Answer for Result<T> {
    type Wire = RResult<T::Wire, Error>;

    fn signature() -> String {
        T::signature()
    }

    fn failed(error: Error) -> Self {
        Err(error)
    }

    #[inline]
    fn into_wire(self) -> Self::Wire {
        match self {
            Ok(value) => RResult::ROk(value.into_wire()),
            Err(error) => RResult::RErr(error),
        }
    }

    #[inline]
    fn from_wire(wire: Self::Wire) -> Self {
        match wire {
            RResult::ROk(value) => T::from_wire(value),
            RResult::RErr(error) => Err(error),
        }
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
pub struct Deferred<T: Crossing>(AbiFuture<'static, T::Wire>);

impl<T: Crossing + 'static> Deferred<T> {
    /// Answers with the result of `future`.
    pub fn new(future: impl Future<Output = Result<T>> + Send + 'static) -> Self {
        // What crosses from the start: one box, whoever awaits it.
        Self(AbiFuture::new(async move { Ok(future.await?.into_wire()) }))
    }
}

impl<T: Crossing> Future for Deferred<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        Pin::new(&mut self.0).poll(context).map(|wire| T::from_wire(wire?))
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

    fn into_wire(self) -> Self::Wire {
        self.0
    }

    fn from_wire(wire: Self::Wire) -> Self {
        Self(wire)
    }
}
