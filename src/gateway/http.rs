//! The host's routes as a `tower` service over the `http` crate's types.
//!
//! Nothing is converted on the way in: the `http` crate's own parts are behind the request that
//! plugins see. On the way out the headers are copied once, right behind the handler: what middleware adds to
//! them is added to the `http` crate's own.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use ::http::header::InvalidHeaderValue;
use ::http::request::Parts;
use ::http::uri::PathAndQuery;
use ::http::{HeaderMap, HeaderValue, StatusCode};
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::ids::RequestId;
use super::names::{header_name, value_of};
use super::routes::Params;
use super::{Gateway, HandlerEntry, failure};
use crate::contract::{
    Body, BodyStream, Call, Error, ErrorKind, HeaderPair, Request, RequestParts, Response,
    ResponseParts, Result,
};

type MakeCall = dyn Fn(&Parts) -> Call + Send + Sync;

/// The host's routes as a `tower` service, such as axum's `fallback_service` takes.
#[derive(Clone)]
pub struct GatewayService {
    gateway: Arc<Gateway>,
    call: Option<Arc<MakeCall>>,
}

impl GatewayService {
    pub(crate) fn new(gateway: Arc<Gateway>) -> Self {
        Self { gateway, call: None }
    }

    /// Tells plugins who calls: `call` makes the circumstances of a call from a request's head.
    /// Put what the connection knows there, such as the peer's address under the key `peer`.
    #[must_use]
    pub fn with_call(mut self, call: impl Fn(&Parts) -> Call + Send + Sync + 'static) -> Self {
        self.call = Some(Arc::new(call));
        self
    }
}

impl<B> tower_service::Service<::http::Request<B>> for GatewayService
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: std::error::Error + 'static,
{
    type Response = ::http::Response<HttpBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: ::http::Request<B>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let gateway = self.gateway.clone();
        let caller = Caller::new(gateway.ids.next(), self.call.as_ref().map(|call| call(&parts)));
        let (way, params) = gateway.way(parts.method.as_str(), parts.uri.path(), Some(adopt));
        // What a failure needs of the request, which is gone by then: shares of it.
        let (method, target) = (parts.method.clone(), parts.uri.path_and_query().cloned());
        let by = caller.clone();
        let request = import(parts, params, body, caller);
        Box::pin(async move {
            let answer = gateway.pass(way, request, by.remaining()).await;
            Ok(export(answer.unwrap_or_else(|error| {
                let path = target.as_ref().map_or("", PathAndQuery::path);
                failure(&error, method.as_str(), path, by.call())
            })))
        })
    }
}

/// Who calls, as the application tells it. Where it tells nothing the call has only an id, and is made for
/// the first who asks.
#[derive(Clone)]
struct Caller {
    id: RequestId,
    call: OnceLock<Call>,
}

impl Caller {
    fn new(id: RequestId, told: Option<Call>) -> Self {
        let with_id = |call: Call| match call.request_id() {
            Some(_) => call,
            None => call.edit().request_id(id.text()).build(),
        };
        Self { id, call: told.map(with_id).map_or_else(OnceLock::new, OnceLock::from) }
    }

    fn call(&self) -> &Call {
        self.call.get_or_init(|| Call::builder().request_id(self.id.text()).build())
    }

    /// How long an answer is wanted, if that was told.
    fn remaining(&self) -> Option<Duration> {
        self.call.get().and_then(Call::remaining)
    }
}

fn import<B>(parts: Parts, params: Params, body: B, caller: Caller) -> Request
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: std::error::Error + 'static,
{
    let body = match body.size_hint().exact() {
        Some(0) => Body::empty(),
        _ => Body::stream(Incoming(Box::pin(body))),
    };
    Request::from_parts(HttpRequest { parts, params, caller, body })
}

fn adopt(mut response: Response, entry: &Arc<HandlerEntry>) -> Response {
    let metadata: Vec<_> =
        response.metadata().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let by_handler = !metadata.is_empty();
    let mut headers = HeaderMap::new();
    append_all(&mut headers, &response);
    let mut adopted = Response::from_parts(HttpResponse {
        status: response.status(),
        headers,
        body: response.take_body(),
        signed: (!by_handler).then(|| entry.clone()),
        metadata,
    });
    if by_handler {
        entry.sign(&mut adopted);
    }
    adopted
}

