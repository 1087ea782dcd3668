//! A port without anybody who supervises it: for what is never taken away.

use std::task::Waker;

use super::owner::{PortObject, PortOwner};
use super::service::AbiPort;
use super::state::AbiTurn;
use crate::{RawExtension, Result};

struct Direct;

// SAFETY: the fence is asked for where a target is taken away; nobody does that here, but with the last
// share of the port, when nobody is left who could call.
unsafe impl PortObject for Direct {
    fn fence(&self) {}

    fn admit(&self, _: u32, _: bool) -> Result<u64> {
        Ok(0)
    }

    fn leave(&self, _: u64, _: u32, _: u64) {}

    fn turn(&self, _: &mut u64, _: &Waker) -> AbiTurn {
        AbiTurn::Go
    }
}

impl AbiPort {
    /// A port that leads to `object` for as long as it lives.
    pub fn direct(object: RawExtension) -> Self {
        let port = PortOwner::new(Direct, object, 0, None);
        port.port()
    }
}
