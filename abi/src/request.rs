//! A request as a handle: what is behind it stays where it was made.

use std::fmt;

use abi_stable::StableAbi;
use abi_stable::prefix_type::WithMetadata;
use abi_stable::sabi_types::{RMut, RRef};
use abi_stable::staticref;
use abi_stable::std_types::{ROption, RSlice, RStr, Tuple2};

use crate::parts::PlainRequest;
use crate::typed::{Typed, drop_typed};
use crate::{Body, Call, RequestParts};

/// A request to a route, through middleware.
///
/// Header names are compared in whichever case. Reading asks the library that made the request, so
/// only what is asked for costs anything.
///
/// ```
/// use hotshoe_abi::Request;
///
/// let request = Request::builder("GET", "/pks/lookup?op=get&search=0x1234")
///     .header("accept", "text/plain")
///     .build();
/// assert_eq!(request.path(), "/pks/lookup");
/// assert_eq!(request.query(), Some("op=get&search=0x1234"));
/// assert_eq!(request.header("Accept"), Some("text/plain"));
/// ```
#[repr(C)]
#[derive(StableAbi)]
pub struct Request {
    data: *mut (),
    vtable: RequestVTableRef,
}

type Pair<'a, T> = ROption<Tuple2<RStr<'a>, T>>;

