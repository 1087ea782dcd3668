//! Exchanging an instance for another generation of it while it serves: another build, or the same with
//! other settings.
//!
//! The new one is brought up beside the old one, and probed. Then calls are held: who comes waits at the
//! ports, who is inside goes on, until nobody is. The old one's state is asked for and handed to the new
//! one, what is behind the ports is exchanged, and calls are held no more: those that waited go on into the
//! new one. So nothing that is written between the two is lost, and no call is.
//!
//! The old one is kept, not stopped, until the [probation] is over.

mod canary;
mod exclusive;
mod generation;
mod operations;
mod probation;
mod rehearsal;
mod report;
mod state;
mod successor;
mod update;

use std::sync::Arc;
use std::time::{Duration, Instant};

use hotshoe_abi::AbiBytes;
use serde_json::Value;

pub(in crate::host) use canary::Trial;
pub(in crate::host) use generation::Generation;
use probation::Old;
pub(in crate::host) use probation::Probation;
pub use report::SwapReport;
use state::Asking;
use successor::Successor;
pub(in crate::host) use successor::Wanted;
pub use update::UpdateReport;

use crate::config::SwapPolicy;
use crate::contract::Result;
use crate::discover::Candidate;
use crate::gateway::Entries;
use crate::host::core::{Core, Operation};
use crate::host::slot::Running;
use crate::lifecycle::{Event, State};
use crate::manifest::{StatePolicy, SwapMode};
use crate::monitor::HostEventKind;
use crate::supervise::{Hold, Term};
use crate::tasks::Schedule;

/// What was handed over.
#[derive(Default)]
struct HandedOver {
    state: Option<AbiBytes>,
    left_behind: u64,
    pause: Duration,
}

impl Core {
    /// Exchanges an instance.
    ///
    /// # Errors
    /// Why it goes on as it was.
    pub(super) fn swap(
        self: &Arc<Self>,
        operation: &mut Operation,
        id: &str,
        wanted: Wanted,
    ) -> Result<SwapReport> {
        let begun = Instant::now();
        let (from, before) = (self.version_of(id), self.candidate_of(id));
        let swapped = self.successor(id, wanted).and_then(|successor| {
            let to = successor.version();
            if let Some(policy) = self.canary_for(id, &successor) {
                let canary = Some(self.begin_canary(id, successor, policy)?);
                let (instance, from, took) = (id.to_owned(), from.clone(), begun.elapsed());
                return Ok(SwapReport {
                    instance,
                    from,
                    to,
                    took,
                    canary,
                    ..SwapReport::default()
                });
            }
            let (candidate, settings) =
                (successor.candidate.clone(), successor.config.settings.clone());
            let (handed_over, probation) = match successor.mode() {
                SwapMode::Exclusive => self.swap_exclusive(id, successor)?,
                SwapMode::Overlap => self.swap_beside(id, successor)?,
            };
            self.remember(operation, id, before, candidate, settings);
            Ok(SwapReport {
                instance: id.to_owned(),
                from: from.clone(),
                to,
                took: begun.elapsed(),
                pause: handed_over.pause,
                left_behind: handed_over.left_behind,
                state: handed_over.state.map(|state| state.as_slice().len() as u64),
                probation,
                canary: None,
            })
        });
        match &swapped {
            Ok(report) if report.canary.is_some() => tracing::info!(plugin = id, "{report}"),
            Ok(report) => {
                tracing::info!(plugin = id, "{report}");
                let SwapReport { from, to, pause, left_behind, .. } = report.clone();
                self.tell(id, HostEventKind::Swapped { from, to, pause, left_behind });
            }
            Err(error) => {
                tracing::warn!(plugin = id, %error, "it goes on as it was: an exchange failed");
                self.tell(id, HostEventKind::swap_failed(error));
            }
        }
        swapped
    }

    /// What an instance is started with, should it be restarted: this in place of what it was `before`.
    fn remember(
        &self,
        operation: &mut Operation,
        id: &str,
        before: Option<Arc<Candidate>>,
        candidate: Arc<Candidate>,
        settings: Value,
    ) {
        // Other settings choose no build.
        if before.is_none_or(|before| !Arc::ptr_eq(&before, &candidate)) {
            operation.chosen.insert(id.to_owned(), candidate);
        }
        let configured = self.config.plugins.instances.get(id);
        if configured.is_some_and(|configured| configured.settings == settings) {
            operation.settings.remove(id);
        } else {
            operation.settings.insert(id.to_owned(), settings);
        }
    }

