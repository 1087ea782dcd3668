//! Taking instances down: those that depend on others first, side by side where nobody waits for
//! another.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_lite::future::block_on;
use hotshoe_abi::AbiBytes;

use super::core::Core;
use super::keep::Keeper;
use super::slot::Running;
use crate::contract::{Error, Result};
use crate::lifecycle::{Event, Phase, Worker};
use crate::runtime::Timekeeper;

/// A limit beyond this is none.
pub(super) const LONGEST: Duration = Duration::from_secs(u32::MAX as u64);

impl Core {
    /// Stops these and all that depend on them; who was stopped, and what went wrong.
    pub(super) fn take_down(&self, ids: &BTreeSet<String>) -> (BTreeSet<String>, Vec<Error>) {
        self.take_down_and(ids, Saving::Forget)
    }

    /// The same, and perhaps keeps their state for their successors.
    pub(super) fn take_down_and(
        &self,
        ids: &BTreeSet<String>,
        saving: Saving,
    ) -> (BTreeSet<String>, Vec<Error>) {
        let down = self.with_dependents(ids);
        let mut left = down.clone();
        let mut errors = Vec::new();
        while !left.is_empty() {
            let level = self.nobody_waits_for(&left);
            for id in &level {
                left.remove(id);
            }
            errors.extend(self.stop_level(level, saving));
        }
        (down, errors)
    }

    /// Every running instance.
    pub(super) fn all_running(&self) -> BTreeSet<String> {
        let slots = self.slots.read();
        slots.values().filter(|slot| slot.running.is_some()).map(|slot| slot.id.clone()).collect()
    }

    fn with_dependents(&self, ids: &BTreeSet<String>) -> BTreeSet<String> {
        let slots = self.slots.read();
        let running = |id: &String| slots.get(id).is_some_and(|slot| slot.running.is_some());
        let mut down: BTreeSet<String> = ids.iter().filter(|id| running(id)).cloned().collect();
        loop {
            let more: Vec<String> = slots
                .values()
                .filter(|slot| slot.running.is_some() && !down.contains(&slot.id))
                .filter(|slot| slot.depends_on.iter().any(|id| down.contains(id)))
                .map(|slot| slot.id.clone())
                .collect();
            if more.is_empty() {
                return down;
            }
            down.extend(more);
        }
    }

    /// Of `left`, those that no other of `left` depends on. Never empty: dependencies have no
    /// cycle, or they would not have started.
    fn nobody_waits_for(&self, left: &BTreeSet<String>) -> Vec<String> {
        let slots = self.slots.read();
        let needed: BTreeSet<&String> = left
            .iter()
            .filter_map(|id| slots.get(id))
            .flat_map(|slot| &slot.depends_on)
            .filter(|id| left.contains(*id))
            .collect();
        let free: Vec<String> = left.iter().filter(|id| !needed.contains(id)).cloned().collect();
        if free.is_empty() { left.iter().cloned().collect() } else { free }
    }

