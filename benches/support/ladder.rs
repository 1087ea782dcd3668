//! The ladder of supervision: one call, and one thing more on its way on each rung.

use std::hint::black_box;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bench_plugin::api::Adder;
use futures_lite::future::block_on;
use hotshoe::config::{BreakerPolicy, BulkheadPolicy, InstanceConfig, Supervision};
use hotshoe::settings::Quota;
use hotshoe::{Direct, Handle, PluginHost, Result};
use tempfile::TempDir;

/// One rung: its name, and a call so many times.
pub struct Rung<'a> {
    pub name: &'static str,
    pub work: Box<dyn Fn(u64) + Sync + 'a>,
}

/// The bare calls, and a host with the loaded plugin for each rung above them.
pub struct Ladder {
    bare: Arc<dyn Adder>,
    bare_later: Arc<dyn Later>,
    hosts: Vec<(&'static str, PluginHost)>,
    direct: Direct<dyn Adder>,
    handles: Vec<(&'static str, Handle<dyn Adder>)>,
    _directory: TempDir,
}

impl Ladder {
    pub fn start() -> Result<Self> {
        let directory = tempfile::tempdir().expect("a temporary folder");
        std::fs::copy(super::library("bench_plugin"), directory.path().join("bench.so"))
            .expect("a copy");
        let (mut hosts, mut handles) = (Vec::new(), Vec::new());
        for (name, limit, supervision) in rungs() {
            let mut instance = InstanceConfig::new("bench-0000");
            instance.supervision = (&supervision).into();
            instance.timeouts.call = limit;
            let host =
                PluginHost::builder().directory(directory.path()).instance(instance).build()?;
            let report = host.start().wait()?;
            assert!(report.is_complete(), "{report}");
            handles.push((name, host.service::<dyn Adder>()?));
            hosts.push((name, host));
        }
        let bare = black_box(Arc::new(bench_plugin::Adder));
        Ok(Self {
            bare: black_box(bare.clone()),
            bare_later: black_box(bare),
            direct: handles[0].1.direct()?,
            hosts,
            handles,
            _directory: directory,
        })
    }

    /// The synchronous call `add`.
    pub fn add(&self) -> Vec<Rung<'_>> {
        let bare: Box<dyn Fn(u64) + Sync> = Box::new(|times| add(&*self.bare, times));
        let direct = Box::new(|times| add(&self.direct, times));
        let mut rungs = vec![
            Rung { name: "bare `Arc<dyn Trait>`", work: bare },
            Rung { name: "direct: guard", work: direct },
        ];
        for (name, handle) in &self.handles {
            rungs.push(Rung { name, work: Box::new(|times| add(handle, times)) });
        }
        rungs
    }

    /// The asynchronous call `add_later`, whose future is ready at once.
    pub fn add_later(&self) -> Vec<Rung<'_>> {
        let mut rungs = vec![Rung {
            name: "bare boxed future through `Arc<dyn Trait>`",
            work: Box::new(|times| {
                block_on(async {
                    for at in 0..times {
                        let _ = black_box(self.bare_later.add(black_box(at), 1).await);
                    }
                });
            }),
        }];
        rungs.push(Rung {
            name: "direct: guard",
            work: Box::new(|times| add_later(&self.direct, times)),
        });
        for (name, handle) in &self.handles {
            rungs.push(Rung { name, work: Box::new(|times| add_later(handle, times)) });
        }
        rungs
    }

    /// The call `echo` of a fresh buffer: of 64 bytes, as most messages.
    #[allow(dead_code, reason = "not every benchmark hands over buffers")]
    pub fn echo(&self) -> Vec<Rung<'_>> {
        let bare: Box<dyn Fn(u64) + Sync> = Box::new(|times| {
            for _ in 0..times {
                let _ = black_box(self.bare_later.echo(black_box(vec![7; 64])));
            }
        });
        let direct = Box::new(|times| echo(&self.direct, times));
        let handle = &self.handles[0].1;
        vec![
            Rung { name: "bare `Vec` through `Arc<dyn Trait>`", work: bare },
            Rung { name: "direct: guard", work: direct },
            Rung { name: self.handles[0].0, work: Box::new(|times| echo(handle, times)) },
        ]
    }

    /// The hosts of the rungs above the bare call, from the lowest to the highest.
    #[allow(dead_code, reason = "not every benchmark asks more of the hosts than `add`")]
    pub fn hosts(&self) -> &[(&'static str, PluginHost)] {
        &self.hosts
    }

    pub fn stop(self) -> Result<()> {
        self.hosts.iter().try_for_each(|(_, host)| host.stop().wait())
    }
}

/// What is configured on each rung: a deadline, and the rest.
fn rungs() -> Vec<(&'static str, Option<Duration>, Supervision)> {
    let plain = Supervision::default;
    let limit = Some(Duration::from_secs(30));
    let breaker = || Some(BreakerPolicy::default());
    let bulkhead = || Some(BulkheadPolicy::default());
    let mut rungs = vec![("guard, counters, sampled latency, exchangeable", None, plain())];
    let mut rung = |name, limit, change: &dyn Fn(&mut Supervision)| {
        let mut supervision = plain();
        change(&mut supervision);
        rungs.push((name, limit, supervision));
    };
    rung("… and a closed circuit breaker", None, &|s| s.breaker = breaker());
    rung("… and a deadline", limit, &|s| s.breaker = breaker());
    rung("… and a bulkhead", limit, &|s| {
        s.breaker = breaker();
        s.bulkhead = bulkhead();
    });
    rung("all: … and a rate limit", limit, &|s| {
        s.breaker = breaker();
        s.bulkhead = bulkhead();
        s.rate_limit = Some(Quota::per_second(NonZeroU32::MAX));
    });
    rungs
}

/// What is asynchronous or owned, the way it is written without plugins.
trait Later: Send + Sync {
    fn add(&self, a: u64, b: u64) -> Pin<Box<dyn Future<Output = Result<u64>> + Send + '_>>;
    fn echo(&self, bytes: Vec<u8>) -> Result<Vec<u8>>;
}

impl Later for bench_plugin::Adder {
    fn add(&self, a: u64, b: u64) -> Pin<Box<dyn Future<Output = Result<u64>> + Send + '_>> {
        Box::pin(async move { Ok(a.wrapping_add(b)) })
    }

    fn echo(&self, bytes: Vec<u8>) -> Result<Vec<u8>> {
        Ok(bytes)
    }
}

fn add_later(adder: &(impl Adder + ?Sized), times: u64) {
    block_on(async {
        for at in 0..times {
            let _ = black_box(adder.add_later(black_box(at), 1).await);
        }
    });
}

fn echo(adder: &impl Adder, times: u64) {
    for _ in 0..times {
        let _ = black_box(adder.echo(black_box(vec![7; 64].into())));
    }
}

fn add(adder: &(impl Adder + ?Sized), times: u64) {
    for at in 0..times {
        let _ = black_box(adder.add(black_box(at), 1));
    }
}
