//! What watches over the calls of one instance, for as long as the host knows it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use async_channel::Receiver;
use histogram::Histogram;
use hotshoe_abi::{PortTarget, outcome};
use parking_lot::{Mutex, MutexGuard, RwLock};

use super::balance::InFlight;
use super::breaker::{Breaker, Round, Trial, Verdict};
use super::bulkhead::Bulkhead;
use super::canary::Canary;
use super::contribution::Contribution;
use super::faults::{Faults, Injected, is_for};
use super::flights::Flights;
use super::limits::Limits;
use super::meter::{Latency, Meter, is_failing};
use super::port::{AnyPort, AnySpare, Port};
use super::ports::{Ports, ended_of};
use super::problems::Snapshot;
use super::stats::{CallStats, ContributionStats};
use super::uptime::Uptime;
use super::watch::{BREAKER, CANARY, FAULT, UNWELL};
use crate::config::{self, Fault, FaultRule, Supervision};
use crate::contract::{Error, ErrorKind, Result};
use crate::monitor::{BreakerState, HostEvent, HostEventKind, Monitor, Refusal, Sampled};
use crate::runtime::Timekeeper;
use crate::runtime::lane::{Lane, LaneFigures};
use crate::settings::Quota;

/// A breaker's window is looked at so many times while it passes.
const LOOKS: u32 = 16;

/// Watches over the calls of one instance, through all of its restarts.
#[derive(Debug)]
pub(crate) struct Supervisor {
    instance: Arc<str>,
    policy: Supervision,
    /// How long a call may take.
    pub(super) limit: Option<Duration>,
    pub(super) limits: Arc<Limits>,
    pub(super) flights: Arc<Flights>,
    /// Its own threads, while it serves.
    lane: RwLock<Option<Arc<Lane>>>,
    /// Threads of earlier lanes that did not come back.
    left_behind: AtomicU64,
    /// Locked after the ports.
    faults: Mutex<Faults>,
    ports: Mutex<Ports>,
    /// Calls inside, if it shares them with others.
    pub(super) pooled: Option<Box<InFlight>>,
    monitor: Monitor,
    /// Refusals that were not told yet, by what refused.
    refusals: [Sampled; Refusal::ALL.len()],
    /// While a share of its calls goes to another generation.
    pub(super) canary: RwLock<Option<Arc<Canary>>>,
    epoch: Instant,
    usage: Mutex<Usage>,
    uptime: Mutex<Uptime>,
}

/// When calls were last seen.
#[derive(Debug, Default)]
struct Usage {
    calls: u64,
    last: Option<SystemTime>,
}

/// What was seen of an instance's calls.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    calls: u64,
    latency: Option<Histogram>,
}

/// What a successor puts behind a port.
pub(super) enum Next {
    /// It is there already: nothing else was.
    Mounted(Arc<dyn AnyPort>),
    /// It will be.
    Spare(Box<dyn AnySpare>),
}

impl Supervisor {
    /// For the calls of `instance`; each may take `limit`.
    pub(crate) fn new(
        instance: &str,
        policy: Supervision,
        limit: Option<Duration>,
        time: &Timekeeper,
        monitor: &Monitor,
    ) -> Arc<Self> {
        Arc::new(Self {
            instance: instance.into(),
            limit,
            limits: Limits::new(&policy),
            flights: Flights::new(time.clone(), limit),
            lane: RwLock::default(),
            left_behind: AtomicU64::new(0),
            faults: Mutex::new(Faults::of(&policy.faults)),
            ports: Mutex::default(),
            pooled: policy.pool.as_ref().map(|_| Box::default()),
            monitor: monitor.clone(),
            refusals: Default::default(),
            canary: RwLock::default(),
            epoch: Instant::now(),
            usage: Mutex::default(),
            uptime: Mutex::default(),
            policy,
        })
    }

    /// The instance's id.
    pub(crate) fn instance(&self) -> &str {
        &self.instance
    }

