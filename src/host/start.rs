//! Bringing instances up: level by level, side by side within a level.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hotshoe_abi::plain::Line;

use super::assemble::Service;
use super::context::InstanceContext;
use super::core::{Core, Operation};
use super::order::{Mounted, Order};
use super::patrol::Beat;
use super::plan::Intent;
use super::slot::{Running, Slot};
use super::slots::Table;
use crate::contract::{Error, ErrorKind, Result};
use crate::discover::Source;
use crate::lifecycle::{Event, Phase, Relay, State, Worker};
use crate::manifest::Manifest;
use crate::resolve::{Problem, Step};
use crate::supervise::{Supervisor, Term};
use crate::tasks::Schedule;

/// How many instances are brought up at the same time.
const SIDE_BY_SIDE: usize = 16;

/// What is up comes into force so much later, while others come up: each time all routes are copied.
const IN_FORCE: Duration = Duration::from_millis(20);

/// What is up and not in force yet.
#[derive(Default)]
struct Up {
    orders: Vec<Order>,
    /// Those that were up before, by their start now: predecessors may have left something.
    again: BTreeMap<String, u64>,
    /// When they are to be in force.
    due: Option<Instant>,
}

impl Up {
    fn push(&mut self, order: Order) {
        if order.again {
            self.again.insert(order.config.id.clone(), order.start);
        }
        self.orders.push(order);
        self.due.get_or_insert_with(|| Instant::now() + IN_FORCE);
    }
}

impl Core {
    /// Starts everything that should run and does not. An instance that failed with its own code
    /// is tried again only if it is in `retry`.
    pub(super) fn bring_up(self: &Arc<Self>, operation: &mut Operation, retry: &BTreeSet<String>) {
        let intent = self.intend(operation, retry);
        self.settle(&intent, retry);
        let relay = Relay::new();
        for level in &intent.plan.levels {
            let failed = self.start_level(&intent, level, &relay);
            if failed && self.config.plugins.strict {
                break;
            }
        }
        // What was not loaded keeps no file open.
        for candidate in &intent.candidates {
            if let Source::File(file) = &candidate.source {
                file.close();
            }
        }
        self.recover_the_fallen();
    }

    /// Brings the slots in line with what should run, as far as no plugin's code is needed.
    fn settle(&self, intent: &Intent, retry: &BTreeSet<String>) {
        let mut slots = self.slots.write();
        let known: BTreeSet<&str> = intent
            .instances
            .iter()
            .chain(&intent.disabled)
            .map(|config| config.id.as_str())
            .collect();
        slots.retain(|id, slot| slot.running.is_some() || known.contains(id.as_str()));
        for config in intent.instances.iter().chain(&intent.disabled) {
            let slot = slots
                .entry(config.id.clone())
                .or_insert_with(|| Box::new(Slot::new(config.clone(), self.monitor.clone())));
            if slot.running.is_none() {
                slot.config = config.clone();
            }
        }
        for slot in slots.values_mut() {
            let own = matches!(&slot.state, State::Failed { phase, .. } if *phase > Phase::Resolve);
            if slot.running.is_none() && (!own || retry.contains(&slot.id)) {
                slot.rediscover();
            }
        }
        for config in &intent.disabled {
            if let Some(slot) = slots.get_mut(&config.id)
                && slot.running.is_none()
            {
                // Never opened, but its manifest was read: what is switched off can be shown.
                slot.candidate = intent
                    .candidates
                    .iter()
                    .filter(|candidate| candidate.manifest.id == config.plugin)
                    .max_by(|a, b| a.manifest.version.cmp(&b.manifest.version))
                    .cloned()
                    .map(Arc::new);
                if slot.state != State::Disabled {
                    slot.step(Event::Disabled);
                }
            }
        }
        self.note_problems(&mut slots);
        for step in intent.plan.start_order() {
            let Some(slot) = slots.get_mut(&*step.instance) else { continue };
            slot.depends_on = step.depends_on.iter().map(|id| id.to_string()).collect();
            if slot.state == State::Discovered {
                slot.candidate = intent.candidates.get(step.candidate).cloned().map(Arc::new);
                slot.step(Event::Verified);
                slot.step(Event::Resolved);
            }
        }
    }

