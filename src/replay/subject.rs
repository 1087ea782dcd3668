//! [`Subject`]: what a recording is replayed to.

use std::future::Future;
use std::pin::Pin;

use super::model::RecordedRequest;
use crate::contract::{Call, Response, Result};

/// The answer to a replayed call, to be awaited.
pub type Answering<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a recording is replayed to: an instance that runs, one that does not serve yet, a server elsewhere.
pub trait Subject: Send + Sync {
    /// Makes a recorded request again, by `call`; `None` if nothing of it answers such requests.
    ///
    /// Who routes takes [`to_request`](RecordedRequest::to_request) of it; who has the handlers by the names
    /// of their routes takes [`to_routed_request`](RecordedRequest::to_routed_request).
    fn handle<'a>(
        &'a self,
        call: Call,
        request: &'a RecordedRequest,
    ) -> Answering<'a, Option<Result<Response>>>;

    /// Calls the generic entry again.
    fn execute<'a>(&'a self, call: Call, input: &'a str) -> Answering<'a, Result<String>>;
}
