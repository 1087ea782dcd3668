//! One request's way: middleware by middleware, then the handler.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use hotshoe_abi::{AbiFuture, AbiHandler, AbiMiddleware, Chain};

use super::Routes;
use super::routes::Matched;
use crate::contract::{Error, ErrorKind, Next, Request, Response, Result};
use crate::runtime::Gate;

/// A handler in force.
pub(crate) struct HandlerEntry {
    pub(crate) instance: String,
    pub(crate) version: String,
    /// None once the instance has begun to end: the entry only says whose the route is.
    pub(crate) object: Option<AbiHandler>,
    /// A predecessor had the route: if this instance does not come up, it stays vacant.
    pub(crate) inherited: AtomicBool,
    pub(crate) gate: Arc<Gate>,
    /// How long a request to it may take, middleware included; by default as long as any.
    pub(crate) timeout: Option<Duration>,
}

impl HandlerEntry {
    /// The same without its object, which the instance's end is to drop.
    pub(super) fn vacant(&self) -> Self {
        Self {
            instance: self.instance.clone(),
            version: self.version.clone(),
            object: None,
            inherited: AtomicBool::new(true),
            gate: self.gate.clone(),
            timeout: self.timeout,
        }
    }
}

/// A middleware in force.
pub(crate) struct MiddlewareEntry {
    pub(crate) instance: String,
    /// None while the instance is replaced: whoever would have passed it is refused, because what
    /// guards a path must not be open while it is exchanged.
    pub(crate) object: Option<AbiMiddleware>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) priority: i32,
    pub(crate) paths: Vec<String>,
}

impl MiddlewareEntry {
    /// The same without its object, which the instance's end is to drop.
    pub(super) fn vacant(&self) -> Self {
        Self {
            instance: self.instance.clone(),
            object: None,
            gate: self.gate.clone(),
            priority: self.priority,
            paths: self.paths.clone(),
        }
    }

    fn applies(&self, path: &str) -> bool {
        self.paths.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => {
                path.starts_with(start) || start.strip_suffix('/').is_some_and(|own| own == path)
            }
            None => pattern == path,
        })
    }
}

/// The links of one request. Only its own: a request that takes long must not keep what other
/// instances contributed to the table that it met.
struct Links {
    middleware: Vec<Arc<MiddlewareEntry>>,
    end: Matched,
}

/// The way of one request.
pub(super) struct Way(Arc<Links>);

impl Way {
    /// Finds the route, and the middleware for its path: one that rewrites the path changes
    /// neither.
    pub(super) fn of(request: &mut Request, routes: &Routes) -> Self {
        let end = routes.find(request);
        let path = request.path();
        let applies = |entry: &&Arc<MiddlewareEntry>| entry.applies(path);
        let middleware = routes.middleware.iter().filter(applies).cloned().collect();
        Self(Arc::new(Links { middleware, end }))
    }

    /// How long it may take, if the handler's instance has a limit.
    pub(super) fn timeout(&self) -> Option<Duration> {
        match &self.0.end {
            Matched::Handler(entry) => entry.timeout,
            Matched::Nothing | Matched::OtherMethods(_) => None,
        }
    }

    /// Runs the chain.
    pub(super) async fn run(self, request: Request) -> Result<Response> {
        self.0.run(0, request).await
    }
}

impl Chain for Links {
    fn run(self: Arc<Self>, position: usize, request: Request) -> AbiFuture<'static, Response> {
        AbiFuture::new(async move {
            let Some(entry) = self.middleware.get(position) else { return self.end(request).await };
            let (Some(_pass), Some(object)) = (entry.gate.enter(), &entry.object) else {
                return Err(unavailable(&entry.instance));
            };
            let next = Next::new(self.clone(), position + 1);
            let answer = object.handle(request, next).await;
            answer.map_err(|error| named(error, &entry.instance))
        })
    }
}

impl Links {
    async fn end(&self, request: Request) -> Result<Response> {
        match &self.end {
            Matched::Handler(entry) => {
                let (Some(_pass), Some(object)) = (entry.gate.enter(), &entry.object) else {
                    return Err(unavailable(&entry.instance));
                };
                let answer = object.handle(request).await;
                let mut response = answer.map_err(|error| named(error, &entry.instance))?;
                // For middleware that tells who answered, such as an access log.
                if !self.middleware.is_empty() {
                    response.set_metadata("plugin_id", &entry.instance);
                    response.set_metadata("version", &entry.version);
                }
                Ok(response)
            }
            Matched::Nothing => Ok(Response::text(404, "not found\n")),
            Matched::OtherMethods(allowed) => {
                Ok(Response::text(405, "method not allowed\n").with_header("allow", allowed))
            }
        }
    }
}

fn unavailable(instance: &str) -> Error {
    Error::new(ErrorKind::Unavailable, "it is being stopped or replaced and takes no requests now")
        .with_plugin(instance)
}

/// The nearest instance is the one to blame; an error that names one keeps it.
fn named(error: Error, instance: &str) -> Error {
    if error.plugin().is_some() { error } else { error.with_plugin(instance) }
}