    /// What the resolver says against instances.
    fn note_problems(&self, slots: &mut Table) {
        let found = self.found.read();
        for problem in &found.report.problems {
            for id in problem.instances() {
                let Some(slot) = slots.get_mut(id) else { continue };
                if slot.state != State::Discovered {
                    continue;
                }
                // "Not there" is only half the truth about a plugin whose file was refused.
                let refused = found
                    .refused
                    .iter()
                    .find(|error| error.plugin() == Some(slot.config.plugin.as_str()));
                if let (Problem::NoCandidate(_), Some(error)) = (problem, refused) {
                    slot.step(Event::Failed {
                        phase: Phase::Verify,
                        error: error.message().to_owned(),
                    });
                    slot.error = Some(error.clone());
                    continue;
                }
                let mut message = problem.to_string();
                if matches!(problem, Problem::NoCandidate(missing) if missing.present.is_empty()) {
                    message.push_str(&self.where_to_look(&slot.config.plugin));
                }
                slot.step(Event::Verified);
                slot.fail(Phase::Resolve, Error::__laid_out(ErrorKind::Unresolved, message));
            }
        }
        for blocked in &found.report.blocked {
            if let Some(slot) = slots.get_mut(&blocked.instance)
                && slot.state == State::Discovered
            {
                slot.step(Event::Blocked { by: blocked.by.clone() });
            }
        }
    }

    /// Where a plugin that is not there was looked for.
    fn where_to_look(&self, plugin: &str) -> String {
        let compiled_in = crate::discover::submitted().into_iter().any(|linked| {
            Manifest::parse(linked.manifest_text()).is_ok_and(|manifest| manifest.id == plugin)
        });
        let directories = &self.config.plugins.directories;
        let looked: Vec<String> = directories.iter().map(|at| at.display().to_string()).collect();
        let looked = looked.join(", ");
        match (compiled_in, looked.is_empty()) {
            (true, _) => format!(
                "\n  found: it is compiled into this program, which does not ask for it: add \
                 \"{plugin}\" to `linked`"
            ),
            (false, true) => "\n  looked in: no directory is configured".to_owned(),
            (false, false) => format!("\n  looked in: {}", Line(looked)),
        }
    }

    /// Starts the instances of one level; whether one of them failed. They are installed in their order,
    /// while those after them come up.
    fn start_level(self: &Arc<Self>, intent: &Intent, level: &[Step], relay: &Relay) -> bool {
        let mut failed = false;
        let mut steps = level.iter();
        let mut under_way: VecDeque<(Order, Worker<Mounted>)> = VecDeque::new();
        let mut up = Up::default();
        loop {
            let more = steps.by_ref().filter_map(|step| self.order(step));
            under_way.extend(more.take(SIDE_BY_SIDE - under_way.len()).map(|mut order| {
                let worker = order.spawn(Some(relay), Order::mount);
                (order, worker)
            }));
            let Some((order, worker)) = under_way.pop_front() else { break };
            // What is up does not wait for what may take its time; a few come into force together.
            if let Some(due) = up.due
                && up.orders.len() >= SIDE_BY_SIDE
                && !worker.is_done_before(due)
            {
                let others = under_way.iter().map(|(order, _)| order.start);
                self.put_in_force(intent, &mut up, others.chain([order.start]).collect());
            }
            let installed = worker.wait().and_then(|mounted| self.install(&order, mounted));
            if let Source::File(file) = &order.candidate.source {
                file.close();
            }
            match installed {
                Ok(()) => up.push(order),
                Err(error) => {
                    failed = true;
                    self.give_up(&order, error);
                }
            }
        }
        self.put_in_force(intent, &mut up, BTreeSet::new());
        failed
    }

    /// Lets calls in to what is up. What is `under_way` may have routes already, which are not to be found
    /// yet.
    fn put_in_force(self: &Arc<Self>, intent: &Intent, up: &mut Up, under_way: BTreeSet<u64>) {
        let up = std::mem::take(up);
        // Open before anybody can find the way there: nobody is refused by what just started.
        for order in &up.orders {
            order.term.open();
        }
        if !up.again.is_empty() {
            self.gateway.draft(|routes| routes.remove_all_but(&up.again));
        }
        self.gateway.publish_without(&under_way);
        for order in &up.orders {
            self.offer_storage(&order.config.id, intent.storage.as_deref());
            self.tell_active(order);
        }
    }

