//! The port of a service: what is behind it is always a [`RawExtension`].

use std::task::{Context, Poll};

use abi_stable::StableAbi;

use super::awaited::Awaited;
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
        // SAFETY: the port of a service leads to such an object.
        unsafe { self.raw.call(call, outcome) }
    }

    /// Begins a call for an answer that has to be awaited.
    ///
    /// # Errors
    /// Whatever is in the way of the call.
    #[inline]
    pub fn begin(&self) -> Result<Begun> {
        // SAFETY: as above.
        Ok(Begun(unsafe { self.raw.enter::<RawExtension>(false)? }.awaited()))
    }
}

/// A call of a service that has begun and has called nothing yet. Dropping it is giving it up.
#[derive(Debug)]
#[must_use = "a call that is dropped is given up"]
pub struct Begun(Awaited);

impl Begun {
    /// Whether the call waits for its turn before it may go on.
    #[inline]
    pub fn is_queued(&self) -> bool {
        self.0.is_queued()
    }

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
    #[inline]
    pub fn call<T>(self, call: impl FnOnce(&RawExtension) -> T) -> (T, Awaited) {
        // SAFETY: the port of a service leads to such an object.
        let answer = call(unsafe { self.0.target() });
        (answer, self.0)
    }
}

impl std::fmt::Debug for AbiPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} of {}", self.raw, self.info.name().as_str())
    }
}
