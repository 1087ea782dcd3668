//! The conformance suite of [`StorageBackend`]: every sentence of its contract, checked.
//!
//! It asks nothing of the backend but the contract, needs no runtime, and does not sleep.

mod batches;
mod cancellation;
mod check;
mod concurrency;
mod durable;
mod ext;
mod limits;
mod records;
mod scans;
mod versions;

use std::path::Path;

use check::{Check, run};

use crate::contract::StorageBackend;

/// Runs every check of the storage contract. Each gets a new store from `make`, which must be
/// empty.
///
/// ```
/// use hotshoe::MemoryStore;
///
/// hotshoe::testing::storage_backend(MemoryStore::new);
/// ```
///
/// # Panics
/// When a check fails, after all have run: with the name of each that failed, what it expected and
/// what it found.
pub fn storage_backend<S, F>(make: F)
where
    S: StorageBackend,
    F: Fn() -> S,
{
    let checks: Vec<Check<S>> = [
        records::checks(),
        versions::checks(),
        batches::checks(),
        limits::checks(),
        scans::checks(),
        concurrency::checks(),
        cancellation::checks(),
        ext::checks(),
    ]
    .into_iter()
    .flatten()
    .collect();
    run(&checks, |check| check(&make));
}

/// Runs the checks of a backend that says it is durable: what was acknowledged is there after the
/// store was dropped and opened again. `make` opens the store kept in a directory, which is a new
/// one for each check and removed afterwards.
///
/// It does not repeat [`storage_backend`]: run both.
///
/// # Panics
/// As [`storage_backend`]; also when no temporary directory can be made.
pub fn storage_backend_durable<S, F>(make: F)
where
    S: StorageBackend,
    F: Fn(&Path) -> S,
{
    run(&durable::checks(), |check| check(&make));
}
