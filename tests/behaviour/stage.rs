//! What a behaviour plays on: a mount, folders and a journal of its own.

use std::future::Future;
use std::num::NonZeroU32;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::OnceLock;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use hotshoe::config::{
    BreakerPolicy, BulkheadPolicy, Config, HealthPolicy, Lane, PluginsConfig, RestartPolicy,
};
use hotshoe::settings::Quota;
use hotshoe::{Call, Execution, PluginHost, PluginHostBuilder, Request, Response, StartReport};
use serde_json::{Value, json};
use tempfile::TempDir;

// Mentioned, so that the linker keeps them.
use clockwork as _;
use plain as _;
use probe as _;
use relay as _;

use crate::journal::Journal;
use crate::{support, variants};

/// Long enough for anything that is not stuck.
const PATIENCE: Duration = Duration::from_secs(120);

/// So long that it does not come.
const NEVER: Duration = Duration::from_secs(24 * 3600);

/// So many that no behaviour does it so often.
const MANY: NonZeroU32 = NonZeroU32::new(1_000_000).unwrap();

/// The variable that names a folder with the plugins' libraries. They are used in place of building
/// them alone: this is how the suite runs with those of another compiler, profile or lock file.
const BUILT_ELSEWHERE: &str = "HOTSHOE_BUILT_ALONE";

/// The variable that keeps each stage's links to libraries: what looks up symbols after the end, as
/// a leak detector does, needs them.
const KEEP_LIBRARIES: &str = "HOTSHOE_KEEP_LIBRARIES";

/// How a plugin arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mount {
    /// Compiled in.
    Linked,
    /// The workspace's build, with the features of the host on.
    Loaded,
    /// Built with `-p`, as an author builds it; or elsewhere, see [`BUILT_ELSEWHERE`].
    Alone,
    /// Built against a later hotshoe-abi, whose tables have more functions than the host's.
    Later,
    /// As `Loaded`, and all that can watch over its calls does so; nothing of it ever strikes.
    Supervised,
    /// The same, and its calls run on threads of its own.
    OnLanes,
}

impl Mount {
    /// Puts around every plugin what belongs to the mount, where the behaviour has nothing of its own.
    fn dress(self, plugins: &mut PluginsConfig) {
        if !matches!(self, Self::Supervised | Self::OnLanes) {
            return;
        }
        plugins.timeouts.call.get_or_insert(NEVER);
        let all = &mut plugins.supervision;
        let mut bulkhead = BulkheadPolicy::new(MANY);
        bulkhead.queue = 100;
        all.bulkhead.get_or_insert(bulkhead);
        all.rate_limit.get_or_insert(Quota::per_second(MANY));
        all.breaker.get_or_insert(BreakerPolicy::failures(MANY));
        let mut health = HealthPolicy::default();
        health.interval = NEVER;
        all.health.get_or_insert(health);
        all.restart.get_or_insert(RestartPolicy::default());
        if self == Self::OnLanes && all.lane == Lane::Inline {
            let threads = NonZeroU32::new(2).expect("it is not zero");
            all.lane = Lane::Dedicated { threads, queue: 1000, spare: 2 };
        }
    }
}

/// What polls.
#[derive(Clone, Copy, Debug)]
pub enum Executor {
    /// Several threads of tokio.
    Tokio,
    /// smol.
    Smol,
    /// Only this thread, and nothing that tokio or smol would bring.
    Bare,
}

/// Plays one behaviour.
pub fn run<F>(mount: Mount, executor: Executor, behaviour: fn(Stage) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    // However long that takes, nothing is stuck.
    match mount {
        Mount::Alone => drop(built_alone("probe")),
        Mount::Later => _ = variants::built(),
        _ => {}
    }
    let (over, done) = channel();
    let thread = std::thread::spawn(move || {
        executor.run(behaviour(Stage::new(mount)));
        let _ = over.send(());
    });
    if done.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
        panic!("it got stuck");
    }
    if let Err(panic) = thread.join() {
        resume_unwind(panic);
    }
}

impl Executor {
    fn run(self, future: impl Future<Output = ()> + Send + 'static) {
        match self {
            Self::Tokio => {
                let mut builder = tokio::runtime::Builder::new_multi_thread();
                let runtime = builder.worker_threads(2).build().expect("tokio starts");
                let spawned = runtime.spawn(future);
                if let Err(error) = runtime.block_on(spawned) {
                    resume_unwind(error.into_panic());
                }
            }
            Self::Smol => {
                let executor = smol::Executor::new();
                smol::block_on(executor.run(executor.spawn(future)));
            }
            Self::Bare => futures_lite::future::block_on(future),
        }
    }
}

/// The plugins of the suite and their libraries, built alone.
fn built_alone(package: &str) -> PathBuf {
    static BUILT: OnceLock<Vec<PathBuf>> = OnceLock::new();
    let file = support::library(package).file_name().expect("a library has a name").to_owned();
    if let Some(folder) = std::env::var_os(BUILT_ELSEWHERE) {
        let path = PathBuf::from(folder).join(file);
        assert!(path.is_file(), "{} is not there, see {BUILT_ELSEWHERE}", path.display());
        return path;
    }
    let built = BUILT.get_or_init(|| {
        ["clockwork", "plain", "probe", "relay"].map(support::library_built_alone).to_vec()
    });
    built.iter().find(|path| path.ends_with(&file)).expect("it is one of them").clone()
}

/// What a behaviour plays on.
pub struct Stage {
    pub mount: Mount,
    pub journal: Journal,
    data: TempDir,
    libraries: TempDir,
}

