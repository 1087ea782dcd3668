//! A few threads that poll what nobody awaits: event handlers and periodic jobs.

use std::future::Future;
use std::sync::{Arc, Once};

use async_channel::{Receiver, Sender};
use async_executor::Executor;

/// The background threads of one host. They start with the first job and end with the host.
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
pub(crate) struct Job(Receiver<()>);

impl Background {
    pub(crate) fn new(threads: usize) -> Self {
        Self(Arc::new(Shared {
            executor: Arc::default(),
            threads: threads.max(1),
            started: Once::new(),
            end: async_channel::bounded(1),
        }))
    }

    /// Runs `future` to its end.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> Job {
        self.0.started.call_once(|| self.start());
        let (sender, receiver) = async_channel::bounded::<()>(1);
        self.0
            .executor
            .spawn(async move {
                future.await;
                drop(sender);
            })
            .detach();
        Job(receiver)
    }

    fn start(&self) {
        for number in 0..self.0.threads {
            let executor = self.0.executor.clone();
            let end = self.0.end.1.clone();
            let thread = std::thread::Builder::new().name(format!("hotshoe-background-{number}"));
            let spawned = thread.spawn(move || {
                super::become_own_thread();
                // Ends with an error once the sender is gone. A job that panics (a subscriber of
                // the application's, say, when a failure is logged) must not end the thread.
                while !end.is_closed() {
                    hotshoe_abi::guard::contain(|| {
                        let _ = futures_lite::future::block_on(executor.run(end.recv()));
                    });
                }
            });
            if let Err(error) = spawned {
                tracing::error!(%error, "a background thread could not be started");
            }
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.end.0.close();
    }
}

impl Job {
    /// Waits until the job has ended.
    pub(crate) async fn ended(&self) {
        // Nothing is ever sent; the channel closes when the job ends.
        let _ = self.0.recv().await;
    }
}
