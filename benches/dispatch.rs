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
use hotshoe::config::InstanceConfig;
use hotshoe::{Handle, PluginHost, Pool, Request, Response, Result};
use support::{Work, compare};

fn main() -> Result<()> {
    let directory = tempfile::tempdir().expect("a temporary folder");
    std::fs::copy(support::library("bench_plugin"), directory.path().join("bench.so"))
        .expect("a copy");
    let linked = PluginHost::builder().linked(["bench-0000"]).build()?;
    let loaded = PluginHost::builder().directory(directory.path()).build()?;
    let pooled = pool_of_three()?;
    for host in [&linked, &loaded, &pooled] {
        let report = host.start().wait()?;
        assert!(report.is_complete(), "{report}");
    }
    synchronous(&linked.service()?, &loaded.service()?);
    asynchronous(&linked.service()?, &loaded.service()?);
    requests(&linked, &loaded);
    of_a_pool(&linked, &pooled)?;
    linked.stop().wait()?;
    loaded.stop().wait()?;
    pooled.stop().wait()
}

/// Three instances behind one name.
fn pool_of_three() -> Result<PluginHost> {
    let mut builder = PluginHost::builder().linked(["bench-0000"]);
    for id in ["one", "two", "three"] {
        let mut instance = InstanceConfig::new(id).with_plugin("bench-0000");
        instance.supervision.pool = Some("three-in-one".into());
        builder = builder.instance(instance);
    }
    builder.build()
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

fn of_a_pool(one: &PluginHost, pooled: &PluginHost) -> Result<()> {
    let handle: Handle<dyn Adder> = one.service()?;
    let pool: Pool<dyn Adder> = pooled.pool("three-in-one")?;
    compare(
        "Synchronous extension point, one instance or one of three",
        20_000,
        vec![
            ("`Handle`", Box::new(|times| add(&handle, times))),
            ("`Pool`", Box::new(|times| add(&pool, times))),
        ],
    );
    let request = || Request::builder("GET", "/bench-0000").header("accept", "text/plain").build();
    let through = |host: &PluginHost, times: u64| {
        block_on(async {
            for _ in 0..times {
                let _ = black_box(host.handle(request()).await);
            }
        });
    };
    compare(
        "A request to one instance or to one of three: routing, one middleware, handler",
        2_000,
        vec![
            ("one", Box::new(|times| through(one, times))),
            ("a pool of three", Box::new(|times| through(pooled, times))),
        ],
    );
    Ok(())
}