    pub(crate) fn policy(&self) -> &Supervision {
        &self.policy
    }

    /// How long a call may take.
    pub(crate) fn limit(&self) -> Option<Duration> {
        self.limit
    }

    /// Nobody has a say in its calls any more: whoever holds a port keeps it, and it goes with the last of
    /// them. Until then the two keep each other.
    pub(crate) fn let_go_of_ports(&self) {
        let mut ports = self.ports.lock();
        let gone = (std::mem::take(&mut ports.list), std::mem::take(&mut ports.left_behind));
        drop(ports);
        drop(gone);
    }

    /// The port of a contribution, still closed, with `target` behind it. It is that of its predecessor,
    /// if nobody is inside any more and both do the same: whoever holds it calls the successor.
    pub(super) fn port<R: PortTarget>(
        self: &Arc<Self>,
        of: Contribution,
        target: R,
    ) -> (Port<R>, Arc<dyn AnyPort>) {
        let mut ports = self.ports.lock();
        let mut target = target;
        let known = ports.list.iter().position(|port| port.watch().contribution == of);
        if let Some(at) = known {
            let own = ports.list[at].clone();
            if let Some(port) = own.as_any().downcast_ref::<Port<R>>() {
                match port.mount(target) {
                    Ok(()) => {
                        port.settle();
                        return (port.clone(), own);
                    }
                    Err(refused) => target = refused,
                }
            }
            let old = ports.list.swap_remove(at);
            ports.left_behind.push(old);
        }
        self.new_port(&mut ports, of, target)
    }

    /// The port of a contribution of a successor: that of its predecessor, and beside it what takes the
    /// place of what it leads to; or, if that has none, another one that is closed.
    ///
    /// # Errors
    /// It cannot be called like its predecessor.
    pub(super) fn port_of_successor<R: PortTarget>(
        self: &Arc<Self>,
        predecessor: Option<Arc<dyn AnyPort>>,
        of: Contribution,
        target: R,
    ) -> Result<(Port<R>, Next)> {
        let port = predecessor.as_ref().and_then(|port| port.as_any().downcast_ref::<Port<R>>());
        let Some(port) = port.cloned() else {
            let (port, shared) = self.port(of, target);
            return Ok((port, Next::Mounted(shared)));
        };
        // It leads nowhere if the predecessor had to end first.
        let target = match port.mount(target) {
            Ok(()) => return Ok((port.clone(), Next::Mounted(Arc::new(port)))),
            Err(target) => target,
        };
        match port.prepare(target) {
            Ok(spare) => Ok((port, Next::Spare(spare))),
            Err(_) => Err(Error::new(
                ErrorKind::Incompatible,
                format!("{of} was expected to have all methods that it has now, at their places"),
            )
            .with_help("restart the instance instead: then those that use it are started anew")),
        }
    }

    fn new_port<R: PortTarget>(
        self: &Arc<Self>,
        ports: &mut Ports,
        of: Contribution,
        target: R,
    ) -> (Port<R>, Arc<dyn AnyPort>) {
        let port = Port::new(self, of, target);
        let shared: Arc<dyn AnyPort> = Arc::new(port.clone());
        let watch = shared.watch();
        if watch.limits.is_open() && watch.contribution.is_limited() {
            shared.set(BREAKER);
        }
        if ports.holders > 0 {
            shared.pause();
        }
        ports.list.push(shared.clone());
        (port, shared)
    }

    /// What failed before is not what is there now.
    pub(super) fn forget_failures(&self) {
        let ports = self.ports.lock();
        for port in ports.all() {
            let limits = &port.watch().limits;
            if let Some(breaker) = &limits.breaker {
                breaker.lock().reset(self.now(), ports.ended_behind(limits));
                port.clear(BREAKER);
            }
        }
    }

