//! What many plugins cost: `cargo bench --bench load`.
//!
//! A thousand libraries, each a plugin of its own (the benchmarks' plugin with another id in its
//! manifest), loaded and started by a host; then a hundred of them executing at the same time. The
//! same files are opened bare, with `dlopen` and `dlsym`. Then both once more for pinned ones, of which
//! every byte is verified, and loaded from memory: bare, that is to read, digest, copy, seal and open
//! one file after the other.
//!
//! What is measured first finds other caches and heaps than what comes after it, and each library
//! that is open makes the next `dlopen` dearer. So each variant runs in a process of its own, all of
//! them in turn, round after round; a ratio is the median of those within a round.

#![allow(unsafe_code, reason = "libraries are opened bare, to compare")]

mod support;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use futures_lite::future::block_on;
use hotshoe::config::{Config, Sha256};
use hotshoe::{Call, PluginHost, Result};
use nix::time::{ClockId, clock_gettime};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use sha2::Digest;
use support::median;

const PLUGINS: usize = 1000;
const TRIED: usize = 100;
const EXECUTING: usize = 100;
const ROUNDS: usize = 9;

/// What runs in a process of its own, in the order of a round.
const VARIANTS: [Variant; 5] = [
    Variant { key: "bare", name: "`dlopen` and `dlsym` alone", baseline: 0, run: bare },
    Variant { key: "host", name: "discovered, resolved, loaded, started", baseline: 0, run: host },
    Variant {
        key: "bare-pinned",
        name: "read, SHA-256, sealed copy, `dlopen`, `dlsym`",
        baseline: 2,
        run: bare_pinned,
    },
    Variant { key: "pinned", name: "pinned, loaded, started", baseline: 2, run: pinned },
    Variant {
        key: "tried",
        name: "a hundred, each tried in a child process first",
        baseline: 4,
        run: tried,
    },
];

struct Variant {
    key: &'static str,
    name: &'static str,
    /// Which one it is compared with.
    baseline: usize,
    run: fn(&Path) -> Result<Figures>,
}

fn main() -> Result<()> {
    hotshoe::preflight::hook();
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, key, directory] = arguments.as_slice() {
        let variant = VARIANTS.iter().find(|variant| variant.key == key).expect("a variant");
        println!("{}", (variant.run)(Path::new(directory))?.line());
        return Ok(());
    }
    let directory = tempfile::tempdir().expect("a temporary folder");
    let size = stage(directory.path());
    println!("\n{PLUGINS} plugins, {} KiB each; medians of {ROUNDS} rounds\n", size / 1024);
    let mut rounds: Vec<[Figures; VARIANTS.len()]> = Vec::new();
    for round in 0..=ROUNDS {
        let figures = VARIANTS.each_ref().map(|variant| in_a_child(variant, directory.path()));
        // The first round reads the files.
        if round > 0 {
            rounds.push(figures);
        }
    }
    print(&rounds);
    Ok(())
}

