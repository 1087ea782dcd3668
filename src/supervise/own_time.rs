//! The time of a call that passes on to others and waits for them: what those take is not its own.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use hotshoe_abi::{AbiFuture, Answering, PortTarget, Within, outcome};
use parking_lot::Mutex;

use super::flights::{Flight, Flights};
use super::port::{AnyPort, Port};
use super::watch::Watch;
use crate::contract::Result;

/// While others have it, a call is looked at so many times within its limit at most: its clock may go on
/// without anybody who tells.
const LOOKS: u32 = 8;

/// How long a call has been waiting, without what others took.
#[derive(Debug, Default)]
pub(crate) struct OwnTime(Mutex<Clock>);

#[derive(Debug, Default)]
struct Clock {
    /// When its answer did not come at once.
    began: Option<Instant>,
    /// What others took since.
    others: Duration,
    /// Whether others have it, and since when.
    away: Away,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Away {
    #[default]
    No,
    /// Before its time began: when does not matter, and the clock is not read.
    Early,
    Since(Instant),
}

impl OwnTime {
    /// Others have it now.
    pub(crate) fn stop(&self) {
        let mut clock = self.0.lock();
        if clock.away == Away::No {
            clock.away = clock.began.map_or(Away::Early, |_| Away::Since(Instant::now()));
        }
    }

    /// They have answered, have been given up, or wait for being polled by it.
    pub(crate) fn go_on(&self) {
        let mut clock = self.0.lock();
        if let Away::Since(since) = std::mem::take(&mut clock.away) {
            clock.others += since.elapsed();
        }
    }

    /// How long it may wait until somebody looks again; none once its own time is over. That begins when
    /// this is asked for the first time.
    fn patience(&self, limit: Duration) -> Option<Duration> {
        let now = Instant::now();
        let mut clock = self.0.lock();
        clock.began.get_or_insert(now);
        if clock.away == Away::Early {
            clock.away = Away::Since(now);
        }
        let left = Some(clock.left(limit, now)).filter(|left| !left.is_zero())?;
        Some(if clock.away == Away::No { left } else { left.max(limit / LOOKS) })
    }
}

impl Clock {
    fn left(&self, limit: Duration, now: Instant) -> Duration {
        let since = |moment| now.saturating_duration_since(moment);
        let others = match self.away {
            Away::Since(moment) => self.others + since(moment),
            Away::No | Away::Early => self.others,
        };
        let all = self.began.map_or(Duration::ZERO, since);
        limit.saturating_sub(all.saturating_sub(others))
    }
}

impl<R: PortTarget> Port<R> {
    /// What a call answers that [began](Self::start) here.
    ///
    /// # Errors
    /// It has taken more `time` of its own than the instance's limit, and was dropped.
    pub(crate) async fn in_own_time<'p, A, C, O>(
        &'p self,
        mut call: Answering<'p, Watch, R, A, C, O>,
        time: &OwnTime,
    ) -> Result<Result<A>>
    where
        C: for<'x> FnOnce(&'x R, Within<'x, 'p>) -> AbiFuture<'x, A>,
        O: FnOnce(&Result<A>) -> u32,
    {
        let watch = self.watch();
        let Some(limit) = watch.supervisor.limit else { return Ok(call.await) };
        let mut entry = Entry { flights: &watch.supervisor.flights, id: None };
        poll_fn(move |context| {
            // Polled first: an answer that is there is taken, however late whoever polls came.
            let answer = Pin::new(&mut call).poll(context).map(Ok);
            // As long as it waits for its turn, the port keeps the time.
            if answer.is_ready() || call.is_queued() {
                return answer;
            }
            let Some(patience) = time.patience(limit) else {
                let error = watch.late();
                call.give_up(outcome::failed(error.kind()));
                return Poll::Ready(Err(error));
            };
            entry.wait(Instant::now().checked_add(patience), context.waker());
            Poll::Pending
        })
        .await
    }
}

/// A call's entry among the flights, once it has one.
struct Entry<'a> {
    flights: &'a Arc<Flights>,
    id: Option<u32>,
}

impl Entry<'_> {
    /// It is to be woken at that time.
    fn wait(&mut self, deadline: Option<Instant>, waker: &Waker) {
        // Cloning and dropping a waker is somebody else's code: not under the lock.
        let waker = Some(waker.clone());
        let replaced = match self.id {
            Some(id) => self.flights.with(id, |flight| {
                flight.deadline = deadline;
                std::mem::replace(&mut flight.waker, waker)
            }),
            None => {
                let flight = Flight { deadline, waker, ..Flight::default() };
                self.id = Some(self.flights.add(flight));
                None
            }
        };
        drop(replaced);
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            drop(self.flights.remove(id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);
    const STEP: Duration = Duration::from_secs(10);

    fn left(clock: &Clock, began: Instant, steps: u32) -> u32 {
        (clock.left(LIMIT, began + steps * STEP).as_secs() / STEP.as_secs()) as u32
    }

    #[test]
    fn the_time_of_others_is_not_its_own() {
        let began = Instant::now();
        let mut clock = Clock { began: Some(began), ..Clock::default() };
        assert_eq!(left(&clock, began, 1), 5);
        clock.away = Away::Since(began + STEP);
        assert_eq!(left(&clock, began, 100), 5);
        clock = Clock { others: 2 * STEP, away: Away::No, ..clock };
        assert_eq!(left(&clock, began, 4), 4);
        assert_eq!(left(&clock, began, 9), 0);
    }

    #[test]
    fn what_others_took_before_it_was_awaited_does_not_count() {
        let time = OwnTime::default();
        time.stop();
        assert_eq!(time.patience(LIMIT), Some(LIMIT));
        let clock = time.0.lock();
        let began = clock.began.expect("it was asked for");
        assert_eq!((clock.away, clock.others), (Away::Since(began), Duration::ZERO));
    }
}
