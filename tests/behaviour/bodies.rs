//! Bodies: whole and in chunks, both ways, without a copy.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hotshoe::{Body, BodyStream, Error, ErrorKind, Request, Result};

use crate::stage::{Stage, get, is_well, text};

/// Chunks of the suite's own.
struct Chunks(VecDeque<Result<Bytes>>);

impl Chunks {
    fn body(chunks: impl IntoIterator<Item = Result<Bytes>>) -> Body {
        Body::stream(Self(chunks.into_iter().collect()))
    }
}

impl BodyStream for Chunks {
    fn poll_chunk(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        Poll::Ready(self.0.pop_front())
    }
}

fn post(target: &str, body: impl Into<Body>) -> Request {
    Request::builder("POST", target).header("content-type", "text/x").body(body).build()
}

async fn a_body_goes_to_the_plugin_and_back_without_a_copy(stage: Stage) {
    let host = stage.probe().await;
    let sent = Bytes::from(vec![7; 100_000]);
    let mut response = host.handle(post("/echo", sent.clone())).await.unwrap();
    assert_eq!(response.status(), 201);
    assert_eq!(response.header("content-type"), Some("text/x"));
    let body = response.take_body();
    assert_eq!(body.len(), Some(100_000));
    let back = body.collect(100_000).await.unwrap();
    assert_eq!(back.as_ptr(), sent.as_ptr(), "it was copied");
    assert_eq!(back, sent);
}

async fn no_body_stays_none(stage: Stage) {
    let host = stage.probe().await;
    let mut response = host.handle(post("/echo", Body::empty())).await.unwrap();
    let mut body = response.take_body();
    assert!(body.is_empty());
    assert_eq!(body.chunk().await.unwrap(), None);
}

async fn chunks_go_to_the_plugin_and_back_without_a_copy(stage: Stage) {
    let host = stage.probe().await;
    let sent: Vec<Bytes> = (1..=5_u8).map(|n| vec![n; 1000 * usize::from(n)].into()).collect();
    let body = Chunks::body(sent.iter().cloned().map(Ok));
    let mut response = host.handle(post("/echo", body)).await.unwrap();
    let mut body = response.take_body();
    assert_eq!(body.len(), None);
    for chunk in sent {
        let back = body.chunk().await.unwrap().expect("one more");
        assert_eq!(back.as_ptr(), chunk.as_ptr(), "it was copied");
        assert_eq!(back, chunk);
    }
    assert_eq!(body.chunk().await.unwrap(), None);
}

async fn a_plugin_reads_chunk_by_chunk(stage: Stage) {
    let host = stage.probe().await;
    let body = Chunks::body(["one", "two", "three"].map(|chunk| Ok(Bytes::from(chunk))));
    assert_eq!(text(host.handle(post("/count", body)).await.unwrap()).await, "11 in 3");
    let whole = host.handle(post("/count", "a whole one")).await.unwrap();
    assert_eq!(text(whole).await, "11 in 1");
}

async fn an_error_in_a_body_reaches_whoever_reads_it(stage: Stage) {
    let host = stage.probe().await;
    let broken = || Err(Error::new(ErrorKind::Io, "the client hung up"));
    let body = Chunks::body([Ok(Bytes::from("one")), broken()]);
    let error = host.handle(post("/count", body)).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Io, "the client hung up"));
    is_well(&host).await;
}

async fn a_plugin_answers_in_chunks(stage: Stage) {
    let host = stage.probe().await;
    let mut response = get(&host, "/stream?3").await;
    let mut body = response.take_body();
    assert_eq!(body.len(), None);
    for number in 1..=3 {
        let chunk = body.chunk().await.unwrap().expect("one more");
        assert_eq!(chunk, format!("chunk {number}\n"));
    }
    assert_eq!(body.chunk().await.unwrap(), None);
    // The stream is freed at its end, not when the body is.
    assert_eq!(stage.journal.count("probe: stream dropped after 3"), 1);

    let known = get(&host, "/stream?3:known").await.take_body();
    assert_eq!(known.len(), Some(24));
    assert_eq!(known.collect(24).await.unwrap().len(), 24);
}

async fn a_body_beyond_the_limit_is_refused(stage: Stage) {
    let host = stage.probe().await;
    for target in ["/stream?9", "/stream?9:known"] {
        let error = get(&host, target).await.take_body().collect(20).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceLimit);
        assert!(error.message().contains("at most 20 bytes"), "{error}");
    }
}

async fn a_stream_that_nobody_reads_is_dropped(stage: Stage) {
    let host = stage.probe().await;
    let mut response = get(&host, "/stream?3").await;
    let mut body = response.take_body();
    body.chunk().await.unwrap();
    drop(body);
    assert_eq!(stage.journal.count("probe: stream dropped after 1"), 1);
}

async fn a_stream_that_fails_or_panics_ends_with_an_error(stage: Stage) {
    let host = stage.probe().await;
    let mut body = get(&host, "/stream?2:panic").await.take_body();
    body.chunk().await.unwrap();
    body.chunk().await.unwrap();
    let error = body.chunk().await.unwrap_err();
    assert!(error.is_panic());
    assert!(error.message().contains("a stream was told to panic"), "{error}");
    assert_eq!(body.chunk().await.unwrap(), None);

    let error = get(&host, "/stream?2:error").await.take_body().collect(100).await.unwrap_err();
    assert_eq!(error.message(), "a stream was told to fail");
    is_well(&host).await;
}

async fn a_stream_that_panics_when_dropped_is_contained(stage: Stage) {
    let host = stage.probe().await;
    let mut body = get(&host, "/stream?2:drop-panic").await.take_body();
    body.chunk().await.unwrap();
    drop(body);
    is_well(&host).await;
}

on_every_mount! {
    a_body_goes_to_the_plugin_and_back_without_a_copy,
    no_body_stays_none,
    chunks_go_to_the_plugin_and_back_without_a_copy,
    a_plugin_reads_chunk_by_chunk,
    an_error_in_a_body_reaches_whoever_reads_it,
    a_plugin_answers_in_chunks,
    a_body_beyond_the_limit_is_refused,
    a_stream_that_nobody_reads_is_dropped,
    a_stream_that_fails_or_panics_ends_with_an_error,
    a_stream_that_panics_when_dropped_is_contained,
}
