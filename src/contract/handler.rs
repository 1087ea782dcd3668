//! Answering requests: [`RequestHandler`].

use std::future::Future;
use std::sync::Arc;

use super::{Request, Response, Result};

/// Answers the requests of the routes it is contributed for.
///
/// # Contract
/// One answer for each request. The path's parameters are in [`Request::param`], the caller's
/// identity, deadline and free map in [`Request::call`].
///
/// # Lifecycle
/// Called only between the plugin's `start` and its `stop`.
///
/// # Threading
/// Called from any thread, any number of times at once. Polled by whoever awaits: do not block
/// for long.
///
/// # Cancellation
/// If nobody wants the answer any more, the future is dropped at its next `await`.
///
/// # Panics
/// A panic is contained: the caller gets an error of kind
/// [`ErrorKind::Panic`](super::ErrorKind::Panic), others notice nothing.
///
/// # Errors
/// An error is for "I failed", which a gateway answers with 500 (or what its kind suggests). "You
/// asked for something that is not there" is a [`Response`] with that status.
///
/// ```
/// use hotshoe::{Request, RequestHandler, Response, Result};
///
/// struct Hello;
///
/// impl RequestHandler for Hello {
///     async fn handle(&self, request: Request) -> Result<Response> {
///         Ok(Response::text(200, format!("hello, {}", request.param("name").unwrap_or("you"))))
///     }
/// }
/// ```
pub trait RequestHandler: Send + Sync + 'static {
    /// Answers one request.
    fn handle(&self, request: Request) -> impl Future<Output = Result<Response>> + Send;
}

impl<H: RequestHandler> RequestHandler for Arc<H> {
    fn handle(&self, request: Request) -> impl Future<Output = Result<Response>> + Send {
        (**self).handle(request)
    }
}

/// A [`RequestHandler`] from a function.
///
/// ```
/// use hotshoe::{Request, Response, handler_fn};
///
/// let handler = handler_fn(|_: Request| async { Ok(Response::text(200, "pong")) });
/// # fn check<H: hotshoe::RequestHandler>(_: H) {}
/// # check(handler);
/// ```
pub fn handler_fn<F>(function: F) -> HandlerFn<F> {
    HandlerFn(function)
}

/// See [`handler_fn`].
#[derive(Clone, Copy)]
pub struct HandlerFn<F>(F);

impl<F, Fut> RequestHandler for HandlerFn<F>
where
    F: Fn(Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Response>> + Send,
{
    fn handle(&self, request: Request) -> impl Future<Output = Result<Response>> + Send {
        (self.0)(request)
    }
}
