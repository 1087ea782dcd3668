//! Bringing up the next generation of an instance beside the one that serves, and the end of one that does
//! not serve any more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_lite::future::block_on;
use hotshoe_abi::AbiHandler;
use hotshoe_abi::plain::Line;

use super::state::Asking;
use super::successor::Successor;
use crate::config::SwapPolicy;
use crate::contract::Result;
use crate::discover::Source;
use crate::gateway::Entries;
use crate::host::assemble::Assembled;
use crate::host::context::InstanceContext;
use crate::host::core::Core;
use crate::host::order::{Mounted, Order};
use crate::host::patrol::Beat;
use crate::host::slot::{Running, Slot};
use crate::host::stop::LONGEST;
use crate::lifecycle::{Phase, Stage, Worker};
use crate::supervise::{Hold, Term};

/// How long a retired generation's last calls are waited for at a time while others are held.
const GLANCE: Duration = Duration::from_millis(5);
/// From one such look to the next, at first.
const APART: Duration = Duration::from_millis(50);

/// One generation of an instance, and all that the table of instances says of it.
pub(in crate::host) struct Generation {
    pub(super) running: Running,
    pub(super) successor: Successor,
    pub(super) entries: Entries,
    /// What is behind the handlers of `entries`, or will be. Taken when it is probed.
    pub(super) handlers: Vec<Arc<AbiHandler>>,
    pub(super) warnings: Vec<String>,
    pub(super) load_time: Duration,
    pub(super) started: u64,
}

impl Core {
    /// What an instance is at the moment, to be started anew: that it runs is all that it has to pass.
    pub(super) fn successor_now(&self, slot: &Slot) -> Option<Successor> {
        Some(Successor {
            config: slot.config.clone(),
            candidate: slot.candidate.clone()?,
            depends_on: slot.depends_on.clone(),
            policy: SwapPolicy { replay: None, ..self.config.swap_of(&slot.config) },
        })
    }

