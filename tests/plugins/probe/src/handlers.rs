//! Routes: what a handler can be asked for, and every way in which one can misbehave.

use std::sync::Arc;

use hotshoe::{
    Body, Contributions, Error, ErrorKind, Request, RequestHandler, Response, Result, handler_fn,
};
use serde_json::json;

use crate::notes::PanicOnDrop;
use crate::streams::Chunks;
use crate::{Fault, Probe, broken};

pub(crate) fn contribute(probe: &Arc<Probe>, to: &mut Contributions<'_>) {
    let prefix = probe.config.prefix.clone();
    let path = |path: &str| format!("{prefix}{path}");
    for route in
        ["/who", "/users/{user_id}/posts/{post}", "/files/{*rest}", "/inside/who", "/inside-too"]
    {
        to.handler("GET", &path(route), Who);
    }
    // A plugin may be a handler itself.
    to.handler("*", &path("/any"), probe.clone());
    to.handler("POST", &path("/echo"), handler_fn(echo));
    to.handler("put", &path("/echo"), handler_fn(echo));
    to.handler("POST", &path("/count"), handler_fn(count));

    let misbehaving = ["/panic", "/panic-odd", "/error", "/drop-panic", "/drop-panic-late"];
    for route in misbehaving {
        to.handler("GET", &path(route), Misbehaving);
    }
    let this = probe.clone();
    let never = move |_| {
        let this = this.clone();
        async move { this.notes.never("request").await }
    };
    to.handler("GET", &path("/never"), handler_fn(never));
    let this = probe.clone();
    let held = move |_| {
        let this = this.clone();
        async move {
            this.notes.add("held");
            this.notes.released("request").await?;
            Ok(Response::text(200, "released"))
        }
    };
    to.handler("GET", &path("/held"), handler_fn(held));
    let this = probe.clone();
    let blocked = move |_| {
        let this = this.clone();
        async move {
            this.notes.add("blocked");
            this.notes.blocked_until("block")?;
            Ok(Response::text(200, "released"))
        }
    };
    to.handler("GET", &path("/blocked"), handler_fn(blocked));
    let this = probe.clone();
    let ask = move |request: Request| {
        let this = this.clone();
        async move {
            this.notes.add("asked");
            match request.query() {
                Some("miss") => Err(of_kind(ErrorKind::NotFound.as_str())),
                Some("fail") => Err(of_kind(ErrorKind::Other.as_str())),
                Some("hang") => this.notes.never("question").await,
                _ => Ok(Response::text(200, "answered").with_header("x-by", "the handler")),
            }
        }
    };
    to.handler("GET", &path("/ask"), handler_fn(ask));
    let this = probe.clone();
    let until_stop = move |_| {
        let this = this.clone();
        async move {
            this.notes.add("waiting for the end");
            this.context.stopping().await?;
            Ok(Response::text(200, format!("stopping: {}", this.context.is_stopping())))
        }
    };
    to.handler("GET", &path("/until-stop"), handler_fn(until_stop));
    let this = probe.clone();
    let stream = move |request: Request| {
        let chunks = Chunks::new(&this.notes, request.query().unwrap_or_default());
        async move { Ok(Response::new(200).with_body(Body::stream(chunks?))) }
    };
    to.handler("GET", &path("/stream"), handler_fn(stream));
    if probe.fault(Fault::RouteTwice) {
        to.handler("GET", &path("/who"), Who);
    }
    if probe.fault(Fault::BadRoute) {
        to.handler("GET", &path("/{unclosed"), Who);
    }
}

/// Tells all that a handler sees of a request.
struct Who;

impl RequestHandler for Who {
    async fn handle(&self, request: Request) -> Result<Response> {
        let call = request.call();
        let headers: Vec<(&str, String)> = request
            .headers()
            .map(|(name, value)| (name, String::from_utf8_lossy(value).into_owned()))
            .collect();
        let answer = json!({
            "method": request.method(),
            "path": request.path(),
            "query": request.query(),
            "params": request.params().collect::<Vec<_>>(),
            "user_id": request.param("user_id"),
            "headers": headers,
            "request_id": call.request_id(),
            "user": call.user_id(),
            "roles": call.roles().collect::<Vec<_>>(),
            "entries": call.entries().collect::<Vec<_>>(),
            "has_deadline": call.deadline().is_some(),
        });
        Ok(Response::json(200, answer.to_string()))
    }
}

/// Any method.
impl RequestHandler for Probe {
    async fn handle(&self, request: Request) -> Result<Response> {
        let text = format!("{} by {}", request.method(), self.context.instance());
        Ok(Response::text(200, text).with_header("x-label", &self.config.label))
    }
}

/// The body as it came, not looked at.
async fn echo(mut request: Request) -> Result<Response> {
    let kind = request.header("content-type").unwrap_or("application/octet-stream").to_owned();
    Ok(Response::new(201).with_header("content-type", kind).with_body(request.take_body()))
}

/// How many bytes in how many chunks.
async fn count(mut request: Request) -> Result<Response> {
    let mut body = request.take_body();
    let (mut chunks, mut bytes) = (0, 0);
    while let Some(chunk) = body.chunk().await? {
        chunks += 1;
        bytes += chunk.len();
    }
    Ok(Response::text(200, format!("{bytes} in {chunks}")))
}

/// Panics and fails, each on a route of its own.
struct Misbehaving;

impl RequestHandler for Misbehaving {
    async fn handle(&self, request: Request) -> Result<Response> {
        let last = request.path().rsplit('/').next().unwrap_or_default();
        match last {
            "panic" => panic!("a handler was told to panic"),
            "panic-odd" => std::panic::panic_any(PanicOnDrop("a panic's payload")),
            "error" => Err(of_kind(request.query().unwrap_or_default())),
            "drop-panic" => {
                let _grenade = PanicOnDrop("a future");
                std::future::pending().await
            }
            // Done, and panics while what it holds is dropped: still inside the poll.
            "drop-panic-late" => {
                let _grenade = PanicOnDrop("a finished future");
                Ok(Response::new(200))
            }
            _ => Err(broken("a handler")),
        }
    }
}

/// An error of the kind that is named so.
pub(crate) fn of_kind(name: &str) -> Error {
    use ErrorKind as K;
    let kinds = [
        K::InvalidInput,
        K::NotFound,
        K::AlreadyExists,
        K::Conflict,
        K::PermissionDenied,
        K::ResourceLimit,
        K::Unsupported,
        K::Unavailable,
        K::Timeout,
        K::Io,
    ];
    let kind = kinds.into_iter().find(|kind| kind.as_str() == name).unwrap_or(K::Other);
    let cause = std::io::Error::other("the disk is gone");
    Error::new(kind, "the secret reason").with_help("ask again").caused_by(&cause)
}
