//! Parts of hotshoe that threads share, in every order that these may come in: `scripts/loom`.
//!
//! They are compiled here because loom needs all that they are built from to be its own, and most of what
//! hotshoe is tested with does not stand that.
#![cfg(all(test, loom))]
#![allow(unsafe_code, reason = "loom's cells are reached through pointers")]

#[path = "../../../src/supervise/bulkhead.rs"]
#[allow(dead_code, reason = "not all of it is tried")]
mod bulkhead;
mod model;

/// What the parts are told.
mod config {
    use std::num::NonZeroU32;

    #[derive(Clone, Copy, Debug)]
    pub(crate) struct BulkheadPolicy {
        pub(crate) max_in_flight: NonZeroU32,
        pub(crate) queue: u32,
    }
}

/// What the parts are built from.
mod sync {
    pub(crate) use loom::sync::atomic::AtomicU64;

    /// With the face of `parking_lot`'s.
    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
            self.0.lock().expect("no thread panics in it")
        }
    }
}
