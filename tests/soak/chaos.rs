//! What is done to instances, one thing after the other, as chance has it.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use futures_lite::future::or;
use hotshoe::config::{Fault, FaultRule, FaultWhen};
use hotshoe::monitor::{EventStream, HostEventKind};
use hotshoe::{Error, ErrorKind, PluginHost, Result};
use serde_json::json;
use tempfile::TempDir;
use turnstile::builds::{Manner, make};

use crate::load::{Excuses, Target};
use crate::{FAULTED, POOL, TALLY};

/// So many good builds are swapped in, again and again: each is retired, and used again.
const BUILDS: u32 = 16;
/// Between two things that are done.
const APART: Duration = Duration::from_millis(40);
/// For so long calls go wrong on purpose, at most.
const FAULTY: Duration = Duration::from_millis(100);
/// The host goes back by itself within this.
const PATIENCE: Duration = Duration::from_secs(20);
/// Builds that are refused, and one that is rolled back.
const BAD: [Manner; 4] =
    [Manner::FailsToInitialize, Manner::Unwell, Manner::RefusesState, Manner::FailsLater];

/// How often what was done.
#[derive(Default)]
pub struct Done {
    swaps: u32,
    refused: u32,
    rolled_back: u32,
    restarts: u32,
    reconfigured: u32,
    injected: u32,
    hits: u64,
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { swaps, refused, rolled_back, restarts, reconfigured, injected, hits } = self;
        write!(f, "{swaps} swaps, {refused} refused, {rolled_back} rolled back, ")?;
        write!(f, "{restarts} restarts, {reconfigured} reconfigurations, ")?;
        write!(f, "{injected} faults that hit {hits} calls")
    }
}

pub struct Chaos<'a> {
    host: &'a PluginHost,
    excuses: &'a Excuses,
    events: EventStream,
    chance: Chance,
    library: Vec<u8>,
    builds: TempDir,
    /// Which build each instance runs.
    runs: HashMap<&'static str, u32>,
    pub done: Done,
}

impl<'a> Chaos<'a> {
    pub fn new(host: &'a PluginHost, excuses: &'a Excuses, seed: u64, library: &Path) -> Self {
        Self {
            host,
            excuses,
            events: host.events(),
            chance: Chance(seed),
            library: std::fs::read(library).expect("Cargo has built it"),
            builds: tempfile::tempdir().expect("a temporary directory"),
            runs: HashMap::new(),
            done: Done::default(),
        }
    }

    /// Swaps each build in once, and each bad one.
    pub fn play_all_builds(&mut self) -> Result<()> {
        for build in 0..BUILDS {
            self.swap(POOL[0], build)?;
        }
        (0..BAD.len()).try_for_each(|way| self.swap_bad(POOL[1], BAD[way]))
    }

    /// Does one thing after the other, until then.
    pub fn go_on(&mut self, until: Instant) -> Result<()> {
        while Instant::now() < until {
            let one = POOL[self.chance.below(2) as usize];
            match self.chance.below(10) {
                0..4 => {
                    let build = self.chance.below(u64::from(BUILDS)) as u32;
                    self.swap(one, build)?;
                }
                4 => {
                    let way = self.chance.below(BAD.len() as u64) as usize;
                    self.swap_bad(one, BAD[way])?;
                }
                5 => self.restart(one, None)?,
                6 => match self.chance.below(2) {
                    0 => self.restart(TALLY, Some(Target::Tally))?,
                    _ => self.restart(FAULTED, Some(Target::Faulted))?,
                },
                7 => {
                    let (id, settings) = match self.chance.below(2) {
                        0 => (one, json!({ "greeting": self.chance.below(1000).to_string() })),
                        _ => (TALLY, json!({ "refuses": false })),
                    };
                    self.host.reconfigure(id, settings).wait()?;
                    self.host.promote(id).wait()?;
                    self.done.reconfigured += 1;
                }
                _ => self.inject()?,
            }
            thread::sleep(self.chance.time(APART));
        }
        Ok(())
    }

    fn build(&self, number: u32, manner: Manner) -> PathBuf {
        let file = self.builds.path().join(format!("libturnstile-{number}-{manner:?}.so"));
        if !file.exists() {
            let build = make(&self.library, &format!("7.0.{}", 101 + number), manner);
            std::fs::write(&file, build).expect("there is room for it");
        }
        file
    }

    fn swap(&mut self, id: &'static str, build: u32) -> Result<()> {
        if self.runs.get(id) == Some(&build) {
            return Ok(());
        }
        self.host.swap(id, self.build(build, Manner::Good)).wait()?;
        let before = self.runs.insert(id, build);
        thread::sleep(self.chance.time(APART));
        self.done.swaps += 1;
        match self.chance.below(8) {
            0 => {
                match before {
                    Some(before) => self.runs.insert(id, before),
                    None => self.runs.remove(id),
                };
                self.done.rolled_back += 1;
                self.host.roll_back(id).wait()
            }
            _ => self.host.promote(id).wait(),
        }
    }

    fn swap_bad(&mut self, id: &'static str, manner: Manner) -> Result<()> {
        let file = self.build(BUILDS, manner);
        if manner != Manner::FailsLater {
            self.done.refused += 1;
            return match self.host.swap(id, file).wait() {
                Ok(report) => Err(unexpected(format!("it was not refused: {report}"))),
                Err(_) => Ok(()),
            };
        }
        let _excuse = self.excuses.begin(Target::Turns);
        while self.events.try_next().is_some() {}
        self.host.swap(id, file).wait()?;
        self.done.rolled_back += 1;
        futures_lite::future::block_on(or(
            async {
                while let Some(event) = self.events.next().await {
                    match event.kind {
                        HostEventKind::RolledBack { .. } => return Ok(()),
                        HostEventKind::Promoted { .. } => break,
                        _ => {}
                    }
                }
                Err(unexpected("a bad version was promoted".to_owned()))
            },
            async {
                smol::Timer::after(PATIENCE).await;
                Err(unexpected("a bad version was not rolled back".to_owned()))
            },
        ))
    }

    fn restart(&mut self, id: &str, target: Option<Target>) -> Result<()> {
        // Of a pool the others answer: nothing is to be excused.
        let _excuse = target.map(|target| self.excuses.begin(target));
        self.done.restarts += 1;
        self.host.restart(id).wait().map(drop)
    }

    fn inject(&mut self) -> Result<()> {
        let fault = match self.chance.below(4) {
            0 => Fault::Fail,
            1 => Fault::Panic,
            2 => Fault::Delay(self.chance.time(FAULTY / 10)),
            _ => Fault::Never,
        };
        let mut rule = FaultRule::new(fault, FaultWhen::Probability(0.5));
        rule.seed = self.chance.next();
        let _excuse = self.excuses.begin(Target::Faulted);
        let injected = self.host.inject(FAULTED, rule)?;
        thread::sleep(self.chance.time(FAULTY));
        self.done.injected += 1;
        self.done.hits += injected.hits();
        Ok(())
    }
}

fn unexpected(what: String) -> Error {
    Error::new(ErrorKind::Other, what)
}

/// Steele, Lea, Flood, *Fast Splittable Pseudorandom Number Generators* (2014): SplitMix64.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn time(&mut self, most: Duration) -> Duration {
        Duration::from_micros(self.below(most.as_micros() as u64))
    }
}
