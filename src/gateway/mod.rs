//! Requests to plugins: routes, and the chain of middleware in front of them.
//!
//! The routes and middleware in force are one immutable table, exchanged as a whole; a request
//! works on the table that it met. Whether an instance still takes calls is its ports' business.

mod chain;
mod end;
mod ferry;
mod guard;
#[cfg(feature = "tower")]
mod http;
mod ids;
#[cfg(feature = "tower")]
mod names;
mod pass;
mod pool;
mod routes;
mod table;

#[cfg(feature = "tower")]
pub use self::http::{GatewayService, HttpBody};
use chain::{Adopt, Way, answered};
pub(crate) use chain::{HandlerEntry, MiddlewareEntry, Passing};
use ids::RequestIds;
use routes::Params;
pub(crate) use routes::{Entries, Routes};
use table::Table;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hotshoe_abi::plain::Line;
use parking_lot::Mutex;

use crate::contract::{Call, Error, ErrorKind, Request, Response, Result};
use crate::replay::{Recorder, Track};
use crate::runtime::Timekeeper;

/// The routes of one host.
pub(crate) struct Gateway {
    draft: Mutex<Routes>,
    current: ArcSwap<Table>,
    time: Timekeeper,
    ids: RequestIds,
}

impl Gateway {
    pub(crate) fn new(time: Timekeeper) -> Self {
        Self {
            draft: Mutex::default(),
            current: ArcSwap::default(),
            time,
            ids: RequestIds::default(),
        }
    }

    /// Changes the routes to be; in force after the next [`publish`](Self::publish).
    pub(crate) fn draft<T>(&self, change: impl FnOnce(&mut Routes) -> T) -> T {
        change(&mut self.draft.lock())
    }

    /// Puts the routes to be in force. The table that was drops here, and no plugin's code with it: that
    /// is behind ports.
    pub(crate) fn publish(&self) {
        self.publish_without(&BTreeSet::new());
    }

    /// The same without what is reserved for these starts, which are not up.
    pub(crate) fn publish_without(&self, starts: &BTreeSet<u64>) {
        let draft = self.draft.lock();
        let mut routes = draft.clone();
        if !starts.is_empty() {
            routes.withhold(starts);
        }
        self.current.store(Arc::new(Table::new(routes)));
    }

    /// Has the calls of an instance's handlers taken down that were mounted by this start, at once.
    pub(crate) fn record(&self, instance: &str, start: u64, recorder: &Arc<Recorder>) {
        self.retrack(|entry, method, path| {
            (entry.instance == instance && entry.start == start && !entry.vacant)
                .then(|| recorder.track(method, path))
        });
    }

    /// Has nothing taken down by this one any more.
    pub(crate) fn end_recording(&self, recorder: &Arc<Recorder>) {
        self.retrack(|entry, _, _| {
            let track = entry.track.as_ref()?;
            Arc::ptr_eq(&track.recorder, recorder).then_some(None)
        });
    }

    /// Changes the routes to be, and those in force: what else is to be is not put in force by that.
    fn retrack(&self, change: impl Fn(&HandlerEntry, &str, &str) -> Option<Option<Arc<Track>>>) {
        // Whoever publishes holds it, too.
        let mut draft = self.draft.lock();
        draft.retrack(&change);
        let mut current = self.current.load().routes().clone();
        current.retrack(&change);
        self.current.store(Arc::new(Table::new(current)));
    }

    /// Sends a request to the handler of one instance, past middleware; none if it has none for such a
    /// request. Nothing of it is taken down.
    pub(crate) async fn handle_by(
        &self,
        instance: &str,
        mut request: Request,
    ) -> Option<Result<Response>> {
        let entry = self.current.load().routes().handler_of(instance, &mut request)?;
        Some(entry.port.ask(move |handler| handler.handle(request), answered).await)
    }

    /// Sends a request through middleware to its handler.
    ///
    /// # Errors
    /// What the handler reports, and middleware that refuses the request; [`ErrorKind::Unavailable`] if
    /// middleware could not answer; [`ErrorKind::Timeout`] at the call's deadline, and when the handler
    /// has taken `call_timeout`.
    pub(crate) async fn handle(&self, mut request: Request) -> Result<Response> {
        let (way, params) = self.way(request.method(), request.path(), None);
        params.iter().for_each(|(name, value)| request.add_param(name, value));
        let limit = request.call().remaining();
        self.pass(way, request, limit).await
    }

    /// The way of a request from here on, and the path's parameters.
    #[inline]
    fn way(&self, method: &str, path: &str, adopt: Option<Adopt>) -> (Way, Params) {
        Way::of(method, path, &self.current.load(), adopt)
    }

    async fn pass(&self, way: Way, request: Request, limit: Option<Duration>) -> Result<Response> {
        match limit {
            None => way.run(request).await,
            // In a box, so that requests without a deadline keep no room for it.
            limit => {
                let answer = Box::pin(way.run(request));
                self.time.timeout(limit, "the answer to a request", answer).await
            }
        }
    }

    /// [`handle`](Self::handle), with errors turned into responses.
    ///
    /// A request without an id gets one, so that all that is logged about it can be found.
    pub(crate) async fn respond(&self, mut request: Request) -> Response {
        if request.call().request_id().is_none() {
            let call = request.call().edit().request_id(self.ids.next().text()).build();
            request.set_call(call);
        }
        // What a failure needs of the request, which is gone by then.
        let call = request.call().clone();
        let (method, path) = (request.method().to_owned(), request.path().to_owned());
        let answer = self.handle(request).await;
        answer.unwrap_or_else(|error| failure(&error, &method, &path, &call))
    }
}

/// The answer to a request that failed, which is logged.
#[cold]
fn failure(error: &Error, method: &str, path: &str, call: &Call) -> Response {
    let status = status_of(error.kind());
    let (method, path) = (Line(method), Line(path));
    let id = call.request_id().unwrap_or_default();
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
