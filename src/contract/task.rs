//! Work that repeats: [`Task`].

use std::future::Future;
use std::sync::Arc;

use super::{Call, Result};

/// A job that the host runs at an interval.
///
/// # Contract
/// One run at a time: a run that is due while the last one is still going is skipped and counted.
/// The first run comes one interval after the plugin's start.
///
/// # Lifecycle
/// From the plugin's `start` to its `stop`.
///
/// # Threading
/// Runs on the host's background threads, which all plugins share: do not block for long. A thread
/// that is blocked is lost to all; when every one is, the host adds another, and says so.
///
/// # Cancellation
/// A run that is going when the plugin stops is finished, up to the stop deadline.
///
/// # Panics
/// Contained, logged and counted; the next run comes at its time.
///
/// # Errors
/// Logged and counted; the next run comes at its time.
pub trait Task: Send + Sync + 'static {
    /// Runs the job once.
    fn run(&self, call: Call) -> impl Future<Output = Result<()>> + Send;
}

impl<T: Task> Task for Arc<T> {
    fn run(&self, call: Call) -> impl Future<Output = Result<()>> + Send {
        (**self).run(call)
    }
}

/// A [`Task`] from a function.
pub fn task_fn<F>(function: F) -> TaskFn<F> {
    TaskFn(function)
}

/// See [`task_fn`].
#[derive(Clone, Copy)]
pub struct TaskFn<F>(F);

impl<F, Fut> Task for TaskFn<F>
where
    F: Fn(Call) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<()>> + Send,
{
    fn run(&self, call: Call) -> impl Future<Output = Result<()>> + Send {
        (self.0)(call)
    }
}