fn print(rounds: &[[Figures; VARIANTS.len()]]) {
    println!(
        "| | time | ratio | CPU time | ratio | per plugin | slowest | resident | private per plugin \
         | ratio |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    );
    for (at, variant) in VARIANTS.iter().enumerate() {
        let of = |read: fn(&Figures) -> f64| median(rounds.iter().map(|r| read(&r[at])).collect());
        let ratio = |read: fn(&Figures) -> f64| {
            let ratios = rounds.iter().map(|r| read(&r[at]) / read(&r[variant.baseline]));
            median(ratios.collect())
        };
        println!(
            "| {} | {:.0} ms | {:.2} | {:.0} ms | {:.2} | {:.0} µs | {:.1} ms | {:.0} MB | {:.0} KiB \
             | {:.2} |",
            variant.name,
            of(|f| f.millis),
            ratio(|f| f.millis),
            of(|f| f.cpu),
            ratio(|f| f.cpu),
            of(|f| f.millis * 1e3 / f.plugins),
            of(|f| f.slowest),
            of(|f| f.resident) / 1e3,
            of(|f| f.private / f.plugins),
            ratio(|f| f.private / f.plugins),
        );
    }
    println!();
    let host = rounds.iter().map(|round| &round[1]);
    let (executing, stopping): (Vec<f64>, Vec<f64>) =
        host.map(|f| (f.executing, f.stopping)).unzip();
    println!("{EXECUTING} of {PLUGINS} executing at the same time: {:.1} ms", median(executing));
    println!("all stopped: {:.0} ms", median(stopping));
}

fn in_a_child(variant: &Variant, directory: &Path) -> Figures {
    let program = std::env::current_exe().expect("a benchmark has an executable");
    let output = Command::new(program).arg(variant.key).arg(directory).output();
    let output = output.expect("the child starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", variant.key);
    Figures::read(&String::from_utf8_lossy(&output.stdout))
}

/// The libraries: a thousand, and the hundred that are tried.
fn stage(directory: &Path) -> usize {
    let (plugins, tried) = (directory.join("plugins"), directory.join("tried"));
    let library =
        fs::read(support::library("bench_plugin")).expect("the plugin's library was built");
    let id = b"bench-0000";
    let places: Vec<usize> =
        (0..library.len() - id.len()).filter(|at| library[*at..].starts_with(id)).collect();
    assert!(!places.is_empty(), "the library holds its id");
    for (directory, count) in [(plugins, PLUGINS), (tried, TRIED)] {
        fs::create_dir_all(&directory).expect("a folder");
        for number in 0..count {
            let own = format!("bench-{number:04}");
            let mut copy = library.clone();
            for place in &places {
                copy[*place..][..id.len()].copy_from_slice(own.as_bytes());
            }
            fs::write(directory.join(format!("{own}.so")), copy).expect("a copy");
        }
    }
    library.len()
}

fn bare(directory: &Path) -> Result<Figures> {
    let meter = Meter::start();
    files(directory).iter().for_each(|path| open(path));
    Ok(meter.stop(PLUGINS))
}

/// As fast as it goes without a plan: each file is read once, and nothing else is looked at.
fn bare_pinned(directory: &Path) -> Result<Figures> {
    let digests: Vec<[u8; 32]> = files(directory).iter().map(|path| digest(path)).collect();
    let meter = Meter::start();
    let mut open_ones = Vec::new();
    let mut bytes = Vec::new();
    for (path, digest) in files(directory).iter().zip(digests) {
        bytes.clear();
        File::open(path).expect("the file").read_to_end(&mut bytes).expect("its bytes");
        assert_eq!(<[u8; 32]>::from(sha2::Sha256::digest(&bytes)), digest);
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let mut copy = File::from(memfd_create("copy", flags).expect("a file in memory"));
        copy.write_all(&bytes).expect("the copy");
        let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
        fcntl_add_seals(&copy, seals).expect("the seals");
        open(Path::new(&format!("/proc/self/fd/{}", copy.as_raw_fd())));
        // Closed, its number would become the name of the next one, which the loader knows already.
        open_ones.push(copy);
    }
    Ok(meter.stop(PLUGINS))
}

fn host(directory: &Path) -> Result<Figures> {
    let (host, mut figures) = start(Config::default().with_directory(directory.join("plugins")))?;
    figures.executing = millis(execute(&host));
    let begin = Instant::now();
    host.stop().wait()?;
    figures.stopping = millis(begin.elapsed());
    Ok(figures)
}

fn pinned(directory: &Path) -> Result<Figures> {
    let mut config = Config::default().with_directory(directory.join("plugins"));
    for path in files(directory) {
        let id = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let version = semver::Version::new(0, 1, 0);
        let pins = config.plugins.security.pins.entry(id).or_default();
        pins.insert(version, vec![Sha256::from_bytes(digest(&path))]);
    }
    start(config).map(|(_, figures)| figures)
}

fn tried(directory: &Path) -> Result<Figures> {
    let mut config = Config::default().with_directory(directory.join("tried"));
    config.plugins.security.preflight = true;
    start(config).map(|(_, figures)| figures)
}

/// A host that was started, and what that took.
fn start(config: Config) -> Result<(PluginHost, Figures)> {
    let meter = Meter::start();
    let host = PluginHost::builder().config(config).build()?;
    let report = host.start().wait()?;
    let mut figures = meter.stop(report.plugins.len());
    assert!(report.is_complete(), "{report}");
    let slowest = report.plugins.iter().map(|plugin| plugin.load_time).max();
    figures.slowest = millis(slowest.unwrap_or_default());
    Ok((host, figures))
}

/// The thousand, in the order of their names.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory.join("plugins")).expect("the folder is there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    assert_eq!(paths.len(), PLUGINS);
    paths
}

