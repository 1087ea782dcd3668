//! A few threads that poll what nobody awaits: event handlers and periodic jobs.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Once};

use async_channel::{Receiver, Sender};
use async_executor::Executor;

use super::crew::{Crew, Place, Work};
use super::sign::Sign;

thread_local! {
    /// What says that this thread of the background is inside of a plugin.
    static PLACE: RefCell<Option<Arc<Place>>> = const { RefCell::new(None) };
}

/// The background threads of one host. They start with the first job and end with the host. One that
/// a plugin blocks is lost; when all are, there will be another one.
#[derive(Clone)]
pub(crate) struct Background(Arc<Shared>);

struct Shared {
    executor: Arc<Executor<'static>>,
    threads: usize,
    started: Once,
    /// Closed when the last clone goes: the threads' sign to end.
    end: (Sender<()>, Receiver<()>),
}

/// A job in the background; dropping this does not end it.
#[derive(Debug)]
pub(crate) struct Job(Arc<Sign>);

/// Says that the job has ended, whichever way.
struct Ending(Arc<Sign>);

impl Background {
    pub(crate) fn new(threads: usize) -> Self {
        Self(Arc::new(Shared {
            executor: Arc::default(),
            threads: threads.max(1),
            started: Once::new(),
            end: async_channel::bounded(1),
        }))
    }

    /// Runs `future`, which is mostly code of `instance`, to its end.
    pub(crate) fn spawn(
        &self,
        instance: &str,
        future: impl Future<Output = ()> + Send + 'static,
    ) -> Job {
        self.0.started.call_once(|| self.start());
        let ended = Arc::new(Sign::default());
        let ending = Ending(ended.clone());
        let instance: Arc<str> = instance.into();
        self.0
            .executor
            .spawn(async move {
                inside(instance, future).await;
                drop(ending);
            })
            .detach();
        Job(ended)
    }

    fn start(&self) {
        let work = Polling { executor: self.0.executor.clone(), end: self.0.end.1.clone() };
        if let Err(error) = Crew::start("hotshoe-background", self.0.threads, work) {
            tracing::error!(%error, "a background thread could not be started");
        }
    }
}

/// What the threads do.
struct Polling {
    executor: Arc<Executor<'static>>,
    end: Receiver<()>,
}

impl Work for Polling {
    fn run(&self, place: &Arc<Place>) {
        PLACE.set(Some(place.clone()));
        // Ends with an error once the sender is gone. A job that panics (a subscriber of the
        // application's, say, when a failure is logged) must not end the thread.
        while !self.is_over() {
            hotshoe_abi::guard::contain(|| {
                let _ = futures_lite::future::block_on(self.executor.run(self.end.recv()));
            });
        }
    }

    fn is_over(&self) -> bool {
        self.end.is_closed()
    }
}

/// The output of `future`; while it is polled, the thread is inside of `instance`.
async fn inside<T>(instance: Arc<str>, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    poll_fn(|context| {
        let place = PLACE.with_borrow(Clone::clone);
        let _inside = place.as_ref().map(|place| place.enter(Some(&instance)));
        future.as_mut().poll(context)
    })
    .await
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.give();
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.end.0.close();
    }
}

impl Job {
    /// Whether it has.
    pub(crate) fn has_ended(&self) -> bool {
        self.0.is_given()
    }

    /// Waits until the job has ended.
    pub(crate) async fn ended(&self) {
        self.0.given().await;
    }
}
