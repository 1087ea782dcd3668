//! Which call is where, and what each thread does: the books of a lane, kept under its lock.
//!
//! Nothing here runs or drops what is somebody else's: it is handed out instead.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use hotshoe_abi::guard::contain;

use super::LaneFigures;
use super::answer::Answer;
use super::clock::Clock;

pub(super) type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) threads: u32,
    pub(super) queue: u32,
    pub(super) spare: u32,
}

pub(super) struct Books {
    limits: Limits,
    /// All that were admitted and not yet answered or dropped, by number.
    calls: HashMap<u64, Entry>,
    /// Those that a thread has to turn to, first come, first served.
    due: VecDeque<u64>,
    /// How many of the calls have not begun.
    fresh: u32,
    seats: BTreeMap<u32, Seat>,
    /// Counts what happens, so that one can tell what was before what.
    moment: u64,
    closed: bool,
    /// Processor time of the threads that have ended.
    spent: Option<Duration>,
    made: Instant,
}

/// A call.
pub(super) struct Entry {
    stage: Stage,
    /// Nobody waits for it any more: what is left is to drop it.
    given_up: bool,
    /// When it came into the queue.
    since: u64,
    /// Away while it is polled.
    work: Option<Work>,
    waker: Waker,
    answer: Arc<dyn Answer>,
    depth: u32,
}

enum Stage {
    /// In the queue, never polled.
    Fresh,
    /// In the queue, once more.
    Due,
    /// Being polled; woken meanwhile, or not.
    Polled { seat: u32, woken: bool },
    /// A waker will tell.
    Pending,
}

/// A thread.
struct Seat {
    doing: Doing,
    stuck: bool,
    /// Once it runs.
    clock: Option<Clock>,
}

enum Doing {
    /// It waits, or is about to look for something to do.
    Nothing,
    /// It polls a call that somebody waits for, or did.
    Call,
    /// It tells of an answer, or drops a call, since that moment: the code of wakers and drops, which
    /// nobody waits for.
    Aftermath { since: u64 },
}

/// Why a call is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Closed,
    Full { stuck: u32 },
}

/// What a thread has to do next.
pub(super) enum Next {
    Turn(Turn),
    Wait,
    End,
}

pub(super) enum Turn {
    Poll { number: u64, work: Work, waker: Waker, answer: Arc<dyn Answer>, depth: u32 },
    Drop(Entry),
}

/// What becomes of a call that was polled.
pub(super) enum Then {
    /// It is pending, or in the queue again.
    Later,
    /// Its answer is there.
    Answer(Entry),
    /// It is pending and the lane is closed.
    Refuse(Entry),
    /// Nobody waits for it.
    Drop(Entry),
}

impl Entry {
    /// Drops it here, and an answer that nobody was told of.
    pub(super) fn dispose(self) {
        self.answer.discard();
        contain(|| drop(self));
    }
}