    /// An instance serves from now on, perhaps on threads of its own.
    pub(super) fn serve(&self) -> Option<Arc<Lane>> {
        self.forget_failures();
        self.uptime.lock().up(self.now());
        let config::Lane::Dedicated { threads, queue, spare } = self.policy.lane else {
            return None;
        };
        let lane = Arc::new(Lane::new(&self.instance, threads, queue, spare));
        let before = self.lane.write().replace(lane.clone());
        drop(before);
        Some(lane)
    }

    /// It does not serve any more.
    pub(super) fn rest(&self) {
        self.uptime.lock().down(self.now());
    }

    /// These threads were its own, and so many of them do not come back.
    pub(super) fn lane_ended(&self, lane: &Arc<Lane>, left: u32) {
        // A successor may have its own by now.
        self.lane.write().take_if(|current| Arc::ptr_eq(current, lane));
        self.left_behind.fetch_add(u64::from(left), Ordering::Relaxed);
    }

    /// The threads on which its calls run, if these are its own.
    pub(super) fn lane(&self) -> Option<Arc<Lane>> {
        match self.policy.lane {
            config::Lane::Inline => None,
            config::Lane::Dedicated { .. } => self.lane.read().clone(),
        }
    }

    /// Says whether others of its pool are to be preferred, because it is not well.
    pub(crate) fn set_unwell(&self, unwell: bool) {
        if self.pooled.is_none() {
            return;
        }
        for port in &self.ports.lock().list {
            if unwell { port.set(UNWELL) } else { port.clear(UNWELL) }
        }
    }

    /// How many calls are inside that somebody waits for: no events, no jobs.
    pub(crate) fn inside(&self) -> u64 {
        let ports = self.ports.lock();
        let awaited = ports.all().filter(|port| !port.watch().contribution.ends_last());
        awaited.map(|port| port.counts()).map(|(entered, left)| entered - left).sum()
    }

    /// Makes calls go wrong from now on.
    ///
    /// # Errors
    /// If the rule contradicts itself, or names what the instance does not contribute.
    pub(crate) fn inject(self: &Arc<Self>, rule: FaultRule) -> Result<Injected> {
        rule.check().map_err(|error| error.with_plugin(self.instance()))?;
        let ports = self.ports.lock();
        let all: Vec<&Contribution> = ports.contributions().collect();
        if !all.iter().any(|of| is_for(&rule, of)) {
            let message = format!("it contributes no `{}`", rule.on.as_deref().unwrap_or_default());
            let error = Error::new(ErrorKind::NotFound, message).with_plugin(self.instance());
            return Err(error.with_help(format!("it has {}", listed(&all))));
        }
        tracing::warn!(plugin = &*self.instance, ?rule, "calls go wrong on purpose from now on");
        let (number, hits) = self.faults.lock().add(rule);
        self.switch_faults(&ports);
        Ok(Injected::new(self, number, hits))
    }

    /// Takes back what was injected.
    pub(super) fn withdraw(&self, number: u64) {
        let ports = self.ports.lock();
        self.faults.lock().remove(number);
        self.switch_faults(&ports);
        tracing::info!(plugin = &*self.instance, "a fault on purpose is taken back");
    }

    fn switch_faults(&self, ports: &Ports) {
        let faults = self.faults.lock();
        for port in ports.all() {
            match faults.concern(&port.watch().contribution) {
                true => port.set(FAULT),
                false => port.clear(FAULT),
            }
        }
    }

    /// What is to be said of rules that name nothing that the instance contributes.
    pub(crate) fn idle_faults(&self) -> Vec<String> {
        let ports = self.ports.lock();
        let all: Vec<&Contribution> = ports.contributions().collect();
        let idle = self.faults.lock().idle(&all);
        let text = |on| {
            format!("`faults` names `{on}`, which it does not contribute; it has {}", listed(&all))
        };
        idle.into_iter().map(text).collect()
    }

    /// Whether calls of this may go wrong on purpose.
    pub(super) fn has_faults_for(&self, of: &Contribution) -> bool {
        self.faults.lock().concern(of)
    }

    /// Counts a call that is let in; what goes wrong with it on purpose.
    pub(super) fn next_fault(&self, of: &Contribution) -> Option<Fault> {
        self.faults.lock().next(&self.instance, of)
    }

