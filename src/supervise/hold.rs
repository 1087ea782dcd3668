//! [`Hold`]: calls of an instance wait, because what they call is being exchanged.
//!
//! Several may hold them at the same time: whoever exchanges, whoever glances at the calls of a generation that
//! is retired, and a breaker that has opened in a probation. They go on when nobody does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::supervisor::Supervisor;

/// All calls of an instance are held until this is dropped: who comes waits, who is inside goes on.
pub(crate) struct Hold {
    supervisor: Arc<Supervisor>,
    since: Instant,
}

impl Hold {
    pub(crate) fn new(supervisor: &Arc<Supervisor>) -> Self {
        Self::since_when(supervisor, Instant::now())
    }

    /// The same where somebody else has begun to hold them already.
    pub(crate) fn since_when(supervisor: &Arc<Supervisor>, since: Instant) -> Self {
        supervisor.hold();
        Self { supervisor: supervisor.clone(), since }
    }

    pub(crate) fn since(&self) -> Instant {
        self.since
    }

    /// They are held no more, as far as this is concerned; for how long they were.
    pub(crate) fn release(self) -> Duration {
        let since = self.since;
        drop(self);
        since.elapsed()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.supervisor.hold_no_more();
    }
}
