//! Looks at the figures of all that runs, every second: when an instance was last used, what is wrong
//! with it, and which refusals were not told yet.
//!
//! On the timekeeper's thread. Of a plugin nothing runs here, but that a library that counts its heap
//! tells it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant, SystemTime};

use hotshoe_abi::PluginModuleRef;
use parking_lot::Mutex;

use super::core::Core;
use super::info::HeapUse;
use super::slot::Slot;
use crate::monitor::HostEvent;
use crate::supervise::{Detector, Seen, Snapshot, Supervisor, Thresholds};

/// From one look to the next.
const APART: Duration = Duration::from_secs(1);

/// What was seen of one running instance.
pub(super) struct Beat(Mutex<Option<(Seen, Detector)>>);

/// What one look needs of an instance.
struct Stop {
    instance: String,
    supervisor: Arc<Supervisor>,
    beat: Arc<Beat>,
    library: Option<PluginModuleRef>,
    tasks: u64,
    subscriptions: u64,
}

struct Patrol(Weak<Core>);

impl Beat {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::default()))
    }
}

impl Core {
    /// Something runs: from now on it is looked at.
    pub(super) fn patrol(self: &Arc<Self>) {
        if !self.patrolled.swap(true, Ordering::AcqRel) {
            self.next_look();
        }
    }

    fn next_look(self: &Arc<Self>) {
        let waker = Waker::from(Arc::new(Patrol(Arc::downgrade(self))));
        self.time.alarm(Instant::now() + APART, waker);
    }

    fn look(self: &Arc<Self>) {
        let stops: Vec<Stop> =
            self.slots.read().values().filter_map(|slot| self.stop_at(slot)).collect();
        if stops.is_empty() {
            self.patrolled.store(false, Ordering::Release);
            // Something may have come up meanwhile.
            if !self.all_running().is_empty() {
                self.patrol();
            }
            return;
        }
        stops.iter().for_each(|stop| self.inspect(stop));
        #[cfg(feature = "metrics")]
        self.record_metrics();
        self.next_look();
    }

    fn stop_at(&self, slot: &Slot) -> Option<Stop> {
        let running = slot.running.as_ref()?;
        Some(Stop {
            instance: slot.id.clone(),
            supervisor: running.term.supervisor().clone(),
            beat: running.beat.clone(),
            library: self.counting_library_of(slot),
            tasks: running.schedules.len() as u64,
            subscriptions: running.subscriptions.len() as u64,
        })
    }

    fn inspect(&self, stop: &Stop) {
        stop.supervisor.tell_late_refusals();
        let mut beat = stop.beat.0.lock();
        let heap = stop.library.and_then(HeapUse::of).map(|heap| heap.in_use);
        let held = Snapshot {
            heap,
            tasks: stop.tasks,
            subscriptions: stop.subscriptions,
            ..Snapshot::default()
        };
        let Some((seen, detector)) = &mut *beat else {
            let mut seen = Seen::default();
            let first = stop.supervisor.look(&mut seen, held);
            let limits = Thresholds::of(stop.supervisor.limit());
            *beat = Some((seen, Detector::new(limits, first)));
            return;
        };
        let snapshot = stop.supervisor.look(seen, held);
        for kind in detector.look(SystemTime::now(), snapshot) {
            let event = HostEvent::now(&stop.instance, kind);
            tracing::warn!(plugin = stop.instance, "{event}");
            self.monitor.emit(event);
        }
    }
}

impl Wake for Patrol {
    fn wake(self: Arc<Self>) {
        if let Some(core) = self.0.upgrade() {
            core.look();
        }
    }
}
