//! The figures.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use keyserver_api::{KEYS_ADDED, KEYS_CHANGED};

use crate::histogram::Histogram;

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const OTHER: &str = "other";

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Code {
    Status(u16),
    /// A status that HTTP does not have.
    Other,
    /// An error instead of a response.
    Error,
    /// Nobody waited any more.
    Abandoned,
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Status(status) => write!(f, "{status}"),
            Self::Other => f.write_str(OTHER),
            Self::Error => f.write_str("error"),
            Self::Abandoned => f.write_str("abandoned"),
        }
    }
}

/// Method, path (by its place) and ending.
type Key = (&'static str, usize, Code);

#[derive(Debug)]
pub(crate) struct Counters {
    /// The paths that are told apart, then `other`; a histogram for each.
    paths: Vec<(String, Histogram)>,
    requests: Mutex<BTreeMap<Key, u64>>,
    in_flight: AtomicI64,
    added: AtomicU64,
    changed: AtomicU64,
    started: Instant,
}

impl Counters {
    pub(crate) fn new(paths: &[String]) -> Self {
        let names = paths.iter().cloned().chain([OTHER.to_owned()]);
        Self {
            paths: names.map(|name| (name, Histogram::default())).collect(),
            requests: Mutex::default(),
            in_flight: AtomicI64::new(0),
            added: AtomicU64::new(0),
            changed: AtomicU64::new(0),
            started: Instant::now(),
        }
    }

    /// The method as it is counted.
    pub(crate) fn method(method: &str) -> &'static str {
        METHODS.into_iter().find(|known| *known == method).unwrap_or(OTHER)
    }

    /// The place of a path among those that are told apart.
    pub(crate) fn path(&self, path: &str) -> usize {
        let other = self.paths.len() - 1;
        self.paths.iter().take(other).position(|(known, _)| known == path).unwrap_or(other)
    }

    pub(crate) fn begin(&self) {
        self.in_flight.fetch_add(1, Relaxed);
    }

    pub(crate) fn end(&self, method: &'static str, path: usize, code: Code, took: Duration) {
        self.in_flight.fetch_sub(1, Relaxed);
        if let Some((_, histogram)) = self.paths.get(path) {
            histogram.add(took);
        }
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry((method, path, code)).or_default() += 1;
    }

    pub(crate) fn event(&self, topic: &str) {
        match topic {
            KEYS_ADDED => self.added.fetch_add(1, Relaxed),
            KEYS_CHANGED => self.changed.fetch_add(1, Relaxed),
            _ => 0,
        };
    }

    /// Method, path, ending and count of the requests.
    pub(crate) fn requests(&self) -> Vec<(&'static str, &str, Code, u64)> {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone();
        requests
            .into_iter()
            .filter_map(|((method, path, code), count)| {
                Some((method, self.paths.get(path)?.0.as_str(), code, count))
            })
            .collect()
    }

    /// How many requests were answered.
    pub(crate) fn total(&self) -> u64 {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }

    pub(crate) fn durations(&self) -> impl Iterator<Item = (&str, &Histogram)> {
        self.paths.iter().map(|(path, histogram)| (path.as_str(), histogram))
    }

    pub(crate) fn in_flight(&self) -> i64 {
        self.in_flight.load(Relaxed)
    }

    pub(crate) fn added(&self) -> u64 {
        self.added.load(Relaxed)
    }

    pub(crate) fn changed(&self) -> u64 {
        self.changed.load(Relaxed)
    }

    pub(crate) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }
}
