//! An HTTP server with five plugin middlewares, against the same one with the same five compiled in as
//! boxed tower layers: how much CPU time each takes for a request.
//!
//! Throughput on a shared machine says little, and CPU time varies, too. So both servers run all the time,
//! one after the other gets the same number of requests, and what is reported is the median of the ratios
//! within such pairs, with the interval that holds it in 19 of 20 cases (of the order statistics, which
//! asks nothing of the distribution).
//!
//! The same with no middleware at all tells what the middlewares take from what serving a handler takes.

mod child;
mod client;
mod compiled_in;
mod ids;

use std::fmt;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;

pub use child::serve;
use client::Client;
use serde::Serialize;

/// The option of the program that has it [serve]; a [`Kind`]'s name follows. It starts itself like that.
pub const SERVE: &str = "--serve-http";

const CONNECTIONS: usize = 16;

/// What a server is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Of boxed tower layers.
    CompiledIn,
    /// Of loaded plugins.
    Plugins,
    /// Of a handler alone, compiled in.
    HandlerCompiledIn,
    /// Of a loaded handler alone.
    HandlerPlugin,
}

impl Kind {
    /// As the option of the child process names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::CompiledIn => "compiled-in",
            Self::Plugins => "plugins",
            Self::HandlerCompiledIn => "handler-compiled-in",
            Self::HandlerPlugin => "handler-plugin",
        }
    }

    /// The one of that name.
    pub fn of(name: &str) -> Option<Self> {
        [Self::CompiledIn, Self::Plugins, Self::HandlerCompiledIn, Self::HandlerPlugin]
            .into_iter()
            .find(|kind| kind.name() == name)
    }

    /// Whether there is anything before the handler.
    pub(crate) fn has_middleware(self) -> bool {
        matches!(self, Self::CompiledIn | Self::Plugins)
    }

    /// Whom the answer greets: only middleware knows who it is.
    fn greeting(self) -> &'static str {
        if self.has_middleware() { "hello, alice\n" } else { "hello, you\n" }
    }
}

/// Microseconds of CPU time for a request, of one pair of runs.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Pair {
    /// Compiled in.
    pub compiled_in: f64,
    /// With loaded plugins.
    pub plugins: f64,
}

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// With five middlewares, in the order in which they ran.
    pub pairs: Vec<Pair>,
    /// With none, as many.
    pub without: Vec<Pair>,
    /// In each run.
    pub requests: u64,
}

impl Report {
    /// With five middlewares: the median of the ratios, and the interval around it.
    pub fn ratio(&self) -> (f64, [f64; 2]) {
        ratio(&self.pairs)
    }

    /// With five middlewares: the medians by themselves.
    pub fn micros(&self) -> Pair {
        micros(&self.pairs)
    }
}

fn ratio(pairs: &[Pair]) -> (f64, [f64; 2]) {
    let mut ratios: Vec<f64> = pairs.iter().map(|pair| pair.plugins / pair.compiled_in).collect();
    ratios.sort_by(f64::total_cmp);
    let low = rank(ratios.len());
    (median(&ratios), [ratios[low], ratios[ratios.len() - 1 - low]])
}

fn micros(pairs: &[Pair]) -> Pair {
    let of = |which: fn(&Pair) -> f64| {
        let mut all: Vec<f64> = pairs.iter().map(which).collect();
        all.sort_by(f64::total_cmp);
        median(&all)
    };
    Pair { compiled_in: of(|pair| pair.compiled_in), plugins: of(|pair| pair.plugins) }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tables = [
            ("with five middlewares", "boxed tower layers, compiled in", "plugins", &self.pairs),
            ("with no middleware", "a handler, compiled in", "a plugin", &self.without),
        ];
        for (server, compiled_in, plugins, pairs) in tables {
            let (ratio, [low, high]) = ratio(pairs);
            let micros = micros(pairs);
            writeln!(f, "| server {server} | CPU time a request: µs | ratio | 95% interval |")?;
            writeln!(f, "| --- | ---: | ---: | ---: |")?;
            writeln!(f, "| {compiled_in} | {:.2} | 1.000 | |", micros.compiled_in)?;
            writeln!(
                f,
                "| {plugins}, loaded and supervised | {:.2} | {ratio:.3} | {low:.3} to {high:.3} |\n",
                micros.plugins
            )?;
        }
        writeln!(
            f,
            "{} pairs of runs of each, {} requests each over {CONNECTIONS} connections",
            self.pairs.len(),
            self.requests
        )
    }
}

