//! When each client's bucket is full again, for a bounded number of clients.
//!
//! A map leads to places of a vector, so that a random client can be picked in no time: when the
//! table is full, a newcomer replaces the one of a few random clients whose bucket is the fullest.
//! Looking for the very fullest would cost an ordered index on each request; a sample is nearly as
//! good.

use std::collections::HashMap;
use std::sync::Arc;

/// How many clients are compared to find one to forget.
const SAMPLE: usize = 8;

#[derive(Debug)]
pub(crate) struct Table {
    places: HashMap<Arc<str>, usize>,
    clients: Vec<Entry>,
    capacity: usize,
    /// State of a small generator: which clients are compared need not be unpredictable.
    random: u64,
}

#[derive(Debug)]
struct Entry {
    name: Arc<str>,
    full_at: u64,
}

impl Table {
    pub(crate) fn new(capacity: usize, seed: u64) -> Self {
        Self {
            places: HashMap::new(),
            clients: Vec::new(),
            capacity: capacity.max(1),
            random: seed | 1,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.clients.len()
    }

    /// When the client's bucket is full; 0 (long ago) for one that is not known.
    pub(crate) fn full_at(&self, name: &str) -> u64 {
        self.entry(name).map_or(0, |entry| entry.full_at)
    }

    /// Notes when the client's bucket is full; returns whether another was forgotten for that
    /// before its bucket was full.
    pub(crate) fn set(&mut self, name: &str, full_at: u64, now: u64) -> bool {
        if let Some(place) = self.places.get(name).copied() {
            if let Some(entry) = self.clients.get_mut(place) {
                entry.full_at = full_at;
            }
            return false;
        }
        let mut lost = false;
        if self.clients.len() >= self.capacity {
            let place = self.fullest_of_a_sample();
            lost = self.clients.get(place).is_some_and(|entry| entry.full_at > now);
            self.remove(place);
        }
        let name: Arc<str> = name.into();
        self.places.insert(name.clone(), self.clients.len());
        self.clients.push(Entry { name, full_at });
        lost
    }

    /// Forgets the clients whose bucket is full: they are as good as new.
    pub(crate) fn sweep(&mut self, now: u64) {
        let mut place = 0;
        while let Some(entry) = self.clients.get(place) {
            if entry.full_at <= now {
                self.remove(place);
            } else {
                place += 1;
            }
        }
        // A flood that is over need not be paid for any longer.
        if self.clients.capacity() > 64 && self.clients.len() < self.clients.capacity() / 4 {
            self.clients.shrink_to(self.clients.len() * 2);
            self.places.shrink_to(self.clients.len() * 2);
        }
    }

    /// All clients and when their buckets are full.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.clients.iter().map(|entry| (&*entry.name, entry.full_at))
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.clients.get(*self.places.get(name)?)
    }

    fn fullest_of_a_sample(&mut self) -> usize {
        let mut fullest = (u64::MAX, 0);
        for _ in 0..SAMPLE {
            let place = self.random_place();
            if let Some(entry) = self.clients.get(place) {
                fullest = fullest.min((entry.full_at, place));
            }
        }
        fullest.1
    }

    fn random_place(&mut self) -> usize {
        // xorshift64
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random % self.clients.len().max(1) as u64).unwrap_or(0)
    }

    fn remove(&mut self, place: usize) {
        let removed = self.clients.swap_remove(place);
        self.places.remove(&removed.name);
        if let Some(moved) = self.clients.get(place) {
            self.places.insert(moved.name.clone(), place);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_flood_of_newcomers_does_not_set_those_free_that_are_at_their_limit() {
        let mut table = Table::new(100, 7);
        table.set("abuser", 1_000_000, 0);
        for newcomer in 0..50_000 {
            table.set(&format!("newcomer {newcomer}"), 1000 + newcomer, newcomer);
        }
        assert_eq!(table.len(), 100);
        assert_eq!(table.full_at("abuser"), 1_000_000);
    }

    #[test]
    fn what_a_flood_took_is_given_back() {
        let mut table = Table::new(100_000, 7);
        for client in 0..50_000 {
            table.set(&client.to_string(), 10, 0);
        }
        table.sweep(10);
        assert_eq!(table.len(), 0);
        assert!(table.clients.capacity() <= 64, "{}", table.clients.capacity());
    }

    #[derive(Clone, Debug)]
    enum Step {
        Set(u8, u64),
        Sweep(u64),
    }

    proptest! {
        #[test]
        fn without_a_flood_it_is_a_map(
            steps in prop::collection::vec(prop_oneof![
                4 => (any::<u8>(), 1u64..1000).prop_map(|(client, at)| Step::Set(client, at)),
                1 => (0u64..1000).prop_map(Step::Sweep),
            ], 0..300),
        ) {
            let mut table = Table::new(256, 1);
            let mut model: BTreeMap<String, u64> = BTreeMap::new();
            for step in steps {
                match step {
                    Step::Set(client, at) => {
                        prop_assert!(!table.set(&client.to_string(), at, 0));
                        model.insert(client.to_string(), at);
                    }
                    Step::Sweep(now) => {
                        table.sweep(now);
                        model.retain(|_, at| *at > now);
                    }
                }
                let found: BTreeMap<String, u64> =
                    table.iter().map(|(name, at)| (name.to_owned(), at)).collect();
                prop_assert_eq!(&found, &model);
                prop_assert!(model.iter().all(|(name, at)| table.full_at(name) == *at));
            }
        }

        #[test]
        fn it_never_holds_more_than_it_may(
            capacity in 1usize..20,
            clients in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let mut table = Table::new(capacity, 3);
            for client in clients {
                table.set(&client.to_string(), 10, 0);
                prop_assert!(table.len() <= capacity);
                prop_assert_eq!(table.full_at(&client.to_string()), 10);
            }
        }
    }
}
