//! [`PluginHost`]: what an application holds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::builder::PluginHostBuilder;
use super::core::{Core, Operation};
use super::info::{Execution, PluginInfo};
use super::operations::first_of;
use super::plugin_metrics::PluginMetrics;
use super::report::StartReport;
use crate::config::FaultRule;
use crate::contract::{
    Call, Error, ErrorKind, Health, Request, Response, Result, ResultExt, Storage,
};
use crate::extension::{ExtensionPoint, Handle, Pool};
use crate::lifecycle::State;
use crate::metrics::Figure;
use crate::monitor::EventStream;
use crate::runtime::{Pending, on_own_thread};
use crate::sdk::Metric;
use crate::services::Permission;
use crate::supervise::Injected;

/// A plugin host. Cloning shares it; when the last clone goes, what still runs is stopped, which
/// blocks the thread for as long as that takes: under an executor, await [`stop`](Self::stop) first.
///
/// Operations that change what runs ([`start`](Self::start), [`stop`](Self::stop),
/// [`restart`](Self::restart) …) work one after another, on threads of their own. They return a
/// [`Pending`] to await under any executor, or to [`wait`](Pending::wait) for without one.
///
/// ```
/// use hotshoe::{Context, NoConfig, Plugin, PluginHost, Request, Result};
/// # use hotshoe::{Contributions, Response, handler_fn};
/// # use std::sync::Arc;
/// struct Ping;
///
/// impl Plugin for Ping {
///     type Config = NoConfig;
///
///     async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
///         Ok(Ping)
///     }
/// #   fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
/// #       to.handler("GET", "/ping", handler_fn(|_: Request| async { Ok(Response::text(200, "pong")) }));
/// #   }
/// }
///
/// # fn main() -> Result<()> {
/// let host = PluginHost::builder().register_plugin(hotshoe::plugin!(Ping, id = "ping")).build()?;
/// let report = host.start().wait()?;
/// assert!(report.is_complete(), "{report}");
/// # let response = host.respond_blocking(Request::builder("GET", "/ping").build());
/// # assert_eq!(response.status(), 200);
/// host.stop().wait()
/// # }
/// ```
#[derive(Clone)]
pub struct PluginHost {
    owner: Arc<Owner>,
}

/// Stops what still runs when the last handle goes.
struct Owner {
    core: Arc<Core>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        if !on_own_thread() {
            return close(&self.core);
        }
        // A plugin held the last handle, and is dropped by an operation that waits for this very
        // thread: waiting for the operation here would be waiting for ourselves.
        let core = self.core.clone();
        let thread = std::thread::Builder::new().name("hotshoe-close".into());
        if let Err(error) = thread.spawn(move || close(&core)) {
            tracing::error!(%error, "no thread could be started to stop what still runs");
        }
    }
}

fn close(core: &Core) {
    let mut operation = core.operation.lock();
    operation.closed = true;
    let running = core.all_running();
    if !running.is_empty() {
        // Errors were logged; there is nobody to tell.
        let _ = core.take_down(&running);
    }
    core.wait_for_the_retired();
    core.end_watch();
}

impl std::fmt::Debug for PluginHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.plugins().iter().map(|plugin| (&plugin.id, &plugin.state)))
            .finish()
    }
}

impl PluginHost {
    /// Begins to put a host together.
    pub fn builder() -> PluginHostBuilder {
        PluginHostBuilder::default()
    }

    pub(super) fn new(core: Core, health_path: Option<&str>) -> Result<Self> {
        let core = Arc::new(core);
        core.warn_of_idle_policy();
        if let Some(path) = health_path {
            core.publish_health(path)?;
        }
        Ok(Self { owner: Arc::new(Owner { core }) })
    }

    pub(super) fn core(&self) -> &Arc<Core> {
        &self.owner.core
    }

