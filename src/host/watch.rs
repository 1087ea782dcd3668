//! Watching over what runs: each instance with a health policy is asked how it is, now and then, and one
//! with a restart policy is brought back.
//!
//! Each has a job of its own in the background, and each question another one, so that an instance whose
//! `health` blocks keeps nobody else from being asked. Restarts are operations like those that people ask
//! for, one after another; whatever people do to an instance withdraws the restart that was planned.
//!
//! The policy restarts what ran and is unwell or down since. A start that somebody asked for and that
//! fails is told to them, and is not tried again: what has never worked will hardly work the next time.
//! (A supervisor of Erlang/OTP does the same; systemd and Kubernetes try that again, too.) After too many
//! restarts in a row an instance is left as it is: failed, or serving and unwell, and then it may still
//! get well by itself.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use async_channel::{Receiver, Sender};
use futures_lite::future::or;

use super::core::{Core, Operation};
use super::slot::Slot;
use super::stop::Saving;
use crate::config::{HealthPolicy, RestartPolicy};
use crate::contract::{Health, HealthStatus, Result};
use crate::lifecycle::{Event, Phase, State};
use crate::monitor::{HostEvent, HostEventKind};
use crate::runtime::{Pending, Timekeeper};
use crate::supervise::{Backoff, Next};

/// No interval is shorter: nobody's job should be to answer that all the time.
const SHORTEST: Duration = Duration::from_millis(1);

/// The watch over one running instance. It ends with this.
pub(super) struct Watch(Sender<()>);

/// How an instance that ran is brought back.
pub(super) struct Recovery {
    backoff: Backoff,
    /// Moments are counted from here.
    begin: Instant,
    /// The restart that is planned. Dropping it withdraws that.
    due: Option<Sender<()>>,
}

/// What the answers of an instance come to.
struct Pulse {
    unhealthy_after: u32,
    /// Bad answers in a row.
    bad: u32,
    status: HealthStatus,
}

impl Watch {
    fn begin(core: &Arc<Core>, slot: &Slot, policy: HealthPolicy) -> Self {
        let (end, ended) = async_channel::bounded::<()>(1);
        let watching =
            watch(Arc::downgrade(core), slot.id.clone(), slot.started, policy, core.time.clone());
        core.background.spawn(&slot.id, async move {
            let over = async {
                let _ = ended.recv().await;
            };
            or(over, watching).await;
        });
        Self(end)
    }

    /// Nobody is asked any more.
    pub(super) fn end(&self) {
        self.0.close();
    }
}

/// Asks an instance how it is until it does not run any more.
async fn watch(core: Weak<Core>, id: String, started: u64, policy: HealthPolicy, time: Timekeeper) {
    let mut pulse = Pulse {
        unhealthy_after: policy.unhealthy_after.get(),
        bad: 0,
        status: HealthStatus::Healthy,
    };
    loop {
        time.after(policy.interval.max(SHORTEST)).await;
        // The host is not kept while the instance thinks.
        let Some(asked) = core.upgrade().and_then(|core| core.ask(&id, policy.timeout).ok()) else {
            return;
        };
        let answer = asked.in_its_own_time(&time, policy.timeout).await;
        drop(asked);
        let Some(core) = core.upgrade() else { return };
        core.heard(&id, started, &mut pulse, answer);
    }
}

impl Pulse {
    /// Takes an answer in; whether that changes how the instance is.
    fn feel(&mut self, status: HealthStatus) -> bool {
        self.bad = if status == HealthStatus::Unhealthy { self.bad.saturating_add(1) } else { 0 };
        if self.bad > 0 && self.bad < self.unhealthy_after {
            return false;
        }
        std::mem::replace(&mut self.status, status) != status
    }
}

impl Recovery {
    fn new(policy: RestartPolicy) -> Self {
        Self { backoff: Backoff::new(policy), begin: Instant::now(), due: None }
    }

    pub(super) fn withdraw(&mut self) {
        self.due = None;
    }
}

