//! What a thread counts of its calls: no other thread writes to it, so that a count is a load and a
//! store.
//!
//! A host makes one [`Tally`] for each port, thread and library that calls; a thread finds its own in
//! a table that is indexed by the port's slot. Slots are given out anew once a port has gone, so an
//! entry counts only if it carries the port's number, too.
//!
//! A plugin's library may be that of two hosts in one process, each with its own copy of this crate and
//! so of the slots. Two ports that are both there may then have the same: the one that was called last has
//! the entry, and the other's waits beside the table.

use std::cell::{Cell, RefCell};

use abi_stable::StableAbi;

use super::enter::SAMPLE;
use super::state::{PortState, PortVTableRef};
use super::sync::{AtomicU64, Ordering};

/// The calls of one port by one thread. A host that counts more keeps it behind this.
#[repr(C, align(64))]
#[derive(StableAbi, Debug)]
#[cfg_attr(all(test, loom), sabi(unsafe_opaque_fields))]
pub struct Tally {
    port: u64,
    /// Where among [`SAMPLE`](super::SAMPLE) calls the one is that is timed.
    phase: u64,
    entered: AtomicU64,
    left: AtomicU64,
    /// Zeros; see [growing](crate#growing).
    reserved: [u64; 4],
}

impl Tally {
    /// Of the port with this number. `phase` says which calls are timed: any number, another one for
    /// each thread, so that what comes in step with them is not always in step with the clock.
    pub(super) fn new(port: u64, phase: u64) -> Self {
        Self { port, phase, entered: AtomicU64::new(0), left: AtomicU64::new(0), reserved: [0; 4] }
    }

    /// How many calls began here. Whoever compares it with [`left`](Self::left) reads that one first.
    pub fn entered(&self) -> u64 {
        self.entered.load(Ordering::Acquire)
    }

    /// How many calls ended here; of those that began elsewhere, too.
    pub fn left(&self) -> u64 {
        self.left.load(Ordering::Acquire)
    }

    /// Counts one in; whether this call is to be timed.
    #[inline]
    pub(crate) fn enter(&self) -> bool {
        bump(&self.entered).wrapping_add(self.phase).is_multiple_of(SAMPLE)
    }

    /// Counts one out.
    #[inline]
    pub(crate) fn leave(&self) {
        bump(&self.left);
    }
}

/// Only the thread whose tally it is adds to it.
#[inline]
fn bump(count: &AtomicU64) -> u64 {
    // The same to everybody who reads it; loom overlooks orders where a place is read before it is written to.
    #[cfg(all(test, loom))]
    let next = count.fetch_add(1, Ordering::Release).wrapping_add(1);
    #[cfg(not(all(test, loom)))]
    let next = count.load(Ordering::Relaxed).wrapping_add(1);
    #[cfg(not(all(test, loom)))]
    count.store(next, Ordering::Release);
    next
}

thread_local! {
    /// The table of [`Owned`], for the way that every call takes: no destructor, no check.
    static TABLE: Cell<Table> = const { Cell::new(Table::EMPTY) };
    static OWNED: RefCell<Owned> = const { RefCell::new(Owned { table: Vec::new(), others: Vec::new() }) };
}

#[derive(Clone, Copy)]
struct Table {
    entries: *const Entry,
    length: usize,
}

impl Table {
    const EMPTY: Self = Self { entries: std::ptr::null(), length: 0 };
}

/// This thread's tallies; each holds a share.
struct Owned {
    /// By slot.
    table: Vec<Entry>,
    /// Those whose place in the table has a port of another copy of this crate, with their slots.
    others: Vec<(usize, Entry)>,
}

/// Gives a tally back; there is one for each copy of this crate.
type Release = unsafe extern "C" fn(*const Tally);

struct Entry {
    tally: *const Tally,
    release: Option<Release>,
}

impl Entry {
    const EMPTY: Self = Self { tally: std::ptr::null(), release: None };

    fn is_of(&self, owner: Release) -> bool {
        self.release.is_some_and(|release| std::ptr::fn_addr_eq(release, owner))
    }

