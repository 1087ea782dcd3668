//! One instance, as the host knows it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hotshoe_abi::plain::{Lines, MESSAGE};
use hotshoe_abi::{AbiBytes, AbiPlugin};

use super::assemble::{Service, Task, Topic};
use super::context::InstanceContext;
use super::health::Checkup;
use super::libraries::InUse;
use super::patrol::Beat;
use super::swap::{Probation, Trial};
use super::watch::{Recovery, Watch};
use crate::config::InstanceConfig;
use crate::contract::{Error, Health, Storage};
use crate::discover::Candidate;
use crate::events::Subscription;
use crate::lifecycle::{Event, Phase, State};
use crate::monitor::{HostEventKind, Monitor};
use crate::replay::Recorder;
use crate::supervise::{Port, Supervisor, Term};
use crate::tasks::Schedule;

/// One instance.
pub(crate) struct Slot {
    pub(crate) id: String,
    pub(crate) config: InstanceConfig,
    pub(crate) state: State,
    /// Why it failed, whole.
    pub(crate) error: Option<Arc<Error>>,
    /// The version in use, or last in use.
    pub(crate) candidate: Option<Arc<Candidate>>,
    /// Instances that started before it because it needs them.
    pub(crate) depends_on: Vec<String>,
    pub(crate) running: Option<Running>,
    /// Watches over its calls, from its first start on.
    pub(crate) supervisor: Option<Arc<Supervisor>>,
    /// From opening the library to the end of `start`.
    pub(crate) load_time: Duration,
    /// Position in the order of starts.
    pub(crate) started: u64,
    pub(crate) restarts: u64,
    /// What it said when it was last asked.
    pub(crate) health: Option<Health>,
    /// What works, but perhaps not as the configuration means it.
    pub(crate) warnings: Vec<String>,
    /// What the instance before it left for it.
    pub(crate) saved: Option<AbiBytes>,
    /// The way back after an exchange, as long as there is one.
    pub(super) probation: Option<Probation>,
    /// What gets a share of its calls.
    pub(super) trial: Option<Trial>,
    /// How it is brought back; only what ran is.
    pub(super) recovery: Option<Recovery>,
    /// Where it is told what happens to it.
    pub(super) monitor: Monitor,
}

/// What a running instance holds.
pub(crate) struct Running {
    /// None while it is exchanged for one that cannot be up at the same time.
    pub(crate) plugin: Option<Arc<AbiPlugin>>,
    pub(crate) context: Arc<InstanceContext>,
    pub(crate) term: Arc<Term>,
    /// Its generic entry.
    pub(crate) execute: Port<Arc<AbiPlugin>>,
    /// For what the host itself asks of it.
    pub(crate) own: Port<Arc<AbiPlugin>>,
    pub(super) services: Vec<Service>,
    /// What it subscribes to, and the jobs that it has: whoever serves has `subscriptions` and
    /// `schedules` for them.
    pub(super) topics: Vec<Topic>,
    pub(super) tasks: Vec<Task>,
    pub(crate) subscriptions: Vec<Arc<Subscription>>,
    pub(crate) schedules: Vec<Schedule>,
    pub(crate) storage: Vec<Storage>,
    pub(super) checkup: Arc<Checkup>,
    pub(super) watch: Option<Watch>,
    pub(super) beat: Arc<Beat>,
    /// Keeps its library from counting as retired; none of a linked one.
    #[expect(dead_code, reason = "it is there to be dropped, after the plugin's objects")]
    pub(super) library: Option<InUse>,
    /// Takes down its calls, while they are recorded.
    pub(super) recorder: Option<Arc<Recorder>>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        // Each port knows its supervisor, and that its ports.
        if let Some(supervisor) = &self.supervisor {
            supervisor.let_go_of_ports();
        }
    }
}

impl Slot {
    pub(crate) fn new(config: InstanceConfig, monitor: Monitor) -> Self {
        Self {
            id: config.id.clone(),
            config,
            state: State::Discovered,
            error: None,
            candidate: None,
            depends_on: Vec::new(),
            running: None,
            supervisor: None,
            load_time: Duration::ZERO,
            started: 0,
            restarts: 0,
            health: None,
            warnings: Vec::new(),
            saved: None,
            probation: None,
            trial: None,
            recovery: None,
            monitor,
        }
    }

    /// Takes a step of the state machine. An illegal one is a bug of the host: it is logged, and
    /// the state stays.
    pub(crate) fn step(&mut self, event: Event) {
        match self.state.transition(event) {
            Ok(state) => {
                tracing::debug!(plugin = self.id, from = %self.state.as_str(), to = %state.as_str(), "state");
                if self.monitor.is_heard() {
                    self.tell(HostEventKind::state_changed(&self.state, &state));
                }
                if !matches!(state, State::Failed { .. }) {
                    self.error = None;
                }
                self.state = state;
                if let Some(running) = &self.running {
                    running.term.supervisor().set_unwell(self.state == State::Degraded);
                }
            }
            Err(error) => tracing::error!(plugin = self.id, %error, "a bug of the host"),
        }
    }

    /// Back to the beginning, from wherever it ended.
    pub(crate) fn rediscover(&mut self) {
        if self.state != State::Discovered && self.state.can_restart() {
            self.step(Event::Rediscovered);
        }
    }

    /// Failed in `phase`.
    pub(crate) fn fail(&mut self, phase: Phase, error: Error) {
        let message = Lines(error.message(), Some(MESSAGE));
        tracing::error!(plugin = self.id, %phase, error = %message, "failed");
        self.step(Event::Failed { phase, error: error.message().to_owned() });
        self.error = Some(Arc::new(error));
    }

    /// Whether there is a way back after an exchange, or something is tried on a share of its calls.
    #[cfg(feature = "watch")]
    pub(super) fn on_probation(&self) -> bool {
        self.probation.is_some() || self.trial.is_some()
    }

    /// The file it came from.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.candidate.as_ref()?.source.path()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Supervision;
    use crate::runtime::Timekeeper;
    use crate::supervise::Contribution;

    #[test]
    fn what_watched_over_an_instance_goes_with_it_and_with_the_last_of_its_ports() {
        let monitor = Monitor::default();
        let mut slot = Slot::new(InstanceConfig::new("it"), monitor.clone());
        let policy = Supervision::default();
        let supervisor = Supervisor::new("it", policy, None, &Timekeeper::new(), &monitor);
        let watches = Arc::downgrade(&supervisor);
        let port = Term::new(supervisor.clone()).port(Contribution::Execute, Arc::new(())).unwrap();
        slot.supervisor = Some(supervisor);
        drop(slot);
        assert!(watches.upgrade().is_some(), "somebody has a port still");
        drop(port);
        assert!(watches.upgrade().is_none());
    }
}