impl Core {
    /// A new instance runs: from now on it is watched over as its policies say.
    pub(super) fn watch_over(self: &Arc<Self>, slot: &mut Slot) {
        let policy = self.config.supervision_of(&slot.config);
        slot.withdraw_restart();
        match policy.restart {
            None => slot.recovery = None,
            // Nobody asks it: that it has started has to do.
            Some(restart) if policy.health.is_none() || slot.recovery.is_none() => {
                slot.recovery = Some(Recovery::new(restart));
            }
            Some(_) => {}
        }
        let watch = policy.health.map(|health| Watch::begin(self, slot, health));
        if let Some(running) = &mut slot.running {
            running.watch = watch;
        }
    }

    /// An instance has answered, or has not.
    fn heard(self: &Arc<Self>, id: &str, started: u64, pulse: &mut Pulse, answer: Result<Health>) {
        let health = answer.unwrap_or_else(|error| Health::unhealthy(error.message()));
        let mut slots = self.slots.write();
        let same = |slot: &&mut Box<Slot>| slot.started == started && slot.running.is_some();
        let Some(slot) = slots.get_mut(id).filter(same) else { return };
        if pulse.feel(health.status) {
            match (&slot.state, pulse.status) {
                (State::Degraded, HealthStatus::Healthy) => slot.step(Event::Recovered),
                (State::Active, HealthStatus::Degraded | HealthStatus::Unhealthy) => {
                    slot.step(Event::Degraded);
                }
                _ => {}
            }
            slot.tell(HostEventKind::health_changed(&health));
        }
        slot.health = Some(health);
        match pulse.status {
            HealthStatus::Unhealthy => self.plan_restart(slot),
            // Single bad answers say nothing, neither this way nor that.
            _ if pulse.bad > 0 => {}
            HealthStatus::Healthy | HealthStatus::Degraded => {
                if let Some(recovery) = &mut slot.recovery {
                    recovery.withdraw();
                    recovery.backoff.is_up(recovery.begin.elapsed());
                }
            }
        }
    }

    /// An instance is unwell or down: it will be restarted, if its policy says so and no restart is
    /// planned yet.
    fn plan_restart(self: &Arc<Self>, slot: &mut Slot) {
        let Some(recovery) = &mut slot.recovery else { return };
        if recovery.due.is_some() {
            return;
        }
        let (attempt, after) = match recovery.backoff.is_down() {
            None => return,
            Some(Next::GiveUp { after }) => return slot.tell(HostEventKind::GaveUp { after }),
            Some(Next::Restart { attempt, after }) => (attempt, after),
        };
        let (due, withdrawn) = async_channel::bounded::<()>(1);
        recovery.due = Some(due);
        let of = recovery.backoff.most();
        slot.tell(HostEventKind::Restarting { attempt, of, after });
        let (core, time, id) = (Arc::downgrade(self), self.time.clone(), slot.id.clone());
        self.background.spawn(&slot.id, async move {
            let over = async {
                let _ = withdrawn.recv().await;
                false
            };
            let wait = async {
                time.after(after).await;
                true
            };
            if !or(over, wait).await {
                return;
            }
            let Some(core) = core.upgrade() else { return };
            let own = id.clone();
            let restart = Pending::spawn("restart", move || {
                core.restart_as_planned(&own, attempt, &withdrawn)
            });
            if let Err(error) = restart.await {
                tracing::warn!(plugin = id, attempt, %error, "a restart failed");
            }
        });
    }

    /// Restarts what is unwell or down, unless that was withdrawn meanwhile.
    fn restart_as_planned(
        self: &Arc<Self>,
        id: &str,
        attempt: u32,
        withdrawn: &Receiver<()>,
    ) -> Result<()> {
        let mut operation = self.operation.lock();
        if operation.closed || withdrawn.is_closed() {
            return Ok(());
        }
        self.restart(&mut operation, id, Some(attempt))
    }

