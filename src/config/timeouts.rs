//! [`Timeouts`]: how long a plugin's calls may take, for all plugins and for one instance.
//!
//! Only the numbers; keeping time is supervision's business.

use std::time::Duration;

use super::report::Report;
use super::section::Section;

/// How long each phase of a plugin's life, and each call, may take.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// Loading, initializing and starting one plugin, all together. 30 seconds by default.
    pub load: Duration,
    /// Initializing alone; by default whatever `load` leaves.
    pub initialize: Option<Duration>,
    /// Starting alone; by default whatever `load` leaves.
    pub start: Option<Duration>,
    /// Stopping. 10 seconds by default.
    pub stop: Duration,
    /// Each call of a plugin that runs; by default only the caller's own deadline holds.
    pub call: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            load: Duration::from_secs(30),
            initialize: None,
            start: None,
            stop: Duration::from_secs(10),
            call: None,
        }
    }
}

impl Timeouts {
    /// These, where `own` has nothing of its own.
    pub fn with(&self, own: &TimeoutOverrides) -> Self {
        Self {
            load: own.load.unwrap_or(self.load),
            initialize: own.initialize.or(self.initialize),
            start: own.start.or(self.start),
            stop: own.stop.unwrap_or(self.stop),
            call: own.call.or(self.call),
        }
    }
}

/// What one instance has in place of the [`Timeouts`] of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TimeoutOverrides {
    /// In place of [`Timeouts::load`].
    pub load: Option<Duration>,
    /// In place of [`Timeouts::initialize`].
    pub initialize: Option<Duration>,
    /// In place of [`Timeouts::start`].
    pub start: Option<Duration>,
    /// In place of [`Timeouts::stop`].
    pub stop: Option<Duration>,
    /// In place of [`Timeouts::call`].
    pub call: Option<Duration>,
}

impl TimeoutOverrides {
    /// Those of them that are zero, by key: a phase that may take no time can only fail.
    pub(super) fn zeros(&self) -> impl Iterator<Item = &'static str> {
        let all = [
            ("load_timeout", self.load),
            ("init_timeout", self.initialize),
            ("start_timeout", self.start),
            ("stop_timeout", self.stop),
            ("call_timeout", self.call),
        ];
        all.into_iter().filter(|(_, time)| *time == Some(Duration::ZERO)).map(|(key, _)| key)
    }
}

impl From<&Timeouts> for TimeoutOverrides {
    fn from(timeouts: &Timeouts) -> Self {
        Self {
            load: Some(timeouts.load),
            initialize: timeouts.initialize,
            start: timeouts.start,
            stop: Some(timeouts.stop),
            call: timeouts.call,
        }
    }
}

/// Takes the keys of timeouts out of `[plugins]` or an instance's table.
pub(super) fn read(section: &mut Section<'_>, report: &mut Report) -> TimeoutOverrides {
    let mut take = |name, aliases: &[&str]| {
        section.take_as(name, aliases, report).and_then(|entry| entry.duration(report))
    };
    TimeoutOverrides {
        load: take("load_timeout", &[]),
        initialize: take("init_timeout", &["initialize_timeout", "initializeTimeout"]),
        start: take("start_timeout", &[]),
        stop: take("stop_timeout", &[]),
        call: take("call_timeout", &["plugin_timeout", "pluginTimeout"]),
    }
}