#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = RequestVTableRef)))]
#[sabi(missing_field(option))]
struct RequestVTable {
    text: unsafe extern "C" fn(RRef<'_, ()>, u32) -> ROption<RStr<'_>>,
    set_method: unsafe extern "C" fn(RMut<'_, ()>, RStr<'_>),
    set_target: unsafe extern "C" fn(RMut<'_, ()>, RStr<'_>, ROption<RStr<'_>>),
    header: for<'a> unsafe extern "C" fn(RRef<'a, ()>, RStr<'_>) -> ROption<RSlice<'a, u8>>,
    header_at: unsafe extern "C" fn(RRef<'_, ()>, usize) -> Pair<'_, RSlice<'_, u8>>,
    remove_header: unsafe extern "C" fn(RMut<'_, ()>, RStr<'_>),
    append_header: unsafe extern "C" fn(RMut<'_, ()>, RStr<'_>, RSlice<'_, u8>),
    set_header: unsafe extern "C" fn(RMut<'_, ()>, RStr<'_>, RSlice<'_, u8>),
    param_at: unsafe extern "C" fn(RRef<'_, ()>, usize) -> Pair<'_, RStr<'_>>,
    add_param: unsafe extern "C" fn(RMut<'_, ()>, RStr<'_>, RStr<'_>),
    call: unsafe extern "C" fn(RRef<'_, ()>) -> &Call,
    set_call: unsafe extern "C" fn(RMut<'_, ()>, Call),
    body_len: unsafe extern "C" fn(RRef<'_, ()>) -> ROption<u64>,
    take_body: unsafe extern "C" fn(RMut<'_, ()>) -> Body,
    set_body: unsafe extern "C" fn(RMut<'_, ()>, Body),
    #[sabi(last_prefix_field)]
    drop: unsafe extern "C" fn(*mut ()),
}

mod text {
    pub const METHOD: u32 = 0;
    pub const PATH: u32 = 1;
    pub const QUERY: u32 = 2;
}

// SAFETY: `RequestParts` are `Send` and `Sync`.
unsafe impl Send for Request {}
// SAFETY: as above.
unsafe impl Sync for Request {}

impl Request {
    /// A request to `target` (a path, perhaps with a query) in plain fields.
    pub fn builder(method: impl Into<String>, target: &str) -> RequestBuilder {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        RequestBuilder(PlainRequest {
            method: method.into(),
            path: path.to_owned(),
            query,
            ..PlainRequest::default()
        })
    }

    /// A request over any type that answers for one.
    pub fn from_parts<P: RequestParts>(parts: P) -> Self {
        Self {
            data: Typed::into_raw(parts),
            vtable: RequestVTableRef(Table::<P>::VTABLE.as_prefix()),
        }
    }

    /// The parts, if this library made the request from exactly this type.
    pub fn into_parts<P: RequestParts>(self) -> Result<P, Self> {
        // SAFETY: the function is that of the table, and the data is given up.
        match unsafe { Typed::from_raw(self.data, self.vtable.drop()) } {
            Some(parts) => {
                std::mem::forget(self);
                Ok(parts)
            }
            None => Err(self),
        }
    }

    /// The method, upper case.
    pub fn method(&self) -> &str {
        self.text(text::METHOD).unwrap_or_default()
    }

    /// Replaces the method.
    pub fn set_method(&mut self, method: &str) {
        // SAFETY: here and below, the table belongs to the data, which lives as long as `self`.
        unsafe { (self.vtable.set_method())(self.exclusive(), method.into()) }
    }

    /// The path as it came, percent-encoded, without the query.
    pub fn path(&self) -> &str {
        self.text(text::PATH).unwrap_or_default()
    }

    /// The query without its question mark.
    pub fn query(&self) -> Option<&str> {
        self.text(text::QUERY)
    }

    /// Replaces path and query, for a middleware that rewrites. The route is matched before
    /// middleware runs, so this changes what the handler reads, not which handler runs.
    pub fn set_target(&mut self, path: &str, query: Option<&str>) {
        let query = query.map(RStr::from_str).into();
        // SAFETY: see `set_method`.
        unsafe { (self.vtable.set_target())(self.exclusive(), path.into(), query) }
    }

    /// The first value of a header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.header_bytes(name)?).ok()
    }

    /// The first value of a header.
    pub fn header_bytes(&self, name: &str) -> Option<&[u8]> {
        // SAFETY: see `set_method`.
        unsafe { (self.vtable.header())(self.shared(), name.into()) }
            .into_option()
            .map(|value| value.as_slice())
    }

    /// All headers, names in lower case, each value of a repeated one by itself.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        // SAFETY: see `set_method`.
        (0..)
            .map_while(|at| unsafe { (self.vtable.header_at())(self.shared(), at) }.into_option())
            .map(|Tuple2(name, value)| (name.as_str(), value.as_slice()))
    }

    /// Replaces all values of a header.
    pub fn set_header(&mut self, name: &str, value: impl AsRef<[u8]>) {
        // SAFETY: see `set_method`.
        unsafe {
            (self.vtable.set_header())(self.exclusive(), name.into(), value.as_ref().into());
        }
    }

    /// Adds a value to a header.
    pub fn append_header(&mut self, name: &str, value: impl AsRef<[u8]>) {
        // SAFETY: see `set_method`.
        unsafe {
            (self.vtable.append_header())(self.exclusive(), name.into(), value.as_ref().into());
        }
    }

    /// Removes all values of a header.
    pub fn remove_header(&mut self, name: &str) {
        // SAFETY: see `set_method`.
        unsafe { (self.vtable.remove_header())(self.exclusive(), name.into()) }
    }

    /// A parameter of the matched route, such as `user_id` of `/users/{user_id}`, percent-decoded.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params().find(|(has, _)| *has == name).map(|(_, value)| value)
    }

    /// All parameters of the matched route.
    pub fn params(&self) -> impl Iterator<Item = (&str, &str)> {
        // SAFETY: see `set_method`.
        (0..)
            .map_while(|at| unsafe { (self.vtable.param_at())(self.shared(), at) }.into_option())
            .map(|Tuple2(name, value)| (name.as_str(), value.as_str()))
    }

    /// Adds a parameter of the matched route: for whoever routes.
    pub fn add_param(&mut self, name: &str, value: &str) {
        // SAFETY: see `set_method`.
        unsafe { (self.vtable.add_param())(self.exclusive(), name.into(), value.into()) }
    }

    /// Who calls, until when, and what travels with it.
    pub fn call(&self) -> &Call {
        // SAFETY: see `set_method`.
        unsafe { (self.vtable.call())(self.shared()) }
    }

    /// Replaces the circumstances of the call, for a middleware that knows the caller.
    pub fn set_call(&mut self, call: Call) {
        // SAFETY: see `set_method`.
        unsafe { (self.vtable.set_call())(self.exclusive(), call) }
    }

    /// How many bytes the body has, if that is known.
    pub fn body_len(&self) -> Option<u64> {
        // SAFETY: see `set_method`.
        unsafe { (self.vtable.body_len())(self.shared()) }.into_option()
    }

    /// Takes the body out, leaving an empty one.
    pub fn take_body(&mut self) -> Body {
        // SAFETY: see `set_method`.
        unsafe { (self.vtable.take_body())(self.exclusive()) }
    }

    /// Replaces the body.
    pub fn set_body(&mut self, body: impl Into<Body>) {
        // SAFETY: see `set_method`.
        unsafe { (self.vtable.set_body())(self.exclusive(), body.into()) }
    }

    fn shared(&self) -> RRef<'_, ()> {
        // SAFETY: the data lives as long as `self`.
        unsafe { RRef::from_raw(self.data) }
    }

    fn exclusive(&mut self) -> RMut<'_, ()> {
        // SAFETY: the data lives as long as `self`, and `&mut self` is exclusive.
        unsafe { RMut::from_raw(self.data) }
    }

    fn text(&self, field: u32) -> Option<&str> {
        // SAFETY: see `set_method`.
        unsafe { (self.vtable.text())(self.shared(), field) }
            .into_option()
            .map(|text| text.as_str())
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Header values and bodies may hold secrets: names only.
        f.debug_struct("Request")
            .field("method", &self.method())
            .field("path", &self.path())
            .field("headers", &self.headers().map(|(name, _)| name).collect::<Vec<_>>())
            .field("call", self.call())
            .finish_non_exhaustive()
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        // SAFETY: the table belongs to the data, dropped once.
        unsafe { (self.vtable.drop())(self.data) }
    }
}

/// Builds a [`Request`].
pub struct RequestBuilder(PlainRequest);

impl RequestBuilder {
    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.0.append_header(name, value.as_ref());
        self
    }

    /// The circumstances of the call.
    #[must_use]
    pub fn call(mut self, call: Call) -> Self {
        self.0.call = call;
        self
    }

    /// The body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        self.0.body = body.into();
        self
    }

    /// The finished request.
    pub fn build(self) -> Request {
        Request::from_parts(self.0)
    }
}

/// The table of a request over `P`.
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

// SAFETY, for every function of this table: it is reached only through a `Request` that
// `from_parts::<P>` made, so the object is a `P` of this library; the handle lends it for the call.
// `RequestParts` of hotshoe do not panic; one of somebody else that does is an aborting bug of the
// library that wrote it, in its own process image, so no guard is paid on every header read.
#[allow(clippy::undocumented_unsafe_blocks, reason = "one reason for the whole table, above")]
impl<P: RequestParts> Table<P> {
    staticref! {
        const VTABLE: WithMetadata<RequestVTable> = WithMetadata::new(RequestVTable {
            text: Self::text,
            set_method: Self::set_method,
            set_target: Self::set_target,
            header: Self::header,
            header_at: Self::header_at,
            remove_header: Self::remove_header,
            append_header: Self::append_header,
            set_header: Self::set_header,
            param_at: Self::param_at,
            add_param: Self::add_param,
            call: Self::call,
            set_call: Self::set_call,
            body_len: Self::body_len,
            take_body: Self::take_body,
            set_body: Self::set_body,
            drop: drop_typed,
        });
    }

    unsafe extern "C" fn text(object: RRef<'_, ()>, field: u32) -> ROption<RStr<'_>> {
        let parts = unsafe { parts::<P>(object) };
        match field {
            text::METHOD => ROption::RSome(parts.method().into()),
            text::PATH => ROption::RSome(parts.path().into()),
            text::QUERY => parts.query().map(RStr::from_str).into(),
            _ => ROption::RNone,
        }
    }

    unsafe extern "C" fn set_method(object: RMut<'_, ()>, method: RStr<'_>) {
        unsafe { parts_mut::<P>(object) }.set_method(method.as_str());
    }

    unsafe extern "C" fn set_target(
        object: RMut<'_, ()>,
        path: RStr<'_>,
        query: ROption<RStr<'_>>,
    ) {
        let query = query.into_option().map(|query| query.as_str());
        unsafe { parts_mut::<P>(object) }.set_target(path.as_str(), query);
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

    unsafe extern "C" fn param_at(object: RRef<'_, ()>, index: usize) -> Pair<'_, RStr<'_>> {
        unsafe { parts::<P>(object) }
            .param_at(index)
            .map(|(name, value)| Tuple2(name.into(), value.into()))
            .into()
    }

    unsafe extern "C" fn add_param(object: RMut<'_, ()>, name: RStr<'_>, value: RStr<'_>) {
        unsafe { parts_mut::<P>(object) }.add_param(name.as_str(), value.as_str());
    }

    unsafe extern "C" fn call(object: RRef<'_, ()>) -> &Call {
        unsafe { parts::<P>(object) }.call()
    }

    unsafe extern "C" fn set_call(object: RMut<'_, ()>, call: Call) {
        unsafe { parts_mut::<P>(object) }.set_call(call);
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
