//! Taking note of what happened elsewhere: [`EventHandler`].

use std::future::Future;
use std::sync::Arc;

use super::{Event, Result};

/// Takes note of the events of a topic.
///
/// # Contract
/// Events of one subscription arrive one at a time, in the order in which they were published.
/// Subscriptions are independent of each other. Delivery is at most once: an event that finds the
/// subscription's queue full is dropped and counted.
///
/// # Lifecycle
/// From the plugin's `start` on; what is queued when the plugin stops is delivered first, up to
/// the stop deadline.
///
/// # Threading
/// Runs on the host's background threads, which all plugins share: do not block for long. A thread
/// that is blocked is lost to all; when every one is, the host adds another, and says so.
///
/// # Cancellation
/// Only when the host gives up at the stop deadline.
///
/// # Panics
/// Contained, logged and counted; the next event is delivered.
///
/// # Errors
/// Logged and counted; the next event is delivered.
pub trait EventHandler: Send + Sync + 'static {
    /// Takes note of one event.
    fn handle(&self, event: Event) -> impl Future<Output = Result<()>> + Send;
}

impl<H: EventHandler> EventHandler for Arc<H> {
    fn handle(&self, event: Event) -> impl Future<Output = Result<()>> + Send {
        (**self).handle(event)
    }
}