    pub(super) fn quota_of(&self, of: &Contribution) -> Option<Quota> {
        let name = of.to_string();
        self.policy.routes.iter().find(|(route, _)| *route == name).map(|(_, quota)| *quota)
    }

    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// Whether a call may go on past a breaker that is not closed; the trial that it is.
    ///
    /// # Errors
    /// How long it still refuses.
    pub(super) fn ask_breaker(&self, limits: &Limits) -> Result<Option<Round>, Duration> {
        let Some(breaker) = &limits.breaker else { return Ok(None) };
        let now = self.now();
        match breaker.lock().admit(now) {
            Verdict::Pass => Ok(None),
            Verdict::Try(round) => Ok(Some(round)),
            Verdict::Refuse { until } => Err(until.saturating_sub(now)),
        }
    }

    /// Whether a breaker that is not closed would let a call pass now, to try it.
    pub(super) fn would_try(&self, limits: &Limits) -> bool {
        limits.breaker.as_ref().is_none_or(|breaker| breaker.lock().would_admit(self.now()))
    }

    /// A trial has ended like this.
    pub(super) fn trial_ended(&self, limits: &Arc<Limits>, round: Round, ended: u32) {
        let trial = match ended {
            outcome::DROPPED => Trial::Dropped,
            ended if is_failure(ended) => Trial::Failed,
            _ => Trial::Succeeded,
        };
        self.change_breaker(limits, |breaker, now, total| breaker.tried(round, trial, now, total));
    }