fn digest(path: &Path) -> [u8; 32] {
    sha2::Sha256::digest(fs::read(path).expect("the copy")).into()
}

fn open(path: &Path) {
    // SAFETY: it is the benchmarks' own plugin; the symbol is looked up, not used.
    unsafe {
        let library = libloading::Library::new(path).expect("the library opens");
        library.get::<*const ()>("hotshoe_plugin_bench_plugin").expect("the symbol is there");
        std::mem::forget(library);
    }
}

/// A hundred executions that all wait inside their plugins, then all get their sign.
fn execute(host: &PluginHost) -> Duration {
    let begin = Instant::now();
    let threads: Vec<_> = (0..EXECUTING)
        .map(|number| {
            let host = host.clone();
            std::thread::spawn(move || {
                let input = serde_json::json!({ "number": number });
                let id = format!("bench-{number:04}");
                let done = block_on(host.execute(&id, &Call::none(), &input));
                assert_eq!((done.status.as_str(), &done.result), ("success", &input));
            })
        })
        .collect();
    let inside = || host.plugins().iter().map(|plugin| plugin.in_flight).sum::<usize>();
    while inside() < EXECUTING {
        std::thread::yield_now();
    }
    host.publish(&Call::none(), "go", "");
    for thread in threads {
        thread.join().expect("an execution");
    }
    begin.elapsed()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// What a child measured; times in milliseconds, memory in KiB as the kernel counts it.
#[derive(Default)]
struct Figures {
    plugins: f64,
    millis: f64,
    /// Of all threads: a busy machine hardly changes it.
    cpu: f64,
    /// From opening to started.
    slowest: f64,
    /// Pages that are in memory.
    resident: f64,
    /// Those of them that belong to no file: relocated or written, so they can be neither shared nor
    /// dropped.
    private: f64,
    executing: f64,
    stopping: f64,
}

impl Figures {
    /// For the parent.
    fn line(&self) -> String {
        let Self { plugins, millis, cpu, slowest, resident, private, executing, stopping } = self;
        format!("{plugins} {millis} {cpu} {slowest} {resident} {private} {executing} {stopping}")
    }

    fn read(line: &str) -> Self {
        let mut figures = line.split_whitespace().map(|text| text.parse().expect("a figure"));
        let mut next = || figures.next().expect("another figure");
        Self {
            plugins: next(),
            millis: next(),
            cpu: next(),
            slowest: next(),
            resident: next(),
            private: next(),
            executing: next(),
            stopping: next(),
        }
    }
}

/// Measures from its start to its stop.
struct Meter {
    begin: Instant,
    cpu: f64,
    resident: f64,
    private: f64,
}

impl Meter {
    fn start() -> Self {
        let (resident, private) = memory();
        Self { begin: Instant::now(), cpu: cpu(), resident, private }
    }

    fn stop(self, plugins: usize) -> Figures {
        let (millis, cpu) = (millis(self.begin.elapsed()), cpu() - self.cpu);
        let (resident, private) = memory();
        Figures {
            plugins: plugins as f64,
            millis,
            cpu,
            resident: resident - self.resident,
            private: private - self.private,
            ..Figures::default()
        }
    }
}

/// The time that this process had of processors.
fn cpu() -> f64 {
    let time = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).expect("the system has this clock");
    millis(time.into())
}

/// Resident and private memory.
fn memory() -> (f64, f64) {
    let text = fs::read_to_string("/proc/self/smaps_rollup").expect("Linux counts memory");
    let of = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)).expect("the line");
        line.split_whitespace().next().and_then(|text| text.parse().ok()).expect("a number")
    };
    (of("Rss:"), of("Anonymous:"))
}
