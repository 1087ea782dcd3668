//! A request whose line is still to be written.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use hotshoe::{Error, Request, Response};

use crate::Sink;
use crate::line::{Ending, Line};
use crate::time::rfc3339;

/// Writes the line when the request ends, or when it is dropped because nobody waits any more.
pub(crate) struct Pending {
    sink: Arc<Sink>,
    request_id: String,
    method: String,
    path: String,
    user_id: Option<String>,
    started: Instant,
    written: bool,
}

impl Pending {
    pub(crate) fn new(sink: Arc<Sink>, id: &str, request: &Request, with_query: bool) -> Self {
        let mut path = request.path().to_owned();
        if let Some(query) = request.query().filter(|_| with_query) {
            path.push('?');
            path.push_str(query);
        }
        Self {
            sink,
            request_id: id.to_owned(),
            method: request.method().to_owned(),
            path,
            user_id: request.call().user_id().map(str::to_owned),
            started: Instant::now(),
            written: false,
        }
    }

    pub(crate) fn finish(mut self, result: &Result<Response, Error>) {
        self.write(&Ending::of(result));
    }

    fn write(&mut self, ending: &Ending) {
        self.written = true;
        let source = &self.sink.source;
        let plugin_id = ending.plugin_id.as_deref().unwrap_or(&source.plugin_id);
        let version = match ending.plugin_id {
            // Somebody else's plugin with our version would be a lie.
            Some(_) => ending.version.as_deref().unwrap_or_default(),
            None => &source.version,
        };
        // Microseconds are enough, and read better than all digits.
        let response_time_ms = self.started.elapsed().as_micros() as f64 / 1000.0;
        tracing::info!(
            target: "access",
            plugin_id,
            version,
            request_id = self.request_id,
            method = self.method,
            path = self.path,
            user_id = self.user_id,
            response_time_ms,
            status_code = ending.status_code,
            error = ending.error,
        );
        let Some(file) = &self.sink.file else { return };
        file.write(&Line {
            timestamp: rfc3339(SystemTime::now()),
            level: "info",
            plugin_id,
            version,
            request_id: &self.request_id,
            method: &self.method,
            path: &self.path,
            user_id: self.user_id.as_deref(),
            response_time_ms,
            status_code: ending.status_code,
            error: ending.error,
        });
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.written {
            self.write(&Ending::ABANDONED);
        }
    }
}
