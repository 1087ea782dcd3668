//! Callers at a fixed rate, and what their calls came to.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use futures_lite::future::block_on;
use hotshoe::{Call, PluginHost, Pool, Request, Result};
use serde_json::json;
use turnstile::Turns;

use crate::{FAULTED, PANICKING, STEADY, TALLY};

/// So many threads call.
const THREADS: u64 = 4;
/// A call without an answer after so long has none.
const PATIENCE: Duration = Duration::from_secs(30);
/// So many of those that went wrong are told.
const TOLD: usize = 3;
/// So many excuses of one target are remembered: calls are much shorter than what happens between them.
const REMEMBERED: usize = 16;

/// Who is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    Turns,
    Steady,
    Faulted,
    Panicking,
    Tally,
}

impl Target {
    pub const ALL: [Self; 5] =
        [Self::Turns, Self::Steady, Self::Faulted, Self::Panicking, Self::Tally];

    pub fn name(self) -> &'static str {
        match self {
            Self::Turns => "turns",
            Self::Steady => STEADY,
            Self::Faulted => FAULTED,
            Self::Panicking => PANICKING,
            Self::Tally => TALLY,
        }
    }

    /// Half of the calls are turns.
    fn of(number: u64) -> Self {
        match number / THREADS % 8 {
            0..4 => Self::Turns,
            4 => Self::Steady,
            5 => Self::Faulted,
            6 => Self::Panicking,
            _ => Self::Tally,
        }
    }
}

/// When calls may fail: their target is restarted, was led to a bad version, or fails on purpose.
#[derive(Clone, Default)]
pub struct Excuses(Arc<Mutex<HashMap<Target, VecDeque<Span>>>>);

/// It is open as long as it has no end.
type Span = (Instant, Option<Instant>);

impl Excuses {
    /// From now on, until what this returns is dropped.
    pub fn begin(&self, target: Target) -> Excuse<'_> {
        let mut all = self.0.lock().expect("nobody panics with it");
        let spans = all.entry(target).or_default();
        spans.push_back((Instant::now(), None));
        if spans.len() > REMEMBERED {
            spans.pop_front();
        }
        Excuse(self, target)
    }

    fn cover(&self, target: Target, began: Instant) -> bool {
        let all = self.0.lock().expect("nobody panics with it");
        let mut spans = all.get(&target).into_iter().flatten();
        // It ended just now, so only the end of a span can be before it.
        target == Target::Panicking || spans.any(|(_, end)| end.is_none_or(|end| began <= end))
    }
}

/// Calls of a target may fail.
pub struct Excuse<'a>(&'a Excuses, Target);

impl Drop for Excuse<'_> {
    fn drop(&mut self) {
        let mut all = self.0.0.lock().expect("nobody panics with it");
        if let Some((_, end)) = all.get_mut(&self.1).and_then(VecDeque::back_mut) {
            *end = Some(Instant::now());
        }
    }
}

/// What calls of one target came to.
#[derive(Clone, Copy, Default)]
pub struct Seen {
    pub calls: u64,
    pub answered: u64,
    /// Failed when that was to be expected.
    pub excused: u64,
    pub failed: u64,
}

/// What all calls came to.
#[derive(Default)]
pub struct Figures {
    /// By target.
    pub of: [Seen; Target::ALL.len()],
    pub examples: Vec<String>,
    /// Answers of other calls.
    pub astray: Vec<String>,
}

/// Callers under way.
pub struct Crowd {
    over: Arc<AtomicBool>,
    figures: Receiver<Figures>,
}

/// One of them.
struct Caller {
    host: PluginHost,
    turns: Pool<dyn Turns>,
    excuses: Excuses,
    figures: Figures,
}

impl Crowd {
    pub fn start(host: &PluginHost, rate: u32, excuses: &Excuses) -> Result<Self> {
        let over = Arc::new(AtomicBool::new(false));
        let (tell, figures) = mpsc::channel();
        let (began, beat) = (Instant::now(), Duration::from_secs(1) / rate);
        for first in 0..THREADS {
            let (over, tell) = (over.clone(), tell.clone());
            let turns = host.pool::<dyn Turns>("turns")?;
            let (host, excuses) = (host.clone(), excuses.clone());
            let mut caller = Caller { host, turns, excuses, figures: Figures::default() };
            thread::spawn(move || {
                for number in (first..).step_by(THREADS as usize) {
                    let due = Duration::from_nanos(beat.as_nanos() as u64 * number);
                    thread::sleep(due.saturating_sub(began.elapsed()));
                    if over.load(Relaxed) {
                        break;
                    }
                    caller.call(number);
                }
                let _ = tell.send(caller.figures);
            });
        }
        Ok(Self { over, figures })
    }

    /// No more calls begin; what they came to, if all had an answer.
    pub fn stop(self) -> Option<Figures> {
        self.over.store(true, Relaxed);
        let mut all = Figures::default();
        for _ in 0..THREADS {
            let one = self.figures.recv_timeout(PATIENCE).ok()?;
            for (sum, of) in all.of.iter_mut().zip(one.of) {
                sum.calls += of.calls;
                sum.answered += of.answered;
                sum.excused += of.excused;
                sum.failed += of.failed;
            }
            all.examples.extend(one.examples);
            all.astray.extend(one.astray);
        }
        Some(all)
    }
}

impl Caller {
    fn call(&mut self, number: u64) {
        let target = Target::of(number);
        self.figures.of[target as usize].calls += 1;
        let began = Instant::now();
        let answer = match target {
            Target::Turns if number.is_multiple_of(3) => {
                block_on(self.turns.turn_slowly(number, 3)).map_err(|error| error.to_string())
            }
            Target::Turns => self.turns.turn(number).map_err(|error| error.to_string()),
            Target::Tally => self.count(number),
            Target::Steady | Target::Faulted | Target::Panicking => self.ask(target, number),
        };
        let seen = &mut self.figures.of[target as usize];
        match answer {
            Ok(own) => {
                seen.answered += 1;
                if own != number {
                    self.figures.astray.push(format!("{number} of {target:?} had that of {own}"));
                }
            }
            Err(_) if self.excuses.cover(target, began) => seen.excused += 1,
            Err(error) => {
                seen.failed += 1;
                if self.figures.examples.len() < TOLD {
                    self.figures.examples.push(format!("{}: {error}", target.name()));
                }
            }
        }
    }

    /// Its answer is how many there were, not whose it is.
    fn count(&self, number: u64) -> Result<u64, String> {
        let execution = block_on(self.host.execute(TALLY, &Call::none(), &json!(1)));
        execution.error.map_or(Ok(number), Err)
    }

    fn ask(&self, target: Target, number: u64) -> Result<u64, String> {
        let call = Call::builder().request_id(number.to_string()).build();
        let request = Request::builder("GET", &format!("/{}", target.name())).call(call).build();
        let answer = block_on(self.host.handle(request)).map_err(|error| error.to_string())?;
        let own = answer.header("x-request-id").and_then(|id| id.parse().ok());
        own.filter(|_| answer.status() == 200).ok_or_else(|| format!("status {}", answer.status()))
    }
}
