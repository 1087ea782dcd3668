//! The probe's settings.

use hotshoe::settings::Interval;
use serde::Deserialize;

/// What the operator may set.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// In front of all its routes, so that there may be several instances.
    pub prefix: String,
    /// Free text that it shows when asked.
    pub label: String,
    /// Of its first middleware.
    pub priority: i32,
    /// What it subscribes to.
    pub topic: String,
    /// How often its job runs; there is none without.
    pub tick: Option<Interval>,
    /// How it misbehaves.
    pub fault: Option<Fault>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            prefix: String::new(),
            label: String::new(),
            priority: -10,
            topic: "probe.*".to_owned(),
            tick: None,
            fault: None,
        }
    }
}

/// One way to misbehave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is a place and what happens there")]
pub enum Fault {
    InitializeError,
    InitializePanic,
    ContributePanic,
    StartError,
    StartPanic,
    StartOnce,
    StopError,
    StopPanic,
    DropPanic,
    TickPanic,
    TickError,
    TickHeld,
    TickUntilStop,
    UnpromisedService,
    UnpromisedStorage,
    OtherVersion,
    NoService,
    NoStorage,
    RouteTwice,
    BadRoute,
    NoInterval,
    ManySubscriptions,
    ManyTasks,
}
