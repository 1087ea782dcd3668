//! How callers and whoever takes their target away keep out of each other's way: see [the
//! module](super). `model.rs` tries it in every order.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::PoisonError;

use super::state::{PortState, SECOND, switch};
use super::sync::{Arc, AtomicU64, Mutex, MutexGuard, Ordering, fence};
use super::tally::Tally;

/// The calls of one port, by all threads.
#[derive(Debug)]
pub(super) struct Counts {
    tallies: Mutex<Vec<Arc<Tally>>>,
    /// Counts of threads that have ended, and of calls that ended on a thread about to end.
    past_entered: AtomicU64,
    past_left: AtomicU64,
    /// Calls that are counted in and wait before they go on. Locked by whoever decides whether they may.
    waiting: Mutex<u64>,
}

/// Whether a call that waits goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passage {
    /// It is inside.
    In,
    /// Calls are held: it waits on.
    Held,
    /// There is nothing to be called, and nothing comes.
    Gone,
}

impl Counts {
    pub(super) fn new() -> Self {
        Self {
            tallies: Mutex::new(Vec::new()),
            past_entered: AtomicU64::new(0),
            past_left: AtomicU64::new(0),
            waiting: Mutex::new(0),
        }
    }

    /// A tally of the port with this number for one more thread, which gives it back at its end.
    pub(super) fn tally(&self, port: u64) -> Arc<Tally> {
        let phase = RandomState::new().build_hasher().finish();
        let tally = Arc::new(Tally::new(port, phase));
        self.list().push(tally.clone());
        tally
    }

    /// The same with the share in the caller's hands, until [`release_tally`].
    pub(super) fn tally_shared(&self, port: u64) -> *const Tally {
        Arc::into_raw(self.tally(port))
    }

    fn list(&self) -> MutexGuard<'_, Vec<Arc<Tally>>> {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one out on a thread that has given its tally back.
    pub(super) fn stray(&self) {
        self.past_left.fetch_add(1, Ordering::AcqRel);
    }

    /// How many wait. As long as it is held, nobody decides whether one of them goes in.
    pub(super) fn waiting(&self) -> MutexGuard<'_, u64> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call that is counted in has to wait.
    pub(super) fn begin_to_wait(&self) {
        *self.waiting() += 1;
    }

    /// It waits no more, and is about to leave.
    pub(super) fn wait_no_more(&self) {
        *self.waiting() -= 1;
    }

    /// How many have entered, and how many of them have left: never more than have entered. If they are
    /// as many, nobody was inside at some time since this was called.
    pub(super) fn sums(&self) -> (u64, u64) {
        let (entered, left, _) = self.look();
        (entered, left)
    }

    /// The same, and how many of those that have entered wait: never more than have not left.
    fn look(&self) -> (u64, u64, u64) {
        let mut tallies = self.list();
        // What has left is read first: every call that is counted there is counted in below, and one that
        // waited had said that it does no more.
        let mut left = self.past_left.load(Ordering::Acquire);
        left = tallies.iter().fold(left, |sum, tally| sum.wrapping_add(tally.left()));
        let waiting = *self.waiting();
        let mut entered = self.past_entered.load(Ordering::Acquire);
        entered = tallies.iter().fold(entered, |sum, tally| sum.wrapping_add(tally.entered()));
        tallies.retain_mut(|tally| {
            // A thread that has ended has given its share back, and counts no more.
            let Some(tally) = Arc::get_mut(tally) else { return true };
            self.past_left.fetch_add(tally.left(), Ordering::AcqRel);
            self.past_entered.fetch_add(tally.entered(), Ordering::AcqRel);
            false
        });
        (entered, left, waiting)
    }
}

/// Gives a tally back.
///
/// # Safety
/// It is from [`Counts::tally_shared`] of this library; this share is given back once.
// One address in each copy of this crate: callers tell owners apart by it.
#[inline(never)]
pub(super) unsafe extern "C" fn release_tally(tally: *const Tally) {
    // SAFETY: by contract.
    drop(unsafe { Arc::from_raw(tally) });
}

