//! [`Lane`]: a plugin's own threads. Its code runs there and nowhere else, so that a call that blocks
//! takes a thread of the lane, not its caller's.
//!
//! A lane is a small executor. A call that is pending holds no thread; a waker puts it back into the
//! queue. A thread that does not come back from a call that was given up counts as stuck: nobody can end
//! it, and what it owns is kept until it comes back. Another one takes its place, up to a limit.
//! Threads start when they are needed.
//!
//! One lock holds the [books](books); nobody else's code (futures, drops, wakers, subscribers) runs
//! under it. `async-executor` would poll as well, but it does not say which thread is inside of which
//! call, and that is what all of this is about.

mod answer;
mod books;
mod clock;
#[cfg(test)]
mod tests;
mod thread;

use std::future::Future;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
use std::time::{Duration, Instant};

use hotshoe_abi::guard::contain;
use parking_lot::{Condvar, Mutex};

use self::answer::{Answer, Slot};
use self::books::{Books, Limits, Refusal};
use super::nesting;
use crate::contract::{Error, ErrorKind, Result};

/// The threads of one instance, and the calls that wait for them. Dropping it is closing it, without
/// waiting.
pub(crate) struct Lane(Arc<Shared>);

/// What the threads, the calls and the wakers of a lane share.
struct Shared {
    instance: Arc<str>,
    limits: Limits,
    books: Mutex<Books>,
    /// Something is due, or the lane was closed.
    due: Condvar,
    /// A thread has ended.
    ended: Condvar,
}

/// A call on a lane: await it under any executor.
///
/// # Cancellation
/// Dropping it gives the call up at once. Its future is dropped on the lane, never here. If it is being
/// polled just now, its thread counts as stuck until it comes back.
#[must_use = "dropping it gives the call up"]
pub(crate) struct LaneCall<T> {
    shared: Arc<Shared>,
    slot: Arc<Slot<T>>,
    /// Until the answer was taken.
    number: Option<u64>,
    turned_away: bool,
}

impl<T> LaneCall<T> {
    /// Whether it was refused because too many calls wait.
    pub(crate) fn is_turned_away(&self) -> bool {
        self.turned_away
    }
}

/// How a lane is, at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LaneFigures {
    /// So many threads there are.
    pub(crate) threads: u32,
    /// So many of them are inside of a call that somebody waits for.
    pub(crate) busy: u32,
    /// So many do not come back from what nobody waits for any more.
    pub(crate) stuck: u32,
    /// So many calls have not begun. One that was given up keeps its place until a thread has dropped it.
    pub(crate) queued: u32,
    /// What the threads have used of processors, those that have ended included; exact, also for one
    /// that does not come back. Only Linux tells.
    pub(crate) cpu_time: Option<Duration>,
    /// Since it is there.
    pub(crate) age: Duration,
}

impl Lane {
    /// At most so many threads run the instance's code; so many calls wait for one of them; so many
    /// threads more take the place of those that are stuck.
    pub(crate) fn new(instance: &str, threads: NonZeroU32, queue: u32, spare: u32) -> Self {
        let limits = Limits { threads: threads.get(), queue, spare };
        Self(Arc::new(Shared {
            instance: instance.into(),
            limits,
            books: Mutex::new(Books::new(limits)),
            due: Condvar::new(),
            ended: Condvar::new(),
        }))
    }

    /// Runs what `begin` returns, and `begin` itself, on the lane; it begins without being awaited. A
    /// call that blocks from beginning to end is `|| ready(block())`.
    ///
    /// The answer is an error of kind [`ErrorKind::ResourceLimit`] if too many calls wait,
    /// [`ErrorKind::Unavailable`] once the lane is closed, [`ErrorKind::Panic`] if the future panics.
    pub(crate) fn run<T, F>(&self, begin: impl FnOnce() -> F + Send + 'static) -> LaneCall<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let slot = Arc::new(Slot::default());
        let to = slot.clone();
        // What the future owns is dropped by the poll that ends it.
        let work = Box::pin(async move { to.put(begin().await) });
        let depth = nesting::depth();
        let mut books = self.0.books.lock();
        let waker = |number| Arc::new(Wakeup { number, shared: self.0.clone() }).into();
        let admitted = books.admit(waker, slot.clone(), work, depth);
        let number = match admitted {
            Ok(number) => number,
            Err((refusal, work)) => {
                drop(books);
                drop(work);
                slot.fail(self.0.refused(refusal));
                slot.announce();
                let turned_away = matches!(refusal, Refusal::Full { .. });
                return LaneCall { shared: self.0.clone(), slot, number: None, turned_away };
            }
        };
        let hired = books.hire();
        drop(books);
        if let Err(error) = self.0.serve(hired) {
            // With another thread there, it waits for that one.
            let withdrawn = self.0.books.lock().withdraw(number);
            if withdrawn.is_some() {
                slot.fail(self.0.no_thread(&error));
                slot.announce();
            }
        }
        LaneCall { shared: self.0.clone(), slot, number: Some(number), turned_away: false }
    }

