//! The rest of a request's way, and a middleware before it: answered at once, later, or never.

use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;

use hotshoe_abi::{
    AbiFuture, AbiMiddleware, AbiStarted, Chain, ErrorKind, MiddlewareObject, Next, Request,
    Response, Result,
};

/// What comes after a middleware: it answers after so many polls, and panics if that is said.
struct End {
    polls: u32,
    panics: bool,
}

impl Chain for End {
    fn run(self: Arc<Self>, position: usize, request: Request) -> AbiFuture<'static, Response> {
        let mut left = self.polls;
        let polled = poll_fn(move |_| match left.checked_sub(1) {
            Some(fewer) => {
                left = fewer;
                Poll::Pending
            }
            None => Poll::Ready(position),
        });
        AbiFuture::new(async move {
            let position = polled.await;
            assert!(!self.panics, "on purpose");
            Ok(Response::text(200, format!("{} at {position}", request.path())))
        })
    }
}

fn end(polls: u32) -> Arc<End> {
    Arc::new(End { polls, panics: false })
}

/// Passes everything on.
struct Passes;

impl MiddlewareObject for Passes {
    fn handle(&self, request: Request, next: Next) -> AbiFuture<'_, Response> {
        AbiFuture::new(async move { next.run(request).await })
    }
}

fn request() -> Request {
    Request::builder("GET", "/way").build()
}

fn poll<T>(future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn text(answer: Poll<Result<Response>>) -> Option<String> {
    let Poll::Ready(answer) = answer else { return None };
    let body = answer.expect("an answer").into_body().into_full().expect("not a stream");
    Some(String::from_utf8(body.to_vec()).expect("text"))
}

fn start<'a>(middleware: &'a AbiMiddleware, end: &Arc<End>) -> AbiStarted<'a, Response> {
    let mut context = Context::from_waker(Waker::noop());
    middleware.start(request(), Next::new(end.clone(), 2), &mut context)
}

#[test]
fn what_is_answered_at_once_gives_its_share_of_the_chain_back() {
    let end = end(0);
    let mut run = pin!(Next::new(end.clone(), 3).run(request()));
    assert_eq!(text(poll(run.as_mut())).as_deref(), Some("/way at 3"));
    assert_eq!(Arc::strong_count(&end), 1);
    let again = poll(run.as_mut());
    assert!(
        matches!(again, Poll::Ready(Err(error)) if error.kind() == ErrorKind::IllegalState),
        "it was answered"
    );
}

#[test]
fn what_is_not_answered_at_once_goes_on_on_any_thread() {
    let end = end(2);
    let mut run = Box::pin(Next::new(end.clone(), 3).run(request()));
    assert!(poll(run.as_mut()).is_pending());
    let answer = thread::spawn(move || {
        assert!(poll(run.as_mut()).is_pending());
        text(poll(run.as_mut()))
    });
    assert_eq!(answer.join().expect("an answer").as_deref(), Some("/way at 3"));
    assert_eq!(Arc::strong_count(&end), 1);
}

#[test]
fn what_is_given_up_gives_its_share_back_whenever_that_is() {
    let end = end(1);
    drop(Next::new(end.clone(), 0));
    drop(Next::new(end.clone(), 0).run(request()));
    let mut run = Box::pin(Next::new(end.clone(), 0).run(request()));
    assert!(poll(run.as_mut()).is_pending());
    assert_eq!(Arc::strong_count(&end), 2);
    thread::spawn(move || drop(run)).join().expect("it is dropped");
    assert_eq!(Arc::strong_count(&end), 1);
}

#[test]
fn a_panic_of_what_comes_after_is_an_error_at_once_or_later() {
    for polls in [0, 1] {
        let end = Arc::new(End { polls, panics: true });
        let mut run = pin!(Next::new(end.clone(), 0).run(request()));
        if polls == 1 {
            assert!(poll(run.as_mut()).is_pending());
        }
        assert!(matches!(poll(run.as_mut()), Poll::Ready(Err(error)) if error.is_panic()));
        assert_eq!(Arc::strong_count(&end), 1);
    }
}

#[test]
fn a_middleware_that_is_started_answers_at_once_or_goes_on() {
    let middleware = AbiMiddleware::new(Arc::new(Passes));
    for polls in [0, 1, 2] {
        let end = end(polls);
        let started = start(&middleware, &end);
        assert_eq!(matches!(started, AbiStarted::Pending(_)), polls > 0);
        let mut started = pin!(started.into_future());
        for _ in 1..polls {
            assert!(poll(started.as_mut()).is_pending());
        }
        assert_eq!(text(poll(started.as_mut())).as_deref(), Some("/way at 2"));
        assert_eq!(Arc::strong_count(&end), 1);
    }
}

#[test]
fn a_middleware_that_panics_before_there_is_a_future_fails() {
    struct Panics;
    impl MiddlewareObject for Panics {
        fn handle(&self, _: Request, _: Next) -> AbiFuture<'_, Response> {
            panic!("on purpose")
        }
    }
    let (end, middleware) = (end(0), AbiMiddleware::new(Arc::new(Panics)));
    let started = start(&middleware, &end);
    assert!(matches!(started, AbiStarted::Failed(error) if error.is_panic()));
    assert_eq!(Arc::strong_count(&end), 1);
}

#[test]
fn a_chain_that_never_answers_is_dropped_with_its_middleware() {
    struct Never(Arc<()>);
    impl Chain for Never {
        fn run(self: Arc<Self>, _: usize, _: Request) -> AbiFuture<'static, Response> {
            let held = self.0.clone();
            AbiFuture::new(async move {
                pending::<()>().await;
                drop(held);
                Ok(Response::new(200))
            })
        }
    }
    let held = Arc::new(());
    let middleware = AbiMiddleware::new(Arc::new(Passes));
    let next = Next::new(Arc::new(Never(held.clone())), 0);
    let started = middleware.start(request(), next, &mut Context::from_waker(Waker::noop()));
    assert!(matches!(started, AbiStarted::Pending(_)));
    assert_eq!(Arc::strong_count(&held), 2);
    drop(started);
    assert_eq!(Arc::strong_count(&held), 1);
}
