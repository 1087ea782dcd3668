//! The body of a request or response: nothing, one buffer, or a stream of them.

use std::fmt;
use std::future::poll_fn;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::task::{Context, Poll};

use abi_stable::StableAbi;
use abi_stable::prefix_type::WithMetadata;
use abi_stable::staticref;
use abi_stable::std_types::ROption;
use bytes::{Bytes, BytesMut};

use crate::guard::{contain, guard};
use crate::waker::AbiWaker;
use crate::{AbiBytes, AbiPoll, Error, ErrorKind, Result};

/// A body: empty, a whole buffer, or a stream. It crosses libraries without a copy.
///
/// A middleware that does not look at a body passes it on at no cost.
#[repr(C)]
#[derive(StableAbi)]
pub struct Body {
    data: *mut (),
    vtable: BodyVTableRef,
}

#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = BodyVTableRef)))]
#[sabi(missing_field(option))]
struct BodyVTable {
    /// The whole content at once, if it is there already: then this is the end of the body, otherwise it
    /// stays.
    take_whole: unsafe extern "C" fn(*mut ()) -> ROption<AbiBytes>,
    poll_chunk: unsafe extern "C" fn(*mut (), &AbiWaker) -> AbiPoll<ROption<AbiBytes>>,
    /// The exact length in bytes, `u64::MAX` if it is not known.
    len: unsafe extern "C" fn(*const ()) -> u64,
    #[sabi(last_prefix_field)]
    drop: unsafe extern "C" fn(*mut ()),
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
// SAFETY: through `&Body` only the length is read: that of immutable bytes, or the number that a
// stream was last asked for by whoever had it exclusively. A stream itself need not be `Sync`.
unsafe impl Sync for Body {}

impl Body {
    /// No content; allocates nothing.
    pub const fn empty() -> Self {
        Self { data: std::ptr::null_mut(), vtable: EMPTY }
    }

    /// A body whose chunks come from `stream`.
    pub fn stream<S: BodyStream>(stream: S) -> Self {
        Self {
            data: Box::into_raw(Box::new(Streaming::new(stream))).cast(),
            vtable: BodyVTableRef(Streaming::<S>::VTABLE.as_prefix()),
        }
    }

    /// The exact length in bytes, if it is known.
    pub fn len(&self) -> Option<u64> {
        // SAFETY: the table belongs to the data, which is alive.
        Some(unsafe { (self.vtable.len())(self.data) }).filter(|len| *len != u64::MAX)
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
        let polled = unsafe { (self.vtable.poll_chunk())(self.data, &waker) };
        polled.into_poll().map_ok(|chunk| chunk.into_option().map(Into::into))
    }

