//! The swaps: one after the other, each of another build, and what the host told of each.

use std::fs;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use futures_lite::future::or;
use hotshoe::monitor::{BreakerState, EventStream, HostEventKind};
use hotshoe::{PluginHost, Result, ResultExt};
use smol::Timer;
use tempfile::TempDir;
use turnstile::builds::{Manner, make};

use crate::ID;
use crate::load::Live;

/// One version in so many is bad.
const BAD: u32 = 10;
/// In what way: in turn.
const WAYS: [Manner; 3] = [Manner::FailsToInitialize, Manner::Unwell, Manner::FailsLater];
/// A swap that was not promoted or rolled back after so long is neither.
const PATIENCE: Duration = Duration::from_secs(10);

/// One swap; moments are counted from the beginning of the load.
pub struct Swap {
    pub version: String,
    pub manner: Manner,
    pub began: Duration,
    /// When it was promoted, rolled back or refused.
    pub ended: Duration,
    /// When the breaker opened.
    pub tripped: Option<Duration>,
    pub outcome: Outcome,
    /// For how long calls were held, once or, where it was rolled back, twice.
    pub pauses: Vec<Duration>,
}

/// What became of a swap.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Promoted,
    RolledBack,
    Refused(String),
    /// None of these, for too long.
    Open,
}

/// All of them.
pub struct Swaps {
    pub all: Vec<Swap>,
    /// The first began then.
    pub began: Duration,
}

/// What is needed for each.
struct Maker<'a> {
    host: &'a PluginHost,
    library: Vec<u8>,
    builds: TempDir,
    events: EventStream,
    /// The load's beginning.
    began: Instant,
    live: &'a Live,
}

impl Swaps {
    /// Makes so many, at a steady beat over this time if none takes too long.
    ///
    /// # Errors
    /// A build cannot be made.
    pub fn make(
        host: &PluginHost,
        began: Instant,
        count: u32,
        time: Duration,
        live: &Live,
    ) -> Result<Self> {
        let library = host.plugin(ID).and_then(|info| info.path).unwrap_or_default();
        let mut maker = Maker {
            host,
            library: fs::read(&library).describe("the plugin's library cannot be read")?,
            builds: tempfile::tempdir().describe("there is no temporary folder")?,
            events: host.events(),
            began,
            live,
        };
        let first = Instant::now();
        let mut all = Vec::new();
        for number in 1..=count {
            let due = first + time * (number - 1) / count;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            all.push(maker.swap(number)?);
        }
        Ok(Self { all, began: first - began })
    }
}

impl Maker<'_> {
    fn swap(&mut self, number: u32) -> Result<Swap> {
        let version = format!("7.{}.{}", number / 900, 100 + number % 900);
        let manner = match number % BAD {
            0 => WAYS[(number / BAD) as usize % WAYS.len()],
            _ => Manner::Good,
        };
        let file = self.builds.path().join("libturnstile-next.so");
        fs::write(&file, make(&self.library, &version, manner)).describe("no build can be made")?;
        let (began, clock) = (self.began.elapsed(), SystemTime::now());
        let swapped = self.host.swap(ID, &file).wait();
        let mut swap = Swap {
            version,
            manner,
            began,
            ended: began,
            tripped: None,
            outcome: Outcome::Open,
            pauses: Vec::new(),
        };
        match swapped {
            Ok(report) => {
                self.live.swaps.fetch_add(1, Relaxed);
                swap.pauses.push(report.pause);
                // Some are promoted by somebody, the others by the host when their time is over.
                if manner == Manner::Good && number.is_multiple_of(2) {
                    self.host.promote(ID).wait()?;
                }
                smol::block_on(self.await_end(&mut swap, clock));
            }
            Err(error) => {
                self.live.refused.fetch_add(1, Relaxed);
                swap.outcome = Outcome::Refused(format!("{error:#}"));
            }
        }
        swap.ended = self.began.elapsed();
        Ok(swap)
    }

    async fn await_end(&mut self, swap: &mut Swap, clock: SystemTime) {
        let late = Instant::now() + PATIENCE;
        while swap.outcome == Outcome::Open {
            let next = or(self.events.next(), async {
                Timer::at(late).await;
                None
            });
            let Some(event) = next.await else { return };
            match &event.kind {
                HostEventKind::BreakerChanged { to: BreakerState::Open, .. } => {
                    let since = event.at.duration_since(clock).unwrap_or_default();
                    swap.tripped = Some(swap.began + since);
                }
                HostEventKind::Promoted { .. } => swap.outcome = Outcome::Promoted,
                HostEventKind::RolledBack { pause, .. } => {
                    self.live.rolled_back.fetch_add(1, Relaxed);
                    swap.pauses.push(*pause);
                    swap.outcome = Outcome::RolledBack;
                }
                _ => {}
            }
        }
    }
}
