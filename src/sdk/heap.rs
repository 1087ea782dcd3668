//! How much of the heap a loaded plugin has in use: an allocator that counts, and what the library's
//! module answers about it.
//!
//! The count is one of the library, whatever instances it has. Nothing has to say whose memory a piece
//! is when it is freed: whatever crosses a boundary is freed by a function of the library that
//! allocated it, on any thread.
//!
//! A thread counts in a [`Tally`] of its own, which no other thread writes to, so that a count is a
//! load and a store; what it counted is added to the sum of all each time it amounts to [`BATCH`]. A
//! tally is claimed by a thread for as long as that lives. Threads that find none left, and those whose
//! locals are destroyed already, share one, with an atomic addition.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicI64, AtomicU64};

use hotshoe_abi::usage_figure;

/// So many threads count without meeting others. Bits of a number say which tallies are claimed.
const TALLIES: usize = 64;

/// So many bytes a thread counts before others learn of it: enough that two threads seldom meet, and
/// little beside a heap that somebody wonders about.
const BATCH: i64 = 64 << 10;

/// The system's allocator, counted: a library whose crate installs it tells its host how much of the
/// heap it has in use (`PluginInfo::heap`).
///
/// A program has one allocator. A plugin that is linked would bring this one into it, against another
/// one that the program, or a second plugin, may have. So it goes behind a feature of the plugin's
/// crate that is off by default, and on when the library is built:
///
/// ```standalone_crate
/// # /*
/// #[cfg(feature = "count-heap")]
/// # */
/// #[global_allocator]
/// static HEAP: hotshoe::CountingAllocator = hotshoe::CountingAllocator;
/// ```
///
/// ```toml
/// [features]
/// count-heap = []
/// ```
///
/// ```sh
/// cargo rustc --release --crate-type cdylib --features count-heap
/// ```
///
/// It counts what Rust code of the library asks for, in bytes as they are asked for: not what the
/// system's allocator adds, not what C code gets from `malloc`, not what it maps by itself, and not
/// what it makes the host allocate. Two instances of one library share the count. `cargo bench --bench
/// heap` shows what it costs.
#[derive(Clone, Copy, Debug, Default)]
pub struct CountingAllocator;

// SAFETY: each call is passed to the system's allocator as it is, and so is its answer. Counting
// neither allocates from this allocator nor panics: it adds to statics and to locals of the thread,
// which the standard library lets an allocator use.
unsafe impl GlobalAlloc for CountingAllocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: by the caller's promise.
        let memory = unsafe { System.alloc(layout) };
        if !memory.is_null() {
            count(size(layout.size()), 1);
        }
        memory
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: by the caller's promise.
        let memory = unsafe { System.alloc_zeroed(layout) };
        if !memory.is_null() {
            count(size(layout.size()), 1);
        }
        memory
    }

    #[inline]
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: by the caller's promise.
        unsafe { System.dealloc(memory, layout) };
        count(-size(layout.size()), 0);
    }

    #[inline]
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, new: usize) -> *mut u8 {
        // SAFETY: by the caller's promise.
        let memory = unsafe { System.realloc(memory, layout, new) };
        if !memory.is_null() {
            count(size(new) - size(layout.size()), 0);
        }
        memory
    }
}

/// A `Layout` has at most `isize::MAX` bytes.
#[inline]
fn size(bytes: usize) -> i64 {
    bytes as i64
}

/// What this library answers when it is asked how much it uses; nothing if nothing was counted.
pub(super) fn usage(kind: u32) -> Option<u64> {
    COUNTS.usage(kind)
}

static COUNTS: Counts = Counts::new();

/// What all threads counted.
struct Counts {
    /// A bit for each tally that a thread has claimed.
    claimed: AtomicU64,
    /// Bytes in use, without those that tallies keep back.
    settled: AtomicI64,
    /// The most that `settled` ever was.
    peak: AtomicI64,
    tallies: [Tally; TALLIES],
    /// Of all threads that have no tally.
    shared: Tally,
}

/// What one thread counted. A cache line, so that two threads do not wait for each other.
#[repr(align(64))]
struct Tally {
    /// Bytes that are not settled yet.
    kept_back: AtomicI64,
    allocations: AtomicU64,
}

impl Tally {
    const fn new() -> Self {
        Self { kept_back: AtomicI64::new(0), allocations: AtomicU64::new(0) }
    }
}

impl Counts {
    const fn new() -> Self {
        Self {
            claimed: AtomicU64::new(0),
            settled: AtomicI64::new(0),
            peak: AtomicI64::new(0),
            tallies: [const { Tally::new() }; TALLIES],
            shared: Tally::new(),
        }
    }

    /// A tally that nobody else writes to until it is [released](Self::release); none if all are claimed.
    fn claim(&self) -> Option<usize> {
        let mut claimed = self.claimed.load(Relaxed);
        loop {
            let free = claimed.trailing_ones() as usize;
            if free == TALLIES {
                return None;
            }
            let more = claimed | 1 << free;
            match self.claimed.compare_exchange_weak(claimed, more, Acquire, Relaxed) {
                Ok(_) => return Some(free),
                Err(now) => claimed = now,
            }
        }
    }

    /// What is in the tally stays there for the next thread that claims it.
    fn release(&self, tally: usize) {
        self.claimed.fetch_and(!(1 << tally), Release);
    }

    /// Counts in a tally that this thread has claimed.
    #[inline]
    fn add(&self, tally: &Tally, bytes: i64, allocations: u64) {
        if allocations != 0 {
            let before = tally.allocations.load(Relaxed);
            tally.allocations.store(before.wrapping_add(allocations), Relaxed);
        }
        let mut kept_back = tally.kept_back.load(Relaxed).wrapping_add(bytes);
        if kept_back.unsigned_abs() >= BATCH.unsigned_abs() {
            self.settle(kept_back);
            kept_back = 0;
        }
        tally.kept_back.store(kept_back, Relaxed);
    }

