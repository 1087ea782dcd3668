//! One plain thread that keeps time: it wakes whoever waits for a moment.
//!
//! A heap of moments, a condition variable. Waiting costs one lock; a wait that is dropped early
//! leaves an entry that is passed over when its moment comes.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::contract::{Error, ErrorKind, Result};

/// Keeps time for one host. Cloning shares it; the thread ends with the last clone.
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

    fn run(shared: &Weak<Shared>) {
        while let Some(shared) = shared.upgrade() {
            let mut due = Vec::new();
            let mut waiting = shared.waiting.lock();
            let now = Instant::now();
            while let Some(&Reverse((moment, id))) = waiting.due.peek()
                && moment <= now
            {
                waiting.due.pop();
                due.extend(waiting.wakers.remove(&id));
            }
            if due.is_empty() {
                // Looks up now and then, so that the thread ends when its host has.
                let look = now + Duration::from_secs(1);
                let next =
                    waiting.due.peek().map_or(look, |Reverse((moment, _))| look.min(*moment));
                shared.changed.wait_until(&mut waiting, next);
            }
            drop(waiting);
            due.into_iter().for_each(Waker::wake);
        }
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
        let mut waiting = shared.waiting.lock();
        let id = *self.id.get_or_insert_with(|| {
            waiting.next += 1;
            waiting.next
        });
        let known = waiting.wakers.insert(id, waker.clone()).is_some();
        if !known {
            waiting.due.push(Reverse((moment, id)));
        }
        if !std::mem::replace(&mut waiting.running, true) {
            let weak = Arc::downgrade(shared);
            let thread = std::thread::Builder::new().name("hotshoe-time".into());
            // Without the thread nothing would ever be late: better to find out at once.
            waiting.running = thread.spawn(move || Timekeeper::run(&weak)).is_ok();
        }
        drop(waiting);
        shared.changed.notify_one();
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.keeper.0.waiting.lock().wakers.remove(&id);
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