    fn is_for(&self, port: u64) -> bool {
        // SAFETY: an entry holds a share of its tally.
        unsafe { self.tally.as_ref() }.is_some_and(|tally| tally.port == port)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            // SAFETY: the function came with the tally, whose share is given back once.
            unsafe { release(self.tally) }
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // What is still called on this thread, from the destructors of other locals, finds no table.
        TABLE.set(Table::EMPTY);
    }
}

/// This thread's tally of a port; none on a thread that is about to end.
#[inline]
pub(crate) fn of_this_thread(
    state: &PortState,
    port: *const (),
    vtable: PortVTableRef,
) -> Option<&Tally> {
    let table = TABLE.get();
    let slot = state.slot as usize;
    if slot < table.length {
        // SAFETY: `TABLE` describes the vector of `OWNED`, set anew each time that changes.
        let tally = unsafe { (*table.entries.add(slot)).tally };
        // SAFETY: an entry holds a share of its tally; null for a slot that was never asked for.
        if let Some(tally) = unsafe { tally.as_ref() }
            && tally.port == state.number
        {
            return Some(tally);
        }
    }
    // SAFETY: the function belongs to the port.
    let make = || unsafe { (vtable.tally())(port) };
    let tally = find(slot, state.number, vtable.release_tally(), make)?;
    // SAFETY: the entry holds a share until this thread asks for another port of the same owner with its
    // slot, which there is only when this one has gone.
    Some(unsafe { &*tally })
}

/// The tally of the port with this slot and number of the owner whose tallies are given back like this.
/// It is in the table afterwards.
#[cold]
#[inline(never)]
fn find(
    slot: usize,
    number: u64,
    owner: Release,
    make: impl FnOnce() -> *const Tally,
) -> Option<*const Tally> {
    let found = OWNED.try_with(|owned| {
        let Owned { table, others } = &mut *owned.borrow_mut();
        if table.len() <= slot {
            table.resize_with(slot + 1, || Entry::EMPTY);
        }
        let known = others.iter().position(|(at, entry)| *at == slot && entry.is_of(owner));
        let (kept, gone) = match known.map(|at| others.swap_remove(at).1) {
            Some(entry) if entry.is_for(number) => (Some(entry), None),
            gone => (None, gone),
        };
        let entry = kept.unwrap_or_else(|| Entry { tally: make(), release: Some(owner) });
        let tally = entry.tally;
        let mut old = std::mem::replace(&mut table[slot], entry);
        if old.release.is_some() && !old.is_of(owner) {
            others.push((slot, std::mem::replace(&mut old, Entry::EMPTY)));
        }
        TABLE.set(Table { entries: table.as_ptr(), length: table.len() });
        (tally, [Some(old), gone])
    });
    let (tally, gone) = found.ok()?;
    drop(gone);
    Some(tally)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    static RELEASED: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];

    /// What one of two copies of this crate does.
    unsafe extern "C" fn release<const OWNER: usize>(tally: *const Tally) {
        RELEASED[OWNER].fetch_add(1, Ordering::Relaxed);
        // SAFETY: made by `make`.
        drop(unsafe { Arc::from_raw(tally) });
    }

    fn make(number: u64) -> *const Tally {
        Arc::into_raw(Arc::new(Tally::new(number, 0)))
    }

    fn released() -> [usize; 2] {
        [0, 1].map(|owner: usize| RELEASED[owner].load(Ordering::Relaxed))
    }

    #[test]
    fn ports_of_two_owners_with_one_slot_keep_their_tallies() {
        let first = find(3, 10, release::<0>, || make(10)).expect("a tally");
        let second = find(3, 20, release::<1>, || make(20)).expect("a tally");
        assert_ne!(first, second);
        let again = |number, owner: Release| find(3, number, owner, || panic!("there is one"));
        for _ in 0..3 {
            assert_eq!(again(10, release::<0>), Some(first));
            assert_eq!(again(20, release::<1>), Some(second));
        }
        assert_eq!(released(), [0, 0]);
        // The first owner gives the slot to another port: that of the other is still there.
        find(3, 11, release::<0>, || make(11)).expect("a tally");
        assert_eq!(released(), [1, 0]);
        find(3, 12, release::<0>, || make(12)).expect("a tally");
        assert_eq!(released(), [2, 0]);
        assert_eq!(again(20, release::<1>), Some(second));
    }
}