/// Of values in order the middle one, or what is between the two in the middle.
fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    match sorted.len() % 2 {
        0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
        _ => sorted[middle],
    }
}

/// From which value in order to which from the end the median is in 19 of 20 cases: as many as of so many
/// coins hardly ever fewer show heads.
fn rank(count: usize) -> usize {
    let mut chance = 0.5_f64.powi(count as i32);
    let mut fewer = chance;
    let mut rank = 0;
    while fewer <= 0.025 {
        rank += 1;
        chance *= (count + 1 - rank) as f64 / rank as f64;
        fewer += chance;
    }
    rank.saturating_sub(1)
}

/// Measures both; `quick` shows that it works.
pub fn compare(quick: bool) -> anyhow::Result<Report> {
    let (pairs, requests) = if quick { (5, 2_000) } else { (60, 20_000) };
    let [compiled_in, plugins] =
        &mut [Server::start(Kind::CompiledIn)?, Server::start(Kind::Plugins)?];
    let [handler, plugin] =
        &mut [Server::start(Kind::HandlerCompiledIn)?, Server::start(Kind::HandlerPlugin)?];
    same_answers(compiled_in, plugins)?;
    refuse_strangers([compiled_in, plugins])?;
    same_answers(handler, plugin)?;
    for server in [&mut *compiled_in, plugins, handler, plugin] {
        server.run(requests)?;
    }
    let mut report = Report { pairs: Vec::new(), without: Vec::new(), requests };
    for at in 0..pairs {
        report.pairs.push(pair(at, compiled_in, plugins, requests)?);
        report.without.push(pair(at, handler, plugin, requests)?);
    }
    Ok(report)
}

fn pair(
    at: usize,
    compiled_in: &mut Server,
    plugins: &mut Server,
    requests: u64,
) -> anyhow::Result<Pair> {
    // Whoever is the second might find the machine in another state.
    Ok(if at.is_multiple_of(2) {
        let compiled_in = compiled_in.run(requests)?;
        Pair { compiled_in, plugins: plugins.run(requests)? }
    } else {
        let plugins = plugins.run(requests)?;
        Pair { compiled_in: compiled_in.run(requests)?, plugins }
    })
}

/// Both do the same work.
fn same_answers(one: &mut Server, other: &mut Server) -> anyhow::Result<()> {
    let answers = [one.client.usual()?, other.client.usual()?];
    let [first, second] = answers.each_ref().map(|answer| client::headers(answer));
    anyhow::ensure!(first? == second?, "the same headers were expected, found {answers:#?}");
    Ok(())
}

fn refuse_strangers(servers: [&mut Server; 2]) -> anyhow::Result<()> {
    let stranger = b"GET /hello HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";
    for server in servers {
        let answer = server.client.ask(stranger)?;
        anyhow::ensure!(answer.starts_with("HTTP/1.1 401 "), "401 was expected, found {answer}");
    }
    Ok(())
}

/// A server in its process, and its client in this one.
struct Server {
    process: Child,
    clock: ClockId,
    client: Client,
}

impl Server {
    fn start(kind: Kind) -> anyhow::Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args([SERVE, kind.name()])
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().context("its output is piped")?;
        let mut port = String::new();
        BufReader::new(output).read_line(&mut port)?;
        let port = port.trim().parse().context("the server says on which port it listens")?;
        let clock = clock_getcpuclockid(Pid::from_raw(process.id() as i32))?;
        Ok(Self { process, clock, client: Client::new(port, CONNECTIONS, kind.greeting())? })
    }

    /// Microseconds of the server's CPU time for each of so many requests.
    fn run(&mut self, requests: u64) -> anyhow::Result<f64> {
        let before = Duration::from(self.clock.now()?);
        let done = self.client.run(requests)?;
        let took = Duration::from(self.clock.now()?) - before;
        Ok(took.as_secs_f64() * 1e6 / done as f64)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
