//! How many calls may be inside an instance at one time, and who waits for that.
//!
//! As long as nobody waits, coming in and going out is one exchange of a word; the line is behind a lock.
//!
//! Source: Nygard, *Release It!* (2007), "Bulkheads".

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

#[cfg(not(loom))]
use {parking_lot::Mutex, std::sync::atomic::AtomicU64};

use crate::config::BulkheadPolicy;
#[cfg(loom)]
use crate::sync::{AtomicU64, Mutex};

/// Places for calls, and a line in front of them.
#[derive(Debug)]
pub(crate) struct Bulkhead {
    policy: BulkheadPolicy,
    /// How many are inside, and above them how many wait. The latter changes under the lock only.
    counts: AtomicU64,
    line: Mutex<VecDeque<u32>>,
}

const WAITING: u64 = 1 << 32;

/// What a bulkhead says to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It has one, and gives it back with [`Bulkhead::leave`].
    Inside,
    /// It stands in the line.
    Waiting,
    /// There is none, and the line is full.
    Full,
}

impl Bulkhead {
    pub(crate) fn new(policy: BulkheadPolicy) -> Self {
        Self { policy, counts: AtomicU64::new(0), line: Mutex::default() }
    }

    /// A place for a call, if there is a free one and nobody waits.
    pub(crate) fn try_enter(&self) -> bool {
        let free =
            |counts| (counts < u64::from(self.policy.max_in_flight.get())).then(|| counts + 1);
        self.counts.fetch_update(Ordering::Acquire, Ordering::Relaxed, free).is_ok()
    }

    /// A place for the call with this id, or one in the line. Ids are the caller's.
    pub(crate) fn enter(&self, id: u32) -> Place {
        let mut line = self.line.lock();
        // A place that is given back from now on is given to the line.
        self.counts.fetch_add(WAITING, Ordering::AcqRel);
        let free = |counts: u64| {
            let (inside, waiting) = (counts % WAITING, counts / WAITING);
            let first = waiting == 1 && inside < u64::from(self.policy.max_in_flight.get());
            first.then(|| counts - WAITING + 1)
        };
        if self.counts.fetch_update(Ordering::AcqRel, Ordering::Relaxed, free).is_ok() {
            return Place::Inside;
        }
        if line.len() >= self.policy.queue as usize {
            self.counts.fetch_sub(WAITING, Ordering::AcqRel);
            return Place::Full;
        }
        line.push_back(id);
        Place::Waiting
    }

    /// Gives a place back, if nobody waits for it.
    pub(crate) fn try_leave(&self) -> bool {
        let nobody_waits = |counts: u64| (counts < WAITING).then(|| counts - 1);
        self.counts.fetch_update(Ordering::Release, Ordering::Relaxed, nobody_waits).is_ok()
    }

    /// Gives a place back. If somebody waits it is theirs: their id.
    #[must_use]
    pub(crate) fn leave(&self) -> Option<u32> {
        let mut line = self.line.lock();
        let next = line.pop_front();
        let change = if next.is_some() { WAITING } else { 1 };
        self.counts.fetch_sub(change, Ordering::AcqRel);
        next
    }

    /// Steps out of the line. Whether it still stood there; otherwise it has a place.
    pub(crate) fn give_up(&self, id: u32) -> bool {
        let mut line = self.line.lock();
        let Some(at) = line.iter().position(|other| *other == id) else { return false };
        line.remove(at);
        self.counts.fetch_sub(WAITING, Ordering::AcqRel);
        true
    }

