//! Calls under supervision: who may go in, how long it may take, and what became of it.
//!
//! A [`Supervisor`] watches over one instance. Each contribution has a [`Port`], where its calls go in;
//! as long as nothing is configured and nothing is wrong, that is all that a call meets.

mod backoff;
mod balance;
mod breaker;
mod bucket;
mod bulkhead;
mod canary;
mod contribution;
mod faults;
mod flights;
mod hold;
mod limits;
mod meter;
mod own_time;
mod port;
mod ports;
mod problems;
mod stats;
mod storage;
mod supervisor;
#[cfg(test)]
mod swap_tests;
mod term;
mod traffic;
mod uptime;
mod watch;
mod words;

pub(crate) use backoff::{Backoff, Next};
pub(crate) use balance::{Fitness, Standing, choose, next_turn, tries};
pub(crate) use bucket::Bucket;
pub(crate) use canary::{Canary, Verdict};
pub(crate) use contribution::Contribution;
pub use faults::Injected;
pub(crate) use hold::Hold;
pub use meter::Latency;
pub(crate) use own_time::OwnTime;
pub(crate) use port::{Port, TurnedAway};
pub(crate) use problems::{Detector, Snapshot, Thresholds};
pub use stats::{CallStats, ContributionStats};
pub(crate) use storage::SupervisedStorage;
pub(crate) use supervisor::{Seen, Supervisor, is_failure};
pub(crate) use term::Term;
