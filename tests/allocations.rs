//! Supervision allocates nothing: a call through a port takes as many allocations as the bare one,
//! whatever is configured.

#![allow(unsafe_code, reason = "an allocator has to be one")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use bench_plugin::api::{self, Adder as _};
use futures_lite::future::block_on;
use hotshoe::config::{BreakerPolicy, BulkheadPolicy, InstanceConfig, Supervision};
use hotshoe::settings::Quota;
use hotshoe::{
    Call, Context, Contributions, NoConfig, Plugin, PluginHost, Request, Response, Result,
    handler_fn,
};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator; each thread counts what it asks for.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: each call is passed to the system's allocator as it is, and so is its answer. Counting neither
// allocates nor panics: the local has no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: by the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: by the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, new: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: by the caller's promise.
        unsafe { System.realloc(memory, layout, new) }
    }
}

/// A multiple of the calls of which one is timed, so that some are.
const CALLS: u64 = 64 * 10;

/// Allocations of this thread by so many calls; after others, in which what is made once is made.
fn allocations(call: impl Fn()) -> u64 {
    (0..CALLS).for_each(|_| call());
    let before = ALLOCATIONS.get();
    (0..CALLS).for_each(|_| call());
    ALLOCATIONS.get() - before
}

/// Adds, answers and echoes.
struct Own;

impl Plugin for Own {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.service::<dyn api::Adder, _>(bench_plugin::Adder);
        to.handler("GET", "/own", handler_fn(async |_: Request| Ok(Response::new(204))));
    }

    async fn execute(&self, _: &Call, input: serde_json::Value) -> Result<serde_json::Value> {
        Ok(input)
    }
}

fn host(supervision: &Supervision, limit: Option<Duration>) -> PluginHost {
    let mut instance = InstanceConfig::new("own");
    instance.supervision = supervision.into();
    instance.timeouts.call = limit;
    let own = hotshoe::plugin!(Own, id = "own", provides = [service "adder" = "1.1.0"]);
    let builder = PluginHost::builder().register_plugin(own).instance(instance);
    let host = builder.build().unwrap();
    let report = host.start().wait().unwrap();
    assert!(report.is_complete(), "{report}");
    host
}

fn nothing_configured() -> PluginHost {
    host(&Supervision::default(), None)
}

fn all_configured() -> PluginHost {
    let often = Some(Quota::per_second(NonZeroU32::MAX));
    let mut all = Supervision::default();
    let mut breaker = BreakerPolicy::default();
    // So long that nothing of it is noted while this runs.
    breaker.window = Duration::from_secs(24 * 3600);
    all.breaker = Some(breaker);
    all.bulkhead = Some(BulkheadPolicy::default());
    all.rate_limit = often;
    all.routes.extend(often.map(|quota| ("GET /own".to_owned(), quota)));
    host(&all, Some(Duration::from_secs(3600)))
}

#[test]
fn a_synchronous_call_allocates_nothing() {
    for host in [nothing_configured(), all_configured()] {
        let adder = host.service::<dyn api::Adder>().unwrap();
        let counted = allocations(|| assert_eq!(adder.add(1, 2).unwrap(), 3));
        assert_eq!(counted, 0);
    }
}

#[test]
fn a_buffer_crosses_with_the_one_allocation_of_its_vec() {
    let host = nothing_configured();
    let adder = host.service::<dyn api::Adder>().unwrap();
    let counted = allocations(|| assert_eq!(adder.echo(vec![7; 64].into()).unwrap().len(), 64));
    assert_eq!(counted, CALLS);
}

#[test]
fn an_asynchronous_call_that_answers_at_once_allocates_as_often_as_the_bare_one() {
    let bare: Arc<dyn api::Adder> = Arc::new(bench_plugin::Adder);
    let bare = allocations(|| assert_eq!(block_on(bare.add_later(1, 2)).unwrap(), 3));
    assert_eq!(bare, CALLS, "the future's box");
    for host in [nothing_configured(), all_configured()] {
        let adder = host.service::<dyn api::Adder>().unwrap();
        let counted = allocations(|| assert_eq!(block_on(adder.add_later(1, 2)).unwrap(), 3));
        assert_eq!(counted, bare);
    }
}

#[test]
fn a_request_allocates_as_often_whatever_is_configured() {
    let [plain, all] = [nothing_configured(), all_configured()].map(|host| {
        allocations(|| {
            let request = Request::builder("GET", "/own").build();
            assert_eq!(block_on(host.handle(request)).unwrap().status(), 204);
        })
    });
    assert_eq!(all, plain);
}

#[test]
fn what_was_recorded_once_allocates_no_more_than_what_never_was() {
    let host = nothing_configured();
    let request = || {
        allocations(|| {
            let request = Request::builder("GET", "/own").build();
            assert_eq!(block_on(host.handle(request)).unwrap().status(), 204);
        })
    };
    let execution = || {
        allocations(|| {
            let answer = block_on(host.execute("own", &Call::none(), &serde_json::Value::from(7)));
            assert_eq!(answer.status, "success");
        })
    };
    let before = (request(), execution());
    let folder = tempfile::tempdir().unwrap();
    let options = hotshoe::replay::RecordOptions::new(folder.path().join("calls.jsonl"));
    let recording = host.record("own", options).unwrap();
    assert!(request() > before.0 && execution() > before.1, "what is recorded is kept");
    recording.finish().unwrap();
    assert_eq!((request(), execution()), before);
}

#[test]
fn an_execution_allocates_as_often_whatever_is_configured() {
    let [plain, all] = [nothing_configured(), all_configured()].map(|host| {
        allocations(|| {
            let answer = block_on(host.execute("own", &Call::none(), &serde_json::Value::from(7)));
            assert_eq!(answer.status, "success");
        })
    });
    assert_eq!(all, plain);
}

#[test]
fn a_middleware_that_a_request_passes_takes_one_allocation() {
    let host = PluginHost::builder().linked(["bench-chain"]).build().unwrap();
    let report = host.start().wait().unwrap();
    assert!(report.is_complete(), "{report}");
    let [one, five, _] = bench_chain::CHAINS.map(|(_, path)| {
        allocations(|| {
            let request = Request::builder("POST", path).build();
            assert_eq!(block_on(host.handle(request)).unwrap().status(), 200);
        })
    });
    assert_eq!(five - one, 4 * CALLS, "its future");
}
