//! A life-cycle call on a thread of its own, with a deadline.
//!
//! A call that blocks cannot be stopped, only abandoned: whoever waits goes on, the thread stays
//! until the call returns, and what it returns is dropped there.

#[cfg(target_os = "linux")]
use std::ffi::CString;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::Builder;
use std::time::{Duration, Instant};

use async_channel::{Receiver, Sender};
use parking_lot::{Condvar, Mutex};

use super::Phase;
use crate::contract::{Error, ErrorKind, Result};
use crate::runtime::become_own_thread;

/// Comparing layouts recurses deeply in a debug build.
const STACK: usize = 8 << 20;

/// Which phase a worker is in, and until when.
#[derive(Clone)]
pub(crate) struct Stage(Arc<Progress>);

struct Progress {
    current: Mutex<Current>,
    /// Another phase began (whose deadline may be nearer), or the work is done.
    changed: Condvar,
}

struct Current {
    phase: Phase,
    /// Of the phase and of the whole work: what ends first.
    limit: Option<Limit>,
    whole: Option<Limit>,
    done: bool,
    /// Nobody waits any more.
    abandoned: bool,
}

#[derive(Clone, Copy)]
struct Limit {
    time: Duration,
    deadline: Instant,
    /// Which phase's limit it is.
    of: Phase,
}

impl Limit {
    fn new(time: Duration, of: Phase) -> Option<Self> {
        Some(Self { time, deadline: Instant::now().checked_add(time)?, of })
    }
}

impl Stage {
    /// The next phase begins, with a limit of its own beside that of the whole work.
    ///
    /// # Errors
    /// If nobody waits for the work any more: then it has to end.
    pub(crate) fn enter(&self, phase: Phase, limit: Option<Duration>) -> Result<()> {
        let mut current = self.0.current.lock();
        if current.abandoned {
            return Err(too_late());
        }
        let own = limit.and_then(|time| Limit::new(time, phase));
        current.phase = phase;
        current.limit = match (own, current.whole) {
            (Some(own), Some(whole)) if own.deadline < whole.deadline => Some(own),
            (own, whole) => whole.or(own),
        };
        self.0.changed.notify_all();
        Ok(())
    }

    /// Fails if nobody waits for the work any more.
    ///
    /// # Errors
    /// As for [`enter`](Self::enter).
    pub(crate) fn check(&self) -> Result<()> {
        if self.0.current.lock().abandoned { Err(too_late()) } else { Ok(()) }
    }

    /// The phase that is going on.
    pub(crate) fn phase(&self) -> Phase {
        self.0.current.lock().phase
    }
}

fn too_late() -> Error {
    Error::new(ErrorKind::Timeout, "it came back after it had been given up")
}

/// A thread for work to come. One that has just begun may wait some milliseconds for its first turn on a
/// busy machine, one that is woken hardly does: so it begins before anybody waits.
pub(crate) struct Standby(mpsc::Sender<Box<dyn FnOnce() + Send>>);

impl Standby {
    /// For one work for `instance`; it ends when this is dropped.
    pub(crate) fn new(instance: &str) -> Self {
        let (give, work) = mpsc::channel::<Box<dyn FnOnce() + Send>>();
        // Without a thread nobody takes what is given.
        let _ = thread_of(instance).spawn(move || work.recv().map(|work| work()));
        Self(give)
    }
}

fn thread_of(instance: &str) -> Builder {
    // The kernel keeps 15 bytes of a thread's name.
    Builder::new().name(format!("hotshoe {instance}")).stack_size(STACK)
}

/// Threads for works that come one after another, such as a thousand starts: a thread takes the next work
/// when it is done with one, and nobody else has it meanwhile. To begin and to end a thread for each would
/// cost the most where libraries are opened, since both change the memory map. They end with this.
pub(crate) struct Relay {
    works: Sender<Box<dyn FnOnce() + Send>>,
    next: Receiver<Box<dyn FnOnce() + Send>>,
    /// How many wait for work that nobody has given them yet.
    free: Arc<AtomicUsize>,
}

impl Relay {
    pub(crate) fn new() -> Self {
        let (works, next) = async_channel::unbounded();
        Self { works, next, free: Arc::default() }
    }