    /// Stops an instance and all that depend on it, and starts them anew.
    pub(super) fn restart(
        self: &Arc<Self>,
        operation: &mut Operation,
        id: &str,
        attempt: Option<u32>,
    ) -> Result<()> {
        self.must_know(id)?;
        let (mut down, _) = self.take_down_and(&BTreeSet::from([id.to_owned()]), Saving::Keep);
        down.insert(id.to_owned());
        if let Some(slot) = self.slots.write().get_mut(id) {
            slot.restarts += 1;
            slot.withdraw_restart();
        }
        if attempt.is_none() {
            self.forget_restarts(id);
        }
        self.bring_up(operation, &down);
        self.must_run(id)?;
        {
            let slots = self.slots.write();
            let up = down.iter().filter_map(|id| slots.get(id));
            for slot in up.filter(|slot| slot.state.is_serving()) {
                slot.tell(if slot.id == id {
                    HostEventKind::Restarted { attempt }
                } else {
                    HostEventKind::DependencyRestarted { dependency: id.to_owned() }
                });
            }
        }
        Ok(())
    }

    /// Somebody asks for an instance: its restarts are counted anew, and if it does not come up, it is
    /// they who learn that.
    pub(super) fn forget_restarts(&self, id: &str) {
        if let Some(slot) = self.slots.write().get_mut(id) {
            slot.recovery = None;
        }
    }

    /// What ran before and did not come up again is tried again, as its policy says. What must not run as
    /// things are, because what it needs is switched off or gone, starts when that changes.
    pub(super) fn recover_the_fallen(self: &Arc<Self>) {
        for slot in self.slots.write().values_mut() {
            let failed =
                matches!(&slot.state, State::Failed { phase, .. } if *phase != Phase::Resolve);
            if failed && slot.running.is_none() {
                self.plan_restart(slot);
            }
        }
    }

    /// Nothing happens any more.
    pub(super) fn end_watch(&self) {
        #[cfg(feature = "watch")]
        self.following.end();
        self.slots.write().values_mut().for_each(|slot| slot.withdraw_restart());
        self.monitor.close();
    }
}

impl Slot {
    /// Tells of something that happened to it. The table is locked: nobody hears of it before it is not.
    pub(super) fn tell(&self, kind: HostEventKind) {
        self.monitor.note(HostEvent::now(&self.id, kind));
    }

    /// Somebody else decides about it, or it is well again.
    pub(super) fn withdraw_restart(&mut self) {
        if let Some(recovery) = &mut self.recovery {
            recovery.withdraw();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::InstanceConfig;

    #[test]
    fn only_bad_answers_in_a_row_make_it_unhealthy_and_one_that_is_not_bad_ends_that() {
        use HealthStatus::{Degraded, Healthy, Unhealthy};
        let mut pulse = Pulse { unhealthy_after: 2, bad: 0, status: Healthy };
        let answers = [
            (Healthy, false),
            (Unhealthy, false),
            (Degraded, true),
            (Unhealthy, false),
            (Unhealthy, true),
            (Unhealthy, false),
            (Healthy, true),
        ];
        for (answer, changes) in answers {
            assert_eq!(pulse.feel(answer), changes, "{answer:?}");
        }
    }

    /// Between the end of the wait and the turn of the restart an operation may come.
    #[test]
    fn a_restart_whose_turn_comes_after_it_was_withdrawn_does_nothing() {
        let core = Arc::new(Core::bare());
        let mut slot = Slot::new(InstanceConfig::new("it"), core.monitor.clone());
        slot.recovery = Some(Recovery::new(RestartPolicy::default()));
        let (due, withdrawn) = async_channel::bounded(1);
        slot.recovery.as_mut().unwrap().due = Some(due);
        core.slots.write().insert("it".into(), Box::new(slot));
        let restarts = || core.slots.read()["it"].restarts;
        // There is no such plugin, so it fails; but it was tried.
        core.restart_as_planned("it", 1, &withdrawn).unwrap_err();

        let mut operation = core.operation.lock();
        let (due, withdrawn) = async_channel::bounded(1);
        let mut slot = Slot::new(InstanceConfig::new("it"), core.monitor.clone());
        slot.recovery = Some(Recovery::new(RestartPolicy::default()));
        slot.recovery.as_mut().unwrap().due = Some(due);
        core.slots.write().insert("it".into(), Box::new(slot));
        let other = core.clone();
        let restart = std::thread::spawn(move || other.restart_as_planned("it", 1, &withdrawn));
        core.disable(&mut operation, "it").unwrap();
        drop(operation);
        restart.join().unwrap().unwrap();
        assert_eq!(restarts(), 0);
        assert_eq!(core.slots.read()["it"].state, State::Disabled);
    }
}
