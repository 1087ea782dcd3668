//! The host's routes as a `tower` service, called without axum.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hotshoe::{Call, GatewayService, HttpBody, PluginHost};
use http_body::{Body, Frame, SizeHint};
use tower_service::Service;

use crate::stage::Stage;

/// A body of the smallest kind.
struct Sent(Option<Bytes>);

impl Body for Sent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

fn service(host: &PluginHost) -> GatewayService {
    host.tower_service().with_call(|parts| {
        let user = parts.headers.get("x-user").and_then(|user| user.to_str().ok());
        let call = Call::builder().set("peer", "127.0.0.1:7");
        match user {
            Some(user) => call.user(user, ["client"]).build(),
            None => call.build(),
        }
    })
}

fn post(target: &str, body: Bytes) -> http::Request<Sent> {
    http::Request::post(target).header("content-type", "text/x").body(Sent(Some(body))).unwrap()
}

fn get(target: &str) -> http::Request<Sent> {
    http::Request::get(target).header("x-user", "ada").body(Sent(None)).unwrap()
}

async fn call(host: &PluginHost, request: http::Request<Sent>) -> http::Response<HttpBody> {
    let mut service = service(host);
    let ready: Result<(), Infallible> =
        poll_fn(|context| Service::<http::Request<Sent>>::poll_ready(&mut service, context)).await;
    ready.unwrap();
    service.call(request).await.unwrap()
}

async fn whole(response: http::Response<HttpBody>) -> Bytes {
    let mut body = Box::pin(response.into_body());
    let mut all = Vec::new();
    while let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
        all.extend_from_slice(&frame.unwrap().into_data().unwrap());
    }
    all.into()
}

async fn a_request_of_the_http_crate_reaches_a_handler_with_its_caller(stage: Stage) {
    let host = stage.probe().await;
    let response = call(&host, get("/users/a%20b/posts/1?q=1")).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/json");
    let seen: serde_json::Value = serde_json::from_slice(&whole(response).await).unwrap();
    assert_eq!(seen["user_id"], "a b");
    assert_eq!(seen["query"], "q=1");
    assert_eq!(seen["user"], "ada");
    assert_eq!(seen["entries"], serde_json::json!([["peer", "127.0.0.1:7"]]));
}

async fn a_body_goes_through_both_ways_without_a_copy(stage: Stage) {
    let host = stage.probe().await;
    let sent = Bytes::from(vec![7; 10_000]);
    let response = call(&host, post("/echo", sent.clone())).await;
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["content-type"], "text/x");
    let mut body = Box::pin(response.into_body());
    let frame = poll_fn(|context| body.as_mut().poll_frame(context)).await.unwrap().unwrap();
    let back = frame.into_data().unwrap();
    assert_eq!(back.as_ptr(), sent.as_ptr());
    assert_eq!(back, sent);
}

async fn a_length_that_is_known_is_told_and_one_that_is_not_is_not(stage: Stage) {
    let host = stage.probe().await;
    let response = call(&host, get("/stream?3")).await;
    assert_eq!(response.body().size_hint().exact(), None);
    assert_eq!(whole(response).await, "chunk 1\nchunk 2\nchunk 3\n");
    let response = call(&host, get("/stream?3:known")).await;
    assert_eq!(response.body().size_hint().exact(), Some(24));
    let response = call(&host, get("/any")).await;
    assert_eq!(response.body().size_hint().exact(), Some(12));
}

async fn errors_and_panics_become_answers(stage: Stage) {
    let host = stage.probe().await;
    for (target, status) in [("/panic", 500), ("/error?conflict", 409), ("/nowhere", 404)] {
        assert_eq!(call(&host, get(target)).await.status(), status, "{target}");
    }
    let response = call(&host, post("/who", Bytes::new())).await;
    assert_eq!(response.status(), 405);
    assert_eq!(response.headers()["allow"], "GET");
}

async fn middleware_writes_headers_that_arrive_each(stage: Stage) {
    let host = stage.probe().await;
    let response = call(&host, get("/inside/who")).await;
    let order: Vec<&str> =
        response.headers().get_all("x-order").iter().map(|value| value.to_str().unwrap()).collect();
    assert_eq!(order, ["probe.inner", "probe.outer"]);
}

on_every_mount! {
    a_request_of_the_http_crate_reaches_a_handler_with_its_caller,
    a_body_goes_through_both_ways_without_a_copy,
    a_length_that_is_known_is_told_and_one_that_is_not_is_not,
    errors_and_panics_become_answers,
    middleware_writes_headers_that_arrive_each,
}
