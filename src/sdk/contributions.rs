//! Where an instance hands in what it contributes.

use std::sync::Arc;
use std::time::Duration;

use hotshoe_abi::{
    AbiContributions, AbiEventHandler, AbiHandler, AbiMiddleware, AbiTask, RawExtension,
};

use super::__private::Provide;
use crate::bridge::{Exported, Scope, export_storage};
use crate::contract::{
    Error, EventHandler, Middleware, RequestHandler, Result, StorageBackend, Task,
};
use crate::extension::ExtensionPoint;

/// Takes what a plugin instance contributes, during [`Plugin::contribute`](super::Plugin::contribute).
///
/// What the host refuses (a second handler for a route, a subscription without a permission, a
/// service that the manifest does not name) fails the instance with the reason.
pub struct Contributions<'a> {
    raw: &'a AbiContributions,
    scope: Scope,
    refused: Option<Error>,
}

impl<'a> Contributions<'a> {
    pub(crate) fn new(raw: &'a AbiContributions, scope: Scope) -> Self {
        Self { raw, scope, refused: None }
    }

    pub(crate) fn finish(self) -> Result<()> {
        self.refused.map_or(Ok(()), Err)
    }

    /// A middleware, with the priority and the paths that it says itself.
    pub fn middleware<M: Middleware>(&mut self, middleware: M) {
        let (priority, paths) = (middleware.priority(), middleware.paths());
        let object = AbiMiddleware::new(self.exported(middleware));
        let result = self.raw.middleware(object, priority, paths);
        self.note(result);
    }

    /// A handler for one route. `path` may have parameters (`/users/{id}`) and end in a wildcard
    /// (`/files/{*rest}`); `method` is a method or `*` for all.
    pub fn handler<H: RequestHandler>(&mut self, method: &str, path: &str, handler: H) {
        let object = AbiHandler::new(self.exported(handler));
        let result = self.raw.handler(object, method, path);
        self.note(result);
    }

    /// A subscription to a topic, or with `*` at the end to all topics that start so.
    pub fn subscribe<H: EventHandler>(&mut self, topic: &str, handler: H) {
        let object = AbiEventHandler::new(self.exported(handler));
        let result = self.raw.event_handler(object, topic);
        self.note(result);
    }

    /// A job to run every `interval`, which must be at least one millisecond.
    pub fn every<T: Task>(&mut self, interval: Duration, name: &str, task: T) {
        let object = AbiTask::new(self.exported(task));
        let nanos = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
        let result = self.raw.task(object, name, nanos);
        self.note(result);
    }

    /// A storage backend, chosen by operators under the type name `kind`.
    pub fn storage<S: StorageBackend>(&mut self, kind: &str, backend: S) {
        let result = self.raw.storage(export_storage(backend, self.scope), kind);
        self.note(result);
    }

    /// An implementation `T` of the extension point `X`, a `dyn Trait` declared with
    /// [`extension_point!`](crate::extension_point): `to.service::<dyn Quota, _>(Fixed)`. An `Arc`
    /// is taken, too, but then `T` has to be named: `to.service::<dyn Quota, Self>(self.clone())`.
    pub fn service<X, T>(&mut self, service: impl Into<Arc<T>>)
    where
        X: ?Sized + ExtensionPoint + Provide<T>,
    {
        let object: RawExtension = X::provide(service.into());
        let result = self.raw.service(object, X::NAME);
        self.note(result);
    }

    fn exported<T>(&self, object: T) -> Arc<Exported<T>> {
        Arc::new(Exported { object, scope: self.scope })
    }

    /// The first refusal is the one to report.
    fn note(&mut self, result: Result<()>) {
        if let Err(error) = result {
            self.refused.get_or_insert(error);
        }
    }
}
