//! What an instance contributed, behind the ports of its start: not in force yet.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hotshoe_abi::{AbiEventHandler, AbiHandler, AbiPlugin, AbiTask, RawExtension};
use semver::Version;

use super::libraries::InUse;
use super::order::{Mounted, Order};
use super::permissions::Permit;
use crate::config::Lane;
use crate::contract::{Result, Storage};
use crate::gateway::{Entries, HandlerEntry, MiddlewareEntry, Passing};
use crate::services::Offer;
use crate::supervise::{Contribution, Port, SupervisedStorage};

/// One start, behind ports.
pub(super) struct Assembled {
    pub(super) plugin: Arc<AbiPlugin>,
    /// Without those that were reserved before.
    pub(super) entries: Entries,
    pub(super) services: Vec<Service>,
    pub(super) topics: Vec<Topic>,
    pub(super) tasks: Vec<Task>,
    pub(super) storage: Vec<Storage>,
    /// Its generic entry.
    pub(super) execute: Port<Arc<AbiPlugin>>,
    /// For what the host itself asks of it.
    pub(super) own: Port<Arc<AbiPlugin>>,
    /// Its handlers, in the order of `entries`: ports may lead to others yet.
    pub(super) handlers: Vec<Arc<AbiHandler>>,
    /// Its library, in use.
    pub(super) library: Option<InUse>,
}

/// A subscription: its topics, its handler, and what allows it.
pub(super) type Topic = (String, Port<Arc<AbiEventHandler>>, Arc<Permit>);

/// A periodic job.
pub(super) type Task = (String, Duration, Port<Arc<AbiTask>>);

/// A service that it provides.
pub(super) struct Service {
    pub(super) name: String,
    pub(super) version: Version,
    pub(super) port: Port<RawExtension>,
}

impl Service {
    /// How it is found.
    pub(super) fn offer(&self) -> Offer {
        Offer {
            name: self.name.clone(),
            pool: self.port.pool().map(str::to_owned),
            version: self.version.clone(),
            port: self.port.handle(),
        }
    }
}

impl Order {
    /// Puts what a worker brought up behind ports.
    ///
    /// # Errors
    /// A successor cannot be called like what it is to replace.
    pub(super) fn assemble(&self, mounted: Mounted) -> Result<Assembled> {
        let Mounted { plugin, library, contributions: of, .. } = mounted;
        let term = &self.term;
        let mut handlers = Vec::new();
        let routes = of.handlers.into_iter().map(|(object, method, path)| {
            let object = Arc::new(object);
            handlers.push(object.clone());
            self.handler(object, method, path)
        });
        let routes = routes.collect::<Result<_>>()?;
        let middleware = of.middleware.into_iter().enumerate();
        let policy = term.supervisor().policy();
        let limit = term.supervisor().limit();
        let middleware = middleware.map(|(at, (object, priority, paths))| {
            Ok(Arc::new(MiddlewareEntry {
                instance: self.config.id.clone(),
                port: term.port(Contribution::Middleware(at), Arc::new(object))?,
                start: self.start,
                priority: self.config.priority.unwrap_or(priority),
                paths,
                failure: policy.failure,
                limit,
                passing: Passing::of(policy.failure, limit, policy.lane != Lane::Inline),
            }))
        });
        let entries = Entries { handlers: routes, middleware: middleware.collect::<Result<_>>()? };
        let services = of.services.into_iter().map(|(object, name, version)| {
            let port = term.port(Contribution::Service(name.clone()), object)?;
            Ok(Service { name, version, port })
        });
        let services = services.collect::<Result<_>>()?;
        let mut before = HashMap::new();
        let topics = of.event_handlers.into_iter().map(|(handler, topic, permit)| {
            let at = number(&mut before, &topic);
            let port = term.port(Contribution::Topic(topic.clone(), at), Arc::new(handler))?;
            Ok((topic, port, permit))
        });
        let topics = topics.collect::<Result<_>>()?;
        let mut before = HashMap::new();
        let tasks = of.tasks.into_iter().map(|(task, name, interval)| {
            let at = number(&mut before, &name);
            let port = term.port(Contribution::Task(name.clone(), at), Arc::new(task))?;
            Ok((name, interval, port))
        });
        let tasks = tasks.collect::<Result<_>>()?;
        let storage = of.storage.into_iter().map(|(kind, storage)| {
            let port = term.port(Contribution::Storage(kind), Arc::new(storage))?;
            Ok(Storage::new(SupervisedStorage(port)))
        });
        let storage = storage.collect::<Result<_>>()?;
        Ok(Assembled {
            entries,
            handlers,
            services,
            topics,
            tasks,
            storage,
            library,
            execute: term.port(Contribution::Execute, plugin.clone())?,
            own: term.port(Contribution::Own, plugin.clone())?,
            plugin,
        })
    }

    /// One handler, behind its port.
    ///
    /// # Errors
    /// As for [`assemble`](Self::assemble).
    pub(super) fn handler(
        &self,
        object: Arc<AbiHandler>,
        method: String,
        path: String,
    ) -> Result<(String, String, Arc<HandlerEntry>)> {
        let of = Contribution::Route { method: method.clone(), path: path.clone() };
        let entry = HandlerEntry {
            instance: self.config.id.clone(),
            version: self.candidate.manifest.version.to_string(),
            port: self.term.port(of, object)?,
            start: self.start,
            vacant: false,
            inherited: Default::default(),
            track: None,
        };
        Ok((method, path, Arc::new(entry)))
    }
}

/// How many of this name there were before: what a plugin may have twice is told apart by that.
fn number(before: &mut HashMap<String, usize>, name: &str) -> usize {
    let times = before.entry(name.to_owned()).or_default();
    *times += 1;
    *times - 1
}
