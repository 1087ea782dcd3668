//! The five middlewares compiled in: a stack of boxed tower layers that is put together at run time.
//!
//! Each is written as tower's guide has it: a service with a future of its own, which boxes nothing. What
//! is boxed is what tower boxes where the stack is not known to the compiler (`BoxCloneSyncService`).

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use server_work::{AccessLog, Quotas, Tokens, may_read, name};
use tower::util::{BoxCloneSyncService, BoxCloneSyncServiceLayer};
use tower::{Layer, Service, layer::layer_fn};

use super::ids::Ids;

type Boxed = BoxCloneSyncService<Request, Response, Infallible>;
type BoxedLayer = BoxCloneSyncServiceLayer<Boxed, Request, Response, Infallible>;

const REQUEST_ID: HeaderName = HeaderName::from_static(name::REQUEST_ID);
const TIMING: HeaderName = HeaderName::from_static(name::TIMING);
const USER: HeaderName = HeaderName::from_static(name::USER);
const REMAINING: HeaderName = HeaderName::from_static(name::REMAINING);
const ALLOW_ORIGIN: HeaderName = HeaderName::from_static(name::ALLOW_ORIGIN);

/// The whole server, or the handler alone.
pub(super) fn service(with_layers: bool) -> Boxed {
    let router = Router::new().route("/hello", get(hello));
    if !with_layers {
        return Boxed::new(router);
    }
    let layers: Vec<BoxedLayer> = vec![
        boxed(RequestId(Ids::default())),
        boxed(Log::default()),
        boxed(Auth::default()),
        boxed(Rate::default()),
        boxed(Cors),
    ];
    layers.iter().rev().fold(Boxed::new(router), |inner, layer| layer.layer(inner))
}

async fn hello(request: Request) -> Response {
    let user = request.headers().get(USER).and_then(|user| user.to_str().ok()).unwrap_or("you");
    format!("hello, {user}\n").into_response()
}

/// One middleware: what it does before and after what comes next.
trait Link: Send + Sync + 'static {
    /// What it keeps in between.
    type Kept: Send + 'static;

    fn before(&self, request: &mut Request) -> Result<Self::Kept, Response>;

    fn after(&self, kept: Self::Kept, response: &mut Response);
}

fn boxed<L: Link>(link: L) -> BoxedLayer {
    let link = Arc::new(link);
    BoxCloneSyncServiceLayer::new(layer_fn(move |inner: Boxed| Linked {
        link: link.clone(),
        inner,
    }))
}

struct Linked<L> {
    link: Arc<L>,
    inner: Boxed,
}

impl<L> Clone for Linked<L> {
    fn clone(&self) -> Self {
        Self { link: self.link.clone(), inner: self.inner.clone() }
    }
}

impl<L: Link> Service<Request> for Linked<L> {
    type Response = Response;
    type Error = Infallible;
    type Future = Linking<<Boxed as Service<Request>>::Future, L>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        match self.link.before(&mut request) {
            Ok(kept) => {
                let after = Some((self.link.clone(), kept));
                Linking::Next { next: self.inner.call(request), after }
            }
            Err(refusal) => Linking::Refused { refusal: Some(refusal) },
        }
    }
}

pin_project_lite::pin_project! {
    #[project = Project]
    enum Linking<F, L: Link> {
        Next { #[pin] next: F, after: Option<(Arc<L>, L::Kept)> },
        Refused { refusal: Option<Response> },
    }
}

impl<F, L> Future for Linking<F, L>
where
    F: Future<Output = Result<Response, Infallible>>,
    L: Link,
{
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Project::Next { next, after } => {
                let mut response = ready!(next.poll(context))?;
                if let Some((link, kept)) = after.take() {
                    link.after(kept, &mut response);
                }
                Poll::Ready(Ok(response))
            }
            Project::Refused { refusal } => {
                Poll::Ready(Ok(refusal.take().expect("a finished future is not polled again")))
            }
        }
    }
}

fn bytes<'a>(request: &'a Request, name: &str) -> Option<&'a [u8]> {
    request.headers().get(name).map(HeaderValue::as_bytes)
}

fn refuse(status: StatusCode, text: &'static str) -> Response {
    (status, Body::from(text)).into_response()
}

struct RequestId(Ids);

impl Link for RequestId {
    type Kept = Option<HeaderValue>;

    fn before(&self, request: &mut Request) -> Result<Self::Kept, Response> {
        let theirs = request.headers().get(REQUEST_ID).cloned();
        Ok(theirs.or_else(|| self.0.next().try_into().ok()))
    }

    fn after(&self, id: Self::Kept, response: &mut Response) {
        if let Some(id) = id {
            response.headers_mut().insert(REQUEST_ID, id);
        }
    }
}

#[derive(Default)]
struct Log(AccessLog);

impl Link for Log {
    type Kept = std::time::Instant;

    fn before(&self, request: &mut Request) -> Result<Self::Kept, Response> {
        Ok(self.0.begin(bytes(request, name::AGENT), bytes(request, name::REFERER)))
    }

    fn after(&self, began: Self::Kept, response: &mut Response) {
        if let Ok(timing) = self.0.end(began, response.status().as_u16()).try_into() {
            response.headers_mut().insert(TIMING, timing);
        }
    }
}

#[derive(Default)]
struct Auth(Tokens);

impl Link for Auth {
    type Kept = ();

    fn before(&self, request: &mut Request) -> Result<(), Response> {
        let user = self.0.user(bytes(request, name::AUTHORIZATION));
        let refusal = || refuse(StatusCode::UNAUTHORIZED, "a token was expected\n");
        let user = HeaderValue::from_static(user.ok_or_else(refusal)?);
        request.headers_mut().insert(USER, user);
        Ok(())
    }

    fn after(&self, (): (), _: &mut Response) {}
}

#[derive(Default)]
struct Rate(Quotas);

impl Link for Rate {
    type Kept = u32;

    fn before(&self, request: &mut Request) -> Result<u32, Response> {
        let client = bytes(request, name::FORWARDED_FOR).unwrap_or_default();
        let refusal = || refuse(StatusCode::TOO_MANY_REQUESTS, "too many requests\n");
        self.0.take(client).ok_or_else(refusal)
    }

    fn after(&self, left: u32, response: &mut Response) {
        response.headers_mut().insert(REMAINING, left.into());
    }
}

struct Cors;

impl Link for Cors {
    type Kept = Option<HeaderValue>;

    fn before(&self, request: &mut Request) -> Result<Self::Kept, Response> {
        let site = bytes(request, name::FETCH_SITE);
        let origin = request.headers().get(name::ORIGIN);
        Ok(origin.filter(|origin| may_read(origin.as_bytes(), site)).cloned())
    }

    fn after(&self, origin: Self::Kept, response: &mut Response) {
        if let Some(origin) = origin {
            response.headers_mut().insert(ALLOW_ORIGIN, origin);
        }
    }
}
