//! Sealed copies that wait for being loaded: how many may, and that there is one of the same bytes.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::free_memory::free_memory;
use super::library_file::LARGEST;

/// So many bytes may wait wherever it is: one file of any size, and some hundred usual ones.
const ALWAYS: u64 = LARGEST;

/// The copies that wait.
#[derive(Debug)]
pub(super) struct Waiting {
    copies: AtomicUsize,
    /// How many bytes they have.
    bytes: AtomicU64,
    by_digest: Mutex<BTreeMap<[u8; 32], Weak<Kept>>>,
    /// How many bytes more could be taken.
    free: fn() -> u64,
}

/// Those of this process.
pub(super) static WAITING: Waiting = Waiting::new(free_memory);

/// The right of one copy to wait for being loaded.
#[derive(Debug)]
pub(super) struct Permit {
    among: &'static Waiting,
    bytes: u64,
}

/// A sealed copy that waits.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) file: Arc<File>,
    digest: [u8; 32],
    permit: Permit,
}

impl Waiting {
    const fn new(free: fn() -> u64) -> Self {
        Self {
            copies: AtomicUsize::new(0),
            bytes: AtomicU64::new(0),
            by_digest: Mutex::new(BTreeMap::new()),
            free,
        }
    }

    /// Room for a copy of so many bytes, if there is. Beyond [`ALWAYS`], what waits takes at most as much
    /// as it leaves: half of what was free. Loaded it takes the same for good.
    pub(super) fn permit(&'static self, bytes: u64) -> Option<Permit> {
        let copies = self.copies.fetch_add(1, Ordering::Relaxed);
        let total = self.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        // Made first: it counts down again if there were too many.
        let permit = Permit { among: self, bytes };
        let fits = copies < descriptors() / 4 && (total <= ALWAYS || total <= (self.free)());
        fits.then_some(permit)
    }

    /// A copy with this digest: this one, or an earlier one that waits still. Whoever can put files into
    /// a directory can put many copies of a signed one.
    pub(super) fn keep(&self, file: File, digest: [u8; 32], mut permit: Permit) -> Arc<Kept> {
        // The file may have grown while it was read.
        permit.set(file.metadata().map_or(LARGEST, |metadata| metadata.len()));
        let mut by_digest = self.by_digest.lock();
        if let Some(copy) = by_digest.get(&digest).and_then(Weak::upgrade) {
            return copy;
        }
        let copy = Arc::new(Kept { file: Arc::new(file), digest, permit });
        by_digest.insert(digest, Arc::downgrade(&copy));
        copy
    }
}

impl Permit {
    fn set(&mut self, bytes: u64) {
        self.among.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.among.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        self.bytes = bytes;
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let mut by_digest = self.permit.among.by_digest.lock();
        // Another one may have come meanwhile.
        if by_digest.get(&self.digest).is_some_and(|copy| copy.strong_count() == 0) {
            by_digest.remove(&self.digest);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.among.copies.fetch_sub(1, Ordering::Relaxed);
        self.among.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// How many files this process may have open.
fn descriptors() -> usize {
    #[cfg(unix)]
    {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
    }
    #[cfg(not(unix))]
    512
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_copies_may_wait_wherever_it_is_and_one_of_any_size() {
        static WAITING: Waiting = Waiting::new(|| 0);
        let large = WAITING.permit(LARGEST).expect("it fits");
        assert!(WAITING.permit(1).is_none());
        drop(large);
        let some = WAITING.permit(ALWAYS - 10).expect("it fits");
        assert!(WAITING.permit(11).is_none());
        assert!(WAITING.permit(10).is_some(), "what was refused does not count");
        drop(some);
    }

    #[test]
    fn more_copies_may_wait_while_they_leave_as_much_memory_as_they_take() {
        static WAITING: Waiting = Waiting::new(|| 3 * ALWAYS);
        let some = [(); 3].map(|()| WAITING.permit(ALWAYS).expect("it fits"));
        assert!(WAITING.permit(1).is_none());
        drop(some);
    }

    #[test]
    fn of_the_same_bytes_one_copy_waits() {
        static WAITING: Waiting = Waiting::new(|| 0);
        let keep = |digest: u8| {
            let permit = WAITING.permit(10).unwrap();
            let file = tempfile::tempfile().unwrap();
            file.set_len(15).unwrap();
            WAITING.keep(file, [digest; 32], permit)
        };
        let (one, again, other) = (keep(1), keep(1), keep(2));
        assert!(Arc::ptr_eq(&one, &again) && !Arc::ptr_eq(&one, &other));
        assert_eq!(WAITING.bytes.load(Ordering::Relaxed), 30, "they have grown");
        drop((one, other));
        assert_eq!(WAITING.by_digest.lock().len(), 1, "somebody waits with it");
        drop(again);
        assert!(WAITING.by_digest.lock().is_empty());
        assert_eq!(WAITING.bytes.load(Ordering::Relaxed), 0);
    }
}