fn export(response: Response) -> ::http::Response<HttpBody> {
    // Filled where it is: a map of headers is large.
    let mut out = ::http::Response::new(HttpBody(Content::Full(Bytes::new())));
    let (status, body) = match response.into_parts::<HttpResponse>() {
        Ok(HttpResponse { status, headers, body, .. }) => {
            *out.headers_mut() = headers;
            (status, body)
        }
        Err(mut other) => {
            append_all(out.headers_mut(), &other);
            (other.status(), other.take_body())
        }
    };
    *out.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *out.body_mut() = HttpBody(match body.into_full() {
        Ok(bytes) => Content::Full(bytes),
        Err(stream) => Content::Stream(stream),
    });
    out
}

fn append_all(headers: &mut HeaderMap, response: &Response) {
    response.headers().for_each(|(name, value)| append(headers, name, value));
}

/// What most responses say of themselves is neither checked nor copied.
fn header_value(value: &[u8]) -> Result<HeaderValue, InvalidHeaderValue> {
    const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
    const JSON: HeaderValue = HeaderValue::from_static("application/json");
    match value {
        b"text/plain; charset=utf-8" => Ok(TEXT),
        b"application/json" => Ok(JSON),
        value => HeaderValue::from_bytes(value),
    }
}

/// A header that is none was a plugin's mistake; the rest is still worth sending. Nor is one that is too many:
/// beyond some ten thousand there is no place for more.
fn append(headers: &mut HeaderMap, name: &str, value: &[u8]) {
    if let (Some(name), Ok(value)) = (header_name(name), header_value(value)) {
        let _ = headers.try_append(name, value);
    }
}

fn set(headers: &mut HeaderMap, name: &str, value: &[u8]) {
    let Some(name) = header_name(name) else { return };
    match header_value(value) {
        Ok(value) => {
            let _ = headers.try_insert(name, value);
        }
        Err(_) => {
            headers.remove(name);
        }
    }
}

fn pair_at(headers: &HeaderMap, index: usize) -> Option<HeaderPair<'_>> {
    let (name, value) = headers.iter().nth(index)?;
    Some((name.as_str(), value.as_bytes()))
}

/// The `http` crate's headers behind a response.
struct HttpResponse {
    status: u16,
    headers: HeaderMap,
    body: Body,
    /// By whom it is; nothing else is in the free map then.
    signed: Option<Arc<HandlerEntry>>,
    metadata: Vec<(String, String)>,
}

impl ResponseParts for HttpResponse {
    fn status(&self) -> u16 {
        self.status
    }

    fn set_status(&mut self, status: u16) {
        self.status = status;
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        value_of(&self.headers, name).map(HeaderValue::as_bytes)
    }

    fn header_at(&self, index: usize) -> Option<HeaderPair<'_>> {
        pair_at(&self.headers, index)
    }

    fn remove_header(&mut self, name: &str) {
        self.headers.remove(name);
    }

    fn append_header(&mut self, name: &str, value: &[u8]) {
        append(&mut self.headers, name, value);
    }

    fn set_header(&mut self, name: &str, value: &[u8]) {
        set(&mut self.headers, name, value);
    }

    fn metadata_at(&self, index: usize) -> Option<(&str, &str)> {
        match &self.signed {
            Some(entry) => entry.signature().get(index).copied(),
            None => self.metadata.get(index).map(|(key, value)| (&**key, &**value)),
        }
    }

    fn set_metadata(&mut self, key: &str, value: &str) {
        if let Some(entry) = self.signed.take() {
            let signature =
                entry.signature().map(|(key, value)| (key.to_owned(), value.to_owned()));
            self.metadata.extend(signature);
        }
        self.metadata.retain(|(has, _)| has != key);
        self.metadata.push((key.to_owned(), value.to_owned()));
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

/// The `http` crate's parts behind a request.
struct HttpRequest {
    parts: Parts,
    params: Params,
    caller: Caller,
    body: Body,
}

impl RequestParts for HttpRequest {
    fn method(&self) -> &str {
        self.parts.method.as_str()
    }

    fn set_method(&mut self, method: &str) {
        if let Ok(method) = method.parse() {
            self.parts.method = method;
        }
    }

    fn path(&self) -> &str {
        self.parts.uri.path()
    }

    fn query(&self) -> Option<&str> {
        self.parts.uri.query()
    }

    fn set_target(&mut self, path: &str, query: Option<&str>) {
        let target = match query {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        };
        if let Ok(uri) = target.parse() {
            self.parts.uri = uri;
        }
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        value_of(&self.parts.headers, name).map(HeaderValue::as_bytes)
    }

    fn header_at(&self, index: usize) -> Option<HeaderPair<'_>> {
        pair_at(&self.parts.headers, index)
    }

    fn remove_header(&mut self, name: &str) {
        self.parts.headers.remove(name);
    }

    fn append_header(&mut self, name: &str, value: &[u8]) {
        append(&mut self.parts.headers, name, value);
    }

    fn set_header(&mut self, name: &str, value: &[u8]) {
        set(&mut self.parts.headers, name, value);
    }

    fn param_at(&self, index: usize) -> Option<(&str, &str)> {
        self.params.get(index).map(|(name, value)| (&**name, &**value))
    }

    fn add_param(&mut self, name: &str, value: &str) {
        self.params.push((name.to_owned(), value.to_owned()));
    }

    fn call(&self) -> &Call {
        self.caller.call()
    }

    fn set_call(&mut self, call: Call) {
        self.caller.call = call.into();
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

/// A body of the HTTP library on its way to a plugin.
struct Incoming<B>(Pin<Box<B>>);

impl<B> BodyStream for Incoming<B>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: std::error::Error + 'static,
{
    fn poll_chunk(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes>>> {
        loop {
            return match self.0.as_mut().poll_frame(context) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(None) => Poll::Ready(None),
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => Poll::Ready(Some(Ok(data))),
                    // Trailers have no place in a body of bytes.
                    Err(_) => continue,
                },
                Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(Error::new(
                    ErrorKind::Io,
                    "the request's body ended early",
                )
                .caused_by(&error)))),
            };
        }
    }

    fn len(&self) -> Option<u64> {
        self.0.size_hint().exact()
    }
}

