use std::future::{pending, poll_fn};
use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use futures_lite::future::block_on;
use hotshoe::{Error, ErrorKind};
use hotshoe_abi::{AbiFuture, Chain, EventParts};

use super::*;
use crate::counters::Code;

/// Ends a chain: answers with a status, an error or not at all.
struct End(fn() -> Option<Result<Response>>);

impl Chain for End {
    fn run(self: Arc<Self>, _: usize, _: Request) -> AbiFuture<'static, Response> {
        AbiFuture::new(async move {
            match (self.0)() {
                Some(answer) => answer,
                None => pending().await,
            }
        })
    }
}

fn count() -> Count {
    let config = Config::default();
    Count { counters: Arc::new(Counters::new(&config.paths)), priority: config.priority }
}

fn next(answer: fn() -> Option<Result<Response>>) -> Next {
    Next::new(Arc::new(End(answer)), 0)
}

#[test]
fn requests_are_counted_by_method_path_and_ending() {
    let count = count();
    let ask = |method: &str, path: &str, answer| {
        let _ = block_on(count.handle(Request::builder(method, path).build(), next(answer)));
    };
    ask("GET", "/pks/lookup?op=get", || Some(Ok(Response::new(200))));
    ask("GET", "/pks/lookup?op=index", || Some(Ok(Response::new(200))));
    ask("POST", "/pks/add", || Some(Err(Error::new(ErrorKind::Io, "disk"))));
    ask("BREW", "/coffee/1", || Some(Ok(Response::new(999))));
    assert_eq!(
        count.counters.requests(),
        [
            ("GET", "/pks/lookup", Code::Status(200), 2),
            ("POST", "/pks/add", Code::Error, 1),
            ("other", "other", Code::Other, 1),
        ]
    );
    assert_eq!((count.counters.total(), count.counters.in_flight()), (4, 0));
}

#[test]
fn a_request_that_nobody_waits_for_is_no_longer_in_flight() {
    let count = count();
    block_on(async {
        let request = Request::builder("GET", "/").build();
        let mut served = pin!(count.handle(request, next(|| None)));
        poll_fn(|context| Poll::Ready(served.as_mut().poll(context).is_pending())).await;
        assert_eq!(count.counters.in_flight(), 1);
    });
    assert_eq!(count.counters.in_flight(), 0);
    assert_eq!(count.counters.requests(), [("GET", "/", Code::Abandoned, 1)]);
}

#[test]
fn clients_cannot_make_more_time_series() {
    let count = count();
    for at in 0..1000 {
        let request = Request::builder(format!("M{at}"), &format!("/{at}")).build();
        let answer = || Some(Ok(Response::new(404)));
        block_on(count.handle(request, next(answer))).unwrap();
    }
    assert_eq!(count.counters.requests(), [("other", "other", Code::Status(404), 1000)]);
}

#[test]
fn published_changes_are_counted() {
    let listen = Listen(Arc::new(Counters::new(&[])));
    for topic in ["keys.added", "keys.changed", "keys.changed", "keys.exported"] {
        let event = EventParts {
            topic: topic.into(),
            source: "keydb".into(),
            sequence: 0,
            payload: Bytes::new(),
            call: Call::none(),
        };
        block_on(listen.handle(event.into())).unwrap();
    }
    assert_eq!((listen.0.added(), listen.0.changed()), (1, 2));
}

#[test]
fn the_json_says_what_there_is() {
    let counters = Counters::new(&[]);
    let read = |stats: Option<&Stats>| -> serde_json::Value {
        let body = json::answer(&counters, stats).unwrap().into_body();
        serde_json::from_slice(&block_on(body.collect(4096)).unwrap()).unwrap()
    };
    let mut stats = Stats::default();
    stats.certificates = 7;
    assert_eq!(read(Some(&stats))["certificates"], 7);
    assert!(read(None).get("certificates").is_none());
    assert_eq!(read(None)["requests"]["total"], 0);
}
