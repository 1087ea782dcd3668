//! Bringing instances up: level by level, side by side within a level.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_lite::future::block_on;
use hotshoe_abi::plain::Line;
use hotshoe_abi::{AbiBytes, AbiContext, AbiContributions, AbiLog, AbiPlugin, PluginModuleRef};

use super::assemble::Service;
use super::collect::{Collector, Contributions};
use super::context::InstanceContext;
use super::core::{Core, Operation};
use super::keep::{Keeper, Restored};
use super::libraries::{InUse, User};
use super::patrol::Beat;
use super::plan::Intent;
use super::slot::{Running, Slot};
use super::slots::Table;
use crate::config::{ConfigError, InstanceConfig, Timeouts};
use crate::contract::{Error, ErrorKind, Result};
use crate::discover::{Candidate, Source};
use crate::lifecycle::{Event, Phase, Relay, Stage, State, Worker};
use crate::load::{self, HostLog};
use crate::manifest::Manifest;
use crate::preflight::Trial;
use crate::resolve::{Problem, Step};
use crate::services::Limits;
use crate::settings::read::Fault;
use crate::supervise::{Supervisor, Term};
use crate::tasks::Schedule;
use crate::verify::LibraryFile;

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

/// What a worker brings back.
pub(super) struct Mounted {
    pub(super) plugin: Arc<AbiPlugin>,
    pub(super) library: Option<InUse>,
    pub(super) contributions: Contributions,
    pub(super) took: Duration,
}

/// What a worker needs.
pub(super) struct Order {
    pub(super) core: Arc<Core>,
    pub(super) config: InstanceConfig,
    pub(super) candidate: Arc<Candidate>,
    pub(super) context: Arc<InstanceContext>,
    pub(super) timeouts: Timeouts,
    /// What the instance before it left for it, until its worker takes it.
    pub(super) saved: Option<AbiBytes>,
    /// What becomes of its state.
    pub(super) keeper: Arc<Keeper>,
    pub(super) term: Arc<Term>,
    /// Which of all starts of the host this is.
    pub(super) start: u64,
    /// Whether the instance was started before.
    pub(super) again: bool,
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

impl Order {
    /// Does the work on a thread that does nothing else, perhaps one of those, within the limit for a load.
    pub(super) fn spawn<T: Send + 'static>(
        &mut self,
        relay: Option<&Relay>,
        work: impl FnOnce(Self, &Stage) -> Result<T> + Send + 'static,
    ) -> Worker<T> {
        let order = Self {
            core: self.core.clone(),
            config: self.config.clone(),
            candidate: self.candidate.clone(),
            context: self.context.clone(),
            timeouts: self.timeouts.clone(),
            saved: self.saved.take(),
            keeper: self.keeper.clone(),
            term: self.term.clone(),
            start: self.start,
            again: self.again,
        };
        // What is tried first takes its time twice.
        let times = if self.core.preflight.is_some() { 2 } else { 1 };
        let limit = Some(self.timeouts.load.saturating_mul(times));
        let work = move |stage: &Stage| work(order, stage);
        match relay {
            Some(relay) => Worker::relay(relay, &self.config.id, Phase::Load, limit, work),
            None => Worker::spawn(&self.config.id, Phase::Load, limit, work),
        }
    }

    /// Opens the library, if it is not open.
    pub(super) fn open_code(&mut self) -> Worker<()> {
        self.spawn(None, |order, stage| order.module(stage).map(drop))
    }

    /// From a candidate to a started instance, on the worker's thread.
    pub(super) fn mount(mut self, stage: &Stage) -> Result<Mounted> {
        let begin = Instant::now();
        let (module, library) = self.module(stage)?;
        stage.enter(Phase::Initialize, self.timeouts.initialize)?;
        let mut plugin = self.initialize(module)?;
        if self.keeper.restore(&plugin, self.saved.take())? == Restored::PutAside {
            drop(plugin);
            plugin = self.initialize(module)?;
        }
        stage.enter(Phase::Contribute, None)?;
        let contributions = self.contributions(&plugin)?;
        let started = self.reserve(contributions, stage).and_then(|contributions| {
            stage.enter(Phase::Start, self.timeouts.start)?;
            block_on(plugin.start())?;
            Ok(contributions)
        });
        let contributions = started.inspect_err(|_| {
            self.core.gateway.draft(|routes| routes.give_back(&self.config.id));
            // Dropped here, where the deadline holds, before anybody hears of the failure.
            drop(self.term.drain_rest(Instant::now()));
        })?;
        Ok(Mounted { plugin: Arc::new(plugin), library, contributions, took: begin.elapsed() })
    }

    /// The instance, constructed from its settings; and its library, in use from now on.
    pub(super) fn create(&self, stage: &Stage) -> Result<(AbiPlugin, Option<InUse>)> {
        let (module, library) = self.module(stage)?;
        stage.enter(Phase::Initialize, self.timeouts.initialize)?;
        Ok((self.initialize(module)?, library))
    }

