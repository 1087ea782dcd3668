//! The port of a service: what is behind it is always a [`RawExtension`].

use std::task::{Context, Poll};

use abi_stable::StableAbi;

use super::awaited::Awaited;
use super::enter::Entered;
use super::state::RawPort;
use super::sync::Ordering;
use crate::{ExtensionInfoRef, RawExtension, Result};

/// Where calls of one service go in. Cloning shares it.
#[repr(C)]
#[derive(StableAbi, Clone)]
pub struct AbiPort {
    raw: RawPort,
    /// What is called, in words; every object that is ever mounted has it.
    info: ExtensionInfoRef,
}

impl AbiPort {
    /// Only for a port whose targets are `RawExtension`s with this description.
    pub(super) fn new(raw: RawPort, info: ExtensionInfoRef) -> Self {
        Self { raw, info }
    }

    /// The description of what is called.
    pub fn info(&self) -> ExtensionInfoRef {
        self.info
    }

    /// Whether both lead to the same.
    pub fn is_same(&self, other: &Self) -> bool {
        std::ptr::eq(self.raw.state, other.raw.state)
    }

    /// What is in the way of calls, at a glance ([`switch`](super::switch)).
    #[inline]
    pub fn switch(&self) -> u32 {
        self.raw.state().switch.load(Ordering::Relaxed)
    }

    /// Calls the object behind the port. `outcome` tells from the answer how the call ended
    /// ([`outcome`](super::outcome)).
    ///
    /// # Errors
    /// Whatever is in the way of the call.
    #[inline]
    pub fn call<T>(
        &self,
        call: impl FnOnce(&RawExtension) -> T,
        outcome: impl FnOnce(&T) -> u32,
    ) -> Result<T> {
        Ok(self.enter()?.call(call, outcome))
    }

    /// Begins a call; it may block to get in.
    ///
    /// # Errors
    /// Whatever is in the way of the call.
    // As `RawPort::enter` is.
    #[inline(always)]
    pub fn enter(&self) -> Result<Inside<'_>> {
        // SAFETY: the port of a service leads to such objects.
        unsafe { self.raw.enter(true) }.map(Inside)
    }

    /// Begins a call that does not block: it may have to wait for its turn.
    ///
    /// # Errors
    /// Whatever is in the way of the call.
    // As `RawPort::enter` is.
    #[inline(always)]
    pub fn begin(&self) -> Result<Begun<'_>> {
        // SAFETY: as above.
        unsafe { self.raw.enter(false) }.map(Begun)
    }
}

/// A call of a service that has begun. Dropping it is giving it up.
#[must_use = "a call that is dropped is given up"]
pub struct Begun<'a>(Entered<'a, RawExtension>);

impl<'a> Begun<'a> {
    /// It goes on at once.
    ///
    /// # Errors
    /// It has to wait for its turn.
    #[inline]
    pub fn inside(self) -> Result<Inside<'a>, Queued> {
        if self.0.is_queued() { Err(Queued(self.0.awaited())) } else { Ok(Inside(self.0)) }
    }
}

/// A call of a service that has begun and has called nothing yet. Dropping it is giving it up.
#[must_use = "a call that is dropped is given up"]
pub struct Inside<'a>(Entered<'a, RawExtension>);

impl Inside<'_> {
    /// Calls the object behind the port. `outcome` tells from the answer how the call ended
    /// ([`outcome`](super::outcome)).
    #[inline]
    pub fn call<T>(
        self,
        call: impl FnOnce(&RawExtension) -> T,
        outcome: impl FnOnce(&T) -> u32,
    ) -> T {
        let answer = call(self.0.target());
        self.0.end(outcome(&answer));
        answer
    }

    /// Calls the object behind the port for an answer that has to be awaited; the call lasts as long as
    /// [`Awaited`] does.
    #[inline]
    pub fn call_awaited<T>(self, call: impl FnOnce(&RawExtension) -> T) -> (T, Awaited) {
        let answer = call(self.0.target());
        (answer, self.0.awaited())
    }
}

/// A call of a service that waits for its turn and has called nothing yet. Dropping it is giving it up.
#[derive(Debug)]
#[must_use = "a call that is dropped is given up"]
pub struct Queued(Awaited);

impl Queued {
    /// Waits for its turn, if it has to.
    ///
    /// # Errors
    /// The call is over.
    pub fn poll_turn(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.0.poll_turn(context)
    }

    /// Calls the object behind the port: the one that is there now. The call lasts as long as [`Awaited`]
    /// does.
    ///
    /// # Panics
    /// If it is not the call's turn, or the call is over.
    pub fn call<T>(self, call: impl FnOnce(&RawExtension) -> T) -> (T, Awaited) {
        // SAFETY: the port of a service leads to such objects.
        let answer = call(unsafe { self.0.target() });
        (answer, self.0)
    }
}

impl std::fmt::Debug for AbiPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} of {}", self.raw, self.info.name().as_str())
    }
}