    /// What a worker needs to bring up one instance; nothing if it runs or cannot.
    fn order(self: &Arc<Self>, step: &Step) -> Option<Order> {
        let mut slots = self.slots.write();
        let down: Vec<String> = step
            .depends_on
            .iter()
            .filter(|id| !slots.get(&***id).is_some_and(|slot| slot.state.is_serving()))
            .map(|id| id.to_string())
            .collect();
        let slot = slots.get_mut(&*step.instance)?;
        if slot.state != State::Resolved {
            return None;
        }
        if !down.is_empty() {
            slot.step(Event::Blocked { by: down });
            return None;
        }
        let candidate = slot.candidate.clone()?;
        let data_dir = self.data_dir(&slot.id);
        let context = InstanceContext::new(self, &slot.config, &candidate, data_dir);
        slot.warnings = context.warnings();
        slot.warnings.extend(candidate.warning.clone());
        for warning in &slot.warnings {
            tracing::warn!(plugin = slot.id, "{}", Line(warning));
        }
        let keeper = Arc::new(self.keeper(&slot.config, &candidate.manifest));
        let timeouts = self.config.timeouts_of(&slot.config);
        let again = slot.supervisor.is_some();
        let supervisor = slot.supervisor.get_or_insert_with(|| {
            let policy = self.config.supervision_of(&slot.config);
            if !policy.faults.is_empty() {
                let rules = policy.faults.len();
                tracing::warn!(plugin = slot.id, rules, "its calls go wrong on purpose: `faults`");
            }
            Supervisor::new(&slot.id, policy, timeouts.call, &self.time, &self.monitor)
        });
        let refused = context.refused();
        if !refused.is_empty() {
            tracing::info!(plugin = slot.id, ?refused, "permissions are not granted");
        }
        Some(Order {
            core: self.clone(),
            config: slot.config.clone(),
            candidate,
            timeouts,
            term: Term::new(supervisor.clone()),
            start: self.next_start(),
            again,
            saved: slot.saved.take(),
            keeper,
            context: Arc::new(context),
        })
    }

    /// Takes over what a worker brought up. Its ports are still closed.
    fn install(&self, order: &Order, mounted: Mounted) -> Result<()> {
        let id = order.config.id.clone();
        let took = mounted.took;
        let made = order.assemble(mounted)?;
        let supervisor = order.term.supervisor();
        self.services.replace(&id, made.services.iter().map(Service::offer).collect());
        // Here, one instance after the other, so that equal priorities keep the order of the start.
        self.gateway.draft(|routes| {
            made.entries.middleware.into_iter().for_each(|entry| routes.add_middleware(entry));
        });
        let subscriptions = made.topics.iter().map(|(topic, port, permit)| {
            self.events.subscribe(&id, topic, port.clone(), permit.clone())
        });
        let schedules = made.tasks.iter().map(|(name, interval, port)| {
            Schedule::start(&self.background, &self.time, &id, name, *interval, port.clone())
        });
        let idle = supervisor.idle_faults();
        for warning in &idle {
            tracing::warn!(plugin = id, "{}", Line(warning));
        }
        let running = Running {
            plugin: Some(made.plugin),
            context: order.context.clone(),
            term: order.term.clone(),
            execute: made.execute,
            own: made.own,
            services: made.services,
            subscriptions: subscriptions.collect(),
            schedules: schedules.collect(),
            topics: made.topics,
            tasks: made.tasks,
            storage: made.storage,
            checkup: Arc::default(),
            watch: None,
            beat: Beat::new(),
            library: made.library,
            recorder: None,
        };
        let mut slots = self.slots.write();
        if let Some(slot) = slots.get_mut(&id) {
            slot.warnings.extend(idle);
            slot.running = Some(running);
            slot.load_time = took;
            slot.started = order.start;
            slot.step(Event::Loaded);
            slot.step(Event::Initialized);
        }
        Ok(())
    }

    /// An instance takes calls: nobody hears of it, or asks how it is, before it does.
    fn tell_active(self: &Arc<Self>, order: &Order) {
        let mut slots = self.slots.write();
        let Some(slot) = slots.get_mut(&order.config.id) else { return };
        slot.step(Event::Started);
        self.watch_over(slot);
        self.patrol();
        tracing::info!(
            plugin = slot.id,
            version = %order.candidate.manifest.version,
            took = ?slot.load_time,
            "active"
        );
    }

    /// An instance did not come up.
    fn give_up(&self, order: &Order, error: Error) {
        order.context.end();
        self.gateway.draft(|routes| routes.give_back(&order.config.id));
        // What is woken and dropped is the plugin's, and may take for ever.
        let (context, term) = (order.context.clone(), order.term.clone());
        let _ = Worker::spawn(&order.config.id, Phase::Stop, None, move |_| {
            context.begin_stop();
            drop(term.drain_rest(Instant::now()));
            Ok(())
        });
        let mut slots = self.slots.write();
        let Some(slot) = slots.get_mut(&order.config.id) else { return };
        let phase = Phase::ALL
            .into_iter()
            .find(|phase| Some(phase.as_str()) == error.phase())
            .unwrap_or(Phase::Load);
        let error = match &order.candidate.source {
            // What is wrong with settings is not in the library.
            Source::File(file) if error.path().is_none() && !error.is_invalid_config() => {
                error.with_path(file.path())
            }
            _ => error,
        };
        if phase > Phase::Load {
            slot.step(Event::Loaded);
        }
        if phase > Phase::Initialize {
            slot.step(Event::Initialized);
        }
        slot.fail(phase, error);
    }
}
