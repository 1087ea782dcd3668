//! A body that comes in chunks.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hotshoe::{BodyStream, Error, ErrorKind, Result};

use crate::broken;
use crate::notes::{Notes, PanicOnDrop};

/// Numbered chunks, with a pause in front of each.
pub(crate) struct Chunks {
    notes: Notes,
    next: usize,
    count: usize,
    fault: String,
    paused: bool,
    _grenade: Option<PanicOnDrop>,
}

impl Chunks {
    /// `count` or `count:fault`.
    pub(crate) fn new(notes: &Notes, told: &str) -> Result<Self> {
        let (count, fault) = told.split_once(':').unwrap_or((told, ""));
        let count = count.parse().map_err(|_| {
            Error::new(ErrorKind::InvalidInput, format!("`{count}` is no number of chunks"))
        })?;
        Ok(Self {
            notes: notes.clone(),
            next: 0,
            count,
            fault: fault.to_owned(),
            paused: false,
            _grenade: (fault == "drop-panic").then(|| PanicOnDrop("a stream")),
        })
    }
}

impl BodyStream for Chunks {
    fn poll_chunk(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes>>> {
        self.paused = !self.paused;
        if self.paused {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.next == self.count {
            return match self.fault.as_str() {
                "panic" => panic!("a stream was told to panic"),
                "error" => Poll::Ready(Some(Err(broken("a stream")))),
                _ => Poll::Ready(None),
            };
        }
        self.next += 1;
        Poll::Ready(Some(Ok(format!("chunk {}\n", self.next).into())))
    }

    fn len(&self) -> Option<u64> {
        (self.fault == "known").then_some((self.count * "chunk 1\n".len()) as u64)
    }
}

impl Drop for Chunks {
    fn drop(&mut self) {
        self.notes.add(&format!("stream dropped after {}", self.next));
    }
}
