//! [`PluginMetrics`]: the figures of one instance at one moment, in a record that does not grow with
//! input.

use std::time::SystemTime;

use hotshoe_abi::PluginModuleRef;
use serde::Serialize;

use super::core::Core;
use super::info::HeapUse;
use super::slot::Slot;
use crate::contract::Result;
use crate::lifecycle::Status;
use crate::supervise::CallStats;

/// The figures of one instance. The first ones have the names of seed 003's `PluginMetrics`.
///
/// Counts go on over restarts of the instance.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PluginMetrics {
    /// The instance.
    pub plugin_id: String,
    /// Its plugin's version.
    pub version: Option<semver::Version>,
    /// Where it stands, roughly.
    pub status: Status,
    /// Calls that were let in: requests, services, storage, `execute`, events, jobs.
    pub request_count: u64,
    /// Those that failed.
    pub error_count: u64,
    /// Half of the calls took no longer, in milliseconds; of those that were timed.
    pub response_time_ms: f64,
    /// All but one of a hundred took no longer, in milliseconds.
    pub response_time_p99_ms: f64,
    /// CPU time of the instance's own threads since it was started, in percent of one processor; only Linux
    /// tells. None on the threads of its callers: reading their clock would cost more than the calls.
    pub cpu_usage_percent: Option<f64>,
    /// What its library has of the heap, in MB of 10^6 bytes; none unless that counts it.
    pub memory_usage_mb: Option<f64>,
    /// Calls that are inside now.
    pub active_connections: u64,
    /// Calls that were not let in.
    pub refused_count: u64,
    /// Bytes of requests to it, of bodies whose length was known.
    pub bytes_received: u64,
    /// Bytes of its responses.
    pub bytes_sent: u64,
    /// How often it was restarted.
    pub restarts: u64,
    /// The share of the time in which it took calls, since it first did, in percent.
    pub uptime_percent: f64,
    /// When a call was last seen, to within a second.
    pub last_used: Option<SystemTime>,
    /// The heap of its library, in full.
    pub heap: Option<HeapUse>,
    /// Its calls, in full.
    pub calls: CallStats,
}

impl Core {
    /// The figures of all instances that were ever started, by id.
    pub(super) fn plugin_metrics(&self) -> Vec<PluginMetrics> {
        let all: Vec<_> =
            self.slots.read().values().filter_map(|slot| self.metrics_of(slot)).collect();
        all.into_iter().map(with_heap).collect()
    }

    /// Those of one.
    ///
    /// # Errors
    /// If there is none, or it was never started.
    pub(super) fn metrics_of_one(&self, id: &str) -> Result<PluginMetrics> {
        self.running(id, |slot| self.metrics_of(slot)).map(with_heap)
    }

    /// What is known without the plugin's code, and its library.
    fn metrics_of(&self, slot: &Slot) -> Option<(PluginMetrics, Option<PluginModuleRef>)> {
        let supervisor = slot.supervisor.as_ref()?;
        let calls = supervisor.stats();
        let (received, sent) = calls.bytes();
        let millis = |time: std::time::Duration| time.as_secs_f64() * 1e3;
        let metrics = PluginMetrics {
            plugin_id: slot.id.clone(),
            version: slot.candidate.as_ref().map(|candidate| candidate.manifest.version.clone()),
            status: slot.state.status(),
            request_count: calls.calls(),
            error_count: calls.errors(),
            response_time_ms: millis(calls.latency.p50),
            response_time_p99_ms: millis(calls.latency.p99),
            cpu_usage_percent: supervisor.cpu_usage(),
            memory_usage_mb: None,
            active_connections: calls.in_flight(),
            refused_count: calls.refused(),
            bytes_received: received,
            bytes_sent: sent,
            restarts: slot.restarts,
            uptime_percent: calls.uptime.unwrap_or_default() * 100.0,
            last_used: calls.last_used,
            heap: None,
            calls,
        };
        Some((metrics, self.counting_library_of(slot)))
    }
}

/// The library's code is called here: not under a lock.
fn with_heap((metrics, library): (PluginMetrics, Option<PluginModuleRef>)) -> PluginMetrics {
    let heap = library.and_then(HeapUse::of);
    PluginMetrics { memory_usage_mb: heap.map(|heap| heap.in_use as f64 / 1e6), heap, ..metrics }
}
