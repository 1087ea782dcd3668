//! What was done since the start.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use hotshoe::Metric;
use keyserver_api::Stats;

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub added: Counter,
    pub updated: Counter,
    pub unchanged: Counter,
    pub refused: Counter,
    pub lookups: Counter,
    pub conflicts: Counter,
    pub events_lost: Counter,
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, by: u64) {
        self.0.fetch_add(by, Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl Counters {
    pub(crate) fn stats(&self, certificates: u64) -> Stats {
        let mut stats = Stats::default();
        stats.certificates = certificates;
        stats.added = self.added.get();
        stats.updated = self.updated.get();
        stats.unchanged = self.unchanged.get();
        stats.refused = self.refused.get();
        stats.lookups = self.lookups.get();
        stats
    }

    pub(crate) fn metrics(&self) -> Vec<Metric> {
        [
            ("certificates_added_total", &self.added),
            ("certificates_updated_total", &self.updated),
            ("certificates_unchanged_total", &self.unchanged),
            ("submissions_refused_total", &self.refused),
            ("lookups_total", &self.lookups),
            ("storage_conflicts_total", &self.conflicts),
            ("events_lost_total", &self.events_lost),
        ]
        .into_iter()
        .map(|(name, counter)| Metric::new(name, counter.get() as f64))
        .collect()
    }
}
