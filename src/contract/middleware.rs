//! Standing between a request and its handler: [`Middleware`].

use std::future::Future;
use std::sync::Arc;

use super::{Next, Request, Response, Result};

/// Sees requests before the handler does, and responses after it.
///
/// # Contract
/// Either pass the request on with [`Next::run`] and return what comes back, changed or not, or
/// answer at once. `next` runs at most once; it is passed by value.
///
/// # Lifecycle
/// Called only between the plugin's `start` and its `stop`. Requests under way when the plugin is
/// stopped are finished first, up to the stop deadline. While it is restarted, and if it does not come
/// up again, requests for its paths are answered with 503: what guards a path must not be open while
/// it is exchanged, unless the operator wants that. A middleware that an operator disabled is passed
/// over; one that never started is not there, unless the configuration says `required = true`.
///
/// # Threading
/// Called from any thread, any number of times at once. Polled by whoever awaits: do not block.
///
/// # Cancellation
/// Dropping the future drops the request wherever it is, in later links too.
///
/// # Panics
/// A panic is contained, and is a failure as any other.
///
/// # Errors
/// Errors of later links come back from [`Next::run`]; hand them on or answer in their place. To refuse
/// a request, answer, or return an error that says so, such as
/// [`ErrorKind::PermissionDenied`](super::ErrorKind::PermissionDenied). Any other error means that the
/// middleware could not do its work: the request is answered with 503, or goes on without it if the
/// operator wants that.
///
/// ```
/// use hotshoe::{Middleware, Next, Request, Response, Result};
///
/// struct Maintenance;
///
/// impl Middleware for Maintenance {
///     async fn handle(&self, request: Request, next: Next) -> Result<Response> {
///         if request.method() == "POST" {
///             return Ok(Response::text(503, "read-only for an hour\n"));
///         }
///         next.run(request).await
///     }
///
///     fn paths(&self) -> Vec<String> {
///         vec!["/pks/*".into()]
///     }
/// }
/// ```
pub trait Middleware: Send + Sync + 'static {
    /// Handles one request, usually by passing it on.
    fn handle(&self, request: Request, next: Next)
    -> impl Future<Output = Result<Response>> + Send;

    /// Where in the chain: lower runs first, so nearer to the client. Equal priorities run in the
    /// order in which their plugins started. An operator can override it.
    fn priority(&self) -> i32 {
        0
    }

    /// The paths it applies to: exact (`/stats`), a prefix (`/pks/*`) or all (`*`, the default).
    fn paths(&self) -> Vec<String> {
        vec!["*".to_owned()]
    }
}

impl<M: Middleware> Middleware for Arc<M> {
    fn handle(
        &self,
        request: Request,
        next: Next,
    ) -> impl Future<Output = Result<Response>> + Send {
        (**self).handle(request, next)
    }

    fn priority(&self) -> i32 {
        (**self).priority()
    }

    fn paths(&self) -> Vec<String> {
        (**self).paths()
    }
}
