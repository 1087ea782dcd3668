//! Takes down the calls of one instance and hands them to the thread that writes.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use async_channel::{Sender, TrySendError};
use hotshoe_abi::__stable::RString;
use hotshoe_abi::AbiFuture;

use super::model::{Answered, Asked, EXECUTE, Recorded, RecordedRequest};
use super::options::RecordOptions;
use super::summary::{Loss, Losses};
use super::tap::{RequestBody, Tap};
use super::tee::Copying;
use crate::contract::{Call, Request, Response};

/// What may wait for the disk.
#[derive(Clone, Copy, Debug)]
pub(super) struct QueueLimit {
    pub(super) calls: usize,
    pub(super) bytes: usize,
}

/// A second of a busy instance, and no more memory than a small plugin's library takes.
pub(super) const QUEUE: QueueLimit = QueueLimit { calls: 4096, bytes: 16 << 20 };

/// Takes down the calls of one start of an instance.
pub(crate) struct Recorder {
    pub(super) began: Instant,
    pub(super) max_body: usize,
    pub(super) redact: Vec<String>,
    /// Chosen contributions; all, if there are none here.
    chosen: Vec<String>,
    executes: bool,
    queue: Sender<Recorded>,
    limit: QueueLimit,
    /// Bytes in the queue.
    pub(super) queued: AtomicUsize,
    /// Nothing more will be written.
    pub(super) full: AtomicBool,
    /// Calls that were seen.
    pub(super) seen: AtomicU64,
    pub(super) losses: Losses,
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("seen", &self.seen).finish_non_exhaustive()
    }
}

/// Takes down the calls of one route.
#[derive(Debug)]
pub(crate) struct Track {
    pub(crate) recorder: Arc<Recorder>,
    method: String,
    path: String,
}

impl Recorder {
    pub(super) fn new(options: &RecordOptions, limit: QueueLimit, queue: Sender<Recorded>) -> Self {
        let chosen = options.contributions.clone();
        Self {
            began: Instant::now(),
            max_body: options.max_body,
            redact: options.redact.clone(),
            executes: chosen.is_empty() || chosen.iter().any(|name| name == EXECUTE),
            chosen,
            queue,
            limit,
            queued: AtomicUsize::new(0),
            full: AtomicBool::new(false),
            seen: AtomicU64::new(0),
            losses: Losses::default(),
        }
    }

    /// What takes down the calls of a route, if they are to be.
    pub(crate) fn track(self: &Arc<Self>, method: &str, path: &str) -> Option<Arc<Track>> {
        let name = format!("{method} {path}");
        let chosen = self.chosen.is_empty() || self.chosen.contains(&name);
        let (method, path) = (method.to_owned(), path.to_owned());
        chosen.then(|| Arc::new(Track { recorder: self.clone(), method, path }))
    }

    /// Takes down a call of the generic entry, made by `run`, if it is to be.
    pub(crate) fn execute<'x>(
        self: &Arc<Self>,
        call: &Call,
        input: &str,
        run: AbiFuture<'x, RString>,
    ) -> AbiFuture<'x, RString> {
        if !self.executes || !self.is_open() {
            return run;
        }
        if input.len() > self.max_body {
            self.losses.count(Loss::TooLarge);
            return run;
        }
        let tap = Tap::new(self.clone(), call, Asked::Execute(input.to_owned()), RequestBody::None);
        AbiFuture::new(async move {
            let answer = run.await;
            match &answer {
                Ok(output) if output.len() > tap.recorder().max_body => tap.lose(Loss::TooLarge),
                Ok(output) => tap.finish(Answered::Output(output.as_str().to_owned())),
                Err(error) => tap.finish(Answered::Error(error.kind().as_str().to_owned())),
            }
            answer
        })
    }

    /// Counts a call, and tells whether it may be taken down.
    fn is_open(&self) -> bool {
        self.seen.fetch_add(1, Ordering::Relaxed);
        let full = self.full.load(Ordering::Relaxed);
        if full {
            self.losses.count(Loss::BeyondLimit);
        }
        !full
    }

    /// Hands a call to the thread that writes, if there is room: nobody waits for it.
    pub(super) fn submit(&self, recorded: Recorded) {
        let size = size(&recorded);
        let before = self.queued.fetch_add(size, Ordering::Relaxed);
        let sent = if before > 0 && before.saturating_add(size) > self.limit.bytes {
            Err(Loss::QueueFull)
        } else {
            self.queue.try_send(recorded).map_err(|error| match error {
                TrySendError::Full(_) => Loss::QueueFull,
                // After the end nobody counts.
                TrySendError::Closed(_) => Loss::NotWritten,
            })
        };
        if let Err(loss) = sent {
            self.queued.fetch_sub(size, Ordering::Relaxed);
            self.losses.count(loss);
        }
    }

    /// Takes nothing more.
    pub(crate) fn close(&self) {
        self.queue.close();
    }
}

/// What a call has of the queue's bytes.
pub(super) fn size(recorded: &Recorded) -> usize {
    // More or less: what it is made of, and what that points at.
    size_of::<Recorded>() + recorded.call.size() + recorded.answer.size()
}

impl Track {
    /// Takes down a request, which is answered by `call`. What of it is a stream stays one.
    pub(crate) fn handle<'x>(
        &self,
        mut request: Request,
        call: impl FnOnce(Request) -> AbiFuture<'x, Response>,
    ) -> AbiFuture<'x, Response> {
        let recorder = &self.recorder;
        if !recorder.is_open() {
            return call(request);
        }
        let body = match Copying::of(request.take_body(), recorder.max_body) {
            Copying::TooLong(body) => {
                recorder.losses.count(Loss::TooLarge);
                request.set_body(body);
                return call(request);
            }
            Copying::Whole(body, copy) => {
                request.set_body(body);
                RequestBody::Whole(copy)
            }
            Copying::Stream(tee) => {
                let copy = tee.copy();
                request.set_body(crate::contract::Body::stream(tee));
                RequestBody::Stream(copy)
            }
        };
        let route = (&*self.method, &*self.path);
        let asked = Asked::Request(RecordedRequest::of(&request, route, &recorder.redact));
        let tap = Tap::new(recorder.clone(), request.call(), asked, body);
        let answer = call(request);
        AbiFuture::new(async move {
            let mut answer = answer.await;
            tap.answered(&mut answer);
            answer
        })
    }
}