    /// Does the work on a thread that does nothing else.
    fn run(&self, work: Box<dyn FnOnce() + Send>) -> io::Result<()> {
        let one_less = |free: usize| free.checked_sub(1);
        if self.free.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_less).is_ok() {
            return self.works.try_send(work).map_err(|_| io::ErrorKind::WouldBlock.into());
        }
        let next = self.next.clone();
        let thread = Builder::new().name("hotshoe start".to_owned()).stack_size(STACK);
        let begun = thread.spawn(move || {
            work();
            while let Ok(work) = next.recv_blocking() {
                work();
            }
        });
        begun.map(drop)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.works.close();
    }
}

/// Tells people whom the thread works for. Those that have begun for an instance are called so already.
fn rename(instance: &str) {
    #[cfg(target_os = "linux")]
    if let Ok(name) = CString::new(format!("hotshoe {instance}")) {
        // The name is for people.
        let _ = rustix::thread::set_name(&name);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = instance;
}

/// Work on a thread of its own.
pub(crate) struct Worker<T> {
    answer: Arc<Mutex<Option<Result<T>>>>,
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
        Self::begin(instance, phase, limit, work, None, |run| {
            thread_of(instance).spawn(run).map(drop)
        })
    }

    /// The same on a thread that is there already.
    pub(crate) fn run(
        standby: Standby,
        instance: &str,
        phase: Phase,
        limit: Option<Duration>,
        work: impl FnOnce(&Stage) -> Result<T> + Send + 'static,
    ) -> Self {
        Self::begin(instance, phase, limit, work, None, |run| {
            standby.0.send(run).map_err(|_| io::ErrorKind::WouldBlock.into())
        })
    }

    /// The same on one of these threads.
    pub(crate) fn relay(
        relay: &Relay,
        instance: &str,
        phase: Phase,
        limit: Option<Duration>,
        work: impl FnOnce(&Stage) -> Result<T> + Send + 'static,
    ) -> Self {
        let own = instance.to_owned();
        let work = move |stage: &Stage| {
            rename(&own);
            work(stage)
        };
        let free = relay.free.clone();
        Self::begin(instance, phase, limit, work, Some(free), |run| relay.run(run))
    }

    fn begin(
        instance: &str,
        phase: Phase,
        limit: Option<Duration>,
        work: impl FnOnce(&Stage) -> Result<T> + Send + 'static,
        free: Option<Arc<AtomicUsize>>,
        on: impl FnOnce(Box<dyn FnOnce() + Send>) -> io::Result<()>,
    ) -> Self {
        let whole = limit.and_then(|time| Limit::new(time, phase));
        let current = Current { phase, limit: whole, whole, done: false, abandoned: false };
        let stage =
            Stage(Arc::new(Progress { current: Mutex::new(current), changed: Condvar::new() }));
        let answer = Arc::new(Mutex::new(None));
        let worker =
            Self { answer: answer.clone(), stage: stage.clone(), instance: instance.to_owned() };
        let begun = on(Box::new(move || {
            become_own_thread();
            let outcome = hotshoe_abi::guard::guard_result(|| work(&stage));
            finish(&stage, &answer, outcome, free.as_deref());
        }));
        if let Err(error) = begun {
            let error = Error::new(ErrorKind::ResourceLimit, "no thread could be started")
                .with_help("raise the limit of threads of this process")
                .caused_by(&error);
            finish(&worker.stage, &worker.answer, Err(error), None);
        }
        worker
    }

    /// Whether nobody would have to wait for it.
    pub(crate) fn is_done(&self) -> bool {
        self.stage.0.current.lock().done
    }

    /// Whether nobody has to wait for it at some moment that is to come; waits until then.
    pub(crate) fn is_done_before(&self, moment: Instant) -> bool {
        let mut current = self.stage.0.current.lock();
        while !current.done && moment > Instant::now() {
            self.stage.0.changed.wait_until(&mut current, moment);
        }
        moment > Instant::now()
    }

    /// Waits for the outcome, at most until the deadline.
    ///
    /// # Errors
    /// Those of the work, with instance and phase; [`ErrorKind::Timeout`] if it was abandoned.
    pub(crate) fn wait(self) -> Result<T> {
        let outcome = self.outcome();
        outcome.map_err(|error| {
            let phase = self.stage.phase();
            let error =
                if error.phase().is_some() { error } else { error.with_phase(phase.as_str()) };
            let error = if error.is_panic() && error.help().is_none() {
                error.with_help("a panic is a bug of the plugin: tell its author")
            } else {
                error
            };
            error.with_plugin(&self.instance)
        })
    }

    fn outcome(&self) -> Result<T> {
        let mut current = self.stage.0.current.lock();
        while !current.done {
            // Looked up anew each time: another phase may have begun.
            match current.limit {
                None => self.stage.0.changed.wait(&mut current),
                Some(limit) if limit.deadline <= Instant::now() => {
                    current.abandoned = true;
                    return Err(self.given_up(current.phase, limit));
                }
                Some(limit) => {
                    self.stage.0.changed.wait_until(&mut current, limit.deadline);
                }
            }
        }
        drop(current);
        let outcome = self.answer.lock().take();
        outcome.unwrap_or_else(|| {
            Err(Error::new(ErrorKind::Panic, "its thread ended without an answer"))
        })
    }

    fn given_up(&self, phase: Phase, limit: Limit) -> Error {
        let key = match limit.of {
            Phase::Initialize => "init_timeout",
            Phase::Start => "start_timeout",
            Phase::Stop => "stop_timeout",
            _ => "load_timeout",
        };
        Error::new(
            ErrorKind::Timeout,
            format!("it was expected to {phase} within {:?}, it did not come back", limit.time),
        )
        .with_help(format!(
            "its thread was abandoned and may still run; raise `{key}` in [plugins.{}] if the \
             work needs longer",
            self.instance
        ))
    }
}

