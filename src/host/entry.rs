//! The generic entry of an instance that runs.

use std::sync::Arc;

use hotshoe_abi::__stable::RString;
use hotshoe_abi::{AbiFuture, AbiPlugin};

use super::slot::Slot;
use crate::contract::Call;
use crate::replay::Recorder;
use crate::supervise::Port;

/// Where `execute` goes in.
pub(super) struct Entry {
    pub(super) port: Port<Arc<AbiPlugin>>,
    /// Takes down its calls, while they are recorded.
    pub(super) recorder: Option<Arc<Recorder>>,
}

impl Slot {
    /// None if it does not run.
    pub(super) fn entry(&self) -> Option<Entry> {
        let running = self.running.as_ref()?;
        Some(Entry { port: running.execute.clone(), recorder: running.recorder.clone() })
    }
}

/// What is called of a plugin behind such an entry.
pub(super) fn execute<'x>(
    plugin: &'x AbiPlugin,
    recorder: Option<&Arc<Recorder>>,
    call: &'x Call,
    input: &str,
) -> AbiFuture<'x, RString> {
    let output = plugin.execute(call, input);
    match recorder {
        None => output,
        Some(recorder) => recorder.execute(call, input, output),
    }
}
