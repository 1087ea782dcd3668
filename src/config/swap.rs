//! [`SwapPolicy`]: how an instance is exchanged while it runs, and what becomes of its state; for all
//! plugins and for one instance.
//!
//! Only the numbers; exchanging and keeping is the host's business.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use super::supervision::Override;
use crate::manifest::SwapMode;

/// How an instance is exchanged for another generation of it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SwapPolicy {
    /// [`Exclusive`](SwapMode::Exclusive) even if the manifest says that two generations can be up.
    /// See [`mode_of`](Self::mode_of).
    pub mode: SwapMode,
    /// How long new calls are held at most, until those inside have left. 1 second by default.
    pub drain_timeout: Duration,
    /// How long the old one may take to save its state, and how long the new one to restore it.
    /// 5 seconds each by default.
    pub state_timeout: Duration,
    /// The largest state that is taken, in bytes. 64 MiB by default.
    pub max_state_bytes: u64,
    /// What becomes of a start whose kept state cannot be used.
    pub state_lost: StateLost,
    /// How long the old one stays ready to take over again. 30 seconds by default.
    pub probation: Duration,
    /// Whether a share of the calls goes to the new one first. None by default. Only where both can be
    /// up and there is no state.
    pub canary: Option<CanaryPolicy>,
    /// A recording that a new build has to pass before it is swapped in. An instance's only.
    pub replay: Option<ReplayPolicy>,
}

/// What one instance has in place of the [`SwapPolicy`] of all.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct SwapOverrides {
    /// In place of [`SwapPolicy::mode`].
    pub mode: Option<SwapMode>,
    /// In place of [`SwapPolicy::drain_timeout`].
    pub drain_timeout: Option<Duration>,
    /// In place of [`SwapPolicy::state_timeout`].
    pub state_timeout: Option<Duration>,
    /// In place of [`SwapPolicy::max_state_bytes`].
    pub max_state_bytes: Option<u64>,
    /// In place of [`SwapPolicy::state_lost`].
    pub state_lost: Option<StateLost>,
    /// In place of [`SwapPolicy::probation`].
    pub probation: Option<Duration>,
    /// In place of [`SwapPolicy::canary`].
    pub canary: Override<CanaryPolicy>,
    /// [`SwapPolicy::replay`].
    pub replay: Option<ReplayPolicy>,
}

/// A recording that a new build has to pass: its calls are made to that, before it has any state and before
/// anybody else calls it. All of them are made, for real: what they do outside of the plugin is done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplayPolicy {
    /// The recording.
    pub file: PathBuf,
    /// Parts of JSON that may differ, as JSON pointers in which a `*` stands for any key and any position.
    pub ignore: Vec<String>,
    /// Contributions that are not called, as `POST /orders` and `execute`.
    pub skip: Vec<String>,
    /// How long all of it may take. 1 minute by default.
    pub timeout: Duration,
}

/// When a new build that serves a share of the calls is promoted or withdrawn.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct CanaryPolicy {
    /// Such a share of the calls goes to it: more than 0, at most 1. 0.1 by default.
    pub share: f64,
    /// How long it is watched. 30 seconds by default.
    pub window: Duration,
    /// With fewer calls it is not judged, but promoted. 20 by default.
    pub min_calls: NonZeroU32,
    /// It is withdrawn if its share of failures is above the old one's by more than this: from 0 to 1.
    /// 0.05 by default.
    pub max_error_rate_above: f64,
    /// It is withdrawn if its calls take more than so many times as long as the old one's: at least 1.
    /// 2 by default.
    pub max_latency_ratio: f64,
}

/// What becomes of a start whose kept state is torn, is another plugin's, or is refused by the plugin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StateLost {
    /// The instance does not start, and the state stays where it is: somebody has to decide.
    #[default]
    Refuse,
    /// The state is put aside, and the instance starts without it.
    StartAfresh,
}

impl Default for SwapPolicy {
    fn default() -> Self {
        Self {
            mode: SwapMode::default(),
            drain_timeout: Duration::from_secs(1),
            state_timeout: Duration::from_secs(5),
            max_state_bytes: 64 << 20,
            state_lost: StateLost::default(),
            probation: Duration::from_secs(30),
            canary: None,
            replay: None,
        }
    }
}

impl Default for CanaryPolicy {
    fn default() -> Self {
        Self {
            share: 0.1,
            window: Duration::from_secs(30),
            min_calls: NonZeroU32::new(20).expect("it is not zero"),
            max_error_rate_above: 0.05,
            max_latency_ratio: 2.0,
        }
    }
}

impl ReplayPolicy {
    /// All of a recording; nothing may differ.
    pub fn new(file: impl Into<PathBuf>) -> Self {
        Self {
            file: file.into(),
            ignore: Vec::new(),
            skip: Vec::new(),
            timeout: Duration::from_secs(60),
        }
    }
}

impl SwapPolicy {
    /// This, where `own` has nothing of its own.
    pub fn with(&self, own: &SwapOverrides) -> Self {
        Self {
            mode: own.mode.unwrap_or(self.mode),
            drain_timeout: own.drain_timeout.unwrap_or(self.drain_timeout),
            state_timeout: own.state_timeout.unwrap_or(self.state_timeout),
            max_state_bytes: own.max_state_bytes.unwrap_or(self.max_state_bytes),
            state_lost: own.state_lost.unwrap_or(self.state_lost),
            probation: own.probation.unwrap_or(self.probation),
            canary: own.canary.or(self.canary),
            replay: own.replay.clone(),
        }
    }

    /// The mode that holds for a plugin whose manifest says `said`. Whether it can share what it owns
    /// is the plugin's to know: no configuration makes two of it possible.
    pub fn mode_of(&self, said: SwapMode) -> SwapMode {
        match self.mode {
            SwapMode::Exclusive => SwapMode::Exclusive,
            SwapMode::Overlap => said,
        }
    }
}

impl From<&SwapPolicy> for SwapOverrides {
    fn from(all: &SwapPolicy) -> Self {
        Self {
            mode: Some(all.mode),
            drain_timeout: Some(all.drain_timeout),
            state_timeout: Some(all.state_timeout),
            max_state_bytes: Some(all.max_state_bytes),
            state_lost: Some(all.state_lost),
            probation: Some(all.probation),
            canary: all.canary.into(),
            replay: all.replay.clone(),
        }
    }
}