/// Hands the outcome over, or drops it, on this thread, if nobody waits any more.
/// A thread that has done so is `free` for other work.
fn finish<T>(
    stage: &Stage,
    answer: &Mutex<Option<Result<T>>>,
    outcome: Result<T>,
    free: Option<&AtomicUsize>,
) {
    let set_free = || {
        if let Some(free) = free {
            free.fetch_add(1, Ordering::AcqRel);
        }
    };
    let mut current = stage.0.current.lock();
    if current.abandoned {
        drop(current);
        drop(outcome);
        set_free();
        return;
    }
    // Before anybody hears of it, who may have the next work for it.
    set_free();
    *answer.lock() = Some(outcome);
    current.done = true;
    stage.0.changed.notify_all();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_takes_the_next_work_once_it_is_done_and_not_while_it_does_not_come_back() {
        let relay = Relay::new();
        let on = |instance: &str| {
            Worker::relay(&relay, instance, Phase::Run, None, |_| Ok(std::thread::current().id()))
                .wait()
                .unwrap()
        };
        let thread = on("one");
        assert_eq!(on("two"), thread);
        assert_eq!(on("three"), thread);

        let (go_on, waits) = mpsc::channel::<()>();
        let limit = Some(Duration::from_millis(1));
        let late = Worker::relay(&relay, "late", Phase::Run, limit, move |_| {
            let _ = waits.recv();
            Ok(())
        });
        assert!(late.wait().unwrap_err().is_timeout());
        let other = on("four");
        assert_ne!(other, thread);
        assert_eq!(on("five"), other);
        drop(go_on);
    }

    #[test]
    fn whether_a_work_is_done_is_known_at_once_or_when_the_moment_has_come() {
        let begin = Instant::now();
        let work = Worker::spawn("it", Phase::Run, None, |_| Ok(()));
        assert!(work.is_done_before(begin + Duration::from_secs(3600)));
        assert!(!work.is_done_before(begin), "that was before");
        let (_kept, never) = mpsc::channel::<()>();
        let work = Worker::spawn("it", Phase::Run, None, move |_| {
            let _ = never.recv();
            Ok(())
        });
        assert!(!work.is_done_before(begin + Duration::from_millis(1)));
    }

    #[test]
    fn a_thread_that_stands_by_does_the_work_and_is_given_up_if_that_takes_too_long() {
        let standby = Standby::new("it");
        let on_it = Worker::run(standby, "it", Phase::Run, None, |_| {
            Ok(std::thread::current().name().map(str::to_owned))
        });
        assert_eq!(on_it.wait().unwrap().as_deref(), Some("hotshoe it"));

        let (_kept, never) = mpsc::channel::<()>();
        let limit = Some(Duration::from_millis(1));
        let late = Worker::run(Standby::new("it"), "it", Phase::Run, limit, move |_| {
            let _ = never.recv();
            Ok(())
        });
        assert!(late.wait().unwrap_err().is_timeout());
    }
}
