//! A response as a handle: what is behind it stays where it was made.

use std::fmt;

use abi_stable::StableAbi;
use abi_stable::prefix_type::WithMetadata;
use abi_stable::sabi_types::{RMut, RRef};
use abi_stable::staticref;
use abi_stable::std_types::{ROption, RSlice, RStr, Tuple2};

use crate::pairs::Pairs;
use crate::parts::PlainResponse;
use crate::typed::{Typed, drop_typed};
use crate::{Body, ResponseParts};

/// The answer to a [`Request`](crate::Request).
///
/// ```
/// use hotshoe_abi::Response;
///
/// let response = Response::new(200).with_header("content-type", "text/plain").with_body("hello");
/// assert_eq!(response.status(), 200);
/// assert_eq!(response.header("Content-Type"), Some("text/plain"));
/// ```
#[repr(C)]
#[derive(StableAbi)]
pub struct Response {
    data: *mut (),
    vtable: ResponseVTableRef,
}

const TEXT: Pairs = Pairs::of("content-type", "text/plain; charset=utf-8");
const JSON: Pairs = Pairs::of("content-type", "application/json");

type Pair<'a, T> = ROption<Tuple2<RStr<'a>, T>>;

#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = ResponseVTableRef)))]
#[sabi(missing_field(option))]
struct ResponseVTable {
    status: unsafe extern "C" fn(RRef<'_, ()>) -> u16,
    set_status: unsafe extern "C" fn(RMut<'_, ()>, u16),
    header: for<'a> unsafe extern "C" fn(RRef<'a, ()>, RStr<'_>) -> ROption<RSlice<'a, u8>>,
    header_at: unsafe extern "C" fn(RRef<'_, ()>, usize) -> Pair<'_, RSlice<'_, u8>>,
    remove_header: unsafe extern "C" fn(RMut<'_, ()>, RStr<'_>),
    append_header: unsafe extern "C" fn(RMut<'_, ()>, RStr<'_>, RSlice<'_, u8>),
    set_header: unsafe extern "C" fn(RMut<'_, ()>, RStr<'_>, RSlice<'_, u8>),
    metadata_at: unsafe extern "C" fn(RRef<'_, ()>, usize) -> Pair<'_, RStr<'_>>,
    set_metadata: unsafe extern "C" fn(RMut<'_, ()>, RStr<'_>, RStr<'_>),
    body_len: unsafe extern "C" fn(RRef<'_, ()>) -> ROption<u64>,
    take_body: unsafe extern "C" fn(RMut<'_, ()>) -> Body,
    set_body: unsafe extern "C" fn(RMut<'_, ()>, Body),
    #[sabi(last_prefix_field)]
    drop: unsafe extern "C" fn(*mut ()),
}

// SAFETY: `ResponseParts` are `Send` and `Sync`.
unsafe impl Send for Response {}
// SAFETY: as above.
unsafe impl Sync for Response {}

impl Response {
    /// An empty response with this HTTP status.
    pub fn new(status: u16) -> Self {
        Self::plain(status, Pairs::default(), Body::empty())
    }

    /// A response of plain text.
    pub fn text(status: u16, text: impl Into<String>) -> Self {
        Self::plain(status, TEXT, text.into().into())
    }

    /// A response of JSON text.
    pub fn json(status: u16, json: impl Into<String>) -> Self {
        Self::plain(status, JSON, json.into().into())
    }

    fn plain(status: u16, headers: Pairs, body: Body) -> Self {
        Self::from_parts(PlainResponse { status, headers, metadata: Pairs::default(), body })
    }

    /// A response over any type that answers for one.
    pub fn from_parts<P: ResponseParts>(parts: P) -> Self {
        Self {
            data: Typed::into_raw(parts),
            vtable: ResponseVTableRef(Table::<P>::VTABLE.as_prefix()),
        }
    }

    /// The parts, if this library made the response from exactly this type.
    pub fn into_parts<P: ResponseParts>(self) -> Result<P, Self> {
        // SAFETY: the function is that of the table, and the data is given up.
        match unsafe { Typed::from_raw(self.data, self.vtable.drop()) } {
            Some(parts) => {
                std::mem::forget(self);
                Ok(parts)
            }
            None => Err(self),
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        // SAFETY: here and below, the table belongs to the data, which lives as long as `self`.
        unsafe { (self.vtable.status())(self.shared()) }
    }

    /// Replaces the status.
    pub fn set_status(&mut self, status: u16) {
        // SAFETY: see `status`.
        unsafe { (self.vtable.set_status())(self.exclusive(), status) }
    }

    /// The first value of a header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.header_bytes(name)?).ok()
    }

    /// The first value of a header.
    pub fn header_bytes(&self, name: &str) -> Option<&[u8]> {
        // SAFETY: see `status`.
        unsafe { (self.vtable.header())(self.shared(), name.into()) }
            .into_option()
            .map(|value| value.as_slice())
    }

    /// All headers, names in lower case, each value of a repeated one by itself.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        // SAFETY: see `status`.
        (0..)
            .map_while(|at| unsafe { (self.vtable.header_at())(self.shared(), at) }.into_option())
            .map(|Tuple2(name, value)| (name.as_str(), value.as_slice()))
    }

    /// Replaces all values of a header.
    pub fn set_header(&mut self, name: &str, value: impl AsRef<[u8]>) {
        // SAFETY: see `status`.
        unsafe {
            (self.vtable.set_header())(self.exclusive(), name.into(), value.as_ref().into());
        }
    }

    /// [`set_header`](Self::set_header), in a chain.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.set_header(name, value);
        self
    }

    /// Adds a value to a header.
    pub fn append_header(&mut self, name: &str, value: impl AsRef<[u8]>) {
        // SAFETY: see `status`.
        unsafe {
            (self.vtable.append_header())(self.exclusive(), name.into(), value.as_ref().into());
        }
    }

    /// Removes all values of a header.
    pub fn remove_header(&mut self, name: &str) {
        // SAFETY: see `status`.
        unsafe { (self.vtable.remove_header())(self.exclusive(), name.into()) }
    }

    /// The free map that goes back to the caller beside the answer.
    pub fn metadata(&self) -> impl Iterator<Item = (&str, &str)> {
        // SAFETY: see `status`.
        (0..)
            .map_while(|at| unsafe { (self.vtable.metadata_at())(self.shared(), at) }.into_option())
            .map(|Tuple2(key, value)| (key.as_str(), value.as_str()))
    }

    /// Puts an entry into the free map, replacing one of the same key.
    pub fn set_metadata(&mut self, key: &str, value: &str) {
        // SAFETY: see `status`.
        unsafe { (self.vtable.set_metadata())(self.exclusive(), key.into(), value.into()) }
    }

    /// How many bytes the body has, if that is known.
    pub fn body_len(&self) -> Option<u64> {
        // SAFETY: see `set_status`.
        unsafe { (self.vtable.body_len())(self.shared()) }.into_option()
    }

    /// Takes the body out, leaving an empty one.
    pub fn take_body(&mut self) -> Body {
        // SAFETY: see `status`.
        unsafe { (self.vtable.take_body())(self.exclusive()) }
    }

    /// Takes the body out of a response that is not needed otherwise.
    pub fn into_body(mut self) -> Body {
        self.take_body()
    }

    /// Replaces the body.
    pub fn set_body(&mut self, body: impl Into<Body>) {
        // SAFETY: see `status`.
        unsafe { (self.vtable.set_body())(self.exclusive(), body.into()) }
    }

    /// [`set_body`](Self::set_body), in a chain.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Body>) -> Self {
        self.set_body(body);
        self
    }

    fn shared(&self) -> RRef<'_, ()> {
        // SAFETY: the data lives as long as `self`.
        unsafe { RRef::from_raw(self.data) }
    }

    fn exclusive(&mut self) -> RMut<'_, ()> {
        // SAFETY: the data lives as long as `self`, and `&mut self` is exclusive.
        unsafe { RMut::from_raw(self.data) }
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Header values and bodies may hold secrets: names only.
        f.debug_struct("Response")
            .field("status", &self.status())
            .field("headers", &self.headers().map(|(name, _)| name).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl Drop for Response {
    fn drop(&mut self) {
        // SAFETY: the table belongs to the data, dropped once.
        unsafe { (self.vtable.drop())(self.data) }
    }
}

/// The table of a response over `P`.
struct Table<P>(P);

/// # Safety
/// The object is a `Typed<P>` of this library, lent by a live handle.
unsafe fn parts<'a, P>(object: RRef<'a, ()>) -> &'a P {
    // SAFETY: by contract.
    &unsafe { object.transmute_into_ref::<Typed<P>>() }.parts
}

/// # Safety
/// The object is a `Typed<P>` of this library, lent exclusively by a live handle.
unsafe fn parts_mut<'a, P>(object: RMut<'a, ()>) -> &'a mut P {
    // SAFETY: by contract.
    &mut unsafe { object.transmute_into_mut::<Typed<P>>() }.parts
}

// SAFETY, for every function of this table: it is reached only through a `Response` that
// `from_parts::<P>` made, so the object is a `P` of this library; the handle lends it for the call.
// On panics see `request.rs`.
#[allow(clippy::undocumented_unsafe_blocks, reason = "one reason for the whole table, above")]
impl<P: ResponseParts> Table<P> {
    staticref! {
        const VTABLE: WithMetadata<ResponseVTable> = WithMetadata::new(ResponseVTable {
            status: Self::status,
            set_status: Self::set_status,
            header: Self::header,
            header_at: Self::header_at,
            remove_header: Self::remove_header,
            append_header: Self::append_header,
            set_header: Self::set_header,
            metadata_at: Self::metadata_at,
            set_metadata: Self::set_metadata,
            body_len: Self::body_len,
            take_body: Self::take_body,
            set_body: Self::set_body,
            drop: drop_typed,
        });
    }

    unsafe extern "C" fn status(object: RRef<'_, ()>) -> u16 {
        unsafe { parts::<P>(object) }.status()
    }

    unsafe extern "C" fn set_status(object: RMut<'_, ()>, status: u16) {
        unsafe { parts_mut::<P>(object) }.set_status(status);
    }

    unsafe extern "C" fn header<'a>(
        object: RRef<'a, ()>,
        name: RStr<'_>,
    ) -> ROption<RSlice<'a, u8>> {
        unsafe { parts::<P>(object) }.header(name.as_str()).map(RSlice::from_slice).into()
    }

    unsafe extern "C" fn header_at(object: RRef<'_, ()>, index: usize) -> Pair<'_, RSlice<'_, u8>> {
        unsafe { parts::<P>(object) }
            .header_at(index)
            .map(|(name, value)| Tuple2(name.into(), value.into()))
            .into()
    }

    unsafe extern "C" fn remove_header(object: RMut<'_, ()>, name: RStr<'_>) {
        unsafe { parts_mut::<P>(object) }.remove_header(name.as_str());
    }

    unsafe extern "C" fn append_header(
        object: RMut<'_, ()>,
        name: RStr<'_>,
        value: RSlice<'_, u8>,
    ) {
        unsafe { parts_mut::<P>(object) }.append_header(name.as_str(), value.as_slice());
    }

    unsafe extern "C" fn set_header(object: RMut<'_, ()>, name: RStr<'_>, value: RSlice<'_, u8>) {
        unsafe { parts_mut::<P>(object) }.set_header(name.as_str(), value.as_slice());
    }

    unsafe extern "C" fn metadata_at(object: RRef<'_, ()>, index: usize) -> Pair<'_, RStr<'_>> {
        unsafe { parts::<P>(object) }
            .metadata_at(index)
            .map(|(key, value)| Tuple2(key.into(), value.into()))
            .into()
    }

    unsafe extern "C" fn set_metadata(object: RMut<'_, ()>, key: RStr<'_>, value: RStr<'_>) {
        unsafe { parts_mut::<P>(object) }.set_metadata(key.as_str(), value.as_str());
    }

    unsafe extern "C" fn body_len(object: RRef<'_, ()>) -> ROption<u64> {
        unsafe { parts::<P>(object) }.body_len().into()
    }

    unsafe extern "C" fn take_body(object: RMut<'_, ()>) -> Body {
        unsafe { parts_mut::<P>(object) }.take_body()
    }

    unsafe extern "C" fn set_body(object: RMut<'_, ()>, body: Body) {
        unsafe { parts_mut::<P>(object) }.set_body(body);
    }
}
