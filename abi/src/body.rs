//! The body of a request or response: nothing, one buffer, or a stream of them.

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::task::{Context, Poll};

use abi_stable::StableAbi;
use abi_stable::prefix_type::WithMetadata;
use abi_stable::staticref;
use abi_stable::std_types::ROption;
use bytes::{Bytes, BytesMut};

use crate::buffer::{Origin, Owned, Shared, Static};
use crate::guard::{contain, guard};
use crate::waker::AbiWaker;
use crate::{AbiBytes, AbiPoll, Error, ErrorKind, Result};

/// A body: empty, a whole buffer, or a stream. It crosses libraries without a copy.
///
/// A middleware that does not look at a body passes it on at no cost. One that is made of a `Vec`, of a `String` or of
/// what the program itself has takes no allocation.
#[repr(C)]
#[derive(StableAbi)]
pub struct Body {
    /// Of a whole body, its bytes.
    start: *const u8,
    /// How many bytes are to come; `u64::MAX` if it is not known.
    len: u64,
    /// Whatever the library that made it needs beside them.
    owner: *mut (),
    vtable: BodyVTableRef,
}

#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = BodyVTableRef)))]
#[sabi(missing_field(option))]
struct BodyVTable {
    /// The whole content at once, if it is there already: then this is the end of the body, otherwise it
    /// stays.
    take_whole: unsafe extern "C" fn(*const u8, u64, *mut ()) -> ROption<AbiBytes>,
    poll_chunk: unsafe extern "C" fn(&mut Body, &AbiWaker) -> AbiPoll<ROption<AbiBytes>>,
    #[sabi(last_prefix_field)]
    drop: unsafe extern "C" fn(*const u8, u64, *mut ()),
}

/// A source of chunks for [`Body::stream`].
///
/// # Cancellation
/// Dropping the body drops the stream.
///
/// # Panics
/// A panic ends the stream with an error of kind [`ErrorKind::Panic`].
pub trait BodyStream: Send + 'static {
    /// The next chunk, `None` at the end. Not called again after the end or an error.
    fn poll_chunk(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes>>>;

    /// The exact length in bytes of what is still to come, if it is known. Asked before the first
    /// chunk and after each.
    fn len(&self) -> Option<u64> {
        None
    }

    /// Whether nothing will come, if that is known.
    fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }
}

// SAFETY: a body holds owned bytes or a `BodyStream`, which is `Send`.
unsafe impl Send for Body {}
// SAFETY: through `&Body` only the length is read, which is a number here. A stream itself need not be
// `Sync`: it is asked by whoever has the body exclusively.
unsafe impl Sync for Body {}

impl Body {
    /// No content; allocates nothing.
    pub const fn empty() -> Self {
        Whole::<Static>::body(AbiBytes::new())
    }

    /// A body whose chunks come from `stream`.
    pub fn stream<S: BodyStream>(stream: S) -> Self {
        Self {
            start: std::ptr::null(),
            len: stream.len().unwrap_or(u64::MAX),
            owner: Box::into_raw(Box::new(Streaming(Some(stream)))).cast(),
            vtable: BodyVTableRef(Streaming::<S>::VTABLE.as_prefix()),
        }
    }

    /// The exact length in bytes, if it is known.
    pub fn len(&self) -> Option<u64> {
        Some(self.len).filter(|len| *len != u64::MAX)
    }

