//! The callers: on each core a thread that is blocked while it calls, and one that awaits many calls at a time.
//!
//! A call is due at its moment, whatever became of those before it. Whoever is late calls at once, and
//! the time is counted from when the call was due: a pause is seen by every call that would have been made in it.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use hotshoe::{Error, ErrorKind, Handle, PluginHost, Request, Result};
use smol::LocalExecutor;
use turnstile::Turns;

/// One of so many awaited calls is a request to the plugin's route.
const REQUESTS: u64 = 8;
/// An answer takes so many polls, up to this.
const POLLS: u64 = 4;
/// A call without an answer after so long has none. No pause is allowed to take as long.
const PATIENCE: Duration = Duration::from_secs(10);
/// Whoever waits for the last answers looks so often.
const LOOK: Duration = Duration::from_micros(100);

/// One call that was answered; moments are counted from the beginning of the load.
pub struct Record {
    pub number: u64,
    pub due: Duration,
    pub began: Duration,
    pub ended: Duration,
    pub answer: Answer,
}

/// What a call was answered.
pub enum Answer {
    /// Its number.
    Own,
    /// The number of another one.
    Other(u64),
    Error(Error),
}

/// What callers have seen.
#[derive(Default)]
pub struct Seen {
    /// Numbers below this were called with, each once.
    pub calls: u64,
    pub records: Vec<Record>,
}

/// What is shown while it goes on.
#[derive(Default)]
pub struct Live {
    calls: AtomicU64,
    answered: AtomicU64,
    failed: AtomicU64,
    pub swaps: AtomicU64,
    pub rolled_back: AtomicU64,
    pub refused: AtomicU64,
}

impl fmt::Display for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls, answered, failed, swaps, rolled_back, refused } = self;
        let [calls, answered, failed] = [calls, answered, failed].map(|count| count.load(Relaxed));
        let [swaps, back, refused] = [swaps, rolled_back, refused].map(|count| count.load(Relaxed));
        write!(f, "{swaps} swaps, {back} rolled back, {refused} refused; ")?;
        write!(f, "{calls} calls, {answered} answered, {failed} failed")
    }
}

/// Callers under way.
pub struct Crowd {
    common: Arc<Common>,
    seen: Receiver<Vec<Record>>,
    threads: u64,
}

/// What all callers share.
struct Common {
    began: Instant,
    /// From one call to the next of all of them.
    beat: Duration,
    /// How many threads call.
    threads: u64,
    over: AtomicBool,
    live: Live,
    host: PluginHost,
    turns: Handle<dyn Turns>,
}

impl Crowd {
    /// Begins to call so often a second.
    pub fn start(host: &PluginHost, turns: &Handle<dyn Turns>, rate: u32) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from) as u64;
        let threads = cores * 2;
        let common = Arc::new(Common {
            began: Instant::now(),
            beat: Duration::from_secs(1) / rate,
            threads,
            over: AtomicBool::new(false),
            live: Live::default(),
            host: host.clone(),
            turns: turns.clone(),
        });
        let (tell, seen) = mpsc::channel();
        for first in 0..threads {
            let (common, tell) = (common.clone(), tell.clone());
            thread::spawn(move || match first % 2 {
                0 => call(&common, first, &tell),
                _ => call_and_await(&common, first, &tell),
            });
        }
        Self { common, seen, threads }
    }

    pub fn began(&self) -> Instant {
        self.common.began
    }

    pub fn live(&self) -> &Live {
        &self.common.live
    }

    /// No more calls begin; what all callers have seen. What is without an answer for too long is not in it.
    pub fn stop(self) -> Seen {
        self.common.over.store(true, Relaxed);
        let until = Instant::now() + PATIENCE * 2;
        let mut records = Vec::new();
        for _ in 0..self.threads {
            let left = until.saturating_duration_since(Instant::now());
            records.extend(self.seen.recv_timeout(left).into_iter().flatten());
        }
        Seen { calls: self.common.live.calls.load(Relaxed), records }
    }
}

impl Common {
    /// Waits until a call is due; when that is, unless there are no more.
    fn next(&self, number: u64) -> Option<Duration> {
        let due = Duration::from_nanos(self.beat.as_nanos() as u64 * number);
        thread::sleep(due.saturating_sub(self.began.elapsed()));
        if self.over.load(Relaxed) {
            return None;
        }
        self.live.calls.fetch_add(1, Relaxed);
        Some(due)
    }

    fn record(&self, number: u64, due: Duration, began: Duration, answer: Result<u64>) -> Record {
        let ended = self.began.elapsed();
        let counted = if answer.is_ok() { &self.live.answered } else { &self.live.failed };
        counted.fetch_add(1, Relaxed);
        let answer = match answer {
            Ok(own) if own == number => Answer::Own,
            Ok(other) => Answer::Other(other),
            Err(error) => Answer::Error(error),
        };
        Record { number, due, began, ended, answer }
    }
}

/// Calls, one call after the other.
fn call(common: &Common, first: u64, tell: &Sender<Vec<Record>>) {
    let mut records = Vec::new();
    for number in (first..).step_by(common.threads as usize) {
        let Some(due) = common.next(number) else { break };
        let began = common.began.elapsed();
        let answer = common.turns.turn(number);
        records.push(common.record(number, due, began, answer));
    }
    let _ = tell.send(records);
}

/// Calls, and does not wait for the answers before the next call.
fn call_and_await(common: &Arc<Common>, first: u64, tell: &Sender<Vec<Record>>) {
    let executor = LocalExecutor::new();
    let records = Rc::new(RefCell::new(Vec::new()));
    let open = Rc::new(Cell::new(0_u64));
    for (turn, number) in (first..).step_by(common.threads as usize).enumerate() {
        let Some(due) = common.next(number) else { break };
        let (common, records, open) = (common.clone(), records.clone(), open.clone());
        open.set(open.get() + 1);
        let call = async move {
            let began = common.began.elapsed();
            let answer = match turn as u64 % REQUESTS {
                0 => request(&common.host, number).await,
                _ => common.turns.turn_slowly(number, (number % POLLS) as u32).await,
            };
            records.borrow_mut().push(common.record(number, due, began, answer));
            open.set(open.get() - 1);
        };
        executor.spawn(call).detach();
        while executor.try_tick() {}
    }
    let until = Instant::now() + PATIENCE;
    while open.get() > 0 && Instant::now() < until {
        while executor.try_tick() {}
        thread::sleep(LOOK);
    }
    let _ = tell.send(records.take());
}

/// Asks the plugin's route; the number in the answer.
async fn request(host: &PluginHost, number: u64) -> Result<u64> {
    let request = Request::builder("POST", &format!("/turn/{number}")).build();
    let answer = host.handle(request).await?;
    let (status, body) = (answer.status(), answer.into_body().into_full().unwrap_or_default());
    let answered = std::str::from_utf8(&body).ok().and_then(|text| text.trim().parse().ok());
    answered.filter(|_| status == 200).ok_or_else(|| {
        Error::new(ErrorKind::Other, format!("200 and a number were expected, found {status}"))
    })
}
