//! A life-cycle call on a thread of its own, with a deadline.
//!
//! A call that blocks cannot be stopped, only abandoned: whoever waits goes on, the thread stays
//! until the call returns, and what it returns is dropped there.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::Phase;
use crate::contract::{Error, ErrorKind, Result};

/// Comparing layouts recurses deeply in a debug build.
const STACK: usize = 8 << 20;

/// Which phase a worker is in, and until when.
#[derive(Clone)]
pub(crate) struct Stage(Arc<Mutex<Current>>);

struct Current {
    phase: Phase,
    /// Both the phase's and the whole work's limit.
    deadline: Option<Instant>,
    whole: Option<Instant>,
    limit: Option<Duration>,
}

impl Stage {
    /// The next phase begins, with a limit of its own beside that of the whole work.
    pub(crate) fn enter(&self, phase: Phase, limit: Option<Duration>) {
        let mut current = self.0.lock();
        let own = limit.and_then(|limit| Instant::now().checked_add(limit));
        current.phase = phase;
        current.deadline = match (own, current.whole) {
            (Some(own), Some(whole)) => Some(own.min(whole)),
            (own, whole) => own.or(whole),
        };
        if limit.is_some() {
            current.limit = limit;
        }
    }

    /// The phase that is going on.
    pub(crate) fn phase(&self) -> Phase {
        self.0.lock().phase
    }
}

/// Work on a thread of its own.
pub(crate) struct Worker<T> {
    answer: Receiver<Result<T>>,
    stage: Stage,
    instance: String,
}

impl<T: Send + 'static> Worker<T> {
    /// Begins `work` for `instance`; all of it may take `limit`.
    pub(crate) fn spawn(
        instance: &str,
        phase: Phase,
        limit: Option<Duration>,
        work: impl FnOnce(&Stage) -> Result<T> + Send + 'static,
    ) -> Self {
        let whole = limit.and_then(|limit| Instant::now().checked_add(limit));
        let current = Current { phase, deadline: whole, whole, limit };
        let stage = Stage(Arc::new(Mutex::new(current)));
        let (sender, answer) = channel();
        let inner = stage.clone();
        // The kernel keeps 15 bytes of a thread's name.
        let thread =
            std::thread::Builder::new().name(format!("hotshoe {instance}")).stack_size(STACK);
        let late = sender.clone();
        let spawned = thread.spawn(move || {
            let outcome = hotshoe_abi::guard::guard_result(|| work(&inner));
            // If nobody waits any more, what came too late is dropped here.
            let _ = sender.send(outcome);
        });
        if let Err(error) = spawned {
            let error = Error::new(ErrorKind::ResourceLimit, "no thread could be started")
                .caused_by(&error);
            let _ = late.send(Err(error));
        }
        Self { answer, stage, instance: instance.to_owned() }
    }

    /// Waits for the outcome, at most until the deadline.
    ///
    /// # Errors
    /// Those of the work, with instance and phase; [`ErrorKind::Timeout`] if it was abandoned.
    pub(crate) fn wait(self) -> Result<T> {
        let outcome = loop {
            let deadline = self.stage.0.lock().deadline;
            let received = match deadline {
                None => self.answer.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(deadline) => {
                    self.answer.recv_timeout(deadline.saturating_duration_since(Instant::now()))
                }
            };
            match received {
                Ok(outcome) => break outcome,
                Err(RecvTimeoutError::Disconnected) => {
                    break Err(Error::new(ErrorKind::Panic, "its thread ended without an answer"));
                }
                // The next phase may have begun meanwhile, with a deadline of its own.
                Err(RecvTimeoutError::Timeout) if self.stage.0.lock().deadline != deadline => {}
                Err(RecvTimeoutError::Timeout) => break Err(self.abandoned()),
            }
        };
        outcome.map_err(|error| {
            let phase = self.stage.phase();
            let error =
                if error.phase().is_some() { error } else { error.with_phase(phase.as_str()) };
            error.with_plugin(&self.instance)
        })
    }

    fn abandoned(&self) -> Error {
        let limit = self.stage.0.lock().limit.unwrap_or_default();
        let phase = self.stage.phase();
        Error::new(
            ErrorKind::Timeout,
            format!("it was expected to {phase} within {limit:?}, it did not come back"),
        )
        .with_help(format!(
            "its thread was abandoned and may still run; raise the time limit in \
             [plugins.{}] if the work needs longer",
            self.instance
        ))
    }
}
