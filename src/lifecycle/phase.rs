//! The states of an instance, and which event leads from which to which.
//!
//! Pure: a table and its checks. Nothing is run here; the driver executes the
//! step and reports the outcome as an [`Event`].
//!
//! | from | event | to |
//! | --- | --- | --- |
//! | `Discovered` | `Verified` | `Verified` |
//! | `Verified` | `Resolved` | `Resolved` |
//! | `Resolved` | `Loaded` | `Loaded` |
//! | `Loaded` | `Initialized` | `Initialized` |
//! | `Initialized` | `Started` | `Active` |
//! | `Active` | `Degraded` | `Degraded` |
//! | `Degraded` | `Recovered` | `Active` |
//! | `Loaded`, `Initialized`, `Active`, `Degraded` | `StopRequested` | `Stopping` |
//! | `Stopping` | `Stopped` | `Stopped` |
//! | `Stopped`, `Disabled`, `Blocked`, `Failed` | `Rediscovered` | `Discovered` |
//! | `Stopped`; `Failed` in a phase after `Resolve` | `Resolved` | `Resolved` |
//! | `Discovered`, `Verified`, `Resolved`, `Stopped`, `Blocked`, `Failed` | `Disabled` | `Disabled` |
//! | `Discovered`, `Verified`, `Resolved`, `Stopped` | `Blocked` | `Blocked` |
//! | `Stopped`, `Disabled`, `Blocked`, `Failed` | `Retired` | `Retired` |
//! | any in which the phase can run, see below | `Failed` | `Failed` |
//!
//! | state | phases that can fail there |
//! | --- | --- |
//! | `Discovered` | `Discover`, `Verify` |
//! | `Verified` | `Resolve` |
//! | `Resolved` | `Load` |
//! | `Loaded` | `Initialize` |
//! | `Initialized` | `Contribute`, `Start` |
//! | `Active`, `Degraded` | `Run` |
//! | `Stopping` | `Stop` |
//! | `Stopped`, `Disabled`, `Blocked`, `Failed` | `Retire` |
//!
//! Starting again goes through `Rediscovered`, which verifies anew; `Resolved`
//! is the short cut for an instance whose file has been verified already. What
//! was disabled or blocked may never have been, so it has no short cut: nothing
//! of a plugin runs before it has been verified. Once a library is loaded, the
//! way out is by stopping; `Retired` is the end.
//!
//! # Seed 002's phases
//!
//! Its eight phases load before they validate; here the file is verified first.
//! [`Phase::lifecycle_name`] gives the name of this table:
//!
//! | seed 002 | here |
//! | --- | --- |
//! | `PhaseLoad` | `Discover`, `Load` |
//! | `PhaseValidate` | `Verify` |
//! | `PhaseDependencyResolve` | `Resolve` |
//! | `PhaseInitialize` | `Initialize` |
//! | `PhaseStart` | `Contribute`, `Start` |
//! | `PhaseRunning` | `Run` |
//! | `PhaseShutdown` | `Stop`, in reverse order |
//! | `PhaseUnload` | `Retire` (code is retired, not unloaded) |

use std::fmt;

use hotshoe_abi::plain::Line;
use serde::{Deserialize, Serialize};

/// The step that is being executed, for errors, logs and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Phase {
    /// Finding the file, or the linked plugin.
    Discover,
    /// Checking digest, signature and manifest; nothing of the plugin runs.
    Verify,
    /// Working out versions and order.
    Resolve,
    /// Opening the library and checking its layout.
    Load,
    /// Constructing the instance from its configuration.
    Initialize,
    /// Collecting what the instance contributes.
    Contribute,
    /// The plugin's own start.
    Start,
    /// Serving.
    Run,
    /// Draining and the plugin's own stop.
    Stop,
    /// Dropping the instance and counting its code as retired.
    Retire,
}

impl Phase {
    /// All phases in the order in which an instance goes through them.
    pub const ALL: [Self; 10] = [
        Self::Discover,
        Self::Verify,
        Self::Resolve,
        Self::Load,
        Self::Initialize,
        Self::Contribute,
        Self::Start,
        Self::Run,
        Self::Stop,
        Self::Retire,
    ];

