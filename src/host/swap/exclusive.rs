//! Exchanging an instance that cannot be up twice: calls are held, the old one ends, then the new one
//! begins. If that does not come up, the old one is started anew from its state.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_lite::future::block_on;
use hotshoe_abi::{AbiBytes, AbiPlugin};

use super::probation::{Old, no_state};
use super::state::Asking;
use super::{Generation, HandedOver, Successor};
use crate::config::SwapPolicy;
use crate::contract::{Error, ErrorKind, Result};
use crate::gateway::Entries;
use crate::host::context::InstanceContext;
use crate::host::core::Core;
use crate::host::slot::Running;
use crate::lifecycle::{Phase, Worker};
use crate::supervise::{Hold, Term};

impl Core {
    /// Exchanges an instance for a generation that can only be up when the old one is not.
    ///
    /// # Errors
    /// Why it goes on as it was; or why it does not run any more, if the old one did not come up again.
    pub(super) fn swap_exclusive(
        self: &Arc<Self>,
        id: &str,
        successor: Successor,
    ) -> Result<(HandedOver, Option<Duration>)> {
        let policy = successor.policy.clone();
        // Whatever is wrong with the library is found out while the old one serves.
        self.open_library(id, &successor)?;
        let (old, plugin, before) = self.running(id, |slot| {
            let running = slot.running.as_ref()?;
            Some((running.term.clone(), running.plugin.clone()?, self.successor_now(slot)?))
        })?;
        let asking = Asking::new(id, plugin).ready();
        let hold = Hold::new(old.supervisor());
        let left_behind = old.quiet(hold.until(policy.drain_timeout));
        if left_behind > 0 {
            let message = format!(
                "all calls were expected to leave within {:?}, {left_behind} are still inside",
                policy.drain_timeout
            );
            return Err(Error::new(ErrorKind::Timeout, message)
                .with_plugin(id)
                .with_help("raise `drain_timeout` in its `swap` table, or restart it"));
        }
        let state = self.state_of(id, &asking, &policy)?;
        drop(asking);
        let entries = self.gateway.draft(|routes| routes.entries_of(id));
        self.end_in_place(id)?;
        let Err(error) = self.begin_in_place(id, successor, state.clone()) else {
            let made = HandedOver { state: state.clone(), left_behind: 0, pause: hold.release() };
            let way_back = Old::Anew(Box::new(before));
            return Ok((made, self.begin_probation(id, way_back, state, &policy)));
        };
        let own = state.clone();
        match self.begin_in_place(id, before, state) {
            Ok(()) => Err(error),
            Err(worse) => {
                self.lose(id, &old, &entries, own, worse);
                Err(error.with_help(format!(
                    "it does not run any more: what ran before did not come up again either; \
                     `explain(\"{id}\")` tells why"
                )))
            }
        }
    }

    /// Starts what served before an exchange, in the place of what serves now, whose calls are held.
    ///
    /// # Errors
    /// It does not come up; then what serves now was started again, or nothing runs.
    pub(super) fn go_back_anew(
        self: &Arc<Self>,
        id: &str,
        old: Successor,
        own_state: Option<AbiBytes>,
        policy: &SwapPolicy,
    ) -> Result<()> {
        let (serving, asking, now) = self.running(id, |slot| {
            let running = slot.running.as_ref()?;
            let asking = Asking::of(id, running).ok()?;
            Some((running.term.clone(), asking, self.successor_now(slot)?))
        })?;
        let asking = asking.ready();
        serving.quiet(Instant::now() + policy.drain_timeout);
        let saved = self.state_of(id, &asking, policy);
        drop(asking);
        let entries = self.gateway.draft(|routes| routes.entries_of(id));
        self.end_in_place(id)?;
        let newest = match saved {
            Ok(Some(saved)) => self.begin_in_place(id, old.clone(), Some(saved)),
            Ok(None) if own_state.is_none() => self.begin_in_place(id, old.clone(), None),
            Ok(None) => Err(no_state()),
            Err(error) => Err(error),
        };
        let gone_back = newest.or_else(|error| {
            tracing::warn!(plugin = id, %error, "rolled back to the state from before the exchange");
            self.begin_in_place(id, old, own_state.clone())
        });
        let Err(error) = gone_back else { return Ok(()) };
        let own = own_state.clone();
        if let Err(worse) = self.begin_in_place(id, now, own_state) {
            self.lose(id, &serving, &entries, own, worse);
        }
        Err(error)
    }

