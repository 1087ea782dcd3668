//! What a call costs: `cargo bench --bench dispatch`.
//!
//! The same work through `Box<dyn Trait>`, through a linked plugin and through a loaded one.

mod support;

use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;

use bench_plugin::api::Adder;
use futures_lite::future::block_on;
use hotshoe::{Handle, PluginHost, Request, Response, Result};
use support::{Work, compare};

fn main() -> Result<()> {
    let directory = tempfile::tempdir().expect("a temporary folder");
    std::fs::copy(support::library(), directory.path().join("bench.so")).expect("a copy");
    let linked = PluginHost::builder().linked(["bench-0000"]).build()?;
    let loaded = PluginHost::builder().directory(directory.path()).build()?;
    for host in [&linked, &loaded] {
        let report = host.start().wait()?;
        assert!(report.is_complete(), "{report}");
    }
    synchronous(&linked.service()?, &loaded.service()?);
    asynchronous(&linked.service()?, &loaded.service()?);
    requests(&linked, &loaded);
    linked.stop().wait()?;
    loaded.stop().wait()
}

/// The plainest thing to compare with.
fn plain() -> Box<dyn Adder> {
    black_box(Box::new(bench_plugin::Adder))
}

fn add(adder: &(impl Adder + ?Sized), times: u64) {
    for at in 0..times {
        let _ = black_box(adder.add(black_box(at), 1));
    }
}

fn measure(adder: &(impl Adder + ?Sized), times: u64) {
    for _ in 0..times {
        let _ = black_box(adder.measure(black_box("sixty-four bytes of text, more or less")));
    }
}

fn synchronous(linked: &Handle<dyn Adder>, loaded: &Handle<dyn Adder>) {
    let boxed = plain();
    compare(
        "Synchronous extension point: `add(u64, u64) -> Result<u64>`",
        20_000,
        vec![
            ("`Box<dyn Trait>`", Box::new(|times| add(&*boxed, times))),
            ("linked", Box::new(|times| add(linked, times))),
            ("loaded", Box::new(|times| add(loaded, times))),
        ],
    );
    compare(
        "Synchronous extension point: `measure(&str) -> Result<u64>`",
        20_000,
        vec![
            ("`Box<dyn Trait>`", Box::new(|times| measure(&*boxed, times))),
            ("linked", Box::new(|times| measure(linked, times))),
            ("loaded", Box::new(|times| measure(loaded, times))),
        ],
    );
}

/// An asynchronous method the way it is written without plugins.
trait PlainLater: Send + Sync {
    fn add_later(&self, a: u64, b: u64) -> Pin<Box<dyn Future<Output = Result<u64>> + Send + '_>>;
}

impl PlainLater for bench_plugin::Adder {
    fn add_later(&self, a: u64, b: u64) -> Pin<Box<dyn Future<Output = Result<u64>> + Send + '_>> {
        Box::pin(async move { Ok(a.wrapping_add(b)) })
    }
}

fn asynchronous(linked: &Handle<dyn Adder>, loaded: &Handle<dyn Adder>) {
    let boxed: Box<dyn PlainLater> = black_box(Box::new(bench_plugin::Adder));
    let later = |adder: &Handle<dyn Adder>, times: u64| {
        block_on(async {
            for at in 0..times {
                let _ = black_box(adder.add_later(black_box(at), 1).await);
            }
        });
    };
    compare(
        "Asynchronous extension point, ready at once: `add_later(u64, u64) -> Deferred<u64>`",
        5_000,
        vec![
            (
                "boxed future through `Box<dyn Trait>`",
                Box::new(|times| {
                    block_on(async {
                        for at in 0..times {
                            let _ = black_box(boxed.add_later(black_box(at), 1).await);
                        }
                    });
                }),
            ),
            ("linked", Box::new(|times| later(linked, times))),
            ("loaded", Box::new(|times| later(loaded, times))),
        ],
    );
}

/// A handler and one middleware, the way a web framework has them without plugins.
trait Layer: Send + Sync {
    fn call(&self, request: Request)
    -> Pin<Box<dyn Future<Output = Result<Response>> + Send + '_>>;
}

struct Answer;

impl Layer for Answer {
    fn call(&self, _: Request) -> Pin<Box<dyn Future<Output = Result<Response>> + Send + '_>> {
        Box::pin(async { Ok(Response::new(204)) })
    }
}

struct PassOn(Arc<dyn Layer>);

impl Layer for PassOn {
    fn call(
        &self,
        request: Request,
    ) -> Pin<Box<dyn Future<Output = Result<Response>> + Send + '_>> {
        Box::pin(async move { self.0.call(request).await })
    }
}

fn requests(linked: &PluginHost, loaded: &PluginHost) {
    let boxed: Arc<dyn Layer> = Arc::new(PassOn(Arc::new(Answer)));
    let request = || Request::builder("GET", "/bench-0000").header("accept", "text/plain").build();
    let through = |host: &PluginHost, times: u64| {
        block_on(async {
            for _ in 0..times {
                let _ = black_box(host.handle(request()).await);
            }
        });
    };
    let works: Vec<(&str, Work<'_>)> = vec![
        (
            "two boxed layers, no routing",
            Box::new(|times| {
                block_on(async {
                    for _ in 0..times {
                        let _ = black_box(boxed.call(request()).await);
                    }
                });
            }),
        ),
        ("linked: routing, one middleware, handler", Box::new(|times| through(linked, times))),
        ("loaded: routing, one middleware, handler", Box::new(|times| through(loaded, times))),
    ];
    compare("A request, made and answered", 2_000, works);
}