    /// An instance that has its settings.
    fn initialize(&self, module: PluginModuleRef) -> Result<AbiPlugin> {
        let settings = self.settings()?;
        let context = AbiContext::new(self.context.clone());
        block_on(module.create()(context, settings.to_string().into())).map_err(|error| {
            match Fault::carried_by(&error) {
                Some(fault) => refused_settings(&self.config.refusal(fault, &settings)),
                None => error,
            }
        })
    }

    /// The functions of the plugin, and its library, in use from now on.
    pub(super) fn module(&self, stage: &Stage) -> Result<(PluginModuleRef, Option<InUse>)> {
        let file = match &self.candidate.source {
            Source::Linked(plugin) => return Ok((plugin.module(), None)),
            Source::File(file) => file,
        };
        let libraries = &self.core.libraries;
        let user = User { instance: self.config.id.clone(), start: self.start };
        let (module, library) = match libraries.use_again(file, &user) {
            Some(open) => open,
            None => {
                self.preflight(file)?;
                // What was given up meanwhile is not to run anything any more.
                stage.check()?;
                let module = load::open(file, &self.candidate.manifest)?;
                self.attach_log(module);
                (module, libraries.keep(file, &self.candidate.manifest, module, user))
            }
        };
        // The same text says the same; another one may, too.
        let inside = module.manifest()();
        if inside.as_str() == &*self.candidate.text {
            return Ok((module, Some(library)));
        }
        let inside = Manifest::parse(inside.as_str())?;
        if inside != self.candidate.manifest {
            return Err(Error::new(
                ErrorKind::Incompatible,
                format!(
                    "a manifest that the code agrees with was expected, the file says version {}, \
                     its code says version {}",
                    self.candidate.manifest.version, inside.version
                ),
            )
            .with_path(file.path())
            .with_help("the file was put together from two builds: build it again"));
        }
        Ok((module, Some(library)))
    }

    /// Tries the library in a child process, if the operator wants that.
    fn preflight(&self, file: &LibraryFile) -> Result<()> {
        let Some(preflight) = &self.core.preflight else { return Ok(()) };
        let settings = self.settings().map_err(|error| error.with_phase("initialize"))?;
        preflight.check(&Trial {
            instance: &self.config.id,
            file,
            settings: settings.to_string(),
            limit: self.timeouts.load,
        })
    }

    /// Connects the library's log records. The limit on log lines is the library's, not the
    /// instance's: instances of one plugin share its `tracing`.
    fn attach_log(&self, module: PluginModuleRef) {
        let limits = Limits::new(&self.config.limits);
        let log = HostLog::new(&self.candidate.manifest.id, move || limits.log_line());
        module.attach_log()(AbiLog::new(Arc::new(log)), load::current_level());
        self.core.follow_log_level(module);
    }

    pub(super) fn settings(&self) -> Result<serde_json::Value> {
        let settings = self.config.settings_resolved(&self.core.config.base_dir);
        settings.map_err(|error| refused_settings(&error))
    }

    pub(super) fn contributions(&self, plugin: &AbiPlugin) -> Result<Contributions> {
        let collector = Arc::new(Collector::new(self.context.clone(), self.candidate.clone()));
        let contributed = plugin.contribute(&AbiContributions::new(collector.clone()));
        let taken = collector.close();
        contributed?;
        taken
    }

    /// Puts handlers into the routes to be, behind closed ports: whoever comes second learns it before it
    /// is started.
    fn reserve(&self, mut taken: Contributions, stage: &Stage) -> Result<Contributions> {
        // Held on to here, so that one that is refused is not dropped under the lock.
        let handlers = taken.handlers.drain(..);
        let handlers =
            handlers.map(|(object, method, path)| self.handler(Arc::new(object), method, path));
        let handlers = handlers.collect::<Result<Vec<_>>>()?;
        self.core.gateway.draft(|routes| {
            // Whoever gave up on this work removes its routes afterwards, under the same lock.
            stage.check()?;
            for (method, path, entry) in &handlers {
                routes.add_handler(method, path, entry.clone())?;
            }
            Ok(())
        })?;
        Ok(taken)
    }
}

/// What is wrong with an instance's settings: the first problem, and how many more there are.
fn refused_settings(error: &ConfigError) -> Error {
    let Some(problem) = error.problems().first() else {
        return Error::new(ErrorKind::InvalidConfig, error.to_string());
    };
    let mut message = match problem.key() {
        Some(key) => format!("`{key}`: {}", problem.message()),
        None => problem.message().to_owned(),
    };
    let more = error.problems().len() - 1;
    if more > 0 {
        message.push_str(&format!(" (and {more} more)"));
    }
    let mut refused = Error::new(ErrorKind::InvalidConfig, message)
        .with_help(problem.help().unwrap_or("correct it in the plugin's settings"));
    if let Some(position) = problem.position() {
        refused = refused.with_location(format!("{}:{position}", error.origin()));
    }
    refused
}