    /// The phase in lower case, as it is displayed and serialised.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Discover => "discover",
            Self::Verify => "verify",
            Self::Resolve => "resolve",
            Self::Load => "load",
            Self::Initialize => "initialize",
            Self::Contribute => "contribute",
            Self::Start => "start",
            Self::Run => "run",
            Self::Stop => "stop",
            Self::Retire => "retire",
        }
    }

    /// The corresponding phase of seed 002's `LifecyclePhase`.
    #[must_use]
    pub const fn lifecycle_name(self) -> &'static str {
        match self {
            Self::Discover | Self::Load => "PhaseLoad",
            Self::Verify => "PhaseValidate",
            Self::Resolve => "PhaseDependencyResolve",
            Self::Initialize => "PhaseInitialize",
            Self::Contribute | Self::Start => "PhaseStart",
            Self::Run => "PhaseRunning",
            Self::Stop => "PhaseShutdown",
            Self::Retire => "PhaseUnload",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where an instance stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
#[non_exhaustive]
pub enum State {
    /// Found, not looked into.
    Discovered,
    /// Its file is what it should be.
    Verified,
    /// Its version is chosen and its dependencies can start.
    Resolved,
    /// Its library is open and fits.
    Loaded,
    /// Constructed from its configuration.
    Initialized,
    /// Serving.
    Active,
    /// Serving, but its health check complains.
    Degraded,
    /// Takes no more calls; those under way are finished.
    Stopping,
    /// Stopped in good order; can be started again.
    Stopped,
    /// Gone for good; its code stays mapped and is counted.
    Retired,
    /// Switched off by the operator.
    Disabled,
    /// A step failed; can be started again.
    Failed {
        /// The step.
        phase: Phase,
        /// What went wrong.
        error: String,
    },
    /// Could start, but others that it depends on cannot.
    Blocked {
        /// The ids of those instances.
        by: Vec<String>,
    },
}

impl State {
    /// The state's name in lower case, without its details.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Discovered => "discovered",
            Self::Verified => "verified",
            Self::Resolved => "resolved",
            Self::Loaded => "loaded",
            Self::Initialized => "initialized",
            Self::Active => "active",
            Self::Degraded => "degraded",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Retired => "retired",
            Self::Disabled => "disabled",
            Self::Failed { .. } => "failed",
            Self::Blocked { .. } => "blocked",
        }
    }

    /// The coarse view, for tables and APIs.
    #[must_use]
    pub const fn status(&self) -> Status {
        match self {
            Self::Discovered
            | Self::Verified
            | Self::Resolved
            | Self::Loaded
            | Self::Initialized => Status::Loading,
            Self::Active | Self::Degraded => Status::Active,
            Self::Stopping
            | Self::Stopped
            | Self::Retired
            | Self::Disabled
            | Self::Blocked { .. } => Status::Inactive,
            Self::Failed { .. } => Status::Failed,
        }
    }

    /// Whether calls may be sent to the instance.
    #[must_use]
    pub const fn is_serving(&self) -> bool {
        matches!(self, Self::Active | Self::Degraded)
    }

    /// Whether no event leads out of the state.
    #[must_use]
    pub const fn is_terminal(&self) -> bool {
        matches!(self, Self::Retired)
    }

    /// Whether the instance may be started again from here.
    #[must_use]
    pub fn can_restart(&self) -> bool {
        self.allows(EventKind::Rediscovered)
    }

    /// The kinds of event that are legal here, in the order of [`EventKind::ALL`].
    pub fn legal(&self) -> impl Iterator<Item = EventKind> {
        EventKind::ALL.into_iter().filter(|kind| self.allows(*kind))
    }

    /// The phases whose failure is possible here.
    #[must_use]
    pub const fn phases(&self) -> &'static [Phase] {
        match self {
            Self::Discovered => &[Phase::Discover, Phase::Verify],
            Self::Verified => &[Phase::Resolve],
            Self::Resolved => &[Phase::Load],
            Self::Loaded => &[Phase::Initialize],
            Self::Initialized => &[Phase::Contribute, Phase::Start],
            Self::Active | Self::Degraded => &[Phase::Run],
            Self::Stopping => &[Phase::Stop],
            Self::Stopped | Self::Disabled | Self::Blocked { .. } | Self::Failed { .. } => {
                &[Phase::Retire]
            }
            Self::Retired => &[],
        }
    }

    /// The table at the top of this module.
    fn allows(&self, kind: EventKind) -> bool {
        use EventKind as E;
        match self {
            Self::Discovered => matches!(kind, E::Verified | E::Disabled | E::Blocked | E::Failed),
            Self::Verified => matches!(kind, E::Resolved | E::Disabled | E::Blocked | E::Failed),
            Self::Resolved => matches!(kind, E::Loaded | E::Disabled | E::Blocked | E::Failed),
            Self::Loaded => matches!(kind, E::Initialized | E::StopRequested | E::Failed),
            Self::Initialized => matches!(kind, E::Started | E::StopRequested | E::Failed),
            Self::Active => matches!(kind, E::Degraded | E::StopRequested | E::Failed),
            Self::Degraded => matches!(kind, E::Recovered | E::StopRequested | E::Failed),
            Self::Stopping => matches!(kind, E::Stopped | E::Failed),
            Self::Stopped => matches!(
                kind,
                E::Rediscovered | E::Resolved | E::Disabled | E::Blocked | E::Retired | E::Failed
            ),
            Self::Disabled => matches!(kind, E::Rediscovered | E::Retired | E::Failed),
            Self::Blocked { .. } => {
                matches!(kind, E::Rediscovered | E::Disabled | E::Retired | E::Failed)
            }
            Self::Failed { phase, .. } => match kind {
                E::Rediscovered | E::Disabled | E::Retired | E::Failed => true,
                // It got past verification, unless it failed to retire: then it
                // may have been disabled before it was ever verified.
                E::Resolved => *phase > Phase::Resolve && *phase < Phase::Retire,
                _ => false,
            },
            Self::Retired => false,
        }
    }

    /// The state after `event`.
    ///
    /// # Errors
    ///
    /// If the table at the top of this module does not have the event here. The
    /// instance then stays in the state it is in.
    pub fn transition(&self, event: Event) -> Result<Self, IllegalTransition> {
        let kind = event.kind();
        let refused = |phase| IllegalTransition { state: self.clone(), event: kind, phase };
        if !self.allows(kind) {
            return Err(refused(None));
        }
        Ok(match event {
            Event::Rediscovered => Self::Discovered,
            Event::Verified => Self::Verified,
            Event::Resolved => Self::Resolved,
            Event::Loaded => Self::Loaded,
            Event::Initialized => Self::Initialized,
            Event::Started | Event::Recovered => Self::Active,
            Event::Degraded => Self::Degraded,
            Event::StopRequested => Self::Stopping,
            Event::Stopped => Self::Stopped,
            Event::Retired => Self::Retired,
            Event::Disabled => Self::Disabled,
            Event::Blocked { by } => Self::Blocked { by },
            Event::Failed { phase, error } => {
                if !self.phases().contains(&phase) {
                    return Err(refused(Some(phase)));
                }
                Self::Failed { phase, error }
            }
        })
    }
}

