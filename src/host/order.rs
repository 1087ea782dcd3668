//! One instance on its way up: from a candidate to what has started, on a worker's thread.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_lite::future::block_on;
use hotshoe_abi::{AbiBytes, AbiContext, AbiContributions, AbiLog, AbiPlugin, PluginModuleRef};

use super::collect::{Collector, Contributions};
use super::context::InstanceContext;
use super::core::Core;
use super::keep::{Keeper, Restored};
use super::libraries::{InUse, User};
use crate::config::{ConfigError, InstanceConfig, Timeouts};
use crate::contract::{Error, ErrorKind, Result};
use crate::discover::{Candidate, Source};
use crate::lifecycle::{Phase, Relay, Stage, Worker};
use crate::load::{self, HostLog};
use crate::manifest::Manifest;
use crate::preflight::Trial;
use crate::services::Limits;
use crate::settings::read::Fault;
use crate::supervise::Term;
use crate::verify::LibraryFile;

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
