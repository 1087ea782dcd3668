//! [`Pending`]: the answer of an operation that runs on a thread of its own.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use async_channel::Receiver;

use crate::contract::{Error, ErrorKind, Result};

/// An operation of the host that is under way: await it under any executor, or
/// [`wait`](Self::wait) for it without one.
///
/// # Cancellation
/// The operation runs on a thread of its own: dropping this does not stop it, only nobody hears
/// of its outcome.
#[must_use = "the operation goes on, but nobody hears of its outcome"]
pub struct Pending<T> {
    answer: Pin<Box<dyn Future<Output = Result<T>> + Send>>,
}

impl<T: Send + 'static> Pending<T> {
    /// Runs `operation` on a thread of its own.
    pub(crate) fn spawn(
        name: &str,
        operation: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Self {
        let (sender, receiver) = async_channel::bounded(1);
        let spawned =
            std::thread::Builder::new().name(format!("hotshoe-{name}")).spawn(move || {
                // Nobody may be listening any more.
                let _ = sender.try_send(operation());
            });
        match spawned {
            Ok(_) => Self { answer: Box::pin(receive(receiver)) },
            Err(error) => {
                let error = Error::new(ErrorKind::ResourceLimit, "no thread could be started")
                    .caused_by(&error);
                Self { answer: Box::pin(std::future::ready(Err(error))) }
            }
        }
    }

    /// Blocks this thread until the operation is done. Await it instead where the thread is an
    /// executor's.
    ///
    /// # Errors
    /// Those of the operation.
    pub fn wait(self) -> Result<T> {
        futures_lite::future::block_on(self)
    }
}

async fn receive<T>(receiver: Receiver<Result<T>>) -> Result<T> {
    receiver.recv().await.unwrap_or_else(|_| {
        Err(Error::new(
            ErrorKind::Panic,
            "an operation of the host panicked; this is a bug of hotshoe",
        ))
    })
}

impl<T> Future for Pending<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        self.answer.as_mut().poll(context)
    }
}