    /// Whether it is known that there is no content.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// The next chunk; `None` at the end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        poll_fn(|context| self.poll_chunk(context)).await
    }

    /// The next chunk, for code that polls by hand; `None` at the end.
    pub fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>>> {
        let waker = AbiWaker::lend(context.waker());
        // SAFETY: the table belongs to the data; `&mut self` makes the access exclusive.
        let polled = unsafe { (self.vtable.poll_chunk())(self, &waker) };
        polled.into_poll().map_ok(|chunk| chunk.into_option().map(Into::into))
    }

    /// The content, if it is there as a whole already (no stream); without a copy.
    pub fn into_full(self) -> std::result::Result<Bytes, Self> {
        let this = ManuallyDrop::new(self);
        // SAFETY: the table belongs to the data, which is not touched again if the content comes out.
        match unsafe { (this.vtable.take_whole())(this.start, this.len, this.owner) } {
            ROption::RSome(bytes) => Ok(bytes.into()),
            ROption::RNone => Err(ManuallyDrop::into_inner(this)),
        }
    }

    /// Collects the whole content, at most `limit` bytes.
    ///
    /// # Errors
    /// [`ErrorKind::ResourceLimit`] if there is more; whatever the stream reports.
    pub async fn collect(self, limit: usize) -> Result<Bytes> {
        let too_large = |found: String| {
            Error::new(
                ErrorKind::ResourceLimit,
                format!("a body of at most {limit} bytes was expected, found {found}"),
            )
        };
        let mut body = match self.into_full() {
            Ok(bytes) if bytes.len() > limit => return Err(too_large(bytes.len().to_string())),
            Ok(bytes) => return Ok(bytes),
            Err(stream) => stream,
        };
        let mut all = BytesMut::new();
        while let Some(chunk) = body.chunk().await? {
            if all.len() + chunk.len() > limit {
                return Err(too_large("more".into()));
            }
            all.extend_from_slice(&chunk);
        }
        Ok(all.freeze())
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.len() {
            Some(len) => write!(f, "Body({len} bytes)"),
            None => f.write_str("Body(stream)"),
        }
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        // SAFETY: the table belongs to the data, dropped once.
        unsafe { (self.vtable.drop())(self.start, self.len, self.owner) }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() {
            return Self::empty();
        }
        Whole::<Shared>::body(AbiBytes::of_boxed(Box::new(bytes)))
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Whole::<Owned>::body(bytes.into())
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        text.as_bytes().into()
    }
}

impl From<&'static [u8]> for Body {
    fn from(bytes: &'static [u8]) -> Self {
        Whole::<Static>::body(AbiBytes::from_static(bytes))
    }
}

// ---- nothing, or one buffer: the bytes without their table, which is that of their origin ----

struct Whole<O>(PhantomData<O>);

impl<O: Origin> Whole<O> {
    const VTABLE: &'static WithMetadata<BodyVTable> = &WithMetadata::new(BodyVTable {
        take_whole: Self::take_whole,
        poll_chunk: Self::poll_chunk,
        drop: Self::drop,
    });

    /// A body of bytes of this origin.
    const fn body(bytes: AbiBytes) -> Body {
        let (start, len, owner) = bytes.into_raw();
        let vtable = BodyVTableRef(Self::VTABLE.static_as_prefix());
        Body { start, len: len as u64, owner, vtable }
    }

    unsafe extern "C" fn take_whole(
        start: *const u8,
        len: u64,
        owner: *mut (),
    ) -> ROption<AbiBytes> {
        // SAFETY: in this table these are bytes of this origin, which nobody touches again.
        ROption::RSome(unsafe { AbiBytes::from_raw::<O>(start, len as usize, owner) })
    }

    unsafe extern "C" fn poll_chunk(body: &mut Body, _: &AbiWaker) -> AbiPoll<ROption<AbiBytes>> {
        if body.len == 0 {
            return AbiPoll::Done(ROption::RNone);
        }
        let body = ManuallyDrop::new(std::mem::take(body));
        // SAFETY: as the table says of what it belongs to, which was taken out.
        AbiPoll::Done(unsafe { Self::take_whole(body.start, body.len, body.owner) })
    }

    unsafe extern "C" fn drop(start: *const u8, len: u64, owner: *mut ()) {
        // SAFETY: in this table these are bytes of this origin, dropped once. They guard what of others runs.
        drop(unsafe { AbiBytes::from_raw::<O>(start, len as usize, owner) });
    }
}

// ---- a stream ----

/// Its length is in the body: a stream is not asked through `&Body`, which several threads may share; it is
/// `Send` and need not be `Sync`.
struct Streaming<S>(Option<S>);