impl Stage {
    fn new(mount: Mount) -> Self {
        let folder = || tempfile::tempdir().expect("a temporary folder");
        let mut libraries = folder();
        libraries.disable_cleanup(std::env::var_os(KEEP_LIBRARIES).is_some());
        Self { mount, journal: Journal::default(), data: folder(), libraries }
    }

    /// Another one with the same mount.
    pub fn like(other: &Self) -> Self {
        Self::new(other.mount)
    }

    /// The library of a plugin; the same code as that of every other stage, as with linked ones.
    pub fn library(&self, plugin: &str) -> PathBuf {
        match self.mount {
            Mount::Alone => built_alone(plugin),
            Mount::Later => variants::built().library(plugin),
            _ => support::library(plugin),
        }
    }

    /// Puts a plugin where the host looks for it.
    pub fn bring(&self, plugin: &str) {
        let library = self.library(plugin);
        let name = library.file_name().expect("a library has a name");
        let link = self.libraries.path().join(name);
        std::os::unix::fs::symlink(&library, link).expect("a link can be made");
    }

    /// A host with these plugins and this configuration, to be built.
    pub fn builder(&self, plugins: &[&str], config: &str) -> PluginHostBuilder {
        let config = Config::from_toml(config, "the behaviour");
        self.builder_of(plugins, config.expect("its configuration is sound"))
    }

    /// The same where some of the configuration is made in code.
    pub fn builder_of(&self, plugins: &[&str], mut config: Config) -> PluginHostBuilder {
        self.mount.dress(&mut config.plugins);
        let builder = PluginHost::builder()
            .config(config)
            .data_dir(self.data.path())
            .service::<dyn probe_api::Journal, _>(self.journal.clone());
        match self.mount {
            Mount::Linked => builder.linked(plugins.iter().copied()),
            _ => {
                for plugin in plugins {
                    self.bring(plugin);
                }
                builder.directory(self.libraries.path())
            }
        }
    }

    /// Starts it, whatever comes of it.
    pub async fn start(&self, plugins: &[&str], config: &str) -> (PluginHost, StartReport) {
        let host = self.builder(plugins, config).build().expect("the host can be built");
        let report = host.start().await.expect("nothing is required");
        (host, report)
    }

    /// Starts it; everything has to run.
    pub async fn host(&self, plugins: &[&str], config: &str) -> PluginHost {
        let (host, report) = self.start(plugins, config).await;
        assert!(report.is_complete(), "{report}");
        host
    }

    /// This is noted once, at once; on threads of the plugin's own, soon.
    pub async fn noted_once(&self, note: &str) {
        if self.mount == Mount::OnLanes {
            self.journal.until(note).await;
        }
        assert_eq!(self.journal.count(note), 1, "{note}");
    }

    /// Time in which something else happens, so that what has nothing to wait for happens too.
    pub async fn a_while(&self) {
        let other = Self::like(self);
        let host = other.host(&["plain"], "").await;
        host.stop().await.expect("it stops");
    }

    /// A host with the probe.
    pub async fn probe(&self) -> PluginHost {
        self.host(&["probe"], "").await
    }
}

/// Sends a `GET`, errors become responses.
pub async fn get(host: &PluginHost, target: &str) -> Response {
    host.respond(Request::builder("GET", target).build()).await
}

/// The whole body as text.
pub async fn text(mut response: Response) -> String {
    let body = response.take_body().collect(1 << 20).await.expect("a body");
    String::from_utf8(body.to_vec()).expect("text")
}

/// The whole body as JSON.
pub async fn json_of(response: Response) -> Value {
    let status = response.status();
    let text = text(response).await;
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{status} {text}: {error}"))
}

/// Calls the generic entry in nobody's name.
pub async fn execute(host: &PluginHost, instance: &str, input: Value) -> Execution {
    host.execute(instance, &Call::none(), &input).await
}

/// The same where nothing goes wrong.
pub async fn ask(host: &PluginHost, instance: &str, input: Value) -> Value {
    let execution = execute(host, instance, input.clone()).await;
    assert_eq!(execution.status, "success", "{input}: {:?}", execution.error);
    execution.result
}

/// The same where something goes wrong: kind and text.
pub async fn refusal(host: &PluginHost, instance: &str, input: Value) -> (String, String) {
    let execution = execute(host, instance, input.clone()).await;
    assert_eq!(execution.result, Value::Null, "{input} was expected to fail");
    (execution.status, execution.error.expect("a failure has a reason"))
}

/// Whether the probe still does its work.
pub async fn is_well(host: &PluginHost) {
    let echoed = ask(host, "probe", json!({ "op": "echo", "value": [1, "two"] })).await;
    assert_eq!(echoed, json!([1, "two"]));
    assert_eq!(get(host, "/who").await.status(), 200);
    assert_eq!(host.plugin("probe").expect("it is there").in_flight, 0);
}

/// Polls a future until it is pending and something is met, then gives it back.
pub async fn pending<F: Future + Send>(
    future: F,
    met: impl Future<Output = ()> + Send,
) -> Pin<Box<F>>
where
    F::Output: Send,
{
    let mut future = Box::pin(future);
    let ended = async {
        let _ = future.as_mut().await;
        true
    };
    let met = async {
        met.await;
        false
    };
    // `or` polls the first one first, so the future has begun when the other one ends.
    assert!(!futures_lite::future::or(ended, met).await, "it was expected to be pending");
    future
}
