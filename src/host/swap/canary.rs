//! A new generation that has no state to be handed over gets a share of the calls first: it is promoted or
//! withdrawn by how they end. Events and jobs stay with the old one until then.

use std::sync::Arc;
use std::time::Duration;

use async_channel::{Receiver, Sender};
use futures_lite::future::{or, pending};

use super::generation::Generation;
use super::probation::Old;
use super::{HandedOver, Successor};
use crate::config::CanaryPolicy;
use crate::contract::{Error, ErrorKind, Result};
use crate::host::core::{Core, Operation};
use crate::host::slot::Slot;
use crate::manifest::{StatePolicy, SwapMode};
use crate::monitor::HostEventKind;
use crate::runtime::Pending;
use crate::supervise::{Canary, Term, Verdict};

/// A generation that gets a share of the calls.
pub(in crate::host) struct Trial {
    new: Box<Generation>,
    canary: Arc<Canary>,
    /// Dropping it withdraws what happens at the end of the window.
    _watched: Sender<()>,
}

/// How a window ends by itself.
enum End {
    Over,
    /// It is clear before that.
    Clear(String),
}

impl Core {
    /// How a successor is tried, if it is: only where both can be up, and what one does the other one need
    /// not know.
    pub(super) fn canary_for(&self, id: &str, successor: &Successor) -> Option<CanaryPolicy> {
        let fits = successor.mode() == SwapMode::Overlap
            && !successor.has_state()
            && self.state_policy_of(id) == StatePolicy::None;
        successor.policy.canary.filter(|_| fits)
    }

    /// Brings a generation up and has a share of the calls go to it; for how long.
    ///
    /// # Errors
    /// Why it does not come up.
    pub(super) fn begin_canary(
        self: &Arc<Self>,
        id: &str,
        successor: Successor,
        policy: CanaryPolicy,
    ) -> Result<Duration> {
        let old = self.running(id, |slot| Some(slot.running.as_ref()?.term.clone()))?;
        let mut new = self.raise(id, Term::successor(&old), successor)?;
        if let Err(error) = self.probe(id, &mut new) {
            drop(self.retire(id, new, None));
            return Err(error);
        }
        // Of two versions it would be a recording of neither.
        self.cut_recording_short(id);
        let (canary, alarm) = Canary::new(policy);
        let (watched, withdrawn) = async_channel::bounded::<()>(1);
        let (from, to) = (self.version_of(id), new.successor.version());
        let mut slots = self.slots.write();
        let slot = slots.get_mut(id);
        let Some(slot) = slot.filter(|slot| slot.running.is_some()) else {
            drop(slots);
            drop(self.retire(id, new, None));
            return Err(Error::new(ErrorKind::Unavailable, "it was stopped meanwhile"));
        };
        new.running.term.share(&canary);
        slot.trial = Some(Trial { new: Box::new(new), canary, _watched: watched });
        slot.tell(HostEventKind::CanaryBegun { from, to, share: policy.share });
        drop(slots);
        self.watch_canary(id, policy.window, alarm, withdrawn);
        Ok(policy.window)
    }

    fn watch_canary(
        self: &Arc<Self>,
        id: &str,
        window: Duration,
        alarm: Receiver<String>,
        withdrawn: Receiver<()>,
    ) {
        let (core, time, id) = (Arc::downgrade(self), self.time.clone(), id.to_owned());
        self.background.spawn(&id.clone(), async move {
            let over = async {
                time.after(window).await;
                Some(End::Over)
            };
            let clear = async {
                match alarm.recv().await {
                    Ok(why) => Some(End::Clear(why)),
                    Err(_) => pending().await,
                }
            };
            let ended = async {
                let _ = withdrawn.recv().await;
                None
            };
            let Some(end) = or(ended, or(clear, over)).await else { return };
            let Some(core) = core.upgrade() else { return };
            let own = id.clone();
            let ended = Pending::spawn("canary", move || core.end_canary(&own, end, &withdrawn));
            if let Err(error) = ended.await {
                tracing::error!(plugin = id, %error, "a canary could not be promoted");
            }
        });
    }

