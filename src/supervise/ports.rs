//! The ports of one instance, all generations of it: what they share, and whether calls are held.

use std::sync::Arc;
use std::time::Instant;

use async_channel::Sender;

use super::contribution::Contribution;
use super::limits::Limits;
use super::port::AnyPort;

/// All ports of an instance.
#[derive(Default)]
pub(super) struct Ports {
    /// One for each contribution there ever was. What waits for its place among them has none yet.
    pub(super) list: Vec<Arc<dyn AnyPort>>,
    /// Replaced while calls were inside that did not come back.
    pub(super) left_behind: Vec<Arc<dyn AnyPort>>,
    /// How many hold all calls.
    pub(super) holders: u32,
    /// Who is told that its breaker has opened, instead of its callers.
    pub(super) on_trip: Option<Sender<Instant>>,
    /// That was told, and calls are held until somebody has dealt with it.
    pub(super) tripped: bool,
}

impl Ports {
    pub(super) fn hold(&mut self) {
        self.holders += 1;
        if self.holders == 1 {
            self.all().for_each(|port| port.pause());
        }
    }

    /// A breaker has opened: whether somebody was told, and calls wait for what they do about it.
    pub(super) fn trip(&mut self) -> bool {
        let Some(told) = self.on_trip.take() else { return false };
        let _ = told.try_send(Instant::now());
        self.tripped = true;
        self.hold();
        true
    }

    /// Those that share these limits.
    pub(super) fn behind(&self, limits: &Arc<Limits>) -> impl Iterator<Item = &Arc<dyn AnyPort>> {
        self.all().filter(|port| Arc::ptr_eq(&port.watch().limits, limits))
    }

    /// Calls of theirs that came to an end of their own.
    pub(super) fn ended_behind(&self, limits: &Arc<Limits>) -> u64 {
        self.behind(limits).map(|port| ended_of(&**port)).sum()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<dyn AnyPort>> {
        self.list.iter().chain(&self.left_behind)
    }

    pub(super) fn contributions(&self) -> impl Iterator<Item = &Contribution> {
        self.list.iter().map(|port| &port.watch().contribution)
    }
}

impl std::fmt::Debug for Ports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.all().map(|port| &port.watch().contribution)).finish()
    }
}

/// Calls that came to an end of their own.
pub(super) fn ended_of(port: &dyn AnyPort) -> u64 {
    port.counts().1.saturating_sub(port.watch().meter.without_answer())
}
