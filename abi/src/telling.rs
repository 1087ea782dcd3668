//! A waker that tells somebody before it wakes: for whoever polls and wants to know since when he is
//! expected to poll again.

use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::task::{RawWaker, RawWakerVTable, Wake, Waker};

/// Whoever is told before a waker wakes.
pub trait BeforeWake: Clone + Send + Sync + 'static {
    /// The waker is about to wake.
    fn before_wake(&self);
}

/// Runs `f` with a waker that tells `told` and then wakes `waker`. Only a clone of it costs anything.
pub fn telling<B: BeforeWake, T>(waker: &Waker, told: &B, f: impl FnOnce(&Waker) -> T) -> T {
    let lent = Telling { waker, told };
    let raw = RawWaker::new((&raw const lent).cast(), &Telling::<B>::TABLE);
    // SAFETY: `TABLE` keeps the contract of `RawWaker` as long as `lent` lives, and its drop does
    // nothing, so the waker may be dropped here.
    let waker = unsafe { Waker::from_raw(raw) };
    f(&waker)
}

struct Telling<'a, B> {
    waker: &'a Waker,
    told: &'a B,
}

/// The same, kept.
struct Told<B> {
    waker: Waker,
    told: B,
}

impl<B: BeforeWake> Telling<'_, B> {
    const TABLE: RawWakerVTable = RawWakerVTable::new(Self::clone, Self::wake, Self::wake, |_| ());

    unsafe fn clone(telling: *const ()) -> RawWaker {
        // SAFETY: in this table the pointer is a live `Telling<B>`.
        let this = unsafe { &*telling.cast::<Telling<'_, B>>() };
        let told = Told { waker: this.waker.clone(), told: this.told.clone() };
        let kept = ManuallyDrop::new(Waker::from(Arc::new(told)));
        RawWaker::new(kept.data(), kept.vtable())
    }

    unsafe fn wake(telling: *const ()) {
        // SAFETY: as in `clone`.
        let this = unsafe { &*telling.cast::<Telling<'_, B>>() };
        this.told.before_wake();
        this.waker.wake_by_ref();
    }
}

impl<B: BeforeWake> Wake for Told<B> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.told.before_wake();
        self.waker.wake_by_ref();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Clone, Default)]
    struct Count(Arc<AtomicUsize>);

    impl Count {
        fn get(&self) -> usize {
            self.0.load(Ordering::SeqCst)
        }
    }

    impl BeforeWake for Count {
        fn before_wake(&self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.before_wake();
        }
    }

    #[test]
    fn whoever_is_told_is_told_as_often_as_somebody_is_woken() {
        let woken = Count::default();
        let waker = Waker::from(Arc::new(woken.clone()));
        let told = Count::default();
        let kept = telling(&waker, &told, |waker| {
            waker.wake_by_ref();
            waker.clone()
        });
        assert_eq!((told.get(), woken.get()), (1, 1));
        kept.wake_by_ref();
        let again = kept.clone();
        kept.wake();
        again.wake();
        assert_eq!((told.get(), woken.get()), (4, 4));
        drop(waker);
        assert_eq!(Arc::strong_count(&told.0), 1);
        assert_eq!(Arc::strong_count(&woken.0), 1);
    }
}