    /// Opens the library of a generation to be. None of its instances is made yet.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn open_library(self: &Arc<Self>, id: &str, successor: &Successor) -> Result<()> {
        let supervisor = self.running(id, |slot| slot.supervisor.clone())?;
        let mut order = self.order_beside(id, Term::new(supervisor), successor);
        let context = order.context.clone();
        let opened = order.open_code().wait();
        context.end();
        opened
    }

    fn order_beside(self: &Arc<Self>, id: &str, term: Arc<Term>, successor: &Successor) -> Order {
        let candidate = successor.candidate.clone();
        let data_dir = self.data_dir(id);
        let context = InstanceContext::new(self, &successor.config, &candidate, data_dir);
        Order {
            core: self.clone(),
            config: successor.config.clone(),
            candidate,
            timeouts: self.config.timeouts_of(&successor.config),
            keeper: Arc::new(self.keeper(&successor.config, &successor.candidate.manifest)),
            term,
            start: self.next_start(),
            again: true,
            saved: None,
            context: Arc::new(context),
        }
    }

    /// Brings up a generation; nobody calls it yet.
    ///
    /// # Errors
    /// Why it does not come up; nothing is left of it then.
    pub(super) fn raise(
        self: &Arc<Self>,
        id: &str,
        term: Arc<Term>,
        successor: Successor,
    ) -> Result<Generation> {
        let mut order = self.order_beside(id, term, &successor);
        let mut warnings = order.context.warnings();
        warnings.extend(order.candidate.warning.clone());
        for warning in &warnings {
            tracing::warn!(plugin = id, "{}", Line(warning));
        }
        let worker = order.spawn(None, mount_beside);
        let made = worker.wait().and_then(|mounted| {
            let (plugin, took) = (mounted.plugin.clone(), mounted.took);
            let made = order.assemble(mounted);
            made.map(|made| (made, took)).inspect_err(|_| {
                let _ = Asking::new(id, plugin).stop(order.timeouts.stop);
            })
        });
        if let Source::File(file) = &order.candidate.source {
            file.close();
        }
        let (made, took) = made.inspect_err(|_| {
            abandon(id, order.context.clone(), order.term.clone(), order.timeouts.stop);
        })?;
        let Assembled { plugin, entries, handlers, services, topics, tasks, storage, .. } = made;
        let Assembled { execute, own, library, .. } = made;
        let running = Running {
            plugin: Some(plugin),
            context: order.context.clone(),
            term: order.term.clone(),
            execute,
            own,
            services,
            topics,
            tasks,
            subscriptions: Vec::new(),
            schedules: Vec::new(),
            storage,
            checkup: Arc::default(),
            watch: None,
            beat: Beat::new(),
            library,
            recorder: None,
        };
        let (load_time, started) = (took, order.start);
        Ok(Generation { running, successor, entries, handlers, warnings, load_time, started })
    }

    /// [Ends](Self::retire) a generation, and waits for that when the host stops only.
    pub(super) fn let_go(&self, id: &str, old: Generation, serving: Option<Arc<Term>>) {
        let (context, time) = (old.running.context.clone(), self.time.clone());
        let limit = self.config.timeouts_of(&old.successor.config).stop.min(LONGEST);
        let ending = self.retire(id, old, serving);
        // Also of one that does not come back.
        self.background.spawn(id, async move {
            time.after(limit).await;
            context.end();
        });
        let mut all = self.retiring.lock();
        all.retain(|other| !other.is_done());
        all.push(ending);
    }

    /// Waits for all that was let go of, up to the limits for a stop. What went wrong was logged.
    pub(in crate::host) fn wait_for_the_retired(&self) {
        let all = std::mem::take(&mut *self.retiring.lock());
        all.into_iter().for_each(|ending| drop(ending.wait()));
    }

    /// Ends a generation that serves no more: waits for calls that are still inside, up to the limit for a
    /// stop, then stops it and drops it. `serving` is what leads calls past it.
    pub(in crate::host) fn retire(
        &self,
        id: &str,
        old: Generation,
        serving: Option<Arc<Term>>,
    ) -> Worker<()> {
        let limit = self.config.timeouts_of(&old.successor.config).stop.min(LONGEST);
        let plugin = id.to_owned();
        Worker::spawn(id, Phase::Retire, Some(limit), move |_| {
            let Generation { running, .. } = old;
            running.context.begin_stop();
            if let Some(watch) = &running.watch {
                watch.end();
            }
            let patience = Instant::now() + limit.mul_f64(0.8);
            let mut apart = APART;
            let mut objects = Vec::new();
            loop {
                let (taken, inside) = running.term.take_spares();
                objects.extend(taken);
                if inside == 0 || Instant::now() >= patience {
                    break;
                }
                std::thread::sleep(apart.min(patience.saturating_duration_since(Instant::now())));
                apart *= 2;
                // Where calls come all the time there is never nobody inside, but for a moment.
                if let Some(serving) = &serving {
                    let hold = Hold::new(serving.supervisor());
                    serving.quiet(hold.until(GLANCE));
                    objects.extend(running.term.take_spares().0);
                }
            }
            let (rest, _) = running.term.drain_rest(patience);
            let outcome = running.plugin.as_ref().map_or(Ok(()), |plugin| block_on(plugin.stop()));
            running.context.end();
            drop((objects, rest, running));
            outcome.inspect_err(|error| {
                tracing::warn!(plugin, %error, "a generation that is retired failed to stop");
            })
        })
    }
}

/// Ends what was made of a generation that did not come up, and waits for that up to the limit for a stop:
/// another one may be brought up behind the same ports.
fn abandon(id: &str, context: Arc<InstanceContext>, term: Arc<Term>, limit: Duration) {
    context.end();
    // What is woken and dropped is the plugin's, and may take for ever.
    let ended = Worker::spawn(id, Phase::Stop, Some(limit), move |_| {
        context.begin_stop();
        drop((term.take_spares(), term.drain_rest(Instant::now())));
        Ok(())
    });
    if let Err(error) = ended.wait() {
        tracing::warn!(plugin = id, %error, "what did not come up does not go, either");
    }
}

/// From a candidate to a started instance, on the worker's thread, without any sign of it outside.
fn mount_beside(order: Order, stage: &Stage) -> Result<Mounted> {
    let begin = Instant::now();
    let (plugin, library) = order.create(stage)?;
    stage.enter(Phase::Contribute, None)?;
    let contributions = order.contributions(&plugin)?;
    stage.enter(Phase::Start, order.timeouts.start)?;
    block_on(plugin.start())?;
    Ok(Mounted { plugin: Arc::new(plugin), library, contributions, took: begin.elapsed() })
}