impl Books {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            calls: HashMap::new(),
            due: VecDeque::new(),
            fresh: 0,
            seats: BTreeMap::new(),
            moment: 0,
            closed: false,
            spent: Some(Duration::ZERO),
            made: Instant::now(),
        }
    }

    fn tick(&mut self) -> u64 {
        self.moment += 1;
        self.moment
    }

    /// Takes a call in, and gives it a number. What is refused is given back.
    pub(super) fn admit(
        &mut self,
        waker: impl FnOnce(u64) -> Waker,
        answer: Arc<dyn Answer>,
        work: Work,
        depth: u32,
    ) -> Result<u64, (Refusal, Work)> {
        if self.closed {
            return Err((Refusal::Closed, work));
        }
        // A call that was pending and is due again has been admitted before and is not counted: what it
        // takes of the threads comes on top of the queue. A thread in the aftermath of a call is about
        // to be free; whoever was just answered must not be refused for that.
        let open = self.count(|seat| !seat.stuck && !matches!(seat.doing, Doing::Call));
        let room = u64::from(self.limits.queue) + u64::from(open) + u64::from(self.to_start());
        if u64::from(self.fresh) >= room {
            return Err((Refusal::Full { stuck: self.count(|seat| seat.stuck) }, work));
        }
        let number = self.tick();
        let entry = Entry {
            stage: Stage::Fresh,
            given_up: false,
            since: number,
            work: Some(work),
            waker: waker(number),
            answer,
            depth,
        };
        self.calls.insert(number, entry);
        self.due.push_back(number);
        self.fresh += 1;
        Ok(number)
    }

    /// Takes a call back that no thread will turn to. None if there is a thread for it.
    pub(super) fn withdraw(&mut self, number: u64) -> Option<Entry> {
        let able = self.count(|seat| !seat.stuck);
        let entry = self.calls.get(&number)?;
        if able > 0 || !matches!(entry.stage, Stage::Fresh) {
            return None;
        }
        self.due.retain(|due| *due != number);
        self.fresh -= 1;
        self.calls.remove(&number)
    }

    /// Whether it is due now, and was not before.
    pub(super) fn wake(&mut self, number: u64) -> bool {
        match self.calls.get_mut(&number).map(|entry| &mut entry.stage) {
            Some(Stage::Pending) => {
                self.put_due(number);
                true
            }
            Some(Stage::Polled { woken, .. }) => {
                *woken = true;
                false
            }
            _ => false,
        }
    }

    fn put_due(&mut self, number: u64) {
        let since = self.tick();
        if let Some(entry) = self.calls.get_mut(&number) {
            entry.stage = Stage::Due;
            entry.since = since;
            self.due.push_back(number);
        }
    }

    /// Nobody waits for it any more. How many threads are found to be stuck because of that.
    pub(super) fn give_up(&mut self, number: u64) -> u32 {
        let Some(entry) = self.calls.get_mut(&number).filter(|entry| !entry.given_up) else {
            return 0;
        };
        entry.given_up = true;
        let since = entry.since;
        match entry.stage {
            Stage::Polled { seat, .. } => self.mark_stuck(|other, _| *other == seat),
            Stage::Pending => {
                self.put_due(number);
                0
            }
            // It waited in vain. A thread that polls may do so for its own caller; one that was in the
            // aftermath of a call all the time does not come back, and nobody else would notice.
            Stage::Fresh | Stage::Due => self.mark_stuck(
                |_, seat| matches!(seat.doing, Doing::Aftermath { since: other } if other < since),
            ),
        }
    }

    fn mark_stuck(&mut self, which: impl Fn(&u32, &Seat) -> bool) -> u32 {
        let mut marked = 0;
        for (number, seat) in &mut self.seats {
            if !seat.stuck && which(number, seat) {
                seat.stuck = true;
                marked += 1;
            }
        }
        marked
    }

    fn count(&self, which: impl Fn(&Seat) -> bool) -> u32 {
        let count = self.seats.values().filter(|seat| which(seat)).count();
        count.try_into().unwrap_or(u32::MAX)
    }

    /// How many threads may be started yet.
    fn to_start(&self) -> u32 {
        let Limits { threads, spare, .. } = self.limits;
        let able = self.count(|seat| !seat.stuck);
        let all = self.count(|_| true);
        threads.saturating_sub(able).min(threads.saturating_add(spare).saturating_sub(all))
    }

    /// Takes a seat for one more thread, if there is something that no thread is free for.
    pub(super) fn hire(&mut self) -> Option<u32> {
        let idle = self.count(|seat| !seat.stuck && matches!(seat.doing, Doing::Nothing));
        if self.due.len() <= idle as usize || self.to_start() == 0 {
            return None;
        }
        // The lowest number that nobody has.
        let number = (0..).zip(self.seats.keys()).find(|(number, taken)| number != *taken);
        let number = number.map_or(self.count(|_| true), |(number, _)| number);
        let seat = Seat { doing: Doing::Nothing, stuck: false, clock: None };
        self.seats.insert(number, seat);
        Some(number)
    }

    /// The thread of this seat runs.
    pub(super) fn sit(&mut self, seat: u32, clock: Clock) {
        if let Some(seat) = self.seats.get_mut(&seat) {
            seat.clock = Some(clock);
        }
    }

    /// This thread has come back from whatever it did. Whether it was stuck.
    pub(super) fn free(&mut self, seat: u32) -> bool {
        let Some(seat) = self.seats.get_mut(&seat) else { return false };
        seat.doing = Doing::Nothing;
        std::mem::take(&mut seat.stuck)
    }

    pub(super) fn next(&mut self, seat: u32) -> Next {
        // One that was stuck, and was replaced.
        if self.count(|seat| !seat.stuck) > self.limits.threads {
            return Next::End;
        }
        let since = self.tick();
        let (Some(number), Some(thread)) = (self.due.pop_front(), self.seats.get_mut(&seat)) else {
            return if self.closed { Next::End } else { Next::Wait };
        };
        let entry = self.calls.get_mut(&number).expect("what is due is a call");
        if matches!(entry.stage, Stage::Fresh) {
            self.fresh -= 1;
        }
        if entry.given_up {
            thread.doing = Doing::Aftermath { since };
            let entry = self.calls.remove(&number).expect("it was there");
            return Next::Turn(Turn::Drop(entry));
        }
        thread.doing = Doing::Call;
        entry.stage = Stage::Polled { seat, woken: false };
        Next::Turn(Turn::Poll {
            number,
            work: entry.work.take().expect("what is due is not being polled"),
            waker: entry.waker.clone(),
            answer: entry.answer.clone(),
            depth: entry.depth,
        })
    }

    /// This thread has polled a call: it is `done`, or pending.
    pub(super) fn polled(&mut self, seat: u32, number: u64, work: Work, done: bool) -> Then {
        let since = self.tick();
        let entry = self.calls.get_mut(&number).expect("a call is there while it is polled");
        entry.work = Some(work);
        if !done && !entry.given_up && !self.closed {
            if matches!(entry.stage, Stage::Polled { woken: true, .. }) {
                self.put_due(number);
            } else {
                entry.stage = Stage::Pending;
            }
            return Then::Later;
        }
        let entry = self.calls.remove(&number).expect("it was there");
        if let Some(seat) = self.seats.get_mut(&seat) {
            seat.doing = Doing::Aftermath { since };
        }
        match (entry.given_up, done) {
            (true, _) => Then::Drop(entry),
            (false, true) => Then::Answer(entry),
            (false, false) => Then::Refuse(entry),
        }
    }

    /// The thread of this seat ends, or was never there.
    pub(super) fn leave(&mut self, seat: u32) {
        let Some(seat) = self.seats.remove(&seat) else { return };
        if let Some(clock) = seat.clock {
            self.spent = self.spent.zip(clock.read()).map(|(spent, more)| spent + more);
        }
    }

    /// From now on threads end when nothing is due. Who has to be told so: all whose calls are not being
    /// polled.
    pub(super) fn close(&mut self) -> Vec<Arc<dyn Answer>> {
        self.closed = true;
        let mut unanswered = Vec::new();
        let mut pending = Vec::new();
        for (number, entry) in &mut self.calls {
            if entry.given_up || matches!(entry.stage, Stage::Polled { .. }) {
                continue;
            }
            entry.given_up = true;
            unanswered.push(entry.answer.clone());
            if matches!(entry.stage, Stage::Pending) {
                pending.push(*number);
            }
        }
        pending.into_iter().for_each(|number| self.put_due(number));
        unanswered
    }

    /// The threads that have not ended are left behind. Who waits for them, and has to be told.
    pub(super) fn leave_behind(&mut self) -> Vec<Arc<dyn Answer>> {
        self.mark_stuck(|_, _| true);
        let waited_for = self.calls.values_mut().filter(|entry| !entry.given_up);
        waited_for
            .map(|entry| {
                entry.given_up = true;
                entry.answer.clone()
            })
            .collect()
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.due.is_empty()
    }

    pub(super) fn figures(&self) -> LaneFigures {
        let running = self.seats.values().filter_map(|seat| seat.clock);
        LaneFigures {
            threads: self.count(|_| true),
            busy: self.count(|seat| !seat.stuck && matches!(seat.doing, Doing::Call)),
            stuck: self.count(|seat| seat.stuck),
            queued: self.fresh,
            cpu_time: running
                .map(Clock::read)
                .fold(self.spent, |sum, more| sum.zip(more).map(|(sum, more)| sum + more)),
            age: self.made.elapsed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::answer::Slot;
    use super::*;

    fn admitted(books: &mut Books) -> Result<u64, Refusal> {
        let admitted = books.admit(
            |_| Waker::noop().clone(),
            Arc::new(Slot::<()>::default()),
            Box::pin(std::future::ready(())),
            0,
        );
        admitted.map_err(|(refusal, _)| refusal)
    }

    #[test]
    fn a_call_is_taken_back_only_if_no_thread_is_there_for_it() {
        let mut books = Books::new(Limits { threads: 1, queue: 0, spare: 0 });
        let number = admitted(&mut books).unwrap();
        assert_eq!(books.hire(), Some(0));
        assert!(books.withdraw(number).is_none());
        // Its thread could not be started.
        books.leave(0);
        assert!(books.withdraw(number).is_some());
        assert!(books.is_empty());
        assert_eq!(books.figures().queued, 0);
    }

    #[test]
    fn a_new_thread_has_the_lowest_number_that_is_free() {
        let mut books = Books::new(Limits { threads: 3, queue: 0, spare: 0 });
        for number in 0..3 {
            admitted(&mut books).unwrap();
            assert_eq!(books.hire(), Some(number));
        }
        assert_eq!(admitted(&mut books), Err(Refusal::Full { stuck: 0 }));
        books.leave(1);
        assert_eq!(books.hire(), Some(1));
        assert_eq!(books.hire(), None, "no more than three");
    }
}
