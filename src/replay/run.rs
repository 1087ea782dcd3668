//! Making recorded calls again.

use std::time::{Duration, Instant};

use futures_lite::future::block_on;
use parking_lot::Mutex;

use super::LONGEST_LINE;
use super::blob::Blob;
use super::compare::{Comparison, Outcome};
use super::latency::Stopwatch;
use super::model::{Asked, Recorded, RecordedResponse};
use super::options::ReplayOptions;
use super::reader::Reader;
use super::report::{Difference, Report};
use super::subject::Subject;
use crate::contract::{Error, Result};
use crate::runtime::Timekeeper;

/// Makes the calls of a recording again, and compares the answers. Blocks this thread until all are made.
///
/// What `subject` blocks its caller with is not cut off: it is the subject's business where it runs.
///
/// # Errors
/// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the recording is none, or the options are
/// not; what cannot be read.
pub fn replay(recording: Reader, subject: &dyn Subject, options: &ReplayOptions) -> Result<Report> {
    replay_while(&|| Ok(()), recording, subject, options)
}

/// The same for as long as somebody waits for it, who is asked before each call.
///
/// # Errors
/// As there, and what `is_awaited` says.
pub(crate) fn replay_while(
    is_awaited: &(dyn Fn() -> Result<()> + Sync),
    recording: Reader,
    subject: &dyn Subject,
    options: &ReplayOptions,
) -> Result<Report> {
    let comparison = Comparison::new(options)?;
    let report = Report {
        instance: recording.header().instance.clone(),
        version: recording.header().version.clone(),
        ..Report::default()
    };
    let replay = Replay {
        is_awaited,
        subject,
        options,
        comparison,
        time: Timekeeper::new(),
        source: Mutex::new(recording),
        state: Mutex::new(State { report, stopwatch: Stopwatch::new() }),
    };
    std::thread::scope(|scope| {
        let others: Vec<_> =
            (1..options.concurrency.get()).map(|_| scope.spawn(|| replay.work())).collect();
        let mut done = replay.work();
        for other in others {
            let other = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            done = done.and(other);
        }
        done
    })?;
    let State { mut report, stopwatch } = replay.state.into_inner();
    report.differences.sort_by_key(|difference| difference.number);
    report.latency = stopwatch.read();
    report.torn = replay.source.into_inner().is_torn();
    Ok(report)
}

struct Replay<'a> {
    is_awaited: &'a (dyn Fn() -> Result<()> + Sync),
    subject: &'a dyn Subject,
    options: &'a ReplayOptions,
    comparison: Comparison,
    time: Timekeeper,
    source: Mutex<Reader>,
    state: Mutex<State>,
}

struct State {
    report: Report,
    stopwatch: Stopwatch,
}

impl Replay<'_> {
    /// Makes calls until there are no more.
    fn work(&self) -> Result<()> {
        loop {
            (self.is_awaited)()?;
            let Some(recorded) = self.source.lock().next().transpose()? else { return Ok(()) };
            if self.options.skip.contains(&recorded.call.contribution()) {
                self.state.lock().report.skipped += 1;
                continue;
            }
            let (outcome, took) = block_on(self.make(&recorded));
            let what = self.comparison.differences(&recorded.answer, &outcome);
            self.note(&recorded, what, took);
        }
    }

    fn note(&self, recorded: &Recorded, what: Vec<String>, took: Duration) {
        let mut state = self.state.lock();
        let State { report, stopwatch } = &mut *state;
        stopwatch.note(recorded.took_ns, took);
        if what.is_empty() {
            report.passed += 1;
            return;
        }
        report.differed += 1;
        if report.differences.len() < self.options.described {
            let redacted = match &recorded.call {
                Asked::Request(request) => request.redacted().map(str::to_owned).collect(),
                Asked::Execute(_) => Vec::new(),
            };
            let (number, call) = (recorded.number, recorded.call.to_string());
            report.differences.push(Difference { number, call, what, redacted });
        }
    }

    /// What one call comes to, and when its answer began.
    async fn make(&self, recorded: &Recorded) -> (Outcome, Duration) {
        let began = Instant::now();
        let mut took = None;
        let limit = Some(self.options.call_timeout);
        let answer = self.time.timeout(limit, "the answer to a replayed call", async {
            let call = recorded.circumstances();
            match &recorded.call {
                Asked::Execute(input) => {
                    self.subject.execute(call, input).await.map(Outcome::Output)
                }
                Asked::Request(request) => match self.subject.handle(call, request).await {
                    None => Ok(Outcome::Nowhere),
                    Some(Err(error)) => Err(error),
                    Some(Ok(response)) => {
                        took = Some(began.elapsed());
                        let mut found = RecordedResponse::of(&response, &[]);
                        // None of the recording is longer.
                        found.body = Blob(response.into_body().collect(LONGEST_LINE).await?);
                        Ok(Outcome::Response(found))
                    }
                },
            }
        });
        let answer = answer.await;
        let kind = |error: Error| Outcome::Error(error.kind().as_str().to_owned());
        (answer.unwrap_or_else(kind), took.unwrap_or_else(|| began.elapsed()))
    }
}
