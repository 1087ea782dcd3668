//! One call that is taken down, from its beginning until its answer has passed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::blob::Blob;
use super::model::{Answered, Asked, Caller, Recorded, RecordedResponse};
use super::recorder::Recorder;
use super::summary::Loss;
use super::tee::{Copy, Copying};
use crate::contract::{Body, Call, Response, Result};

/// A call whose answer is still to come. Dropped without one, it counts as not finished.
pub(super) struct Tap {
    recorder: Arc<Recorder>,
    began: Instant,
    took: Option<Duration>,
    /// There until it is handed on.
    parts: Option<Parts>,
}

struct Parts {
    caller: Option<Caller>,
    call: Asked,
    body: RequestBody,
}

/// The body of a request.
pub(super) enum RequestBody {
    None,
    Whole(Bytes),
    Stream(Copy),
}

impl Tap {
    pub(super) fn new(recorder: Arc<Recorder>, by: &Call, call: Asked, body: RequestBody) -> Self {
        let parts = Parts { caller: Caller::of(by), call, body };
        Self { recorder, began: Instant::now(), took: None, parts: Some(parts) }
    }

    pub(super) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// A request is answered; what of that is a stream is still to pass.
    pub(super) fn answered(mut self, answer: &mut Result<Response>) {
        self.took = Some(self.began.elapsed());
        let response = match answer {
            Ok(response) => response,
            Err(error) => return self.finish(Answered::Error(error.kind().as_str().to_owned())),
        };
        let mut recorded = RecordedResponse::of(response, &self.recorder.redact);
        match Copying::of(response.take_body(), self.recorder.max_body) {
            Copying::TooLong(body) => {
                response.set_body(body);
                self.lose(Loss::TooLarge);
            }
            Copying::Whole(body, copy) => {
                response.set_body(body);
                recorded.body = Blob(copy);
                self.finish(Answered::Response(recorded));
            }
            Copying::Stream(tee) => {
                let copy = tee.copy();
                let tee = tee.then(move || match copy.take() {
                    Ok(bytes) => {
                        recorded.body = Blob(bytes);
                        self.finish(Answered::Response(recorded));
                    }
                    Err(loss) => self.lose(loss),
                });
                response.set_body(Body::stream(tee));
            }
        }
    }

    /// This was the whole answer.
    pub(super) fn finish(mut self, answer: Answered) {
        let took = self.took.unwrap_or_else(|| self.began.elapsed());
        let Some(Parts { caller, mut call, body }) = self.parts.take() else { return };
        let body = match body {
            RequestBody::None => Ok(Bytes::new()),
            RequestBody::Whole(bytes) => Ok(bytes),
            // What the handler has not read nobody has seen.
            RequestBody::Stream(copy) => copy.take(),
        };
        match (body, &mut call) {
            (Err(loss), _) => return self.recorder.losses.count(loss),
            (Ok(bytes), Asked::Request(request)) => request.body = Blob(bytes),
            (Ok(_), Asked::Execute(_)) => {}
        }
        let at = self.began.saturating_duration_since(self.recorder.began);
        self.recorder.submit(Recorded {
            // Whoever writes them counts them.
            number: 0,
            at_ns: nanos(at),
            took_ns: nanos(took),
            caller,
            call,
            answer,
        });
    }

    pub(super) fn lose(mut self, loss: Loss) {
        self.parts = None;
        self.recorder.losses.count(loss);
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        if self.parts.is_some() {
            self.recorder.losses.count(Loss::Unfinished);
        }
    }
}

/// Nanoseconds; half a millennium at most.
pub(super) fn nanos(length: Duration) -> u64 {
    u64::try_from(length.as_nanos()).unwrap_or(u64::MAX)
}
