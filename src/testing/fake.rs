//! A host that exists only for one test: it grants what it is told to, keeps storage in memory, and
//! remembers what was asked of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use bytes::Bytes;
use hotshoe_abi::__stable::RString;
use hotshoe_abi::{
    AbiBytes, AbiContext, AbiFuture, AbiPort, AbiStorage, ContextObject, context_text,
};
use serde_json::Value;

use crate::bridge::{Scope, export_storage};
use crate::contract::{Call, Error, ErrorKind, MemoryStore, Request, Response, Result, Storage};
use crate::extension::ExtensionPoint;
use crate::sdk::__private::Provide;
use crate::sdk::Context;

/// A fake host for one plugin instance.
///
/// Every permission is granted until [`deny`](Self::deny) says otherwise.
///
/// ```
/// # fn main() -> hotshoe::Result<()> {
/// use hotshoe::testing::FakeHost;
/// use hotshoe::{Call, StorageBackend};
///
/// let host = FakeHost::new("mine").deny("events.publish:*");
/// let context = host.context();
/// assert_eq!(context.instance(), "mine");
/// assert!(context.storage().is_ok());
/// assert!(context.publish(&Call::none(), "keys.added", "{}").unwrap_err().is_permission_denied());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct FakeHost(Arc<Fake>);

/// An event that was published to a [`FakeHost`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The topic.
    pub topic: String,
    /// What was said.
    pub payload: Bytes,
}

struct Fake {
    instance: String,
    data_dir: String,
    state: Mutex<State>,
    stopping: AtomicBool,
}

#[derive(Default)]
struct State {
    denied: Vec<String>,
    settings: BTreeMap<String, Value>,
    storage: Option<Storage>,
    shared: BTreeMap<String, Arc<MemoryStore>>,
    services: Vec<AbiPort>,
    published: Vec<Published>,
    figures: BTreeMap<String, f64>,
    executes: BTreeMap<String, Value>,
    executed: Vec<(String, Value)>,
    wakers: Vec<Waker>,
}

impl FakeHost {
    /// A host for an instance of this id.
    pub fn new(instance: &str) -> Self {
        let data_dir = std::env::temp_dir().join("hotshoe-fake").join(instance);
        Self(Arc::new(Fake {
            instance: instance.to_owned(),
            data_dir: data_dir.display().to_string(),
            state: Mutex::default(),
            stopping: AtomicBool::new(false),
        }))
    }

    /// The same with this data folder, which should exist; otherwise one in the system's folder
    /// for temporary files, which is not made.
    #[must_use]
    pub fn data_dir(self, folder: impl Into<PathBuf>) -> Self {
        Self(Arc::new(Fake {
            instance: self.0.instance.clone(),
            data_dir: folder.into().display().to_string(),
            state: Mutex::new(std::mem::take(&mut self.0.state())),
            stopping: AtomicBool::new(false),
        }))
    }

    /// Denies a permission; `*` at the end stands for anything.
    #[must_use]
    pub fn deny(self, permission: &str) -> Self {
        self.0.state().denied.push(permission.to_owned());
        self
    }

    /// Sets a table of the application's settings.
    #[must_use]
    pub fn settings(self, table: &str, value: Value) -> Self {
        self.0.state().settings.insert(table.to_owned(), value);
        self
    }

    /// Puts this backend behind the instance's storage; otherwise a [`MemoryStore`].
    #[must_use]
    pub fn storage(self, storage: Storage) -> Self {
        self.0.state().storage = Some(storage);
        self
    }

    /// Provides a service.
    #[must_use]
    pub fn service<X, T>(self, service: impl Into<Arc<T>>) -> Self
    where
        X: ?Sized + ExtensionPoint + Provide<T>,
    {
        self.0.state().services.push(AbiPort::direct(X::provide(service.into())));
        self
    }

    /// What `execute` on this instance answers.
    #[must_use]
    pub fn answer(self, instance: &str, output: Value) -> Self {
        self.0.state().executes.insert(instance.to_owned(), output);
        self
    }

    /// The context to initialise a plugin with.
    pub fn context(&self) -> Context {
        Context::new(AbiContext::new(self.0.clone()))
    }

    #[cfg(feature = "host")]
    pub(crate) fn abi_context(&self) -> AbiContext {
        AbiContext::new(self.0.clone())
    }

    /// What was published, in order.
    pub fn published(&self) -> Vec<Published> {
        self.0.state().published.clone()
    }

