//! [`Supervision`]: how the calls of an instance are watched over, and how it is brought back; for
//! all plugins and for one instance.
//!
//! Only the numbers; counting, waiting and restarting are the host's business.

use std::num::NonZeroU32;
use std::time::Duration;

use super::flaws;
use crate::contract::{Error, ErrorKind, Result};
use crate::settings::Quota;

/// What watches over an instance, besides its [`Timeouts`](super::Timeouts). By default nothing
/// stands in the way of a call, and an instance that is unhealthy is only said to be.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Supervision {
    /// How many calls may be inside at one time.
    pub bulkhead: Option<BulkheadPolicy>,
    /// How many calls may begin in how long, over all of its contributions. What is more is refused.
    pub rate_limit: Option<Quota>,
    /// The same for single routes: `GET /search`. An instance's only.
    pub routes: Vec<(String, Quota)>,
    /// When its calls are refused for a while.
    pub breaker: Option<BreakerPolicy>,
    /// What becomes of a request when this instance's middleware cannot answer.
    pub failure: FailurePolicy,
    /// Which threads run its code.
    pub lane: Lane,
    /// How often it is asked how it is.
    pub health: Option<HealthPolicy>,
    /// Whether it is restarted when it is unhealthy. Then it is asked how it is, too: see
    /// [`Config::supervision_of`](super::Config::supervision_of).
    pub restart: Option<RestartPolicy>,
    /// The name that it shares with others: calls of it are spread over them. An instance's only.
    pub pool: Option<String>,
    /// What goes wrong on purpose. An instance's only.
    pub faults: Vec<FaultRule>,
}

/// What one instance has in place of the [`Supervision`] of all.
///
/// ```
/// # use std::num::NonZeroU32;
/// # use hotshoe::config::{BreakerPolicy, InstanceConfig, Override};
/// let mut search = InstanceConfig::new("search");
/// search.supervision.breaker = BreakerPolicy::failures(NonZeroU32::MIN).into();
/// search.supervision.rate_limit = Override::Off;   // whatever the others have
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct SupervisionOverrides {
    /// In place of [`Supervision::bulkhead`].
    pub bulkhead: Override<BulkheadPolicy>,
    /// In place of [`Supervision::rate_limit`].
    pub rate_limit: Override<Quota>,
    /// [`Supervision::routes`].
    pub routes: Vec<(String, Quota)>,
    /// In place of [`Supervision::breaker`].
    pub breaker: Override<BreakerPolicy>,
    /// In place of [`Supervision::failure`].
    pub failure: Option<FailurePolicy>,
    /// In place of [`Supervision::lane`].
    pub lane: Option<Lane>,
    /// In place of [`Supervision::health`].
    pub health: Override<HealthPolicy>,
    /// In place of [`Supervision::restart`].
    pub restart: Override<RestartPolicy>,
    /// [`Supervision::pool`].
    pub pool: Option<String>,
    /// [`Supervision::faults`].
    pub faults: Vec<FaultRule>,
}

impl From<&Supervision> for SupervisionOverrides {
    fn from(all: &Supervision) -> Self {
        Self {
            bulkhead: all.bulkhead.into(),
            rate_limit: all.rate_limit.into(),
            routes: all.routes.clone(),
            breaker: all.breaker.into(),
            failure: Some(all.failure),
            lane: Some(all.lane),
            health: all.health.into(),
            restart: all.restart.into(),
            pool: all.pool.clone(),
            faults: all.faults.clone(),
        }
    }
}

/// What an instance says of a policy that all may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Override<T> {
    /// Nothing: it has that of all.
    #[default]
    Inherit,
    /// It has none, even if all have one.
    Off,
    /// It has this one, as a whole.
    Own(T),
}

impl<T> Override<T> {
    /// The policy that holds where `all` is that of all.
    pub fn or(self, all: Option<T>) -> Option<T> {
        match self {
            Self::Inherit => all,
            Self::Off => None,
            Self::Own(own) => Some(own),
        }
    }

    pub(super) fn own(&self) -> Option<&T> {
        match self {
            Self::Own(own) => Some(own),
            Self::Inherit | Self::Off => None,
        }
    }
}

impl<T> From<T> for Override<T> {
    fn from(own: T) -> Self {
        Self::Own(own)
    }
}