    /// How many are inside, and how many wait.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let counts = self.counts.load(Ordering::Relaxed);
        (counts % WAITING, counts / WAITING)
    }

    /// Whether there is no free place.
    pub(crate) fn is_full(&self) -> bool {
        self.counts().0 >= u64::from(self.policy.max_in_flight.get())
    }

    pub(crate) fn policy(&self) -> BulkheadPolicy {
        self.policy
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Enter,
        /// The call at this place among those inside.
        Leave(usize),
        /// The same among those that wait.
        GiveUp(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => Just(Step::Enter),
            3 => any::<usize>().prop_map(Step::Leave),
            1 => any::<usize>().prop_map(Step::GiveUp),
        ];
        proptest::collection::vec(step, 1..300)
    }

    fn bulkhead(max: u32, queue: u32) -> Bulkhead {
        Bulkhead::new(BulkheadPolicy { max_in_flight: NonZeroU32::new(max).unwrap(), queue })
    }

    proptest! {
        #[test]
        fn it_lets_in_whom_a_list_and_a_line_would_let_in(
            steps in steps(),
            max in 1u32..5,
            queue in 0u32..4,
        ) {
            let bulkhead = bulkhead(max, queue);
            let (mut inside, mut line) = (Vec::new(), VecDeque::new());
            for (id, step) in (0u32..).zip(steps) {
                match step {
                    Step::Enter => {
                        let expected = match (inside.len() as u32, line.len() as u32) {
                            (within, 0) if within < max => Place::Inside,
                            (_, waiting) if waiting < queue => Place::Waiting,
                            _ => Place::Full,
                        };
                        let place = match bulkhead.try_enter() {
                            true => Place::Inside,
                            false => bulkhead.enter(id),
                        };
                        prop_assert_eq!(place, expected);
                        match place {
                            Place::Inside => inside.push(id),
                            Place::Waiting => line.push_back(id),
                            Place::Full => {}
                        }
                    }
                    Step::Leave(at) if !inside.is_empty() => {
                        inside.swap_remove(at % inside.len());
                        let next =
                            if bulkhead.try_leave() { None } else { bulkhead.leave() };
                        prop_assert_eq!(next, line.pop_front());
                        inside.extend(next);
                    }
                    Step::GiveUp(at) if !line.is_empty() => {
                        let id = line.remove(at % line.len()).unwrap();
                        prop_assert!(bulkhead.give_up(id));
                    }
                    Step::Leave(_) | Step::GiveUp(_) => {}
                }
                prop_assert_eq!(bulkhead.counts(), (inside.len() as u64, line.len() as u64));
            }
        }
    }

    #[test]
    fn who_was_given_a_place_meanwhile_does_not_stand_in_the_line() {
        let bulkhead = bulkhead(1, 1);
        assert!(bulkhead.try_enter());
        assert_eq!(bulkhead.enter(7), Place::Waiting);
        assert_eq!(bulkhead.leave(), Some(7));
        assert!(!bulkhead.give_up(7));
        assert_eq!(bulkhead.leave(), None);
        assert_eq!(bulkhead.counts(), (0, 0));
    }

    #[test]
    fn threads_that_come_and_go_are_never_too_many_and_lose_no_place() {
        const MAX: u32 = 2;
        let bulkhead = bulkhead(MAX, 8);
        let inside = AtomicU64::new(0);
        let granted = [const { AtomicU64::new(0) }; 4];
        std::thread::scope(|scope| {
            for own in 0..4u32 {
                let (bulkhead, inside, granted) = (&bulkhead, &inside, &granted);
                scope.spawn(move || {
                    for _ in 0..2_000 {
                        if !bulkhead.try_enter() && bulkhead.enter(own) == Place::Waiting {
                            while granted[own as usize].swap(0, Ordering::Acquire) == 0 {
                                std::thread::yield_now();
                            }
                        }
                        let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
                        assert!(now <= u64::from(MAX), "{now} are inside");
                        inside.fetch_sub(1, Ordering::SeqCst);
                        if !bulkhead.try_leave()
                            && let Some(next) = bulkhead.leave()
                        {
                            granted[next as usize].store(1, Ordering::Release);
                        }
                    }
                });
            }
        });
        assert_eq!(bulkhead.counts(), (0, 0));
    }
}
