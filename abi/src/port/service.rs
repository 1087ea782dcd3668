//! The port of a service: what is behind it is always a [`RawExtension`].

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

    /// Calls the object behind the port for an answer that has to be awaited; the call lasts as long as
    /// [`Awaited`] does.
    ///
    /// # Errors
    /// Whatever is in the way of the call.
    #[inline]
    pub fn call_awaited<T>(&self, call: impl FnOnce(&RawExtension) -> T) -> Result<(T, Awaited)> {
        // SAFETY: as above.
        let entered = unsafe { self.raw.enter(false)? };
        let answer = call(entered.target());
        Ok((answer, entered.awaited()))
    }
}

impl std::fmt::Debug for AbiPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} of {}", self.raw, self.info.name().as_str())
    }
}
