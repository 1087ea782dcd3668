//! A body on its way, of which a copy is kept as it passes. It passes as it would without.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;

use super::summary::Loss;
use crate::contract::{Body, BodyStream, Result};

/// A body that is to be copied.
pub(super) enum Copying {
    /// It is there as a whole: the same again, and what is in it.
    Whole(Body, Bytes),
    /// It is still to come.
    Stream(Tee),
    /// It is known to be too long: untouched.
    TooLong(Body),
}

impl Copying {
    /// At most `limit` bytes of it.
    pub(super) fn of(body: Body, limit: usize) -> Self {
        let fits = |len: u64| usize::try_from(len).is_ok_and(|len| len <= limit);
        if !body.len().is_none_or(fits) {
            return Self::TooLong(body);
        }
        match body.into_full() {
            Ok(bytes) => Self::Whole(bytes.clone().into(), bytes),
            Err(body) => {
                Self::Stream(Tee { body, limit, copy: Copy::default(), then: None, over: false })
            }
        }
    }
}

/// The copy of a stream, as far as it has passed.
#[derive(Clone, Default)]
pub(super) struct Copy(Arc<Mutex<Passed>>);

#[derive(Default)]
struct Passed {
    bytes: BytesMut,
    ended: bool,
    too_long: bool,
}

impl Copy {
    /// The whole of it.
    ///
    /// # Errors
    /// With the reason why there is none.
    pub(super) fn take(&self) -> Result<Bytes, Loss> {
        let mut passed = self.0.lock();
        match *passed {
            Passed { too_long: true, .. } => Err(Loss::TooLarge),
            Passed { ended: false, .. } => Err(Loss::Unfinished),
            _ => Ok(std::mem::take(&mut passed.bytes).freeze()),
        }
    }
}

/// Hands a stream on and copies it.
pub(super) struct Tee {
    body: Body,
    limit: usize,
    copy: Copy,
    /// What is to be done once it is over.
    then: Option<Box<dyn FnOnce() + Send>>,
    over: bool,
}

impl Tee {
    pub(super) fn copy(&self) -> Copy {
        self.copy.clone()
    }

    /// With something to be done once all has passed, or nobody wants more of it.
    pub(super) fn then(mut self, then: impl FnOnce() + Send + 'static) -> Self {
        self.then = Some(Box::new(then));
        self
    }

    fn end(&mut self, whole: bool) {
        if !std::mem::replace(&mut self.over, true) {
            self.copy.0.lock().ended = whole;
            self.then.take().into_iter().for_each(|then| then());
        }
    }
}

impl BodyStream for Tee {
    fn poll_chunk(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes>>> {
        let chunk = ready!(self.body.poll_chunk(context));
        match &chunk {
            Ok(Some(bytes)) => {
                let mut passed = self.copy.0.lock();
                if passed.bytes.len() + bytes.len() <= self.limit && !passed.too_long {
                    passed.bytes.extend_from_slice(bytes);
                } else {
                    passed.too_long = true;
                    passed.bytes = BytesMut::new();
                }
            }
            Ok(None) => self.end(true),
            Err(_) => self.end(false),
        }
        Poll::Ready(chunk.transpose())
    }

    fn len(&self) -> Option<u64> {
        self.body.len()
    }
}

impl Drop for Tee {
    fn drop(&mut self) {
        // Whoever knows the length does not ask for what comes after the last byte.
        let whole = self.body.is_empty();
        self.end(whole);
    }
}