    /// Exchanges an instance for a generation that can be up at the same time.
    fn swap_beside(
        self: &Arc<Self>,
        id: &str,
        successor: Successor,
    ) -> Result<(HandedOver, Option<Duration>)> {
        let old = self.running(id, |slot| Some(slot.running.as_ref()?.term.clone()))?;
        let policy = successor.policy.clone();
        let holds = successor.has_state() || self.state_policy_of(id) != StatePolicy::None;
        let mut new = self.raise(id, Term::successor(&old), successor)?;
        let made = self.probe(id, &mut new).and_then(|()| match holds {
            true => self.hand_over(id, &old, &new, &policy),
            false => self.pass_on(id, &old, &new),
        });
        match made {
            Ok((made, before)) => {
                let state = made.state.clone();
                let old = self.take_over(id, new, before);
                let way_back = old.map(|old| Old::Kept(Box::new(old)));
                let begin = |old| self.begin_probation(id, old, state, &policy);
                Ok((made, way_back.and_then(begin)))
            }
            Err(error) => {
                // Calls were not led to it.
                self.let_go(id, new, None);
                Err(error)
            }
        }
    }

    /// Whether a generation that nobody calls yet is fit to be called.
    fn probe(&self, id: &str, new: &mut Generation) -> Result<()> {
        let objects = std::mem::take(&mut new.handlers);
        let routes = self.gateway.draft(|routes| {
            let mut routes = routes.clone();
            routes.replace(id, &new.entries).map(|()| routes)
        })?;
        let asking = Asking::of(id, &new.running)?;
        asking.probe()?;
        let Some(policy) = &new.successor.policy.replay else { return Ok(()) };
        let entries = new.entries.handlers.iter().map(|(_, _, entry)| entry.clone());
        asking.rehearse(routes, entries.zip(objects).collect(), policy)
    }

    /// Holds calls, hands the state over, and leads calls to the new one. Also the routes of the old one.
    fn hand_over(
        &self,
        id: &str,
        old: &Arc<Term>,
        new: &Generation,
        policy: &SwapPolicy,
    ) -> Result<(HandedOver, Entries)> {
        let old_one = self.running(id, |slot| Asking::of(id, slot.running.as_ref()?).ok())?;
        let (old_one, new_one) = (old_one.ready(), Asking::of(id, &new.running)?.ready());
        let hold = Hold::new(old.supervisor());
        let left_behind = old.quiet(hold.until(policy.drain_timeout));
        let state = self.state_of(id, &old_one, policy)?;
        if let Some(state) = state.clone().filter(|_| new.successor.has_state()) {
            new_one.restore(state, policy)?;
        }
        let before = self.lead_to(id, old, &new.running.term, &new.entries)?;
        Ok((HandedOver { state, left_behind, pause: hold.release() }, before))
    }

    /// Leads calls to a new one that needs nothing of the old one: who is inside of that ends there.
    fn pass_on(
        &self,
        id: &str,
        old: &Arc<Term>,
        new: &Generation,
    ) -> Result<(HandedOver, Entries)> {
        let before = self.lead_to(id, old, &new.running.term, &new.entries)?;
        let left_behind = new.running.term.quiet(Instant::now());
        Ok((HandedOver { left_behind, ..HandedOver::default() }, before))
    }

    /// Leads calls, and requests, from one generation to another; the routes of the first.
    fn lead_to(
        &self,
        id: &str,
        from: &Arc<Term>,
        to: &Arc<Term>,
        entries: &Entries,
    ) -> Result<Entries> {
        self.cut_recording_short(id);
        let before = self.gateway.draft(|routes| {
            let before = routes.entries_of(id);
            routes.replace(id, entries).map(|()| before)
        })?;
        if let Err(error) = to.exchange(from) {
            // What was there a moment ago is nobody else's.
            let _ = self.gateway.draft(|routes| routes.replace(id, &before));
            return Err(error);
        }
        self.gateway.publish();
        Ok(before)
    }

