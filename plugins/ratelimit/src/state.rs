//! The state that a successor takes over: JSON, so that it may be another version.
//!
//! Clocks differ between the two, so it holds durations, and the time of day at which they were
//! right.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hotshoe::{ErrorKind, Result, ResultExt};
use serde::{Deserialize, Serialize};

use crate::limiter::Limiter;

#[derive(Serialize, Deserialize)]
struct State {
    /// Milliseconds since 1970.
    saved_at: u64,
    /// Each client with the nanoseconds until its bucket is full.
    clients: Vec<(String, u64)>,
}

pub(crate) fn save(limiter: &Limiter, now: u64) -> Result<Bytes> {
    let state = State { saved_at: time_of_day(), clients: limiter.debts(now) };
    Ok(serde_json::to_vec(&state).describe("the state is not JSON")?.into())
}

pub(crate) fn restore(limiter: &Limiter, now: u64, state: &[u8]) -> Result<()> {
    let state: State = serde_json::from_slice(state).describe_as(
        ErrorKind::InvalidInput,
        "the state of a predecessor was expected, found something else",
    )?;
    let passed = time_of_day().saturating_sub(state.saved_at).saturating_mul(1_000_000);
    let clients = state.clients.into_iter();
    limiter.take_over(clients.map(|(name, debt)| (name, debt.saturating_sub(passed))), now);
    Ok(())
}

fn time_of_day() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
