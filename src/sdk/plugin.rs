//! The trait that makes a type a plugin.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Context, Contributions};
use crate::contract::{Call, Error, ErrorKind, Health, Result};

/// A plugin: made by `initialize`, then asked what it contributes, started, used, stopped.
///
/// # Contract
/// Only [`Config`](Self::Config) and [`initialize`](Self::initialize) are required. What else a
/// plugin can do it hands in as contributions.
///
/// # Lifecycle
/// `initialize` → `contribute` → `start` → *in use* → `stop` → dropped. Each instance that the
/// configuration names goes through it once; a restart makes a new instance. Its requirements are
/// active before `initialize` and until after `stop`. If `initialize` or `start` fails, the
/// plugins that require this one are not started; others are.
///
/// # Threading
/// Life-cycle methods run on a thread of their own, one at a time. Contributions are called from
/// any thread.
///
/// # Cancellation
/// Each life-cycle call has a deadline. A call that does not end by then is abandoned, its thread
/// with it, and the plugin has failed.
///
/// # Panics
/// A panic anywhere is contained; in a life-cycle method it means the plugin has failed.
///
/// # Errors
/// An error of a life-cycle method means the plugin has failed; its text is what operators read,
/// so say what was expected, what was found and what to do.
///
/// ```
/// use hotshoe::{Context, Contributions, Plugin, Request, Response, Result, handler_fn};
/// use std::sync::Arc;
///
/// #[derive(serde::Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Config {
///     greeting: String,
/// }
///
/// struct Hello {
///     greeting: String,
/// }
///
/// impl Plugin for Hello {
///     type Config = Config;
///
///     async fn initialize(_context: Context, config: Config) -> Result<Self> {
///         Ok(Hello { greeting: config.greeting })
///     }
///
///     fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
///         let hello = self.clone();
///         to.handler("GET", "/hello", handler_fn(move |_: Request| {
///             let text = hello.greeting.clone();
///             async move { Ok(Response::text(200, text)) }
///         }));
///     }
/// }
///
/// hotshoe::export_plugin!(Hello, endpoints = [GET "/hello"]);
/// # fn main() {}
/// ```
pub trait Plugin: Sized + Send + Sync + 'static {
    /// Its settings. Use `#[serde(deny_unknown_fields)]`, so that a typing error is an error, and
    /// [`NoConfig`] if there are none.
    type Config: DeserializeOwned + Send;

    /// Makes an instance: checks its settings, opens what it needs. Nothing is visible to others
    /// yet.
    fn initialize(
        context: Context,
        config: Self::Config,
    ) -> impl Future<Output = Result<Self>> + Send;

    /// Hands in what this instance contributes. Nothing of it is called before `start` returns.
    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        let _ = to;
    }

    /// Begins the work. If it fails, or comes back after its deadline, the instance is dropped without
    /// [`stop`](Self::stop): what was begun is for its `Drop` to end.
    fn start(&self) -> impl Future<Output = Result<()>> + Send {
        std::future::ready(Ok(()))
    }

    /// Ends the work: the last call, after the last request has been answered.
    fn stop(&self) -> impl Future<Output = Result<()>> + Send {
        std::future::ready(Ok(()))
    }

    /// How it is. The default says: well.
    fn health(&self) -> impl Future<Output = Result<Health>> + Send {
        std::future::ready(Ok(Health::healthy()))
    }

    /// A generic entry, for callers that know this plugin: JSON in, JSON out.
    fn execute(
        &self,
        call: &Call,
        input: serde_json::Value,
    ) -> impl Future<Output = Result<serde_json::Value>> + Send {
        let _ = (call, input);
        std::future::ready(Err(Error::new(
            ErrorKind::Unsupported,
            "this plugin has no `execute` entry",
        )))
    }

    /// Figures of its own, read when somebody asks.
    fn metrics(&self) -> Vec<Metric> {
        Vec::new()
    }

    /// State for a successor; `None` if there is none. Asked when no call is inside: before
    /// [`stop`](Self::stop), or while calls are held in an exchange, after which this instance may be asked to
    /// go on. Not asked if the manifest says `state = "none"`.
    fn save_state(&self) -> impl Future<Output = Result<Option<Bytes>>> + Send {
        std::future::ready(Ok(None))
    }

    /// Takes over the state of a predecessor, before anybody calls: perhaps one of another version, or, with
    /// `state = "kept"`, of long ago. At a start it comes between `initialize` and `start`, in an exchange after
    /// `start`. If it is refused, the instance does not start, or its predecessor goes on.
    ///
    /// An instance that was exchanged, and is to go on because its successor fails, gets that one's.
    fn restore_state(&self, state: Bytes) -> impl Future<Output = Result<()>> + Send {
        let _ = state;
        std::future::ready(Err(Error::new(
            ErrorKind::Unsupported,
            "this plugin does not take over state",
        )))
    }
}

/// The settings of a plugin that has none.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoConfig {}

/// One figure of a plugin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Metric {
    /// Its name, with the unit at the end: `cache_bytes`.
    pub name: String,
    /// Its value.
    pub value: f64,
}

impl Metric {
    /// One figure.
    pub fn new(name: impl Into<String>, value: f64) -> Self {
        Self { name: name.into(), value }
    }
}