    /// Looks for plugins, resolves, and starts all that should run. Whatever cannot is in the
    /// report, and keeps only those from starting that need it.
    ///
    /// # Errors
    /// With `strict = true`, or if a plugin that is `required = true` is not active: then
    /// everything is stopped again, and the error's message is the whole report.
    pub fn start(&self) -> Pending<StartReport> {
        self.operate("start", |core, operation| {
            // Before the first look: what changes after that is not to be missed.
            #[cfg(feature = "watch")]
            if let Err(error) = core.follow() {
                tracing::error!("`[plugins] watch` is set: {error:#}");
            }
            core.bring_up(operation, &BTreeSet::new());
            let report = StartReport::of(core);
            let missing: Vec<&str> = core
                .config
                .plugins
                .instances
                .values()
                .filter(|instance| instance.required)
                .map(|instance| instance.id.as_str())
                .filter(|id| !report.plugins.iter().any(|p| p.id == *id && p.state.is_serving()))
                .collect();
            let strict = core.config.plugins.strict && !report.is_complete();
            if missing.is_empty() && !strict {
                return Ok(report);
            }
            #[cfg(feature = "watch")]
            core.following.end();
            let _ = core.take_down(&core.all_running());
            let why = if missing.is_empty() {
                "not everything could be started, and `strict = true` asks for all or nothing: \
                 what ran was stopped again"
                    .into()
            } else {
                let missing: Vec<String> = missing.iter().map(|id| format!("`{id}`")).collect();
                format!(
                    "required plugins are not active: {}; what ran was stopped again",
                    missing.join(", ")
                )
            };
            // What is disabled is no problem, unless it is required.
            let off: String = report
                .plugins
                .iter()
                .filter(|plugin| plugin.state == State::Disabled)
                .filter(|plugin| missing.contains(&plugin.id.as_str()))
                .map(|plugin| format!("\nproblem: {}\n", core.explain(&plugin.id)))
                .collect();
            Err(Error::__laid_out(ErrorKind::Unresolved, format!("{why}\n\n{report}{off}")))
        })
    }

    /// Stops everything, in reverse order. A host that was stopped does not start again.
    ///
    /// # Errors
    /// If a plugin failed to stop; all others were stopped nevertheless.
    pub fn stop(&self) -> Pending<()> {
        // A handle of its own: were the caller's the last one, letting go of it would stop
        // everything first, and nobody would hear of what went wrong.
        let host = self.clone();
        Pending::spawn("stop", move || {
            let core = host.core();
            let mut operation = core.operation.lock();
            if operation.closed {
                return Err(was_stopped());
            }
            operation.closed = true;
            let (_, errors) = core.take_down(&core.all_running());
            core.wait_for_the_retired();
            core.end_watch();
            drop(operation);
            first_of(errors)
        })
    }

    /// Looks at the sources again and starts what is new. What is gone from a directory goes on
    /// running until it is disabled or removed; it can be restarted, its code is open.
    ///
    /// # Errors
    /// If the host was stopped.
    pub fn rescan(&self) -> Pending<StartReport> {
        self.operate("rescan", |core, operation| {
            core.bring_up(operation, &BTreeSet::new());
            Ok(StartReport::of(core))
        })
    }

    /// Adds a library file to the sources and starts what is in it.
    ///
    /// # Errors
    /// With the reason if it is not active afterwards.
    pub fn add(&self, file: impl Into<PathBuf>) -> Pending<StartReport> {
        let file = file.into();
        self.operate("add", move |core, operation| {
            let file = core.found_as(&file)?;
            let is_new = operation.added.insert(file.clone());
            let removed = core.take_back(operation, &file);
            core.bring_up(operation, &BTreeSet::new());
            if core.runs(&file) {
                return Ok(StartReport::of(core));
            }
            let why = core.why_not(&file);
            // As if it had not been added.
            if is_new {
                operation.added.remove(&file);
            }
            for id in removed {
                // Another file of the plugin may have started in its place.
                let _ = core.remove(operation, &id);
                operation.removed.insert(id);
            }
            core.bring_up(operation, &BTreeSet::new());
            Err(why)
        })
    }

    /// Stops an instance, and all that depend on it, and starts them anew. Meanwhile their routes,
    /// and paths behind their middleware, answer 503; if one does not come up again, they go on to
    /// do so until it is enabled, disabled or removed. Each is asked for its
    /// state, which its successor takes over; one that cannot tell it is followed by one that
    /// starts afresh.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; with the reason if it is not active afterwards.
    pub fn restart(&self, instance: &str) -> Pending<StartReport> {
        let id = instance.to_owned();
        self.operate("restart", move |core, operation| {
            core.restart(operation, &id, None)?;
            Ok(StartReport::of(core))
        })
    }

