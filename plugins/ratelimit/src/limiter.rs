//! The limiter: a [`Rate`] and the clients it is applied to. Knows no clock and no requests.
//!
//! Clients are spread over several tables, each behind a lock of its own that is held for a map
//! lookup only.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::gcra::Rate;
use crate::table::Table;

const TABLES: usize = 16;

/// What a client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    pub allowed: bool,
    /// How many requests a full bucket allows.
    pub limit: u32,
    /// How many are left.
    pub remaining: u32,
    /// Nanoseconds until the next request is allowed.
    pub retry_after: u64,
    /// Nanoseconds until the bucket is full.
    pub reset: u64,
}

#[derive(Debug)]
pub(crate) struct Limiter {
    rate: Rate,
    tables: Vec<Mutex<Table>>,
    hasher: RandomState,
    evicted: AtomicU64,
}

impl Limiter {
    pub(crate) fn new(rate: Rate, max_clients: usize) -> Self {
        let count = max_clients.clamp(1, TABLES);
        let hasher = RandomState::new();
        let tables = (0..count)
            .map(|at| {
                // The first tables take what cannot be shared out evenly.
                let capacity = max_clients / count + usize::from(at < max_clients % count);
                Mutex::new(Table::new(capacity, hasher.hash_one(at)))
            })
            .collect();
        Self { rate, tables, hasher, evicted: AtomicU64::new(0) }
    }

    /// Judges a request of `client` at `now`.
    pub(crate) fn check(&self, client: &str, now: u64) -> Decision {
        let mut table = self.table(client);
        let verdict = self.rate.check(table.full_at(client), now);
        if verdict.allowed && table.set(client, verdict.full_at, now) {
            self.evicted.fetch_add(1, Relaxed);
        }
        drop(table);
        Decision {
            allowed: verdict.allowed,
            limit: self.rate.burst(),
            remaining: verdict.remaining,
            retry_after: verdict.retry_after,
            reset: verdict.full_at.saturating_sub(now),
        }
    }

    /// Forgets clients that are as good as new.
    pub(crate) fn sweep(&self, now: u64) {
        for table in &self.tables {
            lock(table).sweep(now);
        }
    }

    /// How many clients are remembered.
    pub(crate) fn clients(&self) -> usize {
        self.tables.iter().map(|table| lock(table).len()).sum()
    }

    /// How many clients were forgotten too early, for lack of room.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted.load(Relaxed)
    }

    /// The clients whose bucket is not full, with the nanoseconds until it is.
    pub(crate) fn debts(&self, now: u64) -> Vec<(String, u64)> {
        let mut debts = Vec::new();
        for table in &self.tables {
            let table = lock(table);
            let owing = table.iter().filter(|(_, full_at)| *full_at > now);
            debts.extend(owing.map(|(name, full_at)| (name.to_owned(), full_at - now)));
        }
        debts
    }

    /// Takes over what [`debts`](Self::debts) gave; a client that is known already keeps the
    /// greater debt.
    pub(crate) fn take_over(&self, debts: impl IntoIterator<Item = (String, u64)>, now: u64) {
        for (client, debt) in debts {
            let mut table = self.table(&client);
            let full_at = now.saturating_add(debt).max(table.full_at(&client));
            if debt > 0 && table.set(&client, full_at, now) {
                self.evicted.fetch_add(1, Relaxed);
            }
        }
    }

    fn table(&self, client: &str) -> MutexGuard<'_, Table> {
        let place = self.hasher.hash_one(client) % self.tables.len().max(1) as u64;
        // `new` makes at least one table.
        lock(&self.tables[usize::try_from(place).unwrap_or(0)])
    }
}

/// A panic while it was held left at most one client forgotten.
fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn limiter(count: u32, burst: u32, max_clients: usize) -> Limiter {
        let [count, burst] = [count, burst].map(|number| NonZeroU32::new(number).unwrap());
        Limiter::new(Rate::new(count, Duration::from_secs(60), burst), max_clients)
    }

    #[test]
    fn clients_do_not_share_a_bucket() {
        let limiter = limiter(60, 2, 100);
        for _ in 0..2 {
            assert!(limiter.check("a", 0).allowed);
        }
        let refused = limiter.check("a", 0);
        let expected = Decision {
            allowed: false,
            limit: 2,
            remaining: 0,
            retry_after: SECOND,
            reset: 2 * SECOND,
        };
        assert_eq!(refused, expected);
        assert!(limiter.check("b", 0).allowed);
        assert!(limiter.check("a", SECOND).allowed);
    }

    #[test]
    fn idle_clients_are_forgotten_and_nobody_gains_by_it() {
        let limiter = limiter(60, 2, 100);
        limiter.check("idle", 0);
        limiter.check("busy", 0);
        limiter.check("busy", 0);
        limiter.sweep(SECOND);
        assert_eq!(limiter.clients(), 1);
        assert_eq!(limiter.check("busy", SECOND).remaining, 0);
        assert_eq!(limiter.check("idle", SECOND).remaining, 1);
    }

    #[test]
    fn a_successor_goes_on_where_its_predecessor_stopped() {
        let old = limiter(60, 3, 100);
        for _ in 0..3 {
            old.check("a", 100 * SECOND);
        }
        old.check("b", 50 * SECOND);
        let debts = old.debts(101 * SECOND);
        assert_eq!(debts, [("a".to_owned(), 2 * SECOND)]);
        let new = limiter(60, 3, 100);
        new.take_over(debts, 5 * SECOND);
        assert_eq!(new.check("a", 5 * SECOND).remaining, 0);
        assert!(!new.check("a", 5 * SECOND).allowed);
    }

    #[test]
    fn many_threads_together_get_no_more_than_one() {
        let limiter = limiter(1, 1000, 100);
        let allowed = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        if limiter.check("a", 0).allowed {
                            allowed.fetch_add(1, Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(allowed.load(Relaxed), 1000);
    }

    proptest! {
        #[test]
        fn sweeping_changes_no_decision(
            steps in prop::collection::vec((0u8..4, 0u64..3 * SECOND), 1..200),
        ) {
            let (swept, kept) = (limiter(60, 3, 100), limiter(60, 3, 100));
            let mut now = 0;
            for (client, step) in steps {
                now += step;
                swept.sweep(now);
                let client = client.to_string();
                prop_assert_eq!(swept.check(&client, now), kept.check(&client, now));
            }
        }

        #[test]
        fn it_never_remembers_more_clients_than_it_may(
            max_clients in 1usize..50,
            clients in prop::collection::vec(any::<u16>(), 0..400),
        ) {
            let limiter = limiter(60, 3, max_clients);
            for client in clients {
                limiter.check(&client.to_string(), 0);
                prop_assert!(limiter.clients() <= max_clients);
            }
        }
    }
}