    /// How it is.
    pub(crate) fn figures(&self) -> LaneFigures {
        self.0.books.lock().figures()
    }

    /// Lets no call in any more; answers those that wait or are pending with
    /// [`ErrorKind::Unavailable`] and drops them on the lane; waits until the threads have ended, up to
    /// `deadline`, and leaves those behind that have not. How many these are.
    ///
    /// A thread of the lane must not wait for itself.
    pub(crate) fn close(&self, deadline: Instant) -> u32 {
        self.0.close();
        let mut books = self.0.books.lock();
        while books.figures().threads > 0 {
            if self.0.ended.wait_until(&mut books, deadline).timed_out() {
                break;
            }
        }
        let unanswered = books.leave_behind();
        let left = books.figures().threads;
        drop(books);
        self.0.unavailable(&unanswered);
        if left > 0 {
            self.0.warn_of(left, "threads of a lane that was closed have not ended");
        }
        left
    }
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "lane of {}", self.0.instance)
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Shared {
    fn close(self: &Arc<Self>) {
        let mut books = self.books.lock();
        let unanswered = books.close();
        let hired = books.hire();
        drop(books);
        self.due.notify_all();
        self.serve_or_warn(hired);
        self.unavailable(&unanswered);
    }

    fn unavailable(&self, unanswered: &[Arc<dyn Answer>]) {
        for answer in unanswered {
            answer.fail(self.refused(Refusal::Closed));
            answer.announce();
        }
    }

    /// Nobody waits for this call any more.
    fn give_up(self: &Arc<Self>, number: u64) {
        let mut books = self.books.lock();
        let stuck = books.give_up(number);
        let hired = books.hire();
        drop(books);
        self.serve_or_warn(hired);
        if stuck > 0 {
            self.warn_of(stuck, "threads of a lane do not come back from its plugin");
        }
    }

    /// What is due will be done: by the thread that was hired for it, or by one that waits.
    fn serve(self: &Arc<Self>, hired: Option<u32>) -> std::io::Result<()> {
        self.due.notify_one();
        hired.map_or(Ok(()), |seat| self.start(seat))
    }

    fn serve_or_warn(self: &Arc<Self>, hired: Option<u32>) {
        if let Err(error) = self.serve(hired) {
            contain(|| {
                tracing::error!(
                    instance = &*self.instance,
                    %error,
                    "a thread of a lane could not be started"
                );
            });
        }
    }

    fn warn_of(&self, threads: u32, what: &str) {
        let figures = self.books.lock().figures();
        contain(|| {
            tracing::warn!(
                instance = &*self.instance,
                threads,
                of = figures.threads,
                stuck = figures.stuck,
                queued = figures.queued,
                "{what}"
            );
        });
    }

    fn refused(&self, refusal: Refusal) -> Error {
        let instance = &self.instance;
        let Limits { threads, queue, .. } = self.limits;
        let error = match refusal {
            Refusal::Closed => Error::new(
                ErrorKind::Unavailable,
                format!("`{instance}` was expected to answer, and its threads are being ended"),
            )
            .with_help("it is being stopped or replaced; ask again once it is active"),
            Refusal::Full { stuck: 0 } => Error::new(
                ErrorKind::ResourceLimit,
                format!(
                    "at most {queue} calls of `{instance}` were expected to wait for one of its {threads} \
                     threads, this is one more"
                ),
            )
            .with_help(
                "raise `threads` or `queue` of its lane, or let fewer calls in at one time",
            ),
            Refusal::Full { stuck } => Error::new(
                ErrorKind::ResourceLimit,
                format!(
                    "at most {queue} calls of `{instance}` were expected to wait for one of its {threads} \
                     threads, this is one more, and {stuck} of the threads that it was given do not \
                     come back from calls that were given up"
                ),
            )
            .with_help(
                "find what blocks in the plugin: nobody can end a blocked thread, and `spare` ones only \
                 take the place of so many",
            ),
        };
        error.with_plugin(&**instance)
    }

    fn no_thread(&self, error: &std::io::Error) -> Error {
        Error::new(ErrorKind::ResourceLimit, "no thread could be started for the call")
            .with_plugin(&*self.instance)
            .with_help("raise the limit of threads or memory")
            .caused_by(error)
    }
}

impl<T> Future for LaneCall<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        let answer = self.slot.poll(context.waker());
        if answer.is_ready() {
            self.number = None;
        }
        answer
    }
}

impl<T> Drop for LaneCall<T> {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        self.slot.forget_waker();
        self.shared.give_up(number);
    }
}

/// The waker of one call. It may outlive the call, and the lane.
struct Wakeup {
    number: u64,
    shared: Arc<Shared>,
}

impl Wake for Wakeup {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut books = self.shared.books.lock();
        if !books.wake(self.number) {
            return;
        }
        let hired = books.hire();
        drop(books);
        self.shared.serve_or_warn(hired);
    }
}
