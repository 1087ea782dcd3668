//! What stands in the way of the calls of an instance when there are too many, or too many have failed.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use parking_lot::Mutex;

use super::breaker::Breaker;
use super::bucket::Bucket;
use super::bulkhead::Bulkhead;
use crate::config::Supervision;
use crate::monitor::BreakerState;

/// All contributions of an instance share it, but that each middleware has its own: a request that has
/// passed the middleware must not wait for a place that it takes itself, and that it was passed on says
/// nothing of the instance's other calls.
#[derive(Debug)]
pub(super) struct Limits {
    pub(super) bucket: Option<Bucket>,
    pub(super) bulkhead: Option<Bulkhead>,
    pub(super) breaker: Option<Mutex<Breaker>>,
    /// When the breaker's window was last looked at, in nanoseconds of the supervisor's time.
    pub(super) looked: AtomicU64,
}

impl Limits {
    pub(super) fn new(policy: &Supervision) -> Arc<Self> {
        let breaker = policy.breaker.map(|policy| Breaker::new(policy, Duration::ZERO, 0));
        Arc::new(Self {
            bucket: policy.rate_limit.map(Bucket::new),
            bulkhead: policy.bulkhead.map(Bulkhead::new),
            breaker: breaker.map(Mutex::new),
            looked: AtomicU64::new(0),
        })
    }

    /// Where the breaker stands, if there is one.
    pub(super) fn breaker(&self) -> Option<BreakerState> {
        Some(self.breaker.as_ref()?.lock().state())
    }

    /// Whether the breaker has to be asked.
    pub(super) fn is_open(&self) -> bool {
        self.breaker().is_some_and(|state| state != BreakerState::Closed)
    }
}
