//! [`Hold`]: calls of an instance wait, because what they call is being exchanged.
//!
//! Several may hold them at the same time: whoever exchanges, whoever glances at the calls of a generation that
//! is retired, and a breaker that has opened in a probation. They go on when nobody does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::supervisor::Supervisor;

/// Clocks do not count as far as limits.
const LONGEST: Duration = Duration::from_secs(u32::MAX as u64);

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

    /// When it has lasted so long.
    pub(crate) fn until(&self, long: Duration) -> Instant {
        self.since + long.min(LONGEST)
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

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::num::NonZeroU32;

    use futures_lite::future::{block_on, poll_once};
    use hotshoe_abi::AbiFuture;

    use super::*;
    use crate::config::{BreakerPolicy, Supervision};
    use crate::contract::{Error, ErrorKind, Result};
    use crate::monitor::Monitor;
    use crate::runtime::Timekeeper;
    use crate::supervise::{Contribution, Port, Term};

    /// One that serves, and whose breaker opens at the first failure.
    fn serving() -> (Arc<Supervisor>, Arc<Term>, Port<Arc<()>>) {
        let breaker =
            BreakerPolicy { failure_threshold: Some(NonZeroU32::MIN), ..BreakerPolicy::default() };
        let policy = Supervision { breaker: Some(breaker), ..Supervision::default() };
        let monitor = Monitor::default();
        let supervisor = Supervisor::new("it", policy, None, &Timekeeper::new(), &monitor);
        let term = Term::new(supervisor.clone());
        let port = term.port(Contribution::Execute, Arc::new(())).unwrap();
        term.open();
        (supervisor, term, port)
    }

    fn call(port: &Port<Arc<()>>) -> impl Future<Output = Result<u32>> + '_ {
        port.run(|_, _| AbiFuture::new(async { Ok(7) }))
    }

    fn fail(port: &Port<Arc<()>>) {
        let failed = port.call(|_| Err::<(), _>(Error::new(ErrorKind::Other, "it is bad")));
        assert_eq!(failed.unwrap_err().message(), "it is bad");
    }

    #[test]
    fn calls_go_on_when_nobody_holds_them_any_more() {
        let (supervisor, _term, port) = serving();
        let (one, other) = (Hold::new(&supervisor), Hold::new(&supervisor));
        let mut held = Box::pin(call(&port));
        assert!(block_on(poll_once(&mut held)).is_none());
        drop(one);
        assert!(block_on(poll_once(&mut held)).is_none(), "one holds it still");
        assert!(block_on(poll_once(call(&port))).is_none(), "and those that come now");
        drop(other);
        assert_eq!(block_on(held).unwrap(), 7);
        assert_eq!(block_on(call(&port)).unwrap(), 7);
    }

    #[test]
    fn calls_that_a_breaker_holds_are_refused_when_nobody_goes_back() {
        let (supervisor, _term, port) = serving();
        let tripped = supervisor.tell_trip();
        assert!(tripped.is_empty());
        fail(&port);
        assert_eq!(tripped.len(), 1);
        let mut held = Box::pin(call(&port));
        assert!(block_on(poll_once(&mut held)).is_none());
        supervisor.refuse_what_waits();
        assert_eq!(block_on(held).unwrap(), 7, "it had been let in");
        assert_eq!(block_on(call(&port)).unwrap_err().kind(), ErrorKind::Unavailable);
        // There is nothing left to be let go of.
        supervisor.refuse_what_waits();
        supervisor.tell_trip_no_more();
    }

    #[test]
    fn calls_that_a_breaker_holds_are_held_until_whoever_goes_back_is_there() {
        let (supervisor, _term, port) = serving();
        let _tripped = supervisor.tell_trip();
        fail(&port);
        let hold = Hold::new(&supervisor);
        supervisor.tell_trip_no_more();
        let mut held = Box::pin(call(&port));
        assert!(block_on(poll_once(&mut held)).is_none());
        supervisor.forget_failures();
        drop(hold);
        assert_eq!(block_on(held).unwrap(), 7);
        assert_eq!(block_on(call(&port)).unwrap(), 7);
    }

    /// Between the switch and the beginning of a probation calls go on.
    #[test]
    fn a_breaker_that_has_opened_before_somebody_is_to_be_told_is_told_at_once() {
        let (supervisor, _term, port) = serving();
        fail(&port);
        assert_eq!(block_on(call(&port)).unwrap_err().kind(), ErrorKind::Unavailable);
        let tripped = supervisor.tell_trip();
        assert_eq!(tripped.len(), 1);
        assert!(block_on(poll_once(call(&port))).is_none(), "it is held, not refused");
        supervisor.tell_trip_no_more();
    }
}