    /// Starts an instance that is disabled or failed, and all that only waited for it.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; with the reason if it is not active afterwards.
    pub fn enable(&self, instance: &str) -> Pending<StartReport> {
        let id = instance.to_owned();
        self.operate("enable", move |core, operation| {
            core.must_know(&id)?;
            operation.switched.insert(id.clone(), true);
            operation.yielded.remove(&id);
            core.forget_restarts(&id);
            core.bring_up(operation, &BTreeSet::from([id.clone()]));
            core.must_run(&id)?;
            Ok(StartReport::of(core))
        })
    }

    /// Stops an instance and keeps it so; what depends on it is stopped and blocked.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; the first failure to stop.
    pub fn disable(&self, instance: &str) -> Pending<()> {
        let id = instance.to_owned();
        self.operate("disable", move |core, operation| {
            operation.yielded.remove(&id);
            core.disable(operation, &id)
        })
    }

    /// Stops an instance, and all that depend on it, and forgets it. Its data stays.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; the first failure to stop.
    pub fn remove(&self, instance: &str) -> Pending<()> {
        let id = instance.to_owned();
        self.operate("remove", move |core, operation| core.remove(operation, &id))
    }

    /// Tells how busy the application is, on whatever scale its configuration uses: instances with
    /// `load` limits are disabled above and enabled below theirs. What was disabled by
    /// [`disable`](Self::disable) stays so.
    ///
    /// # Errors
    /// The first failure to start or stop one.
    pub fn report_load(&self, load: f64) -> Pending<()> {
        self.operate("load", move |core, operation| {
            let (above, below): (Vec<String>, Vec<String>) = {
                let slots = core.slots.read();
                let rule = |slot: &&super::slot::Slot| slot.config.load.is_some();
                let ruled = || slots.values().map(|slot| &**slot).filter(rule);
                let above = ruled().filter(|slot| {
                    slot.running.is_some()
                        && slot.config.load.is_some_and(|rule| load > rule.disable_above)
                });
                let below = ruled().filter(|slot| {
                    slot.state == State::Disabled
                        && operation.yielded.contains(&slot.id)
                        && slot.config.load.is_some_and(|rule| load < rule.enable_below)
                });
                (above.map(|s| s.id.clone()).collect(), below.map(|s| s.id.clone()).collect())
            };
            let mut stopped = Ok(());
            for id in above {
                stopped = stopped.and(core.disable(operation, &id));
                operation.yielded.insert(id);
            }
            if !below.is_empty() {
                for id in &below {
                    operation.switched.insert(id.clone(), true);
                    operation.yielded.remove(id);
                }
                core.bring_up(operation, &below.iter().cloned().collect());
                for id in &below {
                    core.must_run(id)?;
                }
            }
            stopped
        })
    }

    /// All instances.
    pub fn plugins(&self) -> Vec<PluginInfo> {
        self.core().infos()
    }

    /// One instance.
    pub fn plugin(&self, instance: &str) -> Option<PluginInfo> {
        self.core().info(instance)
    }

    /// Every instance and every reason why one is not active, as of now.
    pub fn report(&self) -> StartReport {
        StartReport::of(self.core())
    }

    /// Why this plugin is not running (or that it is), in words.
    pub fn explain(&self, instance: &str) -> String {
        self.core().explain(instance)
    }

    /// What happens to plugins from now on, as it happens: states, health, restarts and problems. A
    /// stream for any executor; it ends with the host, or after [`stop`](Self::stop).
    ///
    /// These are not the events that plugins [`publish`](Self::publish).
    ///
    /// ```
    /// # use hotshoe::{PluginHost, Result};
    /// # fn main() -> Result<()> {
    /// # let host = PluginHost::builder().build()?;
    /// let mut events = host.events();
    /// std::thread::spawn(move || {
    ///     while let Some(event) = events.recv() {
    ///         println!("{event}");
    ///     }
    /// });
    /// # host.stop().wait()
    /// # }
    /// ```
    pub fn events(&self) -> EventStream {
        self.core().monitor.listen()
    }

