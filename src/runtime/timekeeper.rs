//! One plain thread that keeps time: it wakes whoever waits for a moment.
//!
//! A heap of moments, a condition variable. Waiting costs one lock; a wait that is dropped early
//! leaves an entry that is passed over when its moment comes, or swept out once such entries are
//! the greater part: a busy host with long deadlines would keep millions of them.
//!
//! Wakers are somebody else's code: cloned, woken and dropped outside of the lock.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::crew::{Crew, Place, Work};
use crate::contract::{Error, ErrorKind, Result};

/// So many moments that nobody waits for are no burden.
const SPARE: usize = 64;

/// Keeps time for one host. Cloning shares it; the thread ends with the last clone. If a waker does not
/// come back, another thread goes on.
#[derive(Clone)]
pub(crate) struct Timekeeper(Arc<Shared>);

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    due: BinaryHeap<Reverse<(Instant, u64)>>,
    wakers: HashMap<u64, Waker>,
    next: u64,
    running: bool,
}

impl Timekeeper {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    /// Wakes `waker` at `moment`, once, whoever has forgotten it by then.
    pub(crate) fn alarm(&self, moment: Instant, waker: Waker) {
        let mut entry = Entry { keeper: self, id: None };
        entry.register(moment, &waker);
        std::mem::forget(entry);
    }

    /// Waits until `moment`.
    pub(crate) async fn until(&self, moment: Instant) {
        let mut entry = Entry { keeper: self, id: None };
        poll_fn(|context| {
            if Instant::now() >= moment {
                return Poll::Ready(());
            }
            entry.register(moment, context.waker());
            Poll::Pending
        })
        .await;
    }

    /// Waits for `length`.
    pub(crate) async fn after(&self, length: Duration) {
        // A moment too far away to be counted never comes.
        match Instant::now().checked_add(length) {
            Some(moment) => self.until(moment).await,
            None => std::future::pending().await,
        }
    }

    /// The output of `future`, or an error of kind [`ErrorKind::Timeout`] once `limit` has passed
    /// while it was pending. `what` was expected.
    pub(crate) async fn timeout<T>(
        &self,
        limit: Option<Duration>,
        what: &str,
        future: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let Some(limit) = limit else { return future.await };
        let mut future = pin!(future);
        let mut late = pin!(self.after(limit));
        poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(output);
            }
            late.as_mut().poll(context).map(|()| {
                Err(Error::new(
                    ErrorKind::Timeout,
                    format!("{what} was expected within {limit:?}, it did not come"),
                ))
            })
        })
        .await
    }
}

/// What its thread does. Two of them are one too many, and do no harm.
struct Waking(Weak<Shared>);

impl Work for Waking {
    fn run(&self, place: &Arc<Place>) {
        while let Some(shared) = self.0.upgrade() {
            // One at a time: the others must not be lost with one that does not come back.
            let mut due = None;
            let mut waiting = shared.waiting.lock();
            let now = Instant::now();
            while let Some(&Reverse((moment, id))) = waiting.due.peek()
                && moment <= now
                && due.is_none()
            {
                waiting.due.pop();
                due = waiting.wakers.remove(&id);
            }
            if due.is_none() {
                // Looks up now and then, so that the thread ends when its host has.
                let look = now + Duration::from_secs(1);
                let next =
                    waiting.due.peek().map_or(look, |Reverse((moment, _))| look.min(*moment));
                shared.changed.wait_until(&mut waiting, next);
            }
            drop(waiting);
            // One that does not come back must not keep the host.
            drop(shared);
            if let Some(waker) = due {
                let _inside = place.enter(None);
                // One that panics must not be the end of time.
                hotshoe_abi::guard::contain(|| waker.wake());
            }
        }
    }

    fn is_over(&self) -> bool {
        self.0.strong_count() == 0
    }
}

/// One wait; dropping it forgets its waker.
struct Entry<'a> {
    keeper: &'a Timekeeper,
    id: Option<u64>,
}