impl<S: BodyStream> Streaming<S> {
    staticref! {
        const VTABLE: WithMetadata<BodyVTable> = WithMetadata::new(BodyVTable {
            take_whole: Self::take_whole,
            poll_chunk: Self::poll_chunk,
            drop: Self::drop,
        });
    }

    unsafe extern "C" fn take_whole(_: *const u8, _: u64, _: *mut ()) -> ROption<AbiBytes> {
        ROption::RNone
    }

    unsafe extern "C" fn poll_chunk(
        body: &mut Body,
        waker: &AbiWaker,
    ) -> AbiPoll<ROption<AbiBytes>> {
        // SAFETY: in this table the owner is a boxed `Streaming<S>`, lent exclusively.
        let this = unsafe { &mut *body.owner.cast::<Self>() };
        // SAFETY: the stream is never moved out of its box, so pinning it is sound.
        let mut slot = unsafe { Pin::new_unchecked(&mut this.0) };
        let polled = waker.with(|waker| {
            guard(|| match slot.as_mut().as_pin_mut() {
                Some(stream) => stream.poll_chunk(&mut Context::from_waker(waker)),
                None => Poll::Ready(None),
            })
        });
        let (chunk, over) = match polled {
            Ok(Poll::Pending) => return AbiPoll::Pending,
            Ok(Poll::Ready(Some(Ok(bytes)))) => (Ok(ROption::RSome(bytes.into())), false),
            Ok(Poll::Ready(Some(Err(error)))) | Err(error) => (Err(error), true),
            Ok(Poll::Ready(None)) => (Ok(ROption::RNone), true),
        };
        if over {
            contain(|| slot.set(None));
        }
        let len = guard(|| slot.as_ref().as_pin_ref().and_then(|stream| stream.len()));
        body.len = len.ok().flatten().unwrap_or(u64::MAX);
        chunk.into()
    }

    unsafe extern "C" fn drop(_: *const u8, _: u64, owner: *mut ()) {
        // SAFETY: in this table the owner is a boxed `Streaming<S>`, dropped once.
        let this = unsafe { Box::from_raw(owner.cast::<Self>()) };
        contain(|| drop(this));
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    const PROGRAM: &[u8] = b"program";

    /// One of each origin, with where its bytes are and what they are.
    fn whole() -> [(Body, *const u8, &'static [u8]); 3] {
        let (vec, shared) = (b"vec".to_vec(), Bytes::copy_from_slice(b"shared"));
        let starts = (vec.as_ptr(), shared.as_ptr());
        [
            (vec.into(), starts.0, b"vec"),
            (shared.into(), starts.1, b"shared"),
            (PROGRAM.into(), PROGRAM.as_ptr(), PROGRAM),
        ]
    }

    #[test]
    fn a_whole_body_comes_out_as_the_bytes_that_went_in() {
        for (body, start, content) in whole() {
            assert_eq!(body.len(), Some(content.len() as u64));
            let bytes = body.into_full().expect("it is whole");
            assert_eq!((bytes.as_ptr(), &*bytes), (start, content));
        }
    }

    #[test]
    fn a_whole_body_is_one_chunk_and_then_nothing() {
        let mut context = Context::from_waker(Waker::noop());
        for (mut body, start, content) in whole() {
            let Poll::Ready(Ok(Some(chunk))) = body.poll_chunk(&mut context) else {
                panic!("a chunk was expected");
            };
            assert_eq!((chunk.as_ptr(), &*chunk), (start, content));
            assert!(body.is_empty());
            assert!(matches!(body.poll_chunk(&mut context), Poll::Ready(Ok(None))));
        }
    }

    #[test]
    fn what_has_no_bytes_is_empty_whatever_it_was_made_of() {
        for body in [Body::empty(), Vec::new().into(), String::with_capacity(9).into(), "".into()] {
            assert!(body.is_empty());
            assert_eq!(body.into_full().expect("it is whole"), Bytes::new());
        }
    }
}