impl fmt::Display for State {
    /// With details: `failed in load: no such file`, `blocked by clock, audit`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { phase, error } => write!(f, "failed in {phase}: {}", Line(error)),
            Self::Blocked { by } => write!(f, "blocked by {}", Line(by.join(", "))),
            other => f.pad(other.as_str()),
        }
    }
}

/// The coarse view of a [`State`] that tables and APIs show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Status {
    /// On the way up.
    Loading,
    /// Serving, perhaps degraded.
    Active,
    /// Not running, and not by a failure of its own.
    Inactive,
    /// Failed. Also read as `error`.
    #[serde(alias = "error")]
    Failed,
}

impl Status {
    /// The status in lower case, as it is displayed and serialised.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Loading => "loading",
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl From<&State> for Status {
    fn from(state: &State) -> Self {
        state.status()
    }
}

/// What happened to an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// It is to be started again, from the beginning.
    Rediscovered,
    /// Its file passed verification.
    Verified,
    /// It is in the plan.
    Resolved,
    /// Its library was opened and fits.
    Loaded,
    /// It was constructed.
    Initialized,
    /// Its contributions are in place and its start returned.
    Started,
    /// Its health check complains.
    Degraded,
    /// Its health check is content again.
    Recovered,
    /// It is to stop.
    StopRequested,
    /// It has stopped.
    Stopped,
    /// It was dropped, and its code counted as retired.
    Retired,
    /// The operator switched it off.
    Disabled,
    /// Others that it depends on cannot start.
    Blocked {
        /// The ids of those instances.
        by: Vec<String>,
    },
    /// A step failed.
    Failed {
        /// The step.
        phase: Phase,
        /// What went wrong.
        error: String,
    },
}

