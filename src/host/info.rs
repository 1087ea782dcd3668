//! What a host tells about its plugins.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use hotshoe_abi::{PluginModuleRef, usage_figure};
use serde::Serialize;

use super::core::Core;
use super::slot::Slot;
use crate::contract::Health;
use crate::discover::Source;
use crate::lifecycle::{State, Status};
use crate::manifest::{Endpoint, StatePolicy, SwapMode};
use crate::tasks::Schedule;

/// How an instance's code arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Mount {
    /// Compiled into the program.
    Linked,
    /// A library file.
    Loaded,
}

impl std::fmt::Display for Mount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Linked => "linked",
            Self::Loaded => "loaded",
        })
    }
}

/// The public record of one plugin instance.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PluginInfo {
    /// The instance's id.
    pub id: String,
    /// The plugin's id.
    pub plugin: String,
    /// The pool that it is in: calls by that name are spread over the instances of it.
    pub pool: Option<String>,
    /// The plugin's name for people.
    pub name: String,
    /// The plugin's version; none if no version of it is there.
    pub version: Option<semver::Version>,
    /// What it is.
    pub description: String,
    /// One word.
    pub category: String,
    /// How its code arrived; none if no version of it is there.
    pub mount: Option<Mount>,
    /// The file, if it has one.
    pub path: Option<PathBuf>,
    /// Where it stands, exactly.
    pub state: State,
    /// Where it stands, roughly.
    pub status: Status,
    /// Services, storage backends and the like that it provides, for people.
    pub provides: Vec<String>,
    /// Routes that it answers.
    pub endpoints: Vec<Endpoint>,
    /// How it is exchanged, as its manifest says; none if no version of it is there.
    pub swap: Option<SwapMode>,
    /// What becomes of its state, as its manifest says; none if no version of it is there.
    pub state_policy: Option<StatePolicy>,
    /// Instances that it needs.
    pub depends_on: Vec<String>,
    /// Free labels of the manifest.
    pub metadata: BTreeMap<String, String>,
    /// From opening the library to the end of `start`; zero if it did not come so far.
    pub load_time: Duration,
    /// Calls that are inside it now.
    pub in_flight: usize,
    /// How often it was restarted.
    pub restarts: u64,
    /// What it said when it was last asked how it is.
    pub health: Option<Health>,
    /// Its periodic jobs.
    pub tasks: Vec<TaskInfo>,
    /// Events that found one of its queues full.
    pub events_dropped: u64,
    /// What its library has of the heap, if that counts it (see
    /// [`CountingAllocator`](crate::CountingAllocator)). None of a linked plugin: a program has one
    /// heap. Instances of one library share what is told here.
    pub heap: Option<HeapUse>,
    /// What works, but perhaps not as the configuration means it.
    pub warnings: Vec<String>,
    /// Why it failed, in full.
    pub error: Option<String>,
}

/// One periodic job of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TaskInfo {
    /// Its name.
    pub name: String,
    /// How often it runs.
    pub interval: Duration,
    /// How often it ran.
    pub runs: u64,
    /// How often it failed.
    pub failures: u64,
    /// How many runs were skipped because the one before took too long.
    pub skipped: u64,
}

/// What a library has of the heap, as its own allocator counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HeapUse {
    /// Bytes in use now.
    pub in_use: u64,
    /// The most bytes that were in use at once, to within 64 KiB for each thread.
    pub peak: u64,
    /// Allocations that were made since the library was opened.
    pub allocations: u64,
}

impl HeapUse {
    /// Asks a library that is open.
    pub(super) fn of(library: PluginModuleRef) -> Option<Self> {
        let usage = library.usage()?;
        let figure = |kind| usage(kind).into_option();
        let in_use = figure(usage_figure::HEAP_IN_USE)?;
        // Asked later, when some of it may be free again.
        let peak = figure(usage_figure::HEAP_PEAK)?.max(in_use);
        Some(Self { in_use, peak, allocations: figure(usage_figure::HEAP_ALLOCATIONS)? })
    }
}

/// For people: `12 KiB of heap in use, at most 40 KiB so far, 132 allocations`.
impl std::fmt::Display for HeapUse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kib = |bytes: u64| bytes.div_ceil(1024);
        write!(
            f,
            "{} KiB of heap in use, at most {} KiB so far, {} allocations",
            kib(self.in_use),
            kib(self.peak),
            self.allocations
        )
    }
}

