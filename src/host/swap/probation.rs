//! The time after an exchange in which there is a way back: the old generation is kept, not stopped, and
//! takes over again if the new one's breaker opens.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_channel::{Receiver, Sender};
use futures_lite::future::{or, pending};
use hotshoe_abi::AbiBytes;
use hotshoe_abi::plain::Line;

use super::Successor;
use super::generation::Generation;
use super::state::Asking;
use crate::config::SwapPolicy;
use crate::contract::{Error, ErrorKind, Result};
use crate::discover::Source;
use crate::host::core::{Core, Operation};
use crate::host::slot::Slot;
use crate::monitor::HostEventKind;
use crate::runtime::Pending;
use crate::supervise::{Hold, Term};

/// For how long calls of one that has failed are held at most until the host is free to go back. After that
/// its breaker refuses them.
const PATIENCE: Duration = Duration::from_secs(2);

/// The way back.
pub(in crate::host) struct Probation {
    old: Old,
    /// The state that was handed over.
    state: Option<AbiBytes>,
    policy: SwapPolicy,
    /// Dropping it withdraws what happens at the end of the time.
    _watched: Sender<()>,
}

/// What there is a way back to.
pub(super) enum Old {
    /// It is there, and can take over at once.
    Kept(Box<Generation>),
    /// It cannot be up at the same time: it is started anew.
    Anew(Box<Successor>),
}

/// How a probation ends by itself.
enum End {
    /// Nothing has happened.
    Over,
    /// Too many calls failed. They are held since then.
    Tripped(Instant),
}

impl Core {
    /// Keeps the old generation for the time that the policy says; for how long that is. Without such a time
    /// it ends now.
    pub(super) fn begin_probation(
        self: &Arc<Self>,
        id: &str,
        old: Old,
        state: Option<AbiBytes>,
        policy: &SwapPolicy,
    ) -> Option<Duration> {
        let mut slots = self.slots.write();
        let slot = slots.get_mut(id)?;
        let serving = slot.running.as_ref()?.term.clone();
        if policy.probation.is_zero() {
            drop(slots);
            self.leave_behind(id, old, serving);
            return None;
        }
        let (watched, withdrawn) = async_channel::bounded::<()>(1);
        let tripped = serving.supervisor().tell_trip();
        let policy = policy.clone();
        let time = policy.probation;
        slot.probation = Some(Probation { old, state, policy, _watched: watched });
        drop(slots);
        self.watch_probation(id, time, tripped, withdrawn);
        Some(time)
    }

    fn watch_probation(
        self: &Arc<Self>,
        id: &str,
        length: Duration,
        tripped: Receiver<Instant>,
        withdrawn: Receiver<()>,
    ) {
        let (core, time, id) = (Arc::downgrade(self), self.time.clone(), id.to_owned());
        self.background.spawn(&id.clone(), async move {
            let over = async {
                time.after(length).await;
                Some(End::Over)
            };
            let tripped = async {
                match tripped.recv().await {
                    Ok(since) => Some(End::Tripped(since)),
                    // Another one is told.
                    Err(_) => pending().await,
                }
            };
            let ended = async {
                let _ = withdrawn.recv().await;
                None
            };
            let Some(end) = or(ended, or(tripped, over)).await else { return };
            let Some(core) = core.upgrade() else { return };
            let own = id.clone();
            let ended =
                Pending::spawn("probation", move || core.end_by_itself(&own, &end, &withdrawn));
            if let Err(error) = ended.await {
                tracing::error!(plugin = id, %error, "there was no way back after an exchange");
            }
        });
    }

    /// The time is over, or too many calls failed; unless somebody else has decided meanwhile.
    fn end_by_itself(
        self: &Arc<Self>,
        id: &str,
        end: &End,
        withdrawn: &Receiver<()>,
    ) -> Result<()> {
        let operation = self.operation.try_lock_for(PATIENCE);
        let mut operation = match operation {
            Some(operation) => operation,
            None => {
                // Those that wait are not to wait for what others do.
                if let Ok(term) = self.running(id, |slot| Some(slot.running.as_ref()?.term.clone()))
                {
                    term.supervisor().refuse_what_waits();
                }
                self.operation.lock()
            }
        };
        if operation.closed || withdrawn.is_closed() {
            return Ok(());
        }
        match end {
            End::Over => self.promote(id),
            End::Tripped(since) => {
                self.roll_back(&mut operation, id, "too many of its calls failed", Some(*since))
            }
        }
    }

    /// What serves stays: the old generation ends.
    ///
    /// # Errors
    /// If there is no way back that could be given up.
    pub(in crate::host) fn promote(self: &Arc<Self>, id: &str) -> Result<()> {
        let (probation, serving) = self.take_probation(id)?;
        self.leave_behind(id, probation.old, serving);
        self.tell(id, HostEventKind::Promoted { version: self.version_of(id) });
        Ok(())
    }

    /// There is no way back any more.
    fn leave_behind(&self, id: &str, old: Old, serving: Arc<Term>) {
        serving.supervisor().refuse_what_waits();
        serving.settle();
        self.offer_own(id);
        if let Old::Kept(old) = old {
            self.let_go(id, *old, Some(serving));
        }
    }

    /// Whoever asks from now on relies on all that what serves has.
    fn offer_own(&self, id: &str) {
        let slots = self.slots.read();
        if let Some(running) = slots.get(id).and_then(|slot| slot.running.as_ref()) {
            self.services.replace(id, running.services.iter().map(|own| own.offer()).collect());
        }
    }