    /// A call has ended like this; not the plain way. Of those that were `timed` some are an occasion to
    /// look at the breaker's window.
    pub(super) fn call_ended(&self, limits: &Arc<Limits>, ended: u32, timed: bool) {
        if is_failure(ended) {
            return self.change_breaker(limits, |breaker, now, total| breaker.failed(now, total));
        }
        let Some(window) = self.policy.breaker.map(|policy| policy.window).filter(|_| timed) else {
            return;
        };
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let (now, apart) = (nanos(self.now()), nanos(window / LOOKS));
        let change = |before: u64| (now.saturating_sub(before) >= apart).then_some(now);
        if limits.looked.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change).is_ok() {
            self.change_breaker(limits, |breaker, now, total| {
                breaker.tick(now, total);
                false
            });
        }
    }

    /// Tells the breaker something. If that changes it, ports ask it from now on, or do no more.
    fn change_breaker(
        &self,
        limits: &Arc<Limits>,
        change: impl FnOnce(&mut Breaker, Duration, u64) -> bool,
    ) {
        let Some(breaker) = &limits.breaker else { return };
        // The ports first: the two locks are taken in this order everywhere.
        let mut ports = self.ports.lock();
        let total = ports.ended_behind(limits) + 1;
        let mut breaker = breaker.lock();
        let from = breaker.state();
        if !change(&mut breaker, self.now(), total) {
            return;
        }
        let to = breaker.state();
        let tripped = to == BreakerState::Open && ports.trip();
        for port in ports.behind(limits).filter(|port| port.watch().contribution.is_limited()) {
            match to {
                BreakerState::Open | BreakerState::HalfOpen if !tripped => port.set(BREAKER),
                _ => port.clear(BREAKER),
            }
        }
        drop((breaker, ports));
        let why = match (from, to) {
            (BreakerState::HalfOpen, BreakerState::Open) => "a trial failed",
            (_, BreakerState::Open) => "too many calls failed",
            _ => "all trials succeeded",
        };
        tracing::warn!(
            plugin = &*self.instance,
            ?from,
            ?to,
            why,
            "its circuit breaker has changed"
        );
        let kind = HostEventKind::BreakerChanged { from, to, why: why.to_owned() };
        self.monitor.emit(HostEvent::now(&self.instance, kind));
    }

    /// Tells somebody, once, if its breaker opens, or has opened already: then calls are held, not refused,
    /// until [`tell_trip_no_more`](Self::tell_trip_no_more).
    pub(crate) fn tell_trip(&self) -> Receiver<Instant> {
        let (told, tripped) = async_channel::bounded(1);
        let mut ports = self.ports.lock();
        ports.on_trip = Some(told);
        let limited = |port: &&Arc<dyn AnyPort>| port.watch().contribution.is_limited();
        let is_open = |port: &Arc<dyn AnyPort>| port.watch().limits.is_open();
        if ports.all().filter(limited).any(is_open) && ports.trip() {
            ports.all().filter(limited).for_each(|port| port.clear(BREAKER));
        }
        tripped
    }

    /// Its breaker does from now on what a breaker does. What was held because it had opened is so no more.
    pub(crate) fn tell_trip_no_more(&self) {
        let mut ports = self.ports.lock();
        ports.on_trip = None;
        if std::mem::take(&mut ports.tripped) {
            self.let_go(ports);
        }
    }

    /// Nobody takes over from what has failed: its breaker refuses calls.
    pub(crate) fn refuse_what_waits(&self) {
        let ports = self.ports.lock();
        for port in ports.all().filter(|port| port.watch().contribution.is_limited()) {
            if port.watch().limits.is_open() {
                port.set(BREAKER);
            }
        }
        drop(ports);
        self.tell_trip_no_more();
    }

    /// Holds all calls: one more does so.
    pub(super) fn hold(&self) {
        self.ports.lock().hold();
    }

    /// One less does.
    pub(super) fn hold_no_more(&self) {
        self.let_go(self.ports.lock());
    }

    fn let_go(&self, mut ports: MutexGuard<'_, Ports>) {
        ports.holders -= 1;
        if ports.holders > 0 {
            return;
        }
        ports.all().for_each(|port| port.resume());
        drop(ports);
        self.flights.wake();
    }

    /// A share of the calls of these goes to another generation from now on.
    pub(super) fn begin_canary(&self, canary: &Arc<Canary>, of: &[&Contribution]) {
        let before = self.canary.write().replace(canary.clone());
        drop(before);
        let ports = self.ports.lock();
        let own = ports.list.iter().filter(|port| of.contains(&&port.watch().contribution));
        own.for_each(|port| port.set(CANARY));
    }

    /// It does no more.
    pub(super) fn end_canary(&self) {
        let ended = self.canary.write().take();
        if ended.is_some() {
            self.ports.lock().all().for_each(|port| port.clear(CANARY));
        }
    }

    /// A call was refused.
    pub(super) fn refused(&self, why: Refusal) {
        if let Some(count) = self.refusals[why as usize].happened(self.now()) {
            self.tell_refusals(why, count);
        }
    }

    /// Tells of refusals that were not told yet; now and then.
    pub(crate) fn tell_late_refusals(&self) {
        for why in Refusal::ALL {
            if let Some(count) = self.refusals[why as usize].due(self.now()) {
                self.tell_refusals(why, count);
            }
        }
    }

    fn tell_refusals(&self, by: Refusal, count: u64) {
        tracing::debug!(plugin = &*self.instance, by = by.as_str(), count, "calls were refused");
        self.monitor.emit(HostEvent::now(&self.instance, HostEventKind::Refused { by, count }));
    }

    /// Where its breakers stand: the worst of them, if there are any.
    fn worst_breaker(&self, ports: &Ports) -> Option<BreakerState> {
        let middleware = ports.all().filter_map(|port| port.watch().limits.breaker());
        middleware.chain(self.limits.breaker()).max_by_key(|state| match state {
            BreakerState::Closed => 0,
            BreakerState::HalfOpen => 1,
            BreakerState::Open => 2,
        })
    }

    /// Whether calls come or not, windows go on.
    fn tick_breakers(&self) {
        let ports = self.ports.lock();
        for port in ports.all() {
            let limits = &port.watch().limits;
            if let Some(breaker) = &limits.breaker {
                breaker.lock().tick(self.now(), ports.ended_behind(limits));
            }
        }
    }

    /// Figures now, and of latencies what came since the last look; `held` has the others.
    pub(crate) fn look(&self, seen: &mut Seen, held: Snapshot) -> Snapshot {
        self.tick_breakers();
        let ports = self.ports.lock();
        let awaited = ports.all().filter(|port| port.watch().contribution.is_limited());
        let awaited: Vec<&Arc<dyn AnyPort>> = awaited.collect();
        let calls = awaited.iter().map(|port| ended_of(&***port)).sum();
        self.note_use(calls);
        let meters: Vec<&Meter> = awaited.iter().map(|port| &port.watch().meter).collect();
        let errors = meters.iter().map(|meter| meter.failures()).sum();
        let mut p99 = None;
        if calls != seen.calls
            && let Some(now) = Meter::histogram(&meters)
        {
            let since = match &seen.latency {
                Some(before) => now.wrapping_sub(before).ok(),
                None => Some(now.clone()),
            };
            p99 = since.and_then(|since| since.quantile_bucket(0.99).ok().flatten());
            seen.latency = Some(now);
        }
        seen.calls = calls;
        let p99 = p99.map(|bucket| Duration::from_nanos(bucket.start()));
        let stuck = self.stuck(self.lane_figures().as_ref());
        Snapshot { calls, errors, p99, stuck, ..held }
    }

    fn lane_figures(&self) -> Option<LaneFigures> {
        // The lock is not held while its threads are looked at.
        let lane = self.lane.read().clone();
        lane.map(|lane| lane.figures())
    }

    /// How many threads do not come back from it.
    fn stuck(&self, lane: Option<&LaneFigures>) -> u64 {
        u64::from(lane.map_or(0, |lane| lane.stuck)) + self.left_behind.load(Ordering::Relaxed)
    }

    /// What its own threads have used of one processor since they were made, in percent.
    pub(crate) fn cpu_usage(&self) -> Option<f64> {
        let figures = self.lane_figures()?;
        Some(
            figures.cpu_time?.as_secs_f64() / figures.age.as_secs_f64().max(f64::MIN_POSITIVE)
                * 100.0,
        )
    }

    fn note_use(&self, calls: u64) -> Option<SystemTime> {
        let mut usage = self.usage.lock();
        if usage.calls != calls {
            *usage = Usage { calls, last: Some(SystemTime::now()) };
        }
        usage.last
    }

    /// All that was counted.
    pub(crate) fn stats(&self) -> CallStats {
        let ports = self.ports.lock();
        let meters: Vec<&Meter> = ports.all().map(|port| &port.watch().meter).collect();
        let mut contributions: Vec<ContributionStats> =
            ports.all().map(|port| ContributionStats::of(&**port)).collect();
        contributions.sort_by(|one, other| one.name.cmp(&other.name));
        let (places, waiting) =
            self.limits.bulkhead.as_ref().map(Bulkhead::counts).unwrap_or_default();
        let limited = ports.all().filter(|port| port.watch().contribution.is_limited());
        let last_used = self.note_use(limited.map(|port| ended_of(&**port)).sum());
        let lane = self.lane_figures();
        CallStats {
            last_used,
            uptime: self.uptime.lock().share(self.now()),
            cpu_time: lane.and_then(|lane| lane.cpu_time),
            threads: lane.map_or(0, |lane| lane.threads),
            stuck: self.stuck(lane.as_ref()),
            latency: Latency::of(&meters),
            breaker: self.worst_breaker(&ports),
            places,
            waiting,
            pending: self.flights.len() as u64,
            contributions,
        }
    }
}

/// Names for people.
fn listed(all: &[&Contribution]) -> String {
    let mut names: Vec<String> = all.iter().map(|of| format!("`{of}`")).collect();
    names.sort();
    names.join(", ")
}

/// Whether a call failed by the plugin's doing.
pub(crate) fn is_failure(ended: u32) -> bool {
    outcome::kind(ended).is_some_and(is_failing)
}