    /// What was decided about each permission of an instance: all that its manifest asks for, the
    /// parts of it that somebody decided about, and what its configuration names besides. A record
    /// with a `*` at its end stands for what no other record is nearer to. Services that the
    /// manifest requires are in it as `service:<name>`.
    ///
    /// ```
    /// # use hotshoe::{Context, NoConfig, Plugin, Result};
    /// use hotshoe::{PermissionState, PluginHost};
    /// # struct Mail;
    /// # impl Plugin for Mail {
    /// #     type Config = NoConfig;
    /// #     async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
    /// #         Ok(Mail)
    /// #     }
    /// # }
    ///
    /// # fn main() -> Result<()> {
    /// let plugin = hotshoe::plugin!(Mail, id = "mail", permissions = ["request"]);
    /// let host = PluginHost::builder().register_plugin(plugin).build()?;
    /// host.start().wait()?;
    /// host.revoke("mail", "request", "ada")?;
    ///
    /// let permissions = host.permissions("mail")?;
    /// assert_eq!(permissions[0].state, PermissionState::Refused);
    /// assert!(permissions[0].to_string().starts_with("`request` of `mail`: refused by ada, "));
    /// # host.stop().wait()
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::Unavailable`] if its manifest is not known.
    pub fn permissions(&self, instance: &str) -> Result<Vec<Permission>> {
        self.core().permissions(instance)
    }

    /// Grants an instance a permission that its configuration denies it, or that was revoked; `by`
    /// is who decides, for the record. A `*` at the end stands for anything.
    ///
    /// It never gives more than the manifest asks for, nor more than `[plugins.security]
    /// permissions` allows any plugin. It holds at once, and as long as this host lives: also after
    /// the instance was restarted, or removed and added again. A new host knows nothing of it: what
    /// is to last belongs in the configuration. An instance that is granted storage comes after its
    /// backend, in the order of starts and stops, from its next start on.
    ///
    /// It is recorded ([`permissions`](Self::permissions), [`permission_log`](Self::permission_log))
    /// and told as a `tracing` event of level info, target `hotshoe::permissions`, with the fields
    /// `plugin`, `permission` and `by`.
    ///
    /// # Errors
    /// [`ErrorKind::PermissionDenied`] if it would give more than that,
    /// [`ErrorKind::InvalidInput`] if `by` is empty or has control characters, and as for
    /// [`permissions`](Self::permissions).
    pub fn grant(&self, instance: &str, permission: &str, by: &str) -> Result<()> {
        self.core().change_permission(instance, permission, true, by)
    }

    /// Takes a permission away from an instance, and tells and lasts as a [`grant`](Self::grant)
    /// does. It holds at every door when this returns, and for what was handed out before: a
    /// [`Storage`] or shared map is refused, a subscription receives nothing, not even what is in
    /// its queue. What is inside a door at this moment comes to its end.
    ///
    /// Two things it cannot take back. A [`Handle`] of a service is the other plugin's object,
    /// called directly: [`restart`](Self::restart) the instance, and it gets no other. And native
    /// code can do what the process can: a permission guards the host's doors, not the system's.
    ///
    /// A later start meets the revocation as it would meet a `deny`: a plugin that needs the
    /// permission to start does not.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if the manifest asks for nothing of it,
    /// [`ErrorKind::InvalidInput`] if `by` is empty or has control characters, and as for
    /// [`permissions`](Self::permissions).
    pub fn revoke(&self, instance: &str, permission: &str, by: &str) -> Result<()> {
        self.core().change_permission(instance, permission, false, by)
    }

    /// Every decision about permissions since this host was built, oldest first: what manifests
    /// and configurations said, when that was new, and every [`grant`](Self::grant) and
    /// [`revoke`](Self::revoke) as it was worded. Beyond 4,096 the oldest go, those of people last.
    pub fn permission_log(&self) -> Vec<Permission> {
        self.core().permissions.log()
    }

    /// Asks an instance how it is, in the background; one that is thinking about that is not asked
    /// twice.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::Unavailable`], [`ErrorKind::Timeout`] after five
    /// seconds, and what the plugin reports.
    pub async fn health(&self, instance: &str) -> Result<Health> {
        self.core().health(instance).await
    }

