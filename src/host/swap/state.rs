//! An instance's state, asked for and handed over: on threads that may be lost, and within limits.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use futures_lite::future::block_on;
use hotshoe_abi::{AbiBytes, AbiPlugin};

use crate::config::SwapPolicy;
use crate::contract::{Error, ErrorKind, Health, HealthStatus, Result};
use crate::host::health::PATIENCE;
use crate::host::keep::no_more_than;
use crate::host::slot::Running;
use crate::lifecycle::{Phase, Stage, Standby, Worker};

/// What is asked of an instance, where it may take for ever.
pub(super) struct Asking<'a> {
    pub(super) instance: &'a str,
    pub(super) plugin: Arc<AbiPlugin>,
    /// For the first question.
    standby: Cell<Option<Standby>>,
}

impl<'a> Asking<'a> {
    pub(super) fn new(instance: &'a str, plugin: Arc<AbiPlugin>) -> Self {
        Self { instance, plugin, standby: Cell::new(None) }
    }

    /// Of what runs.
    ///
    /// # Errors
    /// It has ended.
    pub(super) fn of(instance: &'a str, running: &Running) -> Result<Self> {
        match running.plugin.clone() {
            Some(plugin) => Ok(Self::new(instance, plugin)),
            None => Err(Error::new(ErrorKind::IllegalState, "it has ended").with_plugin(instance)),
        }
    }

    /// Its first question will find a thread that waits for it: nobody is to wait for that while calls are
    /// held.
    pub(super) fn ready(self) -> Self {
        self.standby.set(Some(Standby::new(self.instance)));
        self
    }

    /// Its state; none if it has none.
    ///
    /// # Errors
    /// Its own; if it takes too long; if there is too much of it.
    pub(super) fn save(&self, policy: &SwapPolicy) -> Result<Option<AbiBytes>> {
        let plugin = self.plugin.clone();
        let saved = self.within(
            policy.state_timeout,
            "save its state",
            Some("swap.state_timeout"),
            move |_| block_on(plugin.save_state()),
        )?;
        no_more_than(policy.max_state_bytes, saved.into_option())
            .map_err(|error| error.with_plugin(self.instance))
    }

    /// Hands it a state.
    ///
    /// # Errors
    /// Its own; if it takes too long.
    pub(super) fn restore(&self, state: AbiBytes, policy: &SwapPolicy) -> Result<()> {
        let plugin = self.plugin.clone();
        self.within(
            policy.state_timeout,
            "restore the state",
            Some("swap.state_timeout"),
            move |_| block_on(plugin.restore_state(state)),
        )
    }

    /// Whether it says that it is well, or at least not unwell.
    ///
    /// # Errors
    /// What it says otherwise; if it takes too long.
    pub(super) fn probe(&self) -> Result<()> {
        let plugin = self.plugin.clone();
        let health =
            self.within(PATIENCE, "say how it is", None, move |_| block_on(plugin.health()))?;
        let Health { status, message, .. } = crate::bridge::import_health(health);
        if status != HealthStatus::Unhealthy {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Unavailable, format!("it says that it is not well: {message}"))
            .with_plugin(self.instance))
    }

    /// Its end.
    ///
    /// # Errors
    /// Its own; if it takes too long.
    pub(super) fn stop(&self, limit: Duration) -> Result<()> {
        let plugin = self.plugin.clone();
        self.within(limit, "stop", Some("stop_timeout"), move |_| block_on(plugin.stop()))
    }

    pub(super) fn within<T: Send + 'static>(
        &self,
        limit: Duration,
        what: &str,
        key: Option<&str>,
        work: impl FnOnce(&Stage) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (phase, most) = (Phase::Run, Some(limit));
        let worker = match self.standby.take() {
            Some(thread) => Worker::run(thread, self.instance, phase, most, work),
            None => Worker::spawn(self.instance, phase, most, work),
        };
        worker.wait().map_err(|error| {
            if !error.is_timeout() {
                return error.with_phase(what);
            }
            let message = format!("it was expected to {what} within {limit:?}, it did not");
            let help = match key {
                Some(key) => format!("raise `{key}` if that needs longer"),
                None => "tell the plugin's author".to_owned(),
            };
            Error::new(ErrorKind::Timeout, message)
                .with_plugin(self.instance)
                .with_help(format!("its thread was abandoned and may still run; {help}"))
        })
    }
}