    /// The old generation takes over again, with the state of the one that serves if that can hand it over,
    /// otherwise with its own from before. If its breaker has opened, calls are held since then.
    ///
    /// # Errors
    /// If there is no way back; then what serves goes on.
    pub(in crate::host) fn roll_back(
        self: &Arc<Self>,
        operation: &mut Operation,
        id: &str,
        why: &str,
        tripped: Option<Instant>,
    ) -> Result<()> {
        let held_since = tripped.unwrap_or_else(Instant::now);
        let (probation, serving) = self.take_probation(id)?;
        let Probation { old, state, policy, .. } = probation;
        let (from, now) = (self.version_of(id), self.candidate_of(id));
        let hold = Hold::since_when(serving.supervisor(), held_since);
        serving.supervisor().tell_trip_no_more();
        let chosen = match &old {
            Old::Kept(old) => old.successor.clone(),
            Old::Anew(old) => (**old).clone(),
        };
        let gone_back = match old {
            Old::Kept(old) => self.go_back(id, *old, &serving, state, &policy),
            Old::Anew(old) => self.go_back_anew(id, *old, state, &policy),
        };
        gone_back.inspect_err(|error| {
            serving.supervisor().refuse_what_waits();
            tracing::error!(plugin = id, %error, "it was to be rolled back, and was not");
        })?;
        let (pause, to) = (hold.release(), chosen.version());
        // Where only settings were exchanged, nothing is wrong with the build.
        if let Some(now) = now.as_ref().filter(|now| !Arc::ptr_eq(now, &chosen.candidate))
            && let Source::File(file) = &now.source
            && let Some(digest) = file.digest()
        {
            operation.decline(id, file.path().to_owned(), digest);
        }
        self.remember(operation, id, now, chosen.candidate, chosen.config.settings);
        tracing::warn!(plugin = id, why, from, to, ?pause, "it was rolled back");
        let why = Line(why).to_string();
        self.tell(id, HostEventKind::RolledBack { from, to, why, pause });
        Ok(())
    }

    /// Leads calls, which are held, to a generation that is still there.
    fn go_back(
        self: &Arc<Self>,
        id: &str,
        old: Generation,
        serving: &Arc<Term>,
        state: Option<AbiBytes>,
        policy: &SwapPolicy,
    ) -> Result<()> {
        let now = self.running(id, |slot| Asking::of(id, slot.running.as_ref()?).ok());
        let asking = now.and_then(|now| Ok((now.ready(), Asking::of(id, &old.running)?.ready())));
        serving.quiet(Instant::now() + policy.drain_timeout);
        let term = old.running.term.clone();
        let led = asking.and_then(|(now, before)| {
            hand_back(&now, &before, state, policy);
            self.lead_to(id, serving, &term, &old.entries)
        });
        let before = match led {
            Ok(before) => before,
            Err(error) => {
                self.leave_behind(id, Old::Kept(Box::new(old)), serving.clone());
                return Err(error);
            }
        };
        if let Some(failed) = self.take_over(id, old, before) {
            self.let_go(id, failed, Some(term));
        }
        self.offer_own(id);
        Ok(())
    }

    /// The way back, and what serves.
    fn take_probation(&self, id: &str) -> Result<(Probation, Arc<Term>)> {
        self.must_know(id)?;
        let mut slots = self.slots.write();
        let slot = slots.get_mut(id);
        let taken = slot.and_then(|slot| {
            let serving = slot.running.as_ref()?.term.clone();
            Some((slot.probation.take()?, serving))
        });
        #[cfg(feature = "watch")]
        self.following.probation_is_over();
        taken.ok_or_else(|| {
            Error::new(ErrorKind::IllegalState, "it is not on probation: there is no way back")
                .with_plugin(id)
                .with_help("swap the build in that is to serve")
        })
    }

    /// An instance ends, and with it the way back: that generation, to be ended as well.
    pub(in crate::host) fn end_probation(&self, slot: &mut Slot) -> Option<Generation> {
        let probation = slot.probation.take()?;
        #[cfg(feature = "watch")]
        self.following.probation_is_over();
        match probation.old {
            Old::Kept(old) => Some(*old),
            Old::Anew(_) => None,
        }
    }
}

/// Hands the state back that was handed over, with what has changed since, if that is possible.
fn hand_back(from: &Asking<'_>, to: &Asking<'_>, state: Option<AbiBytes>, policy: &SwapPolicy) {
    // Of one that had none to hand over there is none to be handed back.
    let Some(own) = state else { return };
    let plugin = to.instance;
    let saved = from.save(policy).and_then(|saved| saved.ok_or_else(no_state));
    let error = match saved.map(|saved| to.restore(saved, policy)) {
        Ok(Ok(())) => return,
        // What failed half way has perhaps left something.
        Ok(Err(error)) => match to.restore(own, policy) {
            Ok(()) => error,
            Err(error) => {
                tracing::error!(plugin, %error, "it goes on with what state it has");
                return;
            }
        },
        // It has what it had.
        Err(error) => error,
    };
    tracing::warn!(plugin, %error, "rolled back to the state from before the exchange");
}

pub(super) fn no_state() -> Error {
    Error::new(ErrorKind::NotFound, "it was expected to hand its state back, it has none")
}