    /// Figures that were reported: sums of counters and samples, the last value of gauges.
    pub fn figures(&self) -> BTreeMap<String, f64> {
        self.0.state().figures.clone()
    }

    /// Inputs of `execute` calls, with the instances they went to.
    pub fn executed(&self) -> Vec<(String, Value)> {
        self.0.state().executed.clone()
    }

    /// Tells the plugin that it is being stopped.
    pub fn begin_stop(&self) {
        self.0.stopping.store(true, Ordering::SeqCst);
        let wakers = std::mem::take(&mut self.0.state().wakers);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Fake {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self, permission: &str) -> Result<()> {
        if self.granted(permission) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::PermissionDenied,
            format!("the permission `{permission}` is needed, this test denies it"),
        )
        .with_plugin(&self.instance))
    }

    fn missing(what: &str, name: &str) -> Error {
        Error::new(ErrorKind::NotFound, format!("this fake host has no {what} `{name}`"))
    }
}

impl ContextObject for Fake {
    fn text(&self, field: u32) -> &str {
        match field {
            context_text::INSTANCE | context_text::PLUGIN => &self.instance,
            context_text::DATA_DIR => &self.data_dir,
            _ => "",
        }
    }

    fn granted(&self, permission: &str) -> bool {
        !self.state().denied.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => permission.starts_with(start),
            None => pattern == permission,
        })
    }

    fn settings(&self) -> Result<RString> {
        self.check("config.read")?;
        let settings = serde_json::to_string(&self.state().settings);
        Ok(settings.unwrap_or_default().into())
    }

    fn storage(&self) -> Result<AbiStorage> {
        self.check("storage")?;
        let mut state = self.state();
        let storage = state.storage.get_or_insert_with(|| Storage::new(MemoryStore::new())).clone();
        Ok(export_storage(storage, Scope::new("")))
    }

    fn shared(&self, name: &str) -> Result<AbiStorage> {
        self.check(&format!("shared:{name}"))?;
        let map = self.state().shared.entry(name.to_owned()).or_default().clone();
        Ok(export_storage(map, Scope::new("")))
    }

    fn publish(&self, _: &Call, topic: &str, payload: AbiBytes) -> Result<u64> {
        self.check(&format!("events.publish:{topic}"))?;
        let event = Published { topic: topic.to_owned(), payload: payload.into() };
        self.state().published.push(event);
        Ok(0)
    }

    fn execute<'a>(
        &'a self,
        _: &'a Call,
        target: &'a str,
        input: RString,
    ) -> AbiFuture<'a, RString> {
        let outcome = self.check(&format!("execute:{target}")).and_then(|()| {
            let mut state = self.state();
            let input = serde_json::from_str(&input).unwrap_or_default();
            state.executed.push((target.to_owned(), input));
            let answer = state.executes.get(target).map(|output| output.to_string().into());
            answer.ok_or_else(|| Self::missing("answer for", target))
        });
        AbiFuture::ready(outcome)
    }

    fn request(&self, request: Request) -> AbiFuture<'_, Response> {
        let outcome = self.check("request").map(|()| {
            Response::text(404, format!("this fake host has no route {}\n", request.path()))
        });
        AbiFuture::ready(outcome)
    }

    fn service(&self, name: &str, _: &str) -> Result<AbiPort> {
        let state = self.state();
        let found = state.services.iter().find(|service| service.info().name().as_str() == name);
        found.cloned().ok_or_else(|| Self::missing("service", name))
    }

    fn services(&self, name: &str, _: &str) -> Result<Vec<AbiPort>> {
        let state = self.state();
        let all = state.services.iter().filter(|service| service.info().name().as_str() == name);
        Ok(all.cloned().collect())
    }

    fn metric(&self, kind: u32, name: &str, value: f64) -> Result<()> {
        let mut state = self.state();
        let figure = state.figures.entry(name.to_owned()).or_default();
        if kind == hotshoe_abi::metric_kind::GAUGE {
            *figure = value
        } else {
            *figure += value
        }
        Ok(())
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    fn stopping(&self) -> AbiFuture<'_, ()> {
        AbiFuture::new(std::future::poll_fn(|context| {
            let mut state = self.state();
            if self.is_stopping() {
                return Poll::Ready(Ok(()));
            }
            state.wakers.push(context.waker().clone());
            Poll::Pending
        }))
    }
}
