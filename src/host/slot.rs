//! One instance, as the host knows it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hotshoe_abi::plain::{Lines, MESSAGE};
use hotshoe_abi::{AbiBytes, AbiPlugin, AbiStorage};

use super::context::InstanceContext;
use crate::config::InstanceConfig;
use crate::contract::{Error, Health};
use crate::discover::Candidate;
use crate::events::Subscription;
use crate::lifecycle::{Event, Phase, State};
use crate::runtime::Gate;
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
}

/// What a running instance holds.
pub(crate) struct Running {
    pub(crate) plugin: Arc<AbiPlugin>,
    pub(crate) context: Arc<InstanceContext>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) subscriptions: Vec<Arc<Subscription>>,
    pub(crate) schedules: Vec<Schedule>,
    pub(crate) storage: Vec<(String, AbiStorage)>,
}

impl Slot {
    pub(crate) fn new(config: InstanceConfig) -> Self {
        Self {
            id: config.id.clone(),
            config,
            state: State::Discovered,
            error: None,
            candidate: None,
            depends_on: Vec::new(),
            running: None,
            load_time: Duration::ZERO,
            started: 0,
            restarts: 0,
            health: None,
            warnings: Vec::new(),
            saved: None,
        }
    }

    /// Takes a step of the state machine. An illegal one is a bug of the host: it is logged, and
    /// the state stays.
    pub(crate) fn step(&mut self, event: Event) {
        match self.state.transition(event) {
            Ok(state) => {
                tracing::debug!(plugin = self.id, from = %self.state.as_str(), to = %state.as_str(), "state");
                if !matches!(state, State::Failed { .. }) {
                    self.error = None;
                }
                self.state = state;
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

    /// The file it came from.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.candidate.as_ref()?.source.path()
    }
}
