//! What is behind a [`Request`](crate::Request) or [`Response`](crate::Response): any type that
//! answers these questions, and the plain one that is used where nothing better is at hand.
//!
//! A host puts its HTTP library's own types behind a request, so that nothing is converted on the
//! way into a plugin; what a plugin asks for is read when it asks.

use crate::pairs::Pairs;
use crate::{Body, Call};

/// A header's name (lower case) and value.
pub type HeaderPair<'a> = (&'a str, &'a [u8]);

/// The content of a request.
///
/// # Panics
/// A method must not panic: these are called without a guard, and a panic that would cross ends the
/// process.
pub trait RequestParts: Send + Sync + 'static {
    /// The method, upper case.
    fn method(&self) -> &str;
    /// Replaces the method.
    fn set_method(&mut self, method: &str);
    /// The path, percent-encoded as it came, without the query.
    fn path(&self) -> &str;
    /// The query without its question mark.
    fn query(&self) -> Option<&str>;
    /// Replaces path and query.
    fn set_target(&mut self, path: &str, query: Option<&str>);
    /// The first value of a header, by its name in whichever case.
    fn header(&self, name: &str) -> Option<&[u8]>;
    /// The header at a position, each value of a repeated header by itself.
    fn header_at(&self, index: usize) -> Option<HeaderPair<'_>>;
    /// Removes all values of a header, by its name in whichever case.
    fn remove_header(&mut self, name: &str);
    /// Adds a value to a header, by its name in whichever case.
    fn append_header(&mut self, name: &str, value: &[u8]);
    /// Replaces all values of a header, by its name in whichever case.
    fn set_header(&mut self, name: &str, value: &[u8]) {
        self.remove_header(name);
        self.append_header(name, value);
    }
    /// The parameter of the matched route at a position.
    fn param_at(&self, index: usize) -> Option<(&str, &str)>;
    /// Adds a parameter of the matched route.
    fn add_param(&mut self, name: &str, value: &str);
    /// The circumstances of the call.
    fn call(&self) -> &Call;
    /// Replaces the circumstances of the call.
    fn set_call(&mut self, call: Call);
    /// How many bytes the body has, if that is known.
    fn body_len(&self) -> Option<u64>;
    /// Takes the body out, leaving an empty one.
    fn take_body(&mut self) -> Body;
    /// Replaces the body.
    fn set_body(&mut self, body: Body);
}

/// The content of a response.
///
/// # Panics
/// As for [`RequestParts`]: a method must not panic.
pub trait ResponseParts: Send + Sync + 'static {
    /// The HTTP status.
    fn status(&self) -> u16;
    /// Replaces the status.
    fn set_status(&mut self, status: u16);
    /// The first value of a header, by its name in whichever case.
    fn header(&self, name: &str) -> Option<&[u8]>;
    /// The header at a position, each value of a repeated header by itself.
    fn header_at(&self, index: usize) -> Option<HeaderPair<'_>>;
    /// Removes all values of a header, by its name in whichever case.
    fn remove_header(&mut self, name: &str);
    /// Adds a value to a header, by its name in whichever case.
    fn append_header(&mut self, name: &str, value: &[u8]);
    /// Replaces all values of a header, by its name in whichever case.
    fn set_header(&mut self, name: &str, value: &[u8]) {
        self.remove_header(name);
        self.append_header(name, value);
    }
    /// The entry of the free map at a position.
    fn metadata_at(&self, index: usize) -> Option<(&str, &str)>;
    /// Puts an entry into the free map, replacing one of the same key.
    fn set_metadata(&mut self, key: &str, value: &str);
    /// How many bytes the body has, if that is known.
    fn body_len(&self) -> Option<u64>;
    /// Takes the body out, leaving an empty one.
    fn take_body(&mut self) -> Body;
    /// Replaces the body.
    fn set_body(&mut self, body: Body);
}

/// A request in plain fields.
#[derive(Default)]
pub(crate) struct PlainRequest {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) headers: Pairs,
    pub(crate) params: Vec<(String, String)>,
    pub(crate) call: Call,
    pub(crate) body: Body,
}

impl RequestParts for PlainRequest {
    fn method(&self) -> &str {
        &self.method
    }

    fn set_method(&mut self, method: &str) {
        self.method = method.to_owned();
    }

    fn path(&self) -> &str {
        &self.path
    }

    fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    fn set_target(&mut self, path: &str, query: Option<&str>) {
        self.path = path.to_owned();
        self.query = query.map(ToOwned::to_owned);
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.get(name)
    }

    fn header_at(&self, index: usize) -> Option<HeaderPair<'_>> {
        self.headers.at(index)
    }

    fn remove_header(&mut self, name: &str) {
        self.headers.remove(name);
    }

    fn append_header(&mut self, name: &str, value: &[u8]) {
        self.headers.append_lower_case(name, value);
    }

    fn param_at(&self, index: usize) -> Option<(&str, &str)> {
        self.params.get(index).map(|(name, value)| (&**name, &**value))
    }

    fn add_param(&mut self, name: &str, value: &str) {
        self.params.push((name.to_owned(), value.to_owned()));
    }

    fn call(&self) -> &Call {
        &self.call
    }

    fn set_call(&mut self, call: Call) {
        self.call = call;
    }

    fn body_len(&self) -> Option<u64> {
        self.body.len()
    }

    fn take_body(&mut self) -> Body {
        std::mem::take(&mut self.body)
    }

    fn set_body(&mut self, body: Body) {
        self.body = body;
    }
}

/// A response in plain fields.
pub(crate) struct PlainResponse {
    pub(crate) status: u16,
    pub(crate) headers: Pairs,
    pub(crate) metadata: Pairs,
    pub(crate) body: Body,
}

impl ResponseParts for PlainResponse {
    fn status(&self) -> u16 {
        self.status
    }

    fn set_status(&mut self, status: u16) {
        self.status = status;
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.get(name)
    }

    fn header_at(&self, index: usize) -> Option<HeaderPair<'_>> {
        self.headers.at(index)
    }

    fn remove_header(&mut self, name: &str) {
        self.headers.remove(name);
    }

    fn append_header(&mut self, name: &str, value: &[u8]) {
        self.headers.append_lower_case(name, value);
    }

    fn metadata_at(&self, index: usize) -> Option<(&str, &str)> {
        self.metadata.text_at(index)
    }

    fn set_metadata(&mut self, key: &str, value: &str) {
        self.metadata.remove_exact(key);
        self.metadata.append(key, value.as_bytes());
    }

    fn body_len(&self) -> Option<u64> {
        self.body.len()
    }

    fn take_body(&mut self) -> Body {
        std::mem::take(&mut self.body)
    }

    fn set_body(&mut self, body: Body) {
        self.body = body;
    }
}