    /// Figures that an instance reported to the host.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::Unavailable`].
    pub fn figures(&self, instance: &str) -> Result<BTreeMap<String, Figure>> {
        self.core()
            .running(instance, |slot| Some(slot.running.as_ref()?.context.figures.snapshot()))
    }

    /// The figures of all instances that were ever started, by id.
    pub fn plugin_metrics(&self) -> Vec<PluginMetrics> {
        self.core().plugin_metrics()
    }

    /// The figures of one instance.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::Unavailable`] if it was never started.
    pub fn metrics_of(&self, instance: &str) -> Result<PluginMetrics> {
        self.core().metrics_of_one(instance)
    }

    /// Tells the program's `metrics` recorder the figures of all instances, as the host does every second
    /// while something runs: right before they are exported, say.
    #[cfg(feature = "metrics")]
    pub fn record_metrics(&self) {
        self.core().record_metrics();
    }

    /// Makes calls of an instance go wrong, for tests of applications, for as long as what this returns
    /// lives, also over restarts. Calls are counted from now on; rules of the configuration come first.
    /// The log has a warning of it.
    ///
    /// ```
    /// use hotshoe::config::{Fault, FaultRule, FaultWhen};
    /// use hotshoe::{PluginHost, Request, Result};
    /// # use hotshoe::{Context, Contributions, NoConfig, Plugin, Response, handler_fn};
    /// # use std::sync::Arc;
    /// # struct Search;
    /// # impl Plugin for Search {
    /// #     type Config = NoConfig;
    /// #     async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
    /// #         Ok(Search)
    /// #     }
    /// #     fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
    /// #         to.handler("GET", "/search", handler_fn(|_: Request| async { Ok(Response::text(200, "")) }));
    /// #     }
    /// # }
    ///
    /// # fn main() -> Result<()> {
    /// # let search = hotshoe::plugin!(Search, id = "search");
    /// let host = PluginHost::builder().register_plugin(search).build()?;
    /// host.start().wait()?;
    /// let search = || host.respond_blocking(Request::builder("GET", "/search").build()).status();
    ///
    /// let mut second = FaultRule::new(Fault::Fail, FaultWhen::Calls { first: 2, count: 1 });
    /// second.on = Some("GET /search".into());
    /// let injected = host.inject("search", second)?;
    /// assert_eq!([search(), search(), search()], [200, 500, 200]);
    /// assert_eq!(injected.hits(), 1);
    ///
    /// drop(injected);
    /// # host.stop().wait()
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], also of a contribution; [`ErrorKind::Unavailable`] if it was never
    /// started; [`ErrorKind::InvalidInput`] if the rule contradicts itself.
    pub fn inject(&self, instance: &str, rule: FaultRule) -> Result<Injected> {
        self.core().running(instance, |slot| slot.supervisor.clone())?.inject(rule)
    }

    /// Figures that an instance tells when asked.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::Unavailable`], and what the plugin reports.
    pub fn metrics(&self, instance: &str) -> Result<Vec<Metric>> {
        let core = self.core();
        let port = core.running(instance, |slot| Some(slot.running.as_ref()?.own.clone()))?;
        serde_json::from_str(&port.call(|plugin| plugin.metrics())?)
            .describe("its metrics are not JSON")
    }

    /// Sends a request through middleware to its handler. It waits without end if neither the call
    /// has a deadline nor `call_timeout` is configured, which is the default.
    ///
    /// # Cancellation
    /// A dropped future drops the request wherever it is.
    ///
    /// # Errors
    /// What the handler reports, and middleware that refuses the request; [`ErrorKind::Unavailable`] if
    /// middleware could not answer; [`ErrorKind::Timeout`] at the call's deadline, and when the handler
    /// has taken `call_timeout`.
    pub async fn handle(&self, request: Request) -> Result<Response> {
        self.core().gateway.handle(request).await
    }

    /// [`handle`](Self::handle), with errors turned into responses and logged.
    pub async fn respond(&self, request: Request) -> Response {
        self.core().gateway.respond(request).await
    }

    /// [`respond`](Self::respond) for code without an executor: blocks this thread.
    pub fn respond_blocking(&self, request: Request) -> Response {
        futures_lite::future::block_on(self.respond(request))
    }

    /// The routes as a `tower` service: what axum's `fallback_service` takes.
    #[cfg(feature = "tower")]
    pub fn tower_service(&self) -> crate::gateway::GatewayService {
        crate::gateway::GatewayService::new(self.core().gateway.clone())
    }

    /// The service of an extension point, from whichever plugin provides it; of a pool, from any
    /// instance of it. All calls of the handle go to that one: see [`pool`](Self::pool).
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if nobody provides it in a compatible version,
    /// [`ErrorKind::Incompatible`] if its methods are not as declared here.
    pub fn service<X: ?Sized + ExtensionPoint>(&self) -> Result<Handle<X>> {
        Handle::new(self.core().services.find(X::NAME, &compatible::<X>()?)?)
    }

    /// The services of an extension point, from every plugin that provides it, in the order of
    /// their start.
    ///
    /// # Errors
    /// [`ErrorKind::Incompatible`] if the methods of one are not as declared here.
    pub fn services<X: ?Sized + ExtensionPoint>(&self) -> Result<Vec<Handle<X>>> {
        let all = self.core().services.find_all(X::NAME, &compatible::<X>()?);
        all.into_iter().map(Handle::new).collect()
    }

    /// The services of an extension point that the instances of a pool provide, as one: each call goes
    /// to one of those that run. Instances that are started for the first time later are not among
    /// them, others are as soon as they run again.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if none of them provides it in a compatible version,
    /// [`ErrorKind::Incompatible`] if the methods of one are not as declared here.
    pub fn pool<X: ?Sized + ExtensionPoint>(&self, pool: &str) -> Result<Pool<X>> {
        let ports = self.core().services.find_pool(pool, X::NAME, &compatible::<X>()?)?;
        let handles: Result<Vec<Handle<X>>> = ports.into_iter().map(Handle::new).collect();
        Pool::of(handles?)
    }

    /// The storage backend of an instance, whole: without the namespaces that plugins see.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::Unavailable`], [`ErrorKind::Unsupported`] if it
    /// provides none.
    pub fn storage(&self, instance: &str) -> Result<Storage> {
        let storage = self.core().running(instance, |slot| {
            let running = slot.running.as_ref()?;
            Some(running.storage.first().cloned())
        })?;
        storage.ok_or_else(|| {
            Error::new(ErrorKind::Unsupported, "it provides no storage backend")
                .with_plugin(instance)
        })
    }

    /// Publishes an event; returns for how many subscriptions it was queued.
    pub fn publish(&self, call: &Call, topic: &str, payload: impl Into<Bytes>) -> u64 {
        self.core().events.publish(call.clone(), "", topic, payload.into())
    }

    /// Calls the generic entry of an instance, or of one of those of a pool: JSON in, JSON out. Ends at
    /// the earlier of the call's deadline and `call_timeout`.
    pub async fn execute(
        &self,
        instance: &str,
        call: &Call,
        input: &serde_json::Value,
    ) -> Execution {
        let begin = Instant::now();
        let outcome = self.core().execute(instance, call, &input.to_string()).await;
        let outcome = outcome
            .and_then(|output| serde_json::from_str(&output).describe("its output is not JSON"));
        let execution_time_ms = begin.elapsed().as_secs_f64() * 1e3;
        let (status, result, error) = match outcome {
            Ok(result) => ("success".to_owned(), result, None),
            Err(error) => (
                error.kind().as_str().to_owned(),
                serde_json::Value::Null,
                Some(format!("{error:#}")),
            ),
        };
        Execution { status, result, error, execution_time_ms }
    }

    pub(super) fn operate<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce(&Arc<Core>, &mut Operation) -> Result<T> + Send + 'static,
    ) -> Pending<T> {
        let core = self.core().clone();
        Pending::spawn(name, move || {
            let mut operation = core.operation.lock();
            if operation.closed {
                return Err(was_stopped());
            }
            work(&core, &mut operation)
        })
    }
}

fn was_stopped() -> Error {
    Error::new(ErrorKind::IllegalState, "the host was stopped").with_help("build another one")
}

fn compatible<X: ?Sized + ExtensionPoint>() -> Result<semver::VersionReq> {
    semver::VersionReq::parse(&format!("^{}", X::VERSION)).describe_as(
        ErrorKind::InvalidInput,
        format!("the extension point `{}` has no version", X::NAME),
    )
}
