use std::num::NonZeroU32;

use futures_lite::future::block_on;
use hotshoe_abi::{AbiFuture, Chain};

use super::*;

/// Ends a chain: answers everything.
struct End;

impl Chain for End {
    fn run(self: Arc<Self>, _: usize, _: Request) -> AbiFuture<'static, Response> {
        AbiFuture::new(std::future::ready(Ok(Response::text(200, "served"))))
    }
}

fn limit(burst: u32) -> RateLimit {
    let limit = "1/h".parse().unwrap();
    RateLimit::new(Config { limit, burst: NonZeroU32::new(burst), ..Config::default() }).unwrap()
}

fn ask(limit: &RateLimit, peer: &str) -> Response {
    let call = Call::builder().set("peer", peer).build();
    let request = Request::builder("GET", "/pks/lookup").call(call).build();
    block_on(limit.handle(request, Next::new(Arc::new(End), 0))).unwrap()
}

#[test]
fn a_client_is_served_up_to_its_burst_and_then_told_when_to_come_back() {
    let limit = limit(2);
    for left in ["1", "0"] {
        let response = ask(&limit, "192.0.2.1:1000");
        assert_eq!(response.status(), 200);
        assert_eq!(response.header("ratelimit-remaining"), Some(left));
    }
    let response = ask(&limit, "192.0.2.1:2000");
    assert_eq!(response.status(), 429);
    let wait: u64 = response.header("retry-after").unwrap().parse().unwrap();
    assert!((3590..=3600).contains(&wait), "{wait}");
    assert_eq!(ask(&limit, "192.0.2.2:1000").status(), 200);
    let metrics = limit.metrics();
    let of = |name: &str| metrics.iter().find(|metric| metric.name == name).unwrap().value;
    assert_eq!((of("allowed_total"), of("limited_total"), of("clients")), (3.0, 1.0, 2.0));
}

#[test]
fn a_successor_takes_over_who_is_at_the_limit() {
    let old = limit(1);
    ask(&old, "192.0.2.1");
    let state = block_on(old.save_state()).unwrap().unwrap();
    let new = limit(1);
    block_on(new.restore_state(state)).unwrap();
    assert_eq!(ask(&new, "192.0.2.1").status(), 429);
    assert_eq!(ask(&new, "192.0.2.2").status(), 200);
}

#[test]
fn a_state_that_is_none_is_refused() {
    let error = block_on(limit(1).restore_state(Bytes::from_static(b"?"))).unwrap_err();
    assert!(error.is_invalid_input());
}