/// The outcome of [`PluginHost::execute`](super::PluginHost::execute).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Execution {
    /// `success`, or the error's kind (`timeout`, `security_violation`, `resource_limit_exceeded`).
    pub status: String,
    /// What the plugin answered; null if it failed.
    pub result: serde_json::Value,
    /// What went wrong.
    pub error: Option<String>,
    /// How long it took, in milliseconds.
    pub execution_time_ms: f64,
}

impl PluginInfo {
    fn of(slot: &Slot) -> Self {
        let manifest = slot.candidate.as_ref().map(|candidate| &candidate.manifest);
        let mut provides = Vec::new();
        if let Some(manifest) = manifest {
            provides
                .extend(manifest.provides.iter().map(|p| format!("{} {}", p.service, p.version)));
            provides.extend(manifest.storage.iter().map(|kind| format!("storage {kind}")));
            if manifest.middleware {
                provides.push("middleware".into());
            }
            provides.extend(routes(&manifest.endpoints));
        }
        Self {
            id: slot.id.clone(),
            plugin: slot.config.plugin.clone(),
            pool: slot.pool().map(str::to_owned),
            name: manifest.map_or_else(|| slot.config.plugin.clone(), |m| m.name.clone()),
            version: manifest.map(|m| m.version.clone()),
            description: manifest.map(|m| m.description.clone()).unwrap_or_default(),
            category: manifest.map(|m| m.category.clone()).unwrap_or_default(),
            mount: slot.candidate.as_ref().map(|candidate| match candidate.source {
                Source::Linked(_) => Mount::Linked,
                Source::File(_) => Mount::Loaded,
            }),
            path: slot.path().map(Into::into),
            state: slot.state.clone(),
            status: slot.state.status(),
            provides,
            endpoints: manifest.map(|m| m.endpoints.clone()).unwrap_or_default(),
            swap: manifest.map(|m| m.swap),
            state_policy: manifest.map(|m| m.state),
            depends_on: slot.depends_on.clone(),
            metadata: manifest.map(|m| m.metadata.clone()).unwrap_or_default(),
            load_time: slot.load_time,
            in_flight: slot
                .running
                .as_ref()
                .map_or(0, |running| running.term.supervisor().inside() as usize),
            restarts: slot.restarts,
            health: slot.health.clone(),
            tasks: slot
                .running
                .iter()
                .flat_map(|running| &running.schedules)
                .map(TaskInfo::of)
                .collect(),
            events_dropped: slot
                .running
                .iter()
                .flat_map(|running| &running.subscriptions)
                .map(|subscription| subscription.dropped())
                .sum(),
            heap: None,
            warnings: slot.warnings.clone(),
            error: slot.error.as_ref().map(|error| format!("{error:#}")),
        }
    }
}

/// Routes in short: the methods of one path together.
fn routes(endpoints: &[Endpoint]) -> Vec<String> {
    let mut paths: Vec<(&str, Vec<&str>)> = Vec::new();
    for endpoint in endpoints {
        match paths.iter_mut().find(|(path, _)| *path == endpoint.path) {
            Some((_, methods)) => methods.push(&endpoint.method),
            None => paths.push((&endpoint.path, vec![&endpoint.method])),
        }
    }
    paths.into_iter().map(|(path, methods)| format!("{} {path}", methods.join("|"))).collect()
}

impl TaskInfo {
    fn of(schedule: &Schedule) -> Self {
        let [runs, failures, skipped] = schedule.counts();
        let (name, interval) = (schedule.name().to_owned(), schedule.interval());
        Self { name, interval, runs, failures, skipped }
    }
}

impl Core {
    /// All instances: those that run in the order of their start, then the others by id.
    pub(super) fn infos(&self) -> Vec<PluginInfo> {
        let infos: Vec<_> = {
            let slots = self.slots.read();
            let mut slots: Vec<&Slot> = slots.values().map(|slot| &**slot).collect();
            slots.sort_by_key(|slot| (slot.running.is_none(), slot.started));
            slots.into_iter().map(|slot| self.look_at(slot)).collect()
        };
        infos.into_iter().map(with_heap).collect()
    }

    /// One instance.
    pub(super) fn info(&self, id: &str) -> Option<PluginInfo> {
        let info = self.slots.read().get(id).map(|slot| self.look_at(slot))?;
        Some(with_heap(info))
    }

    /// All that is known without a plugin's code, and its library, to be asked for the rest.
    fn look_at(&self, slot: &Slot) -> (PluginInfo, Option<PluginModuleRef>) {
        (PluginInfo::of(slot), self.counting_library_of(slot))
    }
}

/// The library's code is called here: not under a lock.
fn with_heap((info, library): (PluginInfo, Option<PluginModuleRef>)) -> PluginInfo {
    PluginInfo { heap: library.and_then(HeapUse::of), ..info }
}