    /// The content, if it is there as a whole already (no stream); without a copy.
    pub fn into_full(self) -> std::result::Result<Bytes, Self> {
        let this = ManuallyDrop::new(self);
        // SAFETY: the table belongs to the data, which is not touched again if the content comes out.
        match unsafe { (this.vtable.take_whole())(this.data) } {
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
        unsafe { (self.vtable.drop())(self.data) }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() {
            return Self::empty();
        }
        Self { data: Box::into_raw(Box::new(bytes)).cast(), vtable: FULL }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl From<&'static [u8]> for Body {
    fn from(bytes: &'static [u8]) -> Self {
        Bytes::from_static(bytes).into()
    }
}

// ---- nothing ----

const EMPTY: BodyVTableRef = {
    const FIELDS: &WithMetadata<BodyVTable> = &WithMetadata::new(BodyVTable {
        take_whole: empty_whole,
        poll_chunk: empty_poll,
        len: empty_len,
        drop: empty_drop,
    });
    BodyVTableRef(FIELDS.static_as_prefix())
};

unsafe extern "C" fn empty_whole(_: *mut ()) -> ROption<AbiBytes> {
    ROption::RSome(AbiBytes::new())
}

unsafe extern "C" fn empty_poll(_: *mut (), _: &AbiWaker) -> AbiPoll<ROption<AbiBytes>> {
    AbiPoll::Done(ROption::RNone)
}

unsafe extern "C" fn empty_len(_: *const ()) -> u64 {
    0
}

unsafe extern "C" fn empty_drop(_: *mut ()) {}

// ---- one buffer: the data is a boxed `Bytes` ----

const FULL: BodyVTableRef = {
    const FIELDS: &WithMetadata<BodyVTable> = &WithMetadata::new(BodyVTable {
        take_whole,
        poll_chunk: full_poll,
        len: full_len,
        drop: full_drop,
    });
    BodyVTableRef(FIELDS.static_as_prefix())
};

unsafe extern "C" fn take_whole(data: *mut ()) -> ROption<AbiBytes> {
    // SAFETY: in this table the data is a boxed `Bytes` of this library, which nobody touches again.
    ROption::RSome(AbiBytes::of_boxed(unsafe { Box::from_raw(data.cast::<Bytes>()) }))
}

unsafe extern "C" fn full_poll(data: *mut (), _: &AbiWaker) -> AbiPoll<ROption<AbiBytes>> {
    // SAFETY: in this table the data is a boxed `Bytes` of this library, lent exclusively.
    let bytes = std::mem::take(unsafe { &mut *data.cast::<Bytes>() });
    let chunk = if bytes.is_empty() { ROption::RNone } else { ROption::RSome(bytes.into()) };
    AbiPoll::Done(chunk)
}

unsafe extern "C" fn full_len(data: *const ()) -> u64 {
    // SAFETY: in this table the data is a boxed `Bytes` of this library.
    unsafe { &*data.cast::<Bytes>() }.len() as u64
}

unsafe extern "C" fn full_drop(data: *mut ()) {
    // SAFETY: in this table the data is a boxed `Bytes` of this library, dropped once. Its owner
    // may be foreign, hence the guard.
    let bytes = unsafe { Box::from_raw(data.cast::<Bytes>()) };
    contain(|| drop(bytes));
}

// ---- a stream ----

struct Streaming<S> {
    stream: Option<S>,
    /// What the stream said of its length. It is not asked through `&Body`, which several threads
    /// may share: a stream is `Send` and need not be `Sync`.
    len: u64,
}

impl<S: BodyStream> Streaming<S> {
    fn new(stream: S) -> Self {
        let len = stream.len().unwrap_or(u64::MAX);
        Self { stream: Some(stream), len }
    }

    staticref! {
        const VTABLE: WithMetadata<BodyVTable> = WithMetadata::new(BodyVTable {
            take_whole: Self::take_whole,
            poll_chunk: Self::poll_chunk,
            len: Self::len,
            drop: Self::drop,
        });
    }

    unsafe extern "C" fn take_whole(_: *mut ()) -> ROption<AbiBytes> {
        ROption::RNone
    }

    unsafe extern "C" fn poll_chunk(data: *mut (), waker: &AbiWaker) -> AbiPoll<ROption<AbiBytes>> {
        // SAFETY: in this table the data is a boxed `Streaming<S>`, lent exclusively.
        let this = unsafe { &mut *data.cast::<Self>() };
        // SAFETY: the stream is never moved out of its box, so pinning it is sound.
        let mut slot = unsafe { Pin::new_unchecked(&mut this.stream) };
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
        this.len = len.ok().flatten().unwrap_or(u64::MAX);
        chunk.into()
    }

    unsafe extern "C" fn len(data: *const ()) -> u64 {
        // SAFETY: in this table the data is a live boxed `Streaming<S>`; only a number of it is
        // read, so that it does not matter who else holds `&Body`.
        unsafe { (*data.cast::<Self>()).len }
    }

    unsafe extern "C" fn drop(data: *mut ()) {
        // SAFETY: in this table the data is a boxed `Streaming<S>`, dropped once.
        let this = unsafe { Box::from_raw(data.cast::<Self>()) };
        contain(|| drop(this));
    }
}
