//! Requests to plugins: routes, and the chain of middleware in front of them.
//!
//! The routes and middleware in force are one immutable table, exchanged as a whole; a request
//! works on the table that it met. Whether an instance still takes calls is its gate's business.

mod chain;
#[cfg(feature = "tower")]
mod http;
mod routes;

#[cfg(feature = "tower")]
pub use self::http::{GatewayService, HttpBody};
use chain::Way;
pub(crate) use chain::{HandlerEntry, MiddlewareEntry};
pub(crate) use routes::{Removed, Routes};

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use hotshoe_abi::plain::Line;
use parking_lot::Mutex;

use crate::contract::{Error, ErrorKind, Request, Response, Result};
use crate::runtime::Timekeeper;

/// The routes of one host.
pub(crate) struct Gateway {
    draft: Mutex<Routes>,
    current: ArcSwap<Routes>,
    time: Timekeeper,
    timeout: Option<Duration>,
    ids: RequestIds,
}

/// Request ids: a random number of this host, and one that counts up.
struct RequestIds {
    host: u64,
    count: AtomicU64,
}

impl RequestIds {
    fn new() -> Self {
        let host = RandomState::new().hash_one(std::process::id());
        Self { host, count: AtomicU64::new(0) }
    }

    fn next(&self) -> String {
        format!("{:016x}-{:x}", self.host, self.count.fetch_add(1, Ordering::Relaxed))
    }
}

impl Gateway {
    pub(crate) fn new(time: Timekeeper, timeout: Option<Duration>) -> Self {
        Self {
            draft: Mutex::default(),
            current: ArcSwap::default(),
            time,
            timeout,
            ids: RequestIds::new(),
        }
    }

    /// Changes the routes to be; in force after the next [`publish`](Self::publish).
    pub(crate) fn draft<T>(&self, change: impl FnOnce(&mut Routes) -> T) -> T {
        change(&mut self.draft.lock())
    }

    /// Puts the routes to be in force. The table that was drops here: whoever removed something
    /// from it holds that ([`Removed`]), so no plugin's code runs.
    pub(crate) fn publish(&self) {
        let draft = self.draft.lock();
        self.current.store(Arc::new(draft.clone()));
    }

    /// Sends a request through middleware to its handler.
    ///
    /// # Errors
    /// What middleware and handler report; [`ErrorKind::Timeout`] at the earlier of the call's
    /// deadline and the host's `call_timeout`.
    pub(crate) async fn handle(&self, mut request: Request) -> Result<Response> {
        let way = Way::of(&mut request, &self.current.load());
        let limit = match (request.call().remaining(), way.timeout().or(self.timeout)) {
            (Some(left), Some(timeout)) => Some(left.min(timeout)),
            (left, timeout) => left.or(timeout),
        };
        self.time.timeout(limit, "the answer to a request", way.run(request)).await
    }

    /// [`handle`](Self::handle), with errors turned into responses.
    ///
    /// A request without an id gets one, so that all that is logged about it can be found.
    pub(crate) async fn respond(&self, mut request: Request) -> Response {
        let (method, path) = (request.method().to_owned(), request.path().to_owned());
        let (method, path) = (Line(method), Line(path));
        let id = match request.call().request_id() {
            Some(id) => id.to_owned(),
            None => {
                let id = self.ids.next();
                let call = request.call().edit().request_id(&id).build();
                request.set_call(call);
                id
            }
        };
        match self.handle(request).await {
            Ok(response) => response,
            Err(error) => {
                let status = status_of(error.kind());
                if status >= 500 {
                    tracing::error!(%method, %path, request_id = id, error = %error, "a request failed");
                } else {
                    tracing::debug!(%method, %path, request_id = id, error = %error, "a request was refused");
                }
                // What went wrong inside is for the log; a client learns the kind.
                let mut response = Response::text(status, format!("{}\n", error.kind().as_str()));
                response.set_header("x-request-id", id);
                response
            }
        }
    }
}

/// The HTTP status that fits a kind of error.
fn status_of(kind: ErrorKind) -> u16 {
    match kind {
        ErrorKind::InvalidInput => 400,
        ErrorKind::PermissionDenied => 403,
        ErrorKind::NotFound => 404,
        ErrorKind::AlreadyExists | ErrorKind::Conflict => 409,
        ErrorKind::ResourceLimit => 429,
        ErrorKind::Unsupported => 501,
        ErrorKind::Unavailable => 503,
        ErrorKind::Timeout => 504,
        _ => 500,
    }
}

/// A contribution that cannot be taken, named after its instance.
pub(crate) fn refuse(instance: &str, message: String, help: &str) -> Error {
    Error::new(ErrorKind::AlreadyExists, message).with_plugin(instance).with_help(help)
}
