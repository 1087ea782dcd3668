//! A request that is not answered yet.

use std::sync::Arc;
use std::time::Instant;

use hotshoe::{Error, Response};

use crate::counters::{Code, Counters};

/// Counts the request when it ends, or when it is dropped because nobody waits any more.
pub(crate) struct InFlight {
    counters: Arc<Counters>,
    method: &'static str,
    path: usize,
    code: Code,
    started: Instant,
}

impl InFlight {
    pub(crate) fn new(counters: Arc<Counters>, method: &str, path: &str) -> Self {
        counters.begin();
        Self {
            method: Counters::method(method),
            path: counters.path(path),
            code: Code::Abandoned,
            started: Instant::now(),
            counters,
        }
    }

    pub(crate) fn finish(mut self, result: &Result<Response, Error>) {
        self.code = match result.as_ref().map(Response::status) {
            Ok(status @ 100..=599) => Code::Status(status),
            Ok(_) => Code::Other,
            Err(_) => Code::Error,
        };
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.counters.end(self.method, self.path, self.code, self.started.elapsed());
    }
}
