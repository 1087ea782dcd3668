//! What a request takes through chains of middleware, and whether its body matters: `cargo bench --bench
//! middleware`.
//!
//! Beside a linked and a loaded plugin are bare boxed layers: an `Arc` and a boxed future for each, no routes,
//! no supervision.

mod support;

use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;

use bench_chain::CHAINS;
use bytes::Bytes;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures_lite::future::block_on;
use hotshoe::{PluginHost, Request, Response, Result};

criterion_group!(middleware, chains, bodies);
criterion_main!(middleware);

/// A middleware, or what is behind the last one, the way it is written without plugins.
trait Layer: Send + Sync {
    fn call(&self, request: Request) -> Answering<'_>;
}

type Answering<'a> = Pin<Box<dyn Future<Output = Result<Response>> + Send + 'a>>;

struct Echo;

impl Layer for Echo {
    fn call(&self, mut request: Request) -> Answering<'_> {
        Box::pin(async move { Ok(Response::new(200).with_body(request.take_body())) })
    }
}

struct Reads(Arc<dyn Layer>);

impl Layer for Reads {
    fn call(&self, request: Request) -> Answering<'_> {
        Box::pin(async move {
            if request.header("x-refused").is_some() {
                return Ok(Response::new(403));
            }
            self.0.call(request).await
        })
    }
}

fn layers(count: usize) -> Arc<dyn Layer> {
    (0..count).fold(Arc::new(Echo), |next: Arc<dyn Layer>, _| Arc::new(Reads(next)))
}

/// The same plugin, linked and loaded.
fn hosts() -> [(&'static str, PluginHost); 2] {
    let directory = tempfile::tempdir().expect("a temporary folder");
    std::fs::copy(support::library("bench_chain"), directory.path().join("chain.so"))
        .expect("a copy");
    let linked = PluginHost::builder().linked(["bench-chain"]);
    let loaded = PluginHost::builder().directory(directory.path());
    [("linked", linked), ("loaded", loaded)].map(|(mount, builder)| {
        let host = builder.build().expect("a host");
        let report = host.start().wait().expect("it starts");
        assert!(report.is_complete(), "{report}");
        (mount, host)
    })
}

fn request(path: &str, body: &Bytes) -> Request {
    Request::builder("POST", path).header("accept", "text/plain").body(body.clone()).build()
}

fn chains(criterion: &mut Criterion) {
    let hosts = hosts();
    let body =
        Bytes::from_static(b"sixty-four bytes that nobody on the way looks at, whatever it is");
    let mut group = criterion.benchmark_group("chain");
    for (count, path) in CHAINS {
        let boxed = layers(count);
        group.bench_function(BenchmarkId::new("boxed layers", count), |bencher| {
            bencher.iter_batched(
                || request(path, &body),
                |request| block_on(boxed.call(black_box(request))),
                BatchSize::SmallInput,
            );
        });
        for (mount, host) in &hosts {
            group.bench_function(BenchmarkId::new(*mount, count), |bencher| {
                bencher.iter_batched(
                    || request(path, &body),
                    |request| block_on(host.handle(black_box(request))),
                    BatchSize::SmallInput,
                );
            });
        }
    }
    group.finish();
}

/// Through one middleware that reads a header, to a handler that answers with the body.
fn bodies(criterion: &mut Criterion) {
    let hosts = hosts();
    let mut group = criterion.benchmark_group("body");
    for bytes in [64, 1 << 20] {
        let body = Bytes::from(vec![7; bytes]);
        group.throughput(Throughput::Elements(1));
        for (mount, host) in &hosts {
            group.bench_function(BenchmarkId::new(*mount, bytes), |bencher| {
                bencher.iter_batched(
                    || request("/after/1", &body),
                    |request| {
                        let response = block_on(host.handle(request)).expect("an answer");
                        let answer = response.into_body().into_full().expect("no stream");
                        assert_eq!(answer.len(), bytes);
                        answer
                    },
                    BatchSize::SmallInput,
                );
            });
        }
    }
    group.finish();
}
