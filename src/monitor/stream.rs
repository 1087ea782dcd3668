//! [`EventStream`]: what one listener reads.

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use futures_lite::{Stream, StreamExt};

use super::board::{Board, Queue, Rung};
use super::event::HostEvent;

/// All that happens in a host from now on: a `Stream` for any executor, and
/// [`recv`](Self::recv) for code without one. It ends when the host was stopped or is gone, after the
/// last event.
///
/// Up to 1,024 events wait to be read. Beyond that the oldest are dropped, and
/// [`Missed`](super::HostEventKind::Missed) says how many: the host never waits for a listener.
#[must_use = "events that nobody reads are dropped"]
pub struct EventStream {
    queue: Arc<Queue>,
    rung: Pin<Box<Rung>>,
    board: Weak<Board>,
}

impl EventStream {
    pub(super) fn new(queue: Arc<Queue>, rung: Rung, board: Weak<Board>) -> Self {
        Self { queue, rung: Box::pin(rung), board }
    }

    /// The next event; none when there will be none.
    ///
    /// # Cancellation
    /// Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Arc<HostEvent>> {
        StreamExt::next(self).await
    }

    /// The next event; none when there will be none. Blocks this thread until then: await
    /// [`next`](Self::next) instead where it is an executor's.
    pub fn recv(&mut self) -> Option<Arc<HostEvent>> {
        futures_lite::future::block_on(self.next())
    }

    /// The next event, if there is one by now.
    pub fn try_next(&mut self) -> Option<Arc<HostEvent>> {
        self.queue.take()
    }
}

impl Stream for EventStream {
    type Item = Arc<HostEvent>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(event) = self.queue.take() {
                return Poll::Ready(Some(event));
            }
            if ready!(self.rung.as_mut().poll_next(context)).is_none() {
                // Closed after the last one came, which may have been just now.
                return Poll::Ready(self.queue.take());
            }
        }
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        Board::forget(&self.board, &self.queue);
    }
}

impl std::fmt::Debug for EventStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventStream").finish_non_exhaustive()
    }
}