impl<T> From<Option<T>> for Override<T> {
    /// `None` is [`Inherit`](Self::Inherit).
    fn from(own: Option<T>) -> Self {
        own.map_or(Self::Inherit, Self::Own)
    }
}

impl Supervision {
    /// This, where `own` has nothing of its own.
    pub fn with(&self, own: &SupervisionOverrides) -> Self {
        Self {
            bulkhead: own.bulkhead.or(self.bulkhead),
            rate_limit: own.rate_limit.or(self.rate_limit),
            routes: own.routes.clone(),
            breaker: own.breaker.or(self.breaker),
            failure: own.failure.unwrap_or(self.failure),
            lane: own.lane.unwrap_or(self.lane),
            health: own.health.or(self.health),
            restart: own.restart.or(self.restart),
            pool: own.pool.clone(),
            faults: own.faults.clone(),
        }
    }
}

/// How many calls may be inside an instance at one time, and how many may wait for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BulkheadPolicy {
    /// So many inside.
    pub max_in_flight: NonZeroU32,
    /// So many wait; with 0 what is too much is refused at once.
    pub queue: u32,
}

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct BreakerPolicy {
    /// So many failures in a row open it. This or `failure_rate` has to be there.
    pub failure_threshold: Option<NonZeroU32>,
    /// Such a share of failures among the calls of the window opens it: more than 0, at most 1.
    pub failure_rate: Option<f64>,
    /// How far back the rate looks. 10 seconds by default.
    pub window: Duration,
    /// With fewer calls in the window the rate says nothing. 20 by default.
    pub min_calls: u64,
    /// How long it refuses all calls. 30 seconds by default.
    pub open_for: Duration,
    /// How many calls are tried afterwards, at one time at most; if all of them succeed it closes.
    /// One by default.
    pub half_open_limit: NonZeroU32,
}

/// What becomes of a request when a middleware cannot answer: it is stopped, its breaker is open, it
/// fails, or it takes too long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailurePolicy {
    /// The request is answered 503: what guards a path must not be open when it is broken.
    #[default]
    Closed,
    /// The request goes on without it.
    Open,
}

/// Which threads run an instance's code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lane {
    /// Those of whoever awaits: nothing hops. A call that blocks blocks its caller.
    #[default]
    Inline,
    /// Its own: a call that blocks is abandoned at its deadline.
    ///
    /// Requests, `execute`, storage, events, jobs and `health` run there, and of middleware what is the
    /// plugin's own: what comes after it runs where the middleware is awaited, for as long as that is
    /// so. Methods of services run on their callers' threads, with any lane: they borrow their arguments
    /// and answer by returning.
    Dedicated {
        /// So many threads.
        threads: NonZeroU32,
        /// So many calls may wait for one of them.
        queue: u32,
        /// So many threads more may take the place of those that do not come back.
        spare: u32,
    },
}

/// How often an instance is asked how it is, and what that means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HealthPolicy {
    /// From one answer to the next question. 30 seconds by default.
    pub interval: Duration,
    /// How long it may think. 5 seconds by default.
    pub timeout: Duration,
    /// So many bad answers in a row make it unhealthy. 3 by default.
    pub unhealthy_after: NonZeroU32,
}

/// How an instance is brought back.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct RestartPolicy {
    /// So many restarts in a row, at least one, then it is left as it is. 5 by default.
    pub max_restarts: u32,
    /// Before the first one. 1 second by default.
    pub initial_backoff: Duration,
    /// Each wait is so many times the one before, at least 1. 2 by default.
    pub factor: f64,
    /// No wait is longer. 1 minute by default.
    pub max_backoff: Duration,
    /// After being healthy for so long it counts from the beginning. 5 minutes by default.
    pub reset_after: Duration,
}