impl PortState {
    /// Counts a call in on the thread's own tally: whether it is to be timed, and what is in its way.
    /// Between the two it passes a fence: one for the compiler is enough if whoever takes the target away makes
    /// all threads pass one.
    #[inline]
    pub(super) fn enter(&self, tally: &Tally, pass_fence: impl FnOnce()) -> (bool, u32) {
        let timed = tally.enter();
        pass_fence();
        (timed, self.switch.load(Ordering::Acquire))
    }

    /// What is in the way of a call that is counted in and has met the switch set. It may go in if that
    /// does not say that the port is closed.
    pub(super) fn look_again(&self) -> u32 {
        let switch = self.switch.load(Ordering::Acquire);
        if switch & switch::UNFENCED == 0 {
            return switch;
        }
        // Nobody makes this thread pass one.
        fence(Ordering::SeqCst);
        self.switch.load(Ordering::SeqCst)
    }

    /// What a call with this ticket calls, that is inside and does not wait. Null only where the first
    /// target is.
    #[inline]
    pub(super) fn target_of(&self, ticket: u64) -> *mut () {
        let second = match ticket & SECOND {
            0 => std::ptr::null_mut(),
            _ => self.second.load(Ordering::Acquire),
        };
        if second.is_null() { self.target.load(Ordering::Acquire) } else { second }
    }

    /// Holds calls from now on. Who is inside goes on.
    pub(super) fn pause(&self, counts: &Counts) {
        let _gate = counts.waiting();
        self.switch.fetch_or(switch::PAUSED, Ordering::SeqCst);
    }

    /// Holds them no more; who waits has to be told. Where there is nothing, the port is closed from now on.
    pub(super) fn resume(&self, counts: &Counts) {
        let _gate = counts.waiting();
        if self.target.load(Ordering::Acquire).is_null() {
            // Before the way is free.
            self.switch.fetch_or(switch::CLOSED, Ordering::SeqCst);
        }
        self.switch.fetch_and(!switch::PAUSED, Ordering::SeqCst);
    }

    /// A call that waits would go on. It has not looked at the target before, and looks at it afterwards.
    pub(super) fn go_in(&self, counts: &Counts) -> Passage {
        // Whoever holds calls, and then looks who is inside, holds this one or finds it there.
        let mut waiting = counts.waiting();
        let set = self.switch.load(Ordering::SeqCst);
        if set & switch::PAUSED != 0 {
            return Passage::Held;
        }
        if set & switch::WITHDRAWN != 0 || self.target.load(Ordering::Acquire).is_null() {
            return Passage::Gone;
        }
        *waiting -= 1;
        Passage::In
    }

    /// How many are inside and do not wait. Whoever exchanged a target before, or took the second one away, and
    /// finds nobody, knows that nobody has the old one: every thread has passed a fence in between.
    pub(super) fn inside(&self, counts: &Counts, pass_fence: impl FnOnce()) -> u64 {
        pass_fence();
        let (entered, left, waiting) = counts.look();
        entered.wrapping_sub(left).wrapping_sub(waiting)
    }

    /// Takes the target away, if nobody is inside; how many are otherwise. Before that every
    /// thread has to pass a fence. Of a port that is paused, who waits may wait on.
    ///
    /// # Panics
    /// If the switch says neither that the port is closed nor that it is paused.
    pub(super) fn take(&self, counts: &Counts, pass_fence: impl FnOnce()) -> Result<(), u64> {
        let set = self.switch.load(Ordering::SeqCst);
        let refuses = set & (switch::CLOSED | switch::PAUSED) != 0;
        assert!(refuses, "a port is closed or paused before its target is taken");
        pass_fence();
        let (entered, left, waiting) = counts.look();
        let held = if set & switch::PAUSED != 0 { waiting } else { 0 };
        match entered.wrapping_sub(left).wrapping_sub(held) {
            0 => {}
            inside => return Err(inside),
        }
        self.target.store(std::ptr::null_mut(), Ordering::Release);
        Ok(())
    }
}