/// A plugin's body on its way to the HTTP library.
#[derive(Debug)]
pub struct HttpBody(Content);

#[derive(Debug)]
enum Content {
    Full(Bytes),
    Stream(Body),
}

impl http_body::Body for HttpBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>>>> {
        match &mut self.0 {
            Content::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Content::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Content::Stream(body) => {
                let chunk = body.poll_chunk(context);
                chunk.map(|chunk| chunk.map(|data| data.map(Frame::data)).transpose())
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Content::Full(bytes) => bytes.is_empty(),
            Content::Stream(body) => body.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Content::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Stream(body) => {
                body.len().map_or_else(SizeHint::default, SizeHint::with_exact)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ids::RequestIds;
    use super::*;

    struct NoBody;

    impl http_body::Body for NoBody {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(None)
        }
    }

    fn caller() -> Caller {
        Caller::new(RequestIds::default().next(), None)
    }

    #[test]
    fn whoever_asks_for_an_id_is_told_the_same_one() {
        let caller = caller();
        let (early, late) = (caller.clone(), caller.clone());
        assert!(early.call().request_id().is_some_and(|id| !id.is_empty()));
        assert_eq!(early.call().request_id(), caller.call().request_id());
        assert_eq!(early.call().request_id(), late.call().request_id());
    }

    #[test]
    fn a_call_that_the_application_told_keeps_its_id_or_gets_one() {
        let with = |call: Call| Caller::new(RequestIds::default().next(), Some(call));
        let told = with(Call::builder().request_id("theirs").build());
        assert_eq!(told.call().request_id(), Some("theirs"));
        let user = with(Call::builder().user("456", ["admin"]).build());
        assert_eq!(user.call().user_id(), Some("456"));
        assert!(user.call().request_id().is_some());
        assert_eq!(user.clone().call().request_id(), user.call().request_id());
    }

    #[test]
    fn a_plugin_that_adds_headers_without_end_is_not_the_end_of_the_program() {
        let (parts, ()) = ::http::Request::new(()).into_parts();
        let mut request = import(parts, Params::new(), NoBody, caller());
        let mut response = Response::new(200);
        for number in 0..40_000 {
            request.append_header(&format!("x-{number}"), "1");
            response.append_header(&format!("x-{number}"), "1");
        }
        assert_eq!(request.header("x-0"), Some("1"));
        assert!(export(response).headers().len() > 10_000);
    }

    #[test]
    fn parts_come_back_out_wherever_they_went_in() {
        let (parts, ()) = ::http::Request::new(()).into_parts();
        let request = import(parts, Params::new(), NoBody, caller());
        assert!(request.into_parts::<HttpRequest>().is_ok());
    }
}