/// A fault that is brought about on purpose, for tests of applications: in a configuration, or while the
/// host runs ([`PluginHost::inject`](crate::PluginHost::inject)). Calls that it hits count as if the
/// plugin had done that: in figures, for the circuit breaker, in the bulkhead. A call that is refused, by
/// one of these or by a quota, is not hit and not counted.
///
/// ```
/// # use std::num::NonZeroU32;
/// # use hotshoe::config::{Fault, FaultRule, FaultWhen};
/// let mut rule = FaultRule::new(Fault::Fail, FaultWhen::Probability(0.1));
/// rule.on = Some("GET /search".into());
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FaultRule {
    /// Which contribution: as it is named in figures, such as `GET /search` or `storage sqlite`; all of
    /// the instance's without it.
    pub on: Option<String>,
    /// Which of its calls.
    pub when: FaultWhen,
    /// What happens to them.
    pub fault: Fault,
    /// With another one, chance hits other calls. With the same one it hits the same calls, by their
    /// numbers, each time: it is computed from this, the names of instance and contribution, the rule's
    /// position among those of the instance, and the call's number. 0 by default.
    pub seed: u64,
}

/// Which calls a fault hits.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum FaultWhen {
    /// Each with this probability: more than 0, at most 1.
    Probability(f64),
    /// Those with these numbers, counted from 1 for each contribution, over restarts, from when the rule
    /// came.
    Calls {
        /// The first one.
        first: u64,
        /// How many.
        count: u64,
    },
    /// Each so manieth.
    Every(NonZeroU32),
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The call is answered with an error of kind [`Other`](crate::ErrorKind::Other).
    Fail,
    /// The call takes so much longer. It may be late then; a call that is not awaited holds its thread
    /// for so long, whatever its deadline.
    Delay(Duration),
    /// The call is answered as if the plugin had panicked.
    Panic,
    /// The call is never answered; only its deadline ends it, or whoever drops it. A call that is not
    /// awaited holds its thread for `call_timeout` and is late then; without one it fails at once, with
    /// an error of kind [`InvalidConfig`](crate::ErrorKind::InvalidConfig).
    Never,
}

impl Default for BulkheadPolicy {
    /// 100 inside, nobody waits.
    fn default() -> Self {
        Self { max_in_flight: NonZeroU32::new(100).expect("it is not zero"), queue: 0 }
    }
}

impl BulkheadPolicy {
    /// So many inside, nobody waits.
    pub const fn new(max_in_flight: NonZeroU32) -> Self {
        Self { max_in_flight, queue: 0 }
    }
}

impl BreakerPolicy {
    /// Opened by so many failures in a row; the rest is the default.
    pub fn failures(threshold: NonZeroU32) -> Self {
        Self { failure_threshold: Some(threshold), ..Self::default() }
    }

    /// Opened by such a share of failures, more than 0 and at most 1; the rest is the default.
    pub fn rate(share: f64) -> Self {
        Self { failure_threshold: None, failure_rate: Some(share), ..Self::default() }
    }
}

impl Lane {
    /// So many threads of its own, two to spare; 64 calls may wait.
    pub const fn dedicated(threads: NonZeroU32) -> Self {
        Self::Dedicated { threads, queue: 64, spare: 2 }
    }
}

impl FaultRule {
    /// This fault, in these calls of all of the instance's contributions.
    pub const fn new(fault: Fault, when: FaultWhen) -> Self {
        Self { on: None, when, fault, seed: 0 }
    }

    /// # Errors
    /// What is wrong with it, first of all.
    pub(crate) fn check(&self) -> Result<()> {
        match flaws::of_fault(self).into_iter().next() {
            None => Ok(()),
            Some(flaw) => {
                let message = format!("`{}`: {}", flaw.key, flaw.message);
                Err(Error::new(ErrorKind::InvalidInput, message).with_help(flaw.help))
            }
        }
    }
}

impl FaultWhen {
    /// Each call.
    pub const ALWAYS: Self = Self::Every(NonZeroU32::MIN);
}

impl Default for BreakerPolicy {
    /// Five failures in a row; open for 30 seconds; then one trial.
    fn default() -> Self {
        Self {
            failure_threshold: NonZeroU32::new(5),
            failure_rate: None,
            window: Duration::from_secs(10),
            min_calls: 20,
            open_for: Duration::from_secs(30),
            half_open_limit: NonZeroU32::MIN,
        }
    }
}

impl Default for HealthPolicy {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(5),
            unhealthy_after: NonZeroU32::new(3).expect("it is not zero"),
        }
    }
}

impl Default for RestartPolicy {
    fn default() -> Self {
        Self {
            max_restarts: 5,
            initial_backoff: Duration::from_secs(1),
            factor: 2.0,
            max_backoff: Duration::from_secs(60),
            reset_after: Duration::from_secs(300),
        }
    }
}
