//! What a call costs: `cargo bench --bench dispatch`.
//!
//! The same work through `Box<dyn Trait>`, through a direct handle, and supervised, as handles are; each
//! of a linked plugin and of a loaded one. What comes with a deadline, a bulkhead or a rate limit has a
//! ladder of its own: `cargo bench --bench supervise`.

mod support;

use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::time::{Duration, Instant};

use bench_plugin::api::Adder;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use futures_lite::future::block_on;
use hotshoe::config::InstanceConfig;
use hotshoe::{Buffer, Direct, Handle, PluginHost, Pool, Request, Result};

criterion_group!(
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(2));
    targets = synchronous, asynchronous, echo, of_a_pool
);
criterion_main!(benches);

/// A host with the plugin on one of two mounts, and its service.
struct Mounted {
    host: PluginHost,
    handle: Handle<dyn Adder>,
    direct: Direct<dyn Adder>,
    _directory: tempfile::TempDir,
}

impl Mounted {
    fn linked() -> Self {
        Self::start(PluginHost::builder().linked(["bench-0000"]), empty())
    }

    fn loaded() -> Self {
        let directory = empty();
        let library = support::library("bench_plugin");
        std::fs::copy(library, directory.path().join("bench.so")).expect("a copy");
        Self::start(PluginHost::builder().directory(directory.path()), directory)
    }

    fn start(builder: hotshoe::PluginHostBuilder, directory: tempfile::TempDir) -> Self {
        let host = started(builder);
        let handle: Handle<dyn Adder> = host.service().expect("the service is there");
        let direct = handle.direct().expect("it serves");
        Self { host, handle, direct, _directory: directory }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        self.host.stop().wait().expect("the host stops");
    }
}

fn empty() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn started(builder: hotshoe::PluginHostBuilder) -> PluginHost {
    let host = builder.build().expect("a host");
    let report = host.start().wait().expect("it starts");
    assert!(report.is_complete(), "{report}");
    host
}

/// Measures the work on a trait object and in each of four ways through a plugin.
macro_rules! each_way {
    ($group:expr, $plain:expr, $work:expr) => {{
        let (linked, loaded) = (Mounted::linked(), Mounted::loaded());
        let mut group = $group;
        bench(&mut group, "`Box<dyn Trait>`", $plain);
        bench(&mut group, "linked, direct", |times| $work(&linked.direct, times));
        bench(&mut group, "loaded, direct", |times| $work(&loaded.direct, times));
        bench(&mut group, "linked", |times| $work(&linked.handle, times));
        bench(&mut group, "loaded", |times| $work(&loaded.handle, times));
        group.finish();
    }};
}

/// Measures work that is done so many times.
fn bench(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, mut work: impl FnMut(u64)) {
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|times| {
            let begin = Instant::now();
            work(times);
            begin.elapsed()
        });
    });
}

/// The plainest thing to compare with.
fn plain() -> Box<dyn Adder> {
    black_box(Box::new(bench_plugin::Adder))
}

fn synchronous(criterion: &mut Criterion) {
    let boxed = plain();
    let group = criterion.benchmark_group("add(u64, u64) -> Result<u64>");
    each_way!(group, |times| add(&*boxed, times), add);
    let group = criterion.benchmark_group("measure(&str) -> Result<u64>");
    each_way!(group, |times| measure(&*boxed, times), measure);
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

/// What is asynchronous or owned, the way it is written without plugins.
trait Plain: Send + Sync {
    fn add_later(&self, a: u64, b: u64) -> Pin<Box<dyn Future<Output = Result<u64>> + Send + '_>>;
    fn echo(&self, bytes: Vec<u8>) -> Result<Vec<u8>>;
}

impl Plain for bench_plugin::Adder {
    fn add_later(&self, a: u64, b: u64) -> Pin<Box<dyn Future<Output = Result<u64>> + Send + '_>> {
        Box::pin(async move { Ok(a.wrapping_add(b)) })
    }

    fn echo(&self, bytes: Vec<u8>) -> Result<Vec<u8>> {
        Ok(bytes)
    }
}

fn asynchronous(criterion: &mut Criterion) {
    let boxed: Box<dyn Plain> = black_box(Box::new(bench_plugin::Adder));
    let alone = |times| {
        block_on(async {
            for at in 0..times {
                let _ = black_box(boxed.add_later(black_box(at), 1).await);
            }
        });
    };
    let group = criterion.benchmark_group("add_later(u64, u64), ready at once");
    each_way!(group, alone, add_later);
}

fn add_later(adder: &impl Adder, times: u64) {
    block_on(async {
        for at in 0..times {
            let _ = black_box(adder.add_later(black_box(at), 1).await);
        }
    });
}

fn echo(criterion: &mut Criterion) {
    let boxed: Box<dyn Plain> = black_box(Box::new(bench_plugin::Adder));
    for (name, size) in [("64 B", 64), ("4 KiB", 4096), ("1 MiB", 1 << 20)] {
        let mut group = criterion.benchmark_group(format!("echo, a fresh buffer of {name}"));
        group.throughput(Throughput::Bytes(size as u64));
        let alone = |times| {
            for _ in 0..times {
                let _ = black_box(boxed.echo(black_box(vec![7; size])));
            }
        };
        let echo = |adder: &dyn Echo, times| adder.echo(size, times);
        each_way!(group, alone, echo);
    }
}

/// So that a loop over calls knows the handle's type.
trait Echo {
    fn echo(&self, size: usize, times: u64);
}

impl<A: Adder> Echo for A {
    fn echo(&self, size: usize, times: u64) {
        for _ in 0..times {
            let _ = black_box(Adder::echo(self, black_box(Buffer::from(vec![7; size]))));
        }
    }
}

fn of_a_pool(criterion: &mut Criterion) {
    let one = started(PluginHost::builder().linked(["bench-0000"]));
    let mut builder = PluginHost::builder().linked(["bench-0000"]);
    for id in ["one", "two", "three"] {
        let mut instance = InstanceConfig::new(id).with_plugin("bench-0000");
        instance.supervision.pool = Some("three-in-one".into());
        builder = builder.instance(instance);
    }
    let three = started(builder);
    let handle: Handle<dyn Adder> = one.service().expect("the service is there");
    let pool: Pool<dyn Adder> = three.pool("three-in-one").expect("so is the pool");

    let mut group = criterion.benchmark_group("add, one instance or one of three");
    bench(&mut group, "`Handle`", |times| add(&handle, times));
    bench(&mut group, "`Pool`", |times| add(&pool, times));
    group.finish();
    let mut group = criterion.benchmark_group("a request, one instance or one of three");
    for (name, host) in [("one", &one), ("three", &three)] {
        bench(&mut group, name, |times| {
            block_on(async {
                for _ in 0..times {
                    let request = Request::builder("GET", "/bench-0000").build();
                    let _ = black_box(host.handle(request).await);
                }
            });
        });
    }
    group.finish();
    for host in [one, three] {
        host.stop().wait().expect("the host stops");
    }
}
