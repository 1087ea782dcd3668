//! What resolving many plugins costs: `cargo bench --bench resolve`.
//!
//! `hotshoe::resolve::resolve` is what a host calls before it starts anything, and all that it does to
//! the manifests that it has read. The plugins come in layers, as those of an application do: each
//! has five requirements, on plugins and services of lower layers and on what the host offers, one of
//! them optional; every tenth plugin is there in three versions.
//!
//! - `best`: the best versions agree.
//! - `lowered`: one newest version in a hundred was released too early: what stands above it wants an
//!   older line. The resolver has to go back.
//! - `broken`: one plugin in a hundred is missing, with all that follows from it to be explained.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hotshoe::manifest::{Provision, Requirement, Target};
use hotshoe::resolve::{Candidate, Instance, Request, Resolution, resolve};
use semver::{Version, VersionReq};

const COUNTS: [usize; 3] = [1_000, 10_000, 100_000];
const REQUIREMENTS: usize = 5;
/// Layers of the graph; a real application has hardly more.
const LAYERS: usize = 10;
/// One plugin in so many has a service that others ask for.
const SERVICES: usize = 20;

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(8));
    targets = measure
}
criterion_main!(benches);

fn measure(criterion: &mut Criterion) {
    for (name, flaw) in [("best", Flaw::None), ("lowered", Flaw::Early), ("broken", Flaw::Missing)]
    {
        let mut group = criterion.benchmark_group(name);
        for count in COUNTS {
            let world = World::new(count, flaw);
            world.check(&world.resolve(), flaw);
            group.throughput(Throughput::Elements((count * REQUIREMENTS) as u64));
            group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
                // The plan and the report are freed by whoever asked for them.
                bencher.iter_batched(
                    || (),
                    |()| black_box(&world).resolve(),
                    BatchSize::PerIteration,
                );
            });
        }
        group.finish();
    }
}

/// What is not as it should be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    Early,
    Missing,
}

/// What a host has found.
struct World {
    candidates: Vec<Candidate>,
    instances: Vec<Instance>,
    host: Vec<Provision>,
}

impl World {
    fn new(count: usize, flaw: Flaw) -> Self {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let mut world = Self {
            candidates: Vec::new(),
            instances: Vec::new(),
            host: ["log", "clock", "caller"].map(|name| provision(name, 1)).into(),
        };
        for number in 0..count {
            let id = id(number);
            world.instances.push(Instance::new(&id, &id));
            if flaw == Flaw::Missing && number % 100 == 50 {
                continue;
            }
            let requires = requirements(number, count, &mut random);
            let provides: Vec<_> = (number % SERVICES == 0)
                .then(|| provision(&service(number), 1))
                .into_iter()
                .collect();
            let versions: &[u64] = if number % 10 == 3 { &[0, 1, 2] } else { &[2] };
            for &minor in versions {
                world.candidates.push(Candidate {
                    provides: provides.clone(),
                    requires: requires.clone(),
                    ..Candidate::new(&id, Version::new(1, minor, 7), format!("plugins/lib{id}.so"))
                });
            }
            if flaw == Flaw::Early && number % 100 == 3 {
                world.candidates.push(Candidate {
                    provides,
                    requires,
                    ..Candidate::new(&id, Version::new(2, 0, 0), format!("plugins/lib{id}-2.so"))
                });
            }
        }
        random.shuffle(&mut world.candidates);
        world
    }

    fn resolve(&self) -> Resolution {
        resolve(Request {
            candidates: &self.candidates,
            instances: &self.instances,
            host: &self.host,
            ..Request::default()
        })
    }

    fn check(&self, resolution: &Resolution, flaw: Flaw) {
        let started = resolution.plan.start_order().count();
        let report = &resolution.report;
        match flaw {
            Flaw::None => assert!(report.is_empty(), "{report}"),
            Flaw::Early => {
                assert!(report.problems.is_empty(), "{report}");
                assert!(!report.notices.is_empty(), "some are lowered");
            }
            Flaw::Missing => {
                assert!(started < self.instances.len(), "some are not there");
                assert!(!report.problems.is_empty(), "{report}");
                return;
            }
        }
        assert_eq!(started, self.instances.len(), "{report}");
    }
}

/// Five of them: on plugins below, on a service below, on the host, and one that may be missing.
fn requirements(number: usize, count: usize, random: &mut Random) -> Vec<Requirement> {
    let width = (count / LAYERS).max(1);
    let layer = number / width;
    let (below, floor) = (layer * width, layer.saturating_sub(2) * width);
    let host = |name: &str| on(Target::Service(name.into()), "^1.0", false);
    if layer == 0 {
        let absent = on(Target::Plugin(format!("addon-{number:06}")), "^1", true);
        return vec![host("log"), host("clock"), host("caller"), host("log"), absent];
    }
    let mut plugin = |range: &str, optional| {
        let other = floor + random.below(below - floor);
        on(Target::Plugin(id(other)), range, optional)
    };
    let mut requires = vec![
        plugin("^1.2", false),
        plugin(">=1.0.0, <2.0.0", false),
        plugin("1", true),
        host("log"),
    ];
    let other = random.below(below) / SERVICES * SERVICES;
    requires.push(on(Target::Service(service(other)), "^1.0", false));
    requires
}

fn on(target: Target, range: &str, optional: bool) -> Requirement {
    let range = VersionReq::parse(range).expect("a range");
    Requirement { target, range, optional }
}

fn provision(service: &str, major: u64) -> Provision {
    Provision { service: service.into(), version: Version::new(major, 3, 0) }
}

fn id(number: usize) -> String {
    format!("plugin-{number:06}")
}

fn service(number: usize) -> String {
    format!("service-{number:06}")
}

/// The same numbers in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % limit
    }

    /// Directories are read in no order.
    fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}