    /// Ends what an instance runs while its calls are held: nothing of it is left but its ports.
    fn end_in_place(&self, id: &str) -> Result<()> {
        self.cut_recording_short(id);
        let mut slots = self.slots.write();
        let taken = slots.get_mut(id).and_then(|slot| {
            let limit = self.config.timeouts_of(&slot.config).stop;
            let running = slot.running.as_mut()?;
            if let Some(watch) = running.watch.take() {
                watch.end();
            }
            let plugin = running.plugin.take()?;
            Some((plugin, running.context.clone(), running.term.clone(), limit))
        });
        drop(slots);
        let Some((plugin, context, term, limit)) = taken else {
            return Err(Error::new(ErrorKind::IllegalState, "it does not run").with_plugin(id));
        };
        end_held(id, plugin, context, term, limit);
        Ok(())
    }

    /// Brings a generation up in the place of one that has ended, and leads calls to it. They are held.
    fn begin_in_place(
        self: &Arc<Self>,
        id: &str,
        successor: Successor,
        state: Option<AbiBytes>,
    ) -> Result<()> {
        let ended = self.running(id, |slot| Some(slot.running.as_ref()?.term.clone()))?;
        let policy = successor.policy.clone();
        let mut new = self.raise(id, Term::successor(&ended), successor)?;
        let state = state.filter(|_| new.successor.has_state());
        let ready = self.probe(id, &mut new).and_then(|()| match state {
            Some(state) => Asking::of(id, &new.running)?.restore(state, &policy),
            None => Ok(()),
        });
        let led = ready.and_then(|()| self.lead_in_place(id, &ended, &new));
        match led {
            Ok(before) => {
                self.take_over(id, new, before);
                Ok(())
            }
            Err(error) => {
                // The next one needs what this one owns.
                let limit = self.config.timeouts_of(&new.successor.config).stop;
                let Running { plugin, context, term, .. } = new.running;
                if let Some(plugin) = plugin {
                    end_held(id, plugin, context, term, limit);
                }
                Err(error)
            }
        }
    }

    /// Leads requests to a new one that is behind the ports already.
    fn lead_in_place(&self, id: &str, ended: &Term, new: &Generation) -> Result<Entries> {
        let before = self.gateway.draft(|routes| {
            let before = routes.entries_of(id);
            routes.replace(id, &new.entries).map(|()| before)
        })?;
        new.running.term.succeed(ended);
        self.gateway.publish();
        Ok(before)
    }

    /// Nothing came up: whoever waits, and whoever comes, is refused. A restart finds the state.
    fn lose(
        self: &Arc<Self>,
        id: &str,
        ended: &Term,
        entries: &Entries,
        state: Option<AbiBytes>,
        error: Error,
    ) {
        ended.close();
        self.services.replace(id, Vec::new());
        self.withdraw_storage(id);
        let _ = self.gateway.draft(|routes| {
            routes.replace(id, entries)?;
            routes.vacate(&BTreeSet::from([id]));
            Ok::<(), Error>(())
        });
        self.gateway.publish();
        let mut slots = self.slots.write();
        let Some(slot) = slots.get_mut(id) else { return };
        if let Some(running) = slot.running.take() {
            running.subscriptions.iter().for_each(|gone| self.events.unsubscribe(gone));
            running.schedules.iter().for_each(crate::tasks::Schedule::end);
        }
        slot.saved = state;
        slot.fail(Phase::Run, error);
        drop(slots);
        self.recover_the_fallen();
    }
}

/// Ends an instance whose calls are held, on a thread that may be lost.
fn end_held(
    id: &str,
    plugin: Arc<AbiPlugin>,
    context: Arc<InstanceContext>,
    term: Arc<Term>,
    limit: Duration,
) {
    let own = context.clone();
    let ended = Worker::spawn(id, Phase::Stop, Some(limit), move |_| {
        own.begin_stop();
        let objects = term.take_held();
        let stopped = block_on(plugin.stop());
        own.end();
        drop((objects, plugin));
        stopped
    });
    if let Err(error) = ended.wait() {
        // What it owns may still be taken; then its successor says so.
        tracing::warn!(plugin = id, %error, "it failed to stop, its successor is started anyway");
    }
    context.end();
}