impl Event {
    /// The event without its details.
    #[must_use]
    pub const fn kind(&self) -> EventKind {
        match self {
            Self::Rediscovered => EventKind::Rediscovered,
            Self::Verified => EventKind::Verified,
            Self::Resolved => EventKind::Resolved,
            Self::Loaded => EventKind::Loaded,
            Self::Initialized => EventKind::Initialized,
            Self::Started => EventKind::Started,
            Self::Degraded => EventKind::Degraded,
            Self::Recovered => EventKind::Recovered,
            Self::StopRequested => EventKind::StopRequested,
            Self::Stopped => EventKind::Stopped,
            Self::Retired => EventKind::Retired,
            Self::Disabled => EventKind::Disabled,
            Self::Blocked { .. } => EventKind::Blocked,
            Self::Failed { .. } => EventKind::Failed,
        }
    }
}

/// An [`Event`] without its details.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is described at the event of the same name")]
#[non_exhaustive]
pub enum EventKind {
    Rediscovered,
    Verified,
    Resolved,
    Loaded,
    Initialized,
    Started,
    Degraded,
    Recovered,
    StopRequested,
    Stopped,
    Retired,
    Disabled,
    Blocked,
    Failed,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Rediscovered,
        Self::Verified,
        Self::Resolved,
        Self::Loaded,
        Self::Initialized,
        Self::Started,
        Self::Degraded,
        Self::Recovered,
        Self::StopRequested,
        Self::Stopped,
        Self::Retired,
        Self::Disabled,
        Self::Blocked,
        Self::Failed,
    ];

    /// The event in lower case, as it is displayed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rediscovered => "rediscovered",
            Self::Verified => "verified",
            Self::Resolved => "resolved",
            Self::Loaded => "loaded",
            Self::Initialized => "initialized",
            Self::Started => "started",
            Self::Degraded => "degraded",
            Self::Recovered => "recovered",
            Self::StopRequested => "stop requested",
            Self::Stopped => "stopped",
            Self::Retired => "retired",
            Self::Disabled => "disabled",
            Self::Blocked => "blocked",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// An event that cannot happen in a state: a mistake of the caller, or two
/// callers at once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct IllegalTransition {
    state: State,
    event: EventKind,
    /// The failed phase, if that is what does not fit.
    phase: Option<Phase>,
}

impl IllegalTransition {
    /// The state in which the event came, and which stays.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The event that was refused.
    #[must_use]
    pub fn event(&self) -> EventKind {
        self.event
    }
}

impl fmt::Display for IllegalTransition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, names: &mut dyn Iterator<Item = &'static str>| {
            for (at, name) in names.enumerate() {
                write!(f, "{}`{name}`", if at == 0 { "" } else { ", " })?;
            }
            Ok(())
        };
        let (state, event) = (self.state.as_str(), self.event);
        if let Some(phase) = self.phase {
            write!(f, "phase `{phase}` cannot fail in state `{state}`; expected ")?;
            return list(f, &mut self.state.phases().iter().map(|phase| phase.as_str()));
        }
        write!(f, "event `{event}` cannot happen in state `{state}`; ")?;
        if self.state.is_terminal() {
            return f.write_str("nothing can, so start a new instance");
        }
        f.write_str("expected ")?;
        list(f, &mut self.state.legal().map(EventKind::as_str))
    }
}

#[cfg(test)]
#[path = "phase_tests.rs"]
mod tests;