    /// The window is over, or it is clear what becomes of it; unless somebody else has decided meanwhile.
    fn end_canary(self: &Arc<Self>, id: &str, end: End, withdrawn: &Receiver<()>) -> Result<()> {
        let mut operation = self.operation.lock();
        if operation.closed || withdrawn.is_closed() {
            return Ok(());
        }
        let Some((trial, serving)) = self.take_trial(id) else { return Ok(()) };
        let verdict = match end {
            End::Over => trial.canary.verdict(true),
            End::Clear(why) => Verdict::Withdraw(why),
        };
        match verdict {
            Verdict::Withdraw(why) => {
                self.withdraw(id, trial, serving, &why);
                Ok(())
            }
            Verdict::Promote | Verdict::Wait => {
                self.lead_all(&mut operation, id, trial, serving, false)
            }
        }
    }

    /// Somebody has seen enough: all calls go to it, and there is no way back. None if there is no canary.
    ///
    /// # Errors
    /// The one before goes on.
    pub(super) fn accept_canary(
        self: &Arc<Self>,
        operation: &mut Operation,
        id: &str,
    ) -> Option<Result<()>> {
        let (trial, serving) = self.take_trial(id)?;
        Some(self.lead_all(operation, id, trial, serving, true))
    }

    /// Somebody does not want it. Whether there was a canary.
    pub(super) fn refuse_canary(&self, id: &str, why: &str) -> bool {
        let Some((trial, serving)) = self.take_trial(id) else { return false };
        self.withdraw(id, trial, serving, why);
        true
    }

    /// Leads all calls to what had a share of them. If nobody has `accepted` it, it is on probation from now
    /// on: there are more of them.
    fn lead_all(
        self: &Arc<Self>,
        operation: &mut Operation,
        id: &str,
        trial: Trial,
        serving: Arc<Term>,
        accepted: bool,
    ) -> Result<()> {
        let made = self.pass_on(id, &serving, &trial.new);
        let (HandedOver { left_behind, pause, .. }, before) = match made {
            Ok(made) => made,
            Err(error) => {
                self.withdraw(id, trial, serving, error.message());
                return Err(error);
            }
        };
        let from = self.version_of(id);
        let Trial { new, .. } = trial;
        let mut policy = new.successor.policy.clone();
        let (to, chosen) = (new.successor.version(), new.successor.clone());
        let before_it = self.candidate_of(id);
        self.remember(operation, id, before_it, chosen.candidate, chosen.config.settings);
        if accepted {
            policy.probation = Duration::ZERO;
        }
        let old = self.take_over(id, *new, before);
        if let Some(old) = old {
            self.begin_probation(id, Old::Kept(Box::new(old)), None, &policy);
        }
        tracing::info!(plugin = id, from, to, "all calls go to its canary now");
        let version = to.clone();
        self.tell(id, HostEventKind::Swapped { from, to, pause, left_behind });
        if accepted {
            self.tell(id, HostEventKind::Promoted { version });
        }
        Ok(())
    }

    /// No more calls go to it, and it ends.
    fn withdraw(&self, id: &str, trial: Trial, serving: Arc<Term>, why: &str) {
        let error = trial.end(why);
        tracing::warn!(plugin = id, why = error.message(), "its canary was withdrawn");
        self.tell(id, HostEventKind::swap_failed(&error));
        drop(self.retire(id, *trial.new, Some(serving)));
    }

    /// What gets a share of the calls, and what serves.
    fn take_trial(&self, id: &str) -> Option<(Trial, Arc<Term>)> {
        let mut slots = self.slots.write();
        let slot: &mut Slot = slots.get_mut(id)?;
        let serving = slot.running.as_ref()?.term.clone();
        let trial = slot.trial.take()?;
        #[cfg(feature = "watch")]
        self.following.probation_is_over();
        Some((trial, serving))
    }

    /// An instance ends, and with it what gets a share of its calls: to be ended as well.
    pub(in crate::host) fn end_trial(&self, slot: &mut Slot) -> Option<Generation> {
        let trial = slot.trial.take()?;
        #[cfg(feature = "watch")]
        self.following.probation_is_over();
        let error = trial.end("the instance was stopped");
        slot.tell(HostEventKind::swap_failed(&error));
        Some(*trial.new)
    }
}

impl Trial {
    /// It gets no more calls; what there is to be told of that.
    fn end(&self, why: &str) -> Error {
        self.new.running.term.withdraw();
        let version = self.new.successor.version();
        Error::new(ErrorKind::Other, format!("the canary {version} was withdrawn: {why}"))
    }
}