    /// The same where others may count, too.
    fn add_shared(&self, bytes: i64, allocations: u64) {
        self.shared.allocations.fetch_add(allocations, Relaxed);
        let kept_back = self.shared.kept_back.fetch_add(bytes, Relaxed).wrapping_add(bytes);
        if kept_back.unsigned_abs() >= BATCH.unsigned_abs() {
            self.settle(self.shared.kept_back.swap(0, Relaxed));
        }
    }

    #[cold]
    #[inline(never)]
    fn settle(&self, bytes: i64) {
        let now = self.settled.fetch_add(bytes, Relaxed).wrapping_add(bytes);
        self.peak.fetch_max(now, Relaxed);
    }

    fn usage(&self, kind: u32) -> Option<u64> {
        // A library that counts has allocated something before it can be asked.
        let allocations = Some(self.allocations()).filter(|count| *count > 0)?;
        match kind {
            usage_figure::HEAP_IN_USE => Some(self.in_use()),
            usage_figure::HEAP_PEAK => Some(self.peak()),
            usage_figure::HEAP_ALLOCATIONS => Some(allocations),
            _ => None,
        }
    }

    fn all(&self) -> impl Iterator<Item = &Tally> {
        self.tallies.iter().chain([&self.shared])
    }

    fn allocations(&self) -> u64 {
        let each = self.all().map(|tally| tally.allocations.load(Relaxed));
        each.fold(0, u64::wrapping_add)
    }

    /// Right as soon as nobody counts; until then, what is being settled may be in it twice or not at
    /// all.
    fn in_use(&self) -> u64 {
        let kept_back = self.all().map(|tally| tally.kept_back.load(Relaxed));
        let bytes = kept_back.fold(self.settled.load(Relaxed), i64::wrapping_add);
        bytes.try_into().unwrap_or(0)
    }

    /// Right to within a [`BATCH`] for each thread.
    fn peak(&self) -> u64 {
        let peak = self.peak.load(Relaxed).try_into().unwrap_or(0);
        self.in_use().max(peak)
    }
}

thread_local! {
    /// This thread's tally, for the way that every allocation takes: no destructor, no check.
    static MINE: Cell<Option<&'static Tally>> = const { Cell::new(None) };
    static CLAIM: Claim = const { Claim(Cell::new(None)) };
}

/// Gives the tally back when the thread ends.
struct Claim(Cell<Option<usize>>);

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(tally) = self.0.take() {
            // What is freed later on this thread, by the destructors of other locals, is shared.
            MINE.set(None);
            COUNTS.release(tally);
        }
    }
}

#[inline]
fn count(bytes: i64, allocations: u64) {
    match MINE.get() {
        Some(tally) => COUNTS.add(tally, bytes, allocations),
        None => count_without_tally(bytes, allocations),
    }
}

#[cold]
#[inline(never)]
fn count_without_tally(bytes: i64, allocations: u64) {
    // An error once the locals of this thread are being destroyed.
    let claimed = CLAIM.try_with(|claim| {
        let tally = COUNTS.claim()?;
        claim.0.set(Some(tally));
        COUNTS.tallies.get(tally)
    });
    match claimed.ok().flatten() {
        Some(tally) => {
            MINE.set(Some(tally));
            COUNTS.add(tally, bytes, allocations);
        }
        None => COUNTS.add_shared(bytes, allocations),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_is_claimed_by_one_thread_at_a_time() {
        let counts = Counts::new();
        let claimed: Vec<_> = std::iter::from_fn(|| counts.claim()).collect();
        assert_eq!(claimed, (0..TALLIES).collect::<Vec<_>>());
        counts.release(7);
        assert_eq!(counts.claim(), Some(7));
        assert_eq!(counts.claim(), None);
    }

    #[test]
    fn what_one_thread_allocates_and_another_one_frees_is_not_in_use() {
        let counts = Counts::new();
        let [one, other] = [&counts.tallies[0], &counts.tallies[1]];
        for bytes in [1, BATCH - 1, BATCH, 3 * BATCH + 5] {
            counts.add(one, bytes, 1);
            counts.add_shared(bytes, 1);
            assert_eq!(counts.in_use(), 2 * bytes.unsigned_abs());
            counts.add(other, -bytes, 0);
            assert_eq!(counts.in_use(), bytes.unsigned_abs());
            counts.add_shared(-bytes, 0);
            assert_eq!(counts.in_use(), 0);
        }
        assert_eq!(counts.allocations(), 8);
    }

    #[test]
    fn the_peak_is_right_to_within_a_batch_for_each_thread() {
        let counts = Counts::new();
        let most = 2 * 1000 * 1000;
        for tally in &counts.tallies[..2] {
            (0..1000).for_each(|_| counts.add(tally, 1000, 1));
        }
        assert_eq!(counts.peak(), most);
        for tally in &counts.tallies[2..4] {
            (0..1000).for_each(|_| counts.add(tally, -1000, 0));
        }
        assert_eq!(counts.in_use(), 0);
        let peak = counts.peak();
        assert!(most - peak < 2 * BATCH.unsigned_abs(), "{peak} of {most}");
    }

    #[test]
    fn nothing_is_told_where_nothing_is_counted_nor_of_a_figure_that_a_later_host_asks_for() {
        let counts = Counts::new();
        let usage = || [0, 1, 2, 3].map(|kind| counts.usage(kind));
        assert_eq!(usage(), [None; 4]);
        counts.add(&counts.tallies[0], 10, 1);
        assert_eq!(usage(), [Some(10), Some(10), Some(1), None]);
    }
}
