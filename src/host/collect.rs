//! Takes in what an instance contributes, while it contributes, and checks it.

use std::sync::Arc;
use std::time::Duration;

use hotshoe_abi::{
    AbiEventHandler, AbiHandler, AbiMiddleware, AbiStorage, AbiTask, ContributeObject, RawExtension,
};
use parking_lot::Mutex;
use semver::Version;

use super::context::InstanceContext;
use super::permissions::Permit;
use crate::contract::{Error, ErrorKind, Result};
use crate::discover::Candidate;

/// What an instance contributed.
#[derive(Default)]
pub(super) struct Contributions {
    pub(super) middleware: Vec<(AbiMiddleware, i32, Vec<String>)>,
    pub(super) handlers: Vec<(AbiHandler, String, String)>,
    pub(super) event_handlers: Vec<(AbiEventHandler, String, Arc<Permit>)>,
    pub(super) tasks: Vec<(AbiTask, String, Duration)>,
    pub(super) storage: Vec<(String, AbiStorage)>,
    pub(super) services: Vec<(RawExtension, String, Version)>,
}

/// Open for one call of `contribute`.
pub(super) struct Collector {
    context: Arc<InstanceContext>,
    candidate: Arc<Candidate>,
    taken: Mutex<Option<Contributions>>,
}

impl Collector {
    pub(super) fn new(context: Arc<InstanceContext>, candidate: Arc<Candidate>) -> Self {
        Self { context, candidate, taken: Mutex::new(Some(Contributions::default())) }
    }

    /// Closes it; what came later is refused.
    ///
    /// # Errors
    /// If the manifest promises a service or a backend that was not contributed.
    pub(super) fn close(&self) -> Result<Contributions> {
        let taken = self.taken.lock().take().unwrap_or_default();
        let manifest = &self.candidate.manifest;
        for promised in &manifest.provides {
            if !taken.services.iter().any(|(_, name, _)| *name == promised.service) {
                return Err(broken(format!(
                    "its manifest provides the service `{}`, `contribute` did not",
                    promised.service
                )));
            }
        }
        for promised in &manifest.storage {
            if !taken.storage.iter().any(|(kind, _)| kind == promised) {
                return Err(broken(format!(
                    "its manifest provides the storage backend `{promised}`, `contribute` did not"
                )));
            }
        }
        Ok(taken)
    }

    fn add(&self, add: impl FnOnce(&mut Contributions) -> Result<()>) -> Result<()> {
        match self.taken.lock().as_mut() {
            Some(taken) => add(taken),
            None => Err(Error::new(
                ErrorKind::IllegalState,
                "contributions were expected during `contribute`, this one came later",
            )),
        }
    }
}

fn broken(message: String) -> Error {
    Error::new(ErrorKind::InvalidPlugin, message)
        .with_help("the plugin's author has to make `provides` and `contribute` agree")
}

fn too_many(what: &str, limit: u32) -> Error {
    Error::new(ErrorKind::ResourceLimit, format!("at most {limit} {what} were expected"))
        .with_help(format!("raise `{what}` in the plugin's `limits` table"))
}

impl ContributeObject for Collector {
    fn middleware(&self, object: AbiMiddleware, priority: i32, paths: Vec<String>) -> Result<()> {
        self.add(|taken| {
            taken.middleware.push((object, priority, paths));
            Ok(())
        })
    }

    fn handler(&self, object: AbiHandler, method: &str, path: &str) -> Result<()> {
        self.add(|taken| {
            taken.handlers.push((object, method.to_owned(), path.to_owned()));
            Ok(())
        })
    }

    fn event_handler(&self, object: AbiEventHandler, topic: &str) -> Result<()> {
        let permit = self.context.permit(format!("events.subscribe:{topic}"))?;
        let limit = self.context.limits.subscriptions;
        self.add(|taken| {
            if taken.event_handlers.len() >= limit as usize {
                return Err(too_many("subscriptions", limit));
            }
            taken.event_handlers.push((object, topic.to_owned(), Arc::new(permit)));
            Ok(())
        })
    }

    fn task(&self, object: AbiTask, name: &str, interval: u64) -> Result<()> {
        let interval = Duration::from_nanos(interval);
        if interval < Duration::from_millis(1) {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("the job `{name}` has an interval of {interval:?}, at least 1ms is needed"),
            ));
        }
        let limit = self.context.limits.tasks;
        self.add(|taken| {
            if taken.tasks.len() >= limit as usize {
                return Err(too_many("tasks", limit));
            }
            taken.tasks.push((object, name.to_owned(), interval));
            Ok(())
        })
    }

    fn storage(&self, object: AbiStorage, kind: &str) -> Result<()> {
        if !self.candidate.manifest.storage.iter().any(|promised| promised == kind) {
            return Err(broken(format!(
                "`contribute` provides the storage backend `{kind}`, its manifest does not"
            )));
        }
        self.add(|taken| {
            taken.storage.push((kind.to_owned(), object));
            Ok(())
        })
    }

    fn service(&self, object: RawExtension, name: &str) -> Result<()> {
        let promised =
            self.candidate.manifest.provides.iter().find(|promised| promised.service == name);
        let Some(promised) = promised else {
            return Err(broken(format!(
                "`contribute` provides the service `{name}`, its manifest does not"
            )));
        };
        let version = object.info().version();
        if Version::parse(version.as_str()).ok().as_ref() != Some(&promised.version) {
            return Err(broken(format!(
                "its manifest provides the service `{name}` {}, `contribute` {version}",
                promised.version
            )));
        }
        self.add(|taken| {
            taken.services.push((object, name.to_owned(), promised.version.clone()));
            Ok(())
        })
    }
}