    /// Puts a generation in the place of the one that the table of instances has, which is returned; its
    /// routes were these.
    fn take_over(
        self: &Arc<Self>,
        id: &str,
        new: Generation,
        entries_before: Entries,
    ) -> Option<Generation> {
        let Generation { mut running, successor, warnings, load_time, started, .. } = new;
        let mut slots = self.slots.write();
        let slot = slots.get_mut(id)?;
        let mut before = slot.running.take()?;
        self.connect(id, &mut running, &mut before);
        let old = Generation {
            running: before,
            successor: Successor {
                candidate: slot.candidate.replace(successor.candidate)?,
                depends_on: std::mem::replace(&mut slot.depends_on, successor.depends_on),
                policy: self.config.swap_of(&slot.config),
                config: std::mem::replace(&mut slot.config, successor.config),
            },
            entries: entries_before,
            handlers: Vec::new(),
            warnings: std::mem::replace(&mut slot.warnings, warnings),
            load_time: std::mem::replace(&mut slot.load_time, load_time),
            started: std::mem::replace(&mut slot.started, started),
        };
        slot.running = Some(running);
        slot.health = None;
        if slot.state == State::Degraded {
            slot.step(Event::Recovered);
        }
        self.watch_over(slot);
        Some(old)
    }

    /// Gives a generation that takes over what goes on: subscriptions and jobs that both have, and where its
    /// services are found. What only the other one has ends.
    fn connect(&self, id: &str, new: &mut Running, old: &mut Running) {
        if let Some(watch) = old.watch.take() {
            watch.end();
        }
        // Of those with one name each goes on with the one at its place: that is how their ports are told
        // apart.
        let mut subscriptions = std::mem::take(&mut old.subscriptions);
        for (topic, port, permit) in &new.topics {
            let same = subscriptions.iter().position(|other| other.topic() == topic);
            new.subscriptions.push(match same {
                Some(at) => {
                    // Those of one topic stay in their order: each leads to its own port.
                    let subscription = subscriptions.remove(at);
                    subscription.admit(permit.clone());
                    subscription
                }
                None => self.events.subscribe(id, topic, port.clone(), permit.clone()),
            });
        }
        subscriptions.iter().for_each(|gone| self.events.unsubscribe(gone));
        let mut schedules = std::mem::take(&mut old.schedules);
        for (name, interval, port) in &new.tasks {
            let same = schedules.iter().position(|other| other.name() == name);
            let before = same.map(|at| schedules.remove(at));
            new.schedules.push(match before {
                Some(before) if before.interval() == *interval => before,
                before => {
                    before.iter().for_each(Schedule::end);
                    let (background, time) = (&self.background, &self.time);
                    Schedule::start(background, time, id, name, *interval, port.clone())
                }
            });
        }
        schedules.iter().for_each(Schedule::end);
        // Whoever asks from now on relies on what the old one had, too, as long as there is a way back.
        let offers = new.services.iter().map(|service| {
            let before = old.services.iter().find(|before| before.name == service.name);
            before.unwrap_or(service).offer()
        });
        self.services.replace(id, offers.collect());
    }

    /// A recording is of one generation: what comes after the switch is not in there. Nothing of what is kept
    /// for the way back is recorded either.
    fn cut_recording_short(&self, id: &str) {
        let mut slots = self.slots.write();
        let running = slots.get_mut(id).and_then(|slot| slot.running.as_mut());
        let recorder = running.and_then(|running| running.recorder.take());
        drop(slots);
        if let Some(recorder) = recorder {
            self.gateway.end_recording(&recorder);
            recorder.close();
        }
    }

    /// The state of what serves, if it has one by its manifest.
    fn state_of(
        &self,
        id: &str,
        asking: &Asking<'_>,
        policy: &SwapPolicy,
    ) -> Result<Option<AbiBytes>> {
        match self.state_policy_of(id) {
            StatePolicy::None => Ok(None),
            StatePolicy::HandedOver | StatePolicy::Kept => asking.save(policy),
        }
    }

    fn state_policy_of(&self, id: &str) -> StatePolicy {
        self.candidate_of(id).map(|it| it.manifest.state).unwrap_or_default()
    }

    fn version_of(&self, id: &str) -> String {
        self.candidate_of(id).map(|it| it.manifest.version.to_string()).unwrap_or_default()
    }

    fn candidate_of(&self, id: &str) -> Option<Arc<Candidate>> {
        self.slots.read().get(id)?.candidate.clone()
    }

    fn tell(&self, id: &str, kind: HostEventKind) {
        if let Some(slot) = self.slots.write().get(id) {
            slot.tell(kind);
        }
    }
}
