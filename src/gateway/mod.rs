//! Requests to plugins: routes, and the chain of middleware in front of them.
//!
//! The routes and middleware in force are one immutable table, exchanged as a whole; a request
//! works on the table that it met. Whether an instance still takes calls is its ports' business.

mod chain;
mod ferry;
mod guard;
#[cfg(feature = "tower")]
mod http;
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
pub(crate) use routes::{Entries, Routes};
use table::Table;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use hotshoe_abi::plain::Line;
use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::contract::{Error, ErrorKind, Request, Response, Result};
use crate::replay::{Recorder, Track};
use crate::runtime::Timekeeper;

/// The routes of one host.
pub(crate) struct Gateway {
    draft: Mutex<Routes>,
    current: ArcSwap<Table>,
    time: Timekeeper,
    ids: RequestIds,
}

/// Request ids: a random number of this host, and one that counts up.
struct RequestIds {
    /// With a hyphen behind it.
    host: String,
    count: AtomicU64,
}

impl RequestIds {
    fn new() -> Self {
        let host = RandomState::new().hash_one(std::process::id());
        Self { host: format!("{host:016x}-"), count: AtomicU64::new(0) }
    }

    /// Each request needs one, and `format!` would take longer than all routing.
    fn next(&self) -> String {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let digits = count.checked_ilog(16).unwrap_or_default() + 1;
        let mut id = String::with_capacity(self.host.len() + digits as usize);
        id.push_str(&self.host);
        let digit = |at| char::from_digit((count >> (4 * at) & 0xf) as u32, 16);
        id.extend((0..digits).rev().filter_map(digit));
        id
    }
}

impl Gateway {
    pub(crate) fn new(time: Timekeeper) -> Self {
        Self { draft: Mutex::default(), current: ArcSwap::default(), time, ids: RequestIds::new() }
    }

    /// Changes the routes to be; in force after the next [`publish`](Self::publish).
    pub(crate) fn draft<T>(&self, change: impl FnOnce(&mut Routes) -> T) -> T {
        change(&mut self.draft.lock())
    }

    /// Puts the routes to be in force. The table that was drops here, and no plugin's code with it: that
    /// is behind ports.
    pub(crate) fn publish(&self) {
        let draft = self.draft.lock();
        self.current.store(Arc::new(Table::new(draft.clone())));
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
    pub(crate) async fn handle(&self, request: Request) -> Result<Response> {
        self.handle_for(request, None).await
    }

    async fn handle_for(&self, mut request: Request, adopt: Option<Adopt>) -> Result<Response> {
        let way = Way::of(&mut request, &self.current.load(), adopt);
        match request.call().remaining() {
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
    pub(crate) async fn respond(&self, request: Request) -> Response {
        self.respond_for(request, None).await
    }

    /// [`respond`](Self::respond) for whoever sends responses of a kind of its own.
    async fn respond_for(&self, mut request: Request, adopt: Option<Adopt>) -> Response {
        if request.call().request_id().is_none() {
            let call = request.call().edit().request_id(self.ids.next()).build();
            request.set_call(call);
        }
        // What a failure needs of the request, which is gone by then: a share, and one copy of both texts,
        // for which there mostly is room here.
        let call = request.call().clone();
        let method = request.method().len();
        let mut target = SmallVec::<[u8; 64]>::from_slice(request.method().as_bytes());
        target.extend_from_slice(request.path().as_bytes());
        match self.handle_for(request, adopt).await {
            Ok(response) => response,
            Err(error) => {
                let status = status_of(error.kind());
                let (method, path) = target.split_at(method);
                let (method, path) =
                    (String::from_utf8_lossy(method), String::from_utf8_lossy(path));
                let (method, path) = (Line(&method), Line(&path));
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