impl Entry<'_> {
    fn register(&mut self, moment: Instant, waker: &Waker) {
        let shared = &self.keeper.0;
        let waker = waker.clone();
        let mut waiting = shared.waiting.lock();
        let id = *self.id.get_or_insert_with(|| {
            waiting.next += 1;
            waiting.next
        });
        let replaced = waiting.wakers.insert(id, waker);
        if replaced.is_none() {
            waiting.due.push(Reverse((moment, id)));
        }
        if !std::mem::replace(&mut waiting.running, true) {
            // Without the thread nothing would ever be late: better to find out at once.
            waiting.running =
                Crew::start("hotshoe-time", 1, Waking(Arc::downgrade(shared))).is_ok();
        }
        drop(waiting);
        drop(replaced);
        shared.changed.notify_one();
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        let Some(id) = self.id else { return };
        let mut waiting = self.keeper.0.waiting.lock();
        let waker = waiting.wakers.remove(&id);
        waiting.sweep();
        drop(waiting);
        drop(waker);
    }
}

impl Waiting {
    /// Forgets moments that nobody waits for, once they are the greater part.
    fn sweep(&mut self) {
        if self.due.len() > 2 * self.wakers.len() + SPARE {
            let wakers = &self.wakers;
            self.due.retain(|Reverse((_, id))| wakers.contains_key(id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_future_that_never_ends_is_cut_off() {
        let keeper = Timekeeper::new();
        let never = std::future::pending::<Result<()>>();
        let limit = Some(Duration::from_millis(1));
        let error =
            futures_lite::future::block_on(keeper.timeout(limit, "an answer", never)).unwrap_err();
        assert!(error.is_timeout(), "{error}");
        assert!(keeper.0.waiting.lock().wakers.is_empty());
    }

    #[test]
    fn waits_that_are_over_early_leave_next_to_nothing_behind() {
        let keeper = Timekeeper::new();
        let still = keeper.after(Duration::from_secs(3600));
        let mut still = pin!(still);
        let mut context = std::task::Context::from_waker(Waker::noop());
        assert!(still.as_mut().poll(&mut context).is_pending());
        for _ in 0..10_000 {
            let mut wait = Box::pin(keeper.after(Duration::from_secs(3600)));
            assert!(wait.as_mut().poll(&mut context).is_pending());
        }
        let waiting = keeper.0.waiting.lock();
        assert!(waiting.due.len() <= SPARE + 2, "{} moments are kept", waiting.due.len());
        assert_eq!(waiting.wakers.len(), 1);
    }

    /// A waker that owns a wait, as that of a simple executor owns its task.
    struct Owner(#[allow(dead_code, reason = "dropping it is the point")] Mutex<Option<Wait>>);

    type Wait = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

    impl std::task::Wake for Owner {
        fn wake(self: Arc<Self>) {}
    }

    #[test]
    fn a_waker_may_drop_another_wait_when_it_is_dropped() {
        let keeper = Timekeeper::new();
        let wait = |keeper: &Timekeeper| -> Wait {
            let keeper = keeper.clone();
            Box::pin(async move { keeper.after(Duration::from_secs(3600)).await })
        };
        let mut owned = wait(&keeper);
        let mut context = std::task::Context::from_waker(Waker::noop());
        assert!(owned.as_mut().poll(&mut context).is_pending());
        let waker: Waker = Arc::new(Owner(Mutex::new(Some(owned)))).into();
        let mut other = wait(&keeper);
        assert!(other.as_mut().poll(&mut std::task::Context::from_waker(&waker)).is_pending());
        drop(waker);
        // The last one was kept by the keeper, and is replaced.
        let (sender, done) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut context = std::task::Context::from_waker(Waker::noop());
            assert!(other.as_mut().poll(&mut context).is_pending());
            sender.send(())
        });
        done.recv_timeout(Duration::from_secs(10)).expect("the keeper waits for itself");
    }

    #[test]
    fn moments_come_in_their_order_however_they_were_asked_for() {
        let keeper = Timekeeper::new();
        let now = Instant::now();
        let order = Mutex::new(Vec::new());
        let wait = |millis| {
            let (keeper, order) = (&keeper, &order);
            async move {
                keeper.until(now + Duration::from_millis(millis)).await;
                order.lock().push(millis);
            }
        };
        futures_lite::future::block_on(futures_lite::future::zip(
            wait(20),
            futures_lite::future::zip(wait(1), wait(10)),
        ));
        assert_eq!(*order.lock(), [1, 10, 20]);
    }

    #[test]
    fn what_is_ready_needs_no_time() {
        let keeper = Timekeeper::new();
        let ready = std::future::ready(Ok(7));
        let value = keeper.timeout(Some(Duration::ZERO), "an answer", ready);
        assert_eq!(futures_lite::future::block_on(value).unwrap(), 7);
        assert!(!keeper.0.waiting.lock().running);
    }
}