    fn stop_level(&self, level: Vec<String>, saving: Saving) -> Vec<Error> {
        let mut stopping = Vec::new();
        let mut kept = Vec::new();
        {
            let mut slots = self.slots.write();
            for id in level {
                let Some(slot) = slots.get_mut(&id) else { continue };
                kept.extend(self.end_probation(slot).map(|old| (id.clone(), old)));
                kept.extend(self.end_trial(slot).map(|new| (id.clone(), new)));
                let Some(running) = slot.running.take() else { continue };
                // Before the backend that may keep its state is withdrawn.
                let candidate = slot.candidate.as_ref();
                let keeper = candidate.map(|it| self.keeper(&slot.config, &it.manifest));
                slot.step(Event::StopRequested);
                slot.withdraw_restart();
                stopping.push((id, running, keeper, self.config.timeouts_of(&slot.config).stop));
            }
        }
        // Its routes stay until it has ended: whoever calls learns "not now" instead of "not here".
        // Its middleware stays only if a successor follows: what guards a path must not be open
        // while it is exchanged.
        self.gateway.draft(|routes| {
            stopping.iter().for_each(|(_, running, ..)| running.term.close());
            let ids = stopping.iter().map(|(id, ..)| id.as_str()).collect();
            match saving {
                Saving::Keep => routes.vacate(&ids),
                Saving::Forget => routes.vacate_for_good(&ids),
            }
        });
        self.gateway.publish();
        for (_, running, ..) in &stopping {
            // Nobody goes back any more on behalf of those that were held.
            running.term.supervisor().refuse_what_waits();
        }
        let kept: Vec<Worker<()>> =
            kept.into_iter().map(|(id, old)| self.retire(&id, old, None)).collect();
        let mut workers = Vec::new();
        for (id, running, keeper, limit) in stopping {
            self.services.withdraw(&id);
            self.withdraw_storage(&id);
            for subscription in &running.subscriptions {
                self.events.unsubscribe(subscription);
            }
            let (name, time) = (id.clone(), self.time.clone());
            let context = running.context.clone();
            let worker = Worker::spawn(&id, Phase::Stop, Some(limit), move |_| {
                end(&name, running, keeper, limit, &time, saving)
            });
            workers.push((id, context, worker));
        }
        let mut errors = Vec::new();
        let mut ended = Vec::new();
        for (id, context, worker) in workers {
            let outcome = worker.wait();
            // It may have been given up, and still run.
            context.end();
            ended.push(id.clone());
            let mut slots = self.slots.write();
            let Some(slot) = slots.get_mut(&id) else { continue };
            match outcome {
                Ok(saved) => {
                    slot.saved = saved;
                    slot.step(Event::Stopped);
                    tracing::info!(plugin = id, "stopped");
                }
                Err(error) => {
                    errors.push(error.clone());
                    slot.fail(Phase::Stop, error);
                }
            }
        }
        errors.extend(kept.into_iter().filter_map(|worker| worker.wait().err()));
        if matches!(saving, Saving::Forget) {
            self.withdraw_routes(&ended);
        }
        errors
    }

    /// Takes the routes of these instances away, of those that do not run.
    pub(super) fn withdraw_routes<'a>(&self, ids: impl IntoIterator<Item = &'a String>) {
        let gone: BTreeSet<&str> = {
            let slots = self.slots.read();
            let running = |id: &str| slots.get(id).is_some_and(|slot| slot.running.is_some());
            ids.into_iter().map(String::as_str).filter(|id| !running(id)).collect()
        };
        self.gateway.draft(|routes| routes.remove(&gone));
        self.gateway.publish();
    }
}

/// What becomes of the state of an instance that ends.
#[derive(Clone, Copy)]
pub(super) enum Saving {
    /// A successor gets it.
    Keep,
    /// There is no successor; it is gone, unless the plugin's is kept over the end of the host.
    Forget,
}

/// Ends one instance, on a thread of its own: lets calls finish, asks for its state
/// if somebody wants it, then stops it, then drops it.
fn end(
    id: &str,
    running: Running,
    keeper: Option<Keeper>,
    limit: Duration,
    time: &Timekeeper,
    saving: Saving,
) -> Result<Option<AbiBytes>> {
    running.context.begin_stop();
    if let Some(watch) = &running.watch {
        watch.end();
    }
    for schedule in &running.schedules {
        schedule.end();
    }
    // What hangs must leave time for `stop` itself. Clocks do not count as far as limits.
    let limit = limit.min(LONGEST);
    let patience = Instant::now() + limit.mul_f64(0.8);
    // The plugin's objects: dropped here, where it does not matter how long that takes.
    let (objects, inside) = running.term.drain(patience);
    if inside > 0 {
        tracing::warn!(plugin = id, calls = inside, "stopped with calls still going on");
    }
    let quiet = async {
        for subscription in &running.subscriptions {
            subscription.ended().await;
        }
        for schedule in &running.schedules {
            schedule.ended().await;
        }
        Ok(())
    };
    let left = patience.saturating_duration_since(Instant::now()).max(limit.mul_f64(0.1));
    if block_on(time.timeout(Some(left), "the end of events and jobs", quiet)).is_err() {
        tracing::warn!(plugin = id, "stopped with events or jobs still going on");
    }
    let (rest, _) = running.term.drain_rest(Instant::now());
    let stuck = running.term.end_lane(patience);
    if stuck > 0 {
        tracing::warn!(plugin = id, threads = stuck, "stopped with threads that do not come back");
    }
    let Some(plugin) = &running.plugin else { return Ok(None) };
    let saved = keeper.map_or(Ok(None), |keeper| keeper.save(plugin, saving));
    let outcome = block_on(plugin.stop());
    running.context.end();
    drop((objects, rest));
    outcome.and(saved)
}
