//! How many bytes went in and out of one contribution.
//!
//! Each thread adds to one of a few words that lie apart, so that two threads hardly ever write to the
//! same one at the same time.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

pub(super) const LANES: usize = 8;

/// Bytes of bodies whose length was known.
#[derive(Debug, Default)]
pub(super) struct Traffic(OnceLock<Box<[Words; LANES]>>);

/// A cache line of its own, and the one that is fetched along with it.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Words {
    received: AtomicU64,
    sent: AtomicU64,
}

thread_local! {
    static LANE: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// The calling thread's, given out in turn.
pub(super) fn lane() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let lane = LANE.get();
    if lane != usize::MAX {
        return lane;
    }
    let lane = NEXT.fetch_add(1, Ordering::Relaxed) % LANES;
    LANE.set(lane);
    lane
}

impl Traffic {
    pub(super) fn add(&self, received: u64, sent: u64) {
        if received == 0 && sent == 0 {
            return;
        }
        let words = &self.0.get_or_init(Default::default)[lane()];
        for (word, bytes) in [(&words.received, received), (&words.sent, sent)] {
            // Most requests have no body.
            if bytes != 0 {
                word.fetch_add(bytes, Ordering::Relaxed);
            }
        }
    }

    /// Received by the plugin, sent by it.
    pub(super) fn sums(&self) -> (u64, u64) {
        let words = self.0.get().into_iter().flat_map(|words| words.iter());
        words.fold((0, 0), |(received, sent), words| {
            let own = |word: &AtomicU64| word.load(Ordering::Relaxed);
            (received + own(&words.received), sent + own(&words.sent))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_threads_add_is_summed_up() {
        let traffic = Traffic::default();
        assert_eq!(traffic.sums(), (0, 0));
        std::thread::scope(|scope| {
            for _ in 0..2 * LANES {
                scope.spawn(|| (0..100).for_each(|_| traffic.add(2, 3)));
            }
        });
        assert_eq!(traffic.sums(), (3_200, 4_800));
    }
}
