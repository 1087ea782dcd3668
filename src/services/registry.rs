//! Services by name: who provides what, in which version.

use std::collections::HashMap;

use hotshoe_abi::RawExtension;
use parking_lot::RwLock;
use semver::{Version, VersionReq};

use crate::contract::{Error, ErrorKind, Result};

/// One service as provided by one instance.
#[derive(Clone, Debug)]
pub(crate) struct Provided {
    /// The instance; empty for the application.
    pub(crate) instance: String,
    pub(crate) name: String,
    pub(crate) version: Version,
    pub(crate) object: RawExtension,
}

/// All services of a host, in the order in which their providers started.
#[derive(Debug, Default)]
pub(crate) struct ServiceRegistry {
    by_name: RwLock<HashMap<String, Vec<Provided>>>,
}

impl ServiceRegistry {
    pub(crate) fn add(&self, provided: Provided) {
        self.by_name.write().entry(provided.name.clone()).or_default().push(provided);
    }

    /// Takes back all that an instance provides, and hands it over: dropping the last handle runs
    /// the plugin's code, which is for the caller to place.
    #[must_use]
    pub(crate) fn remove(&self, instance: &str) -> Vec<Provided> {
        let mut removed = Vec::new();
        self.by_name.write().retain(|_, list| {
            removed.extend(list.extract_if(.., |provided| provided.instance == instance));
            !list.is_empty()
        });
        removed
    }

    /// The first service of this name in this range.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], naming what is there.
    pub(crate) fn find(&self, name: &str, range: &VersionReq) -> Result<RawExtension> {
        let by_name = self.by_name.read();
        let list = by_name.get(name).map(Vec::as_slice).unwrap_or_default();
        if let Some(provided) = list.iter().find(|provided| range.matches(&provided.version)) {
            return Ok(provided.object.clone());
        }
        let there: Vec<String> = list
            .iter()
            .map(|provided| match provided.instance.as_str() {
                "" => format!("{} by the application", provided.version),
                instance => format!("{} by `{instance}`", provided.version),
            })
            .collect();
        let found = if there.is_empty() { "nobody provides it".into() } else { there.join(", ") };
        Err(Error::new(
            ErrorKind::NotFound,
            format!("the service `{name}` was expected in {range}; found: {found}"),
        )
        .with_help("see why its provider is not running; a plugin also requires it in its manifest, so that the \
             provider starts first"))
    }

    /// All services of this name in this range.
    pub(crate) fn find_all(&self, name: &str, range: &VersionReq) -> Vec<RawExtension> {
        let by_name = self.by_name.read();
        let list = by_name.get(name).map(Vec::as_slice).unwrap_or_default();
        list.iter()
            .filter(|provided| range.matches(&provided.version))
            .map(|provided| provided.object.clone())
            .collect()
    }
}
