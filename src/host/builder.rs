//! Putting a host together.

use std::path::PathBuf;
use std::sync::Arc;

use hotshoe_abi::plain::Line;

use super::core::Core;
use super::public::PluginHost;
use crate::config::{Config, InstanceConfig, Linked, Signatures};
use crate::contract::{Error, ErrorKind, Result, ResultExt};
use crate::extension::ExtensionPoint;
use crate::manifest::Provision;
use crate::preflight::Preflight;
use crate::runtime::fence;
use crate::sdk::__private::Provide;
use crate::sdk::{ExportedPlugin, LinkedPlugin};
use crate::services::ServiceRegistry;
use crate::verify::Verifier;

/// Puts a [`PluginHost`] together.
#[derive(Default)]
#[must_use = "`build` makes the host"]
pub struct PluginHostBuilder {
    config: Config,
    registered: Vec<LinkedPlugin>,
    services: ServiceRegistry,
    host_services: Vec<Provision>,
    background_threads: Option<usize>,
    health_path: Option<String>,
    error: Option<Error>,
}

impl PluginHostBuilder {
    /// Takes the whole configuration. Call it first: what the other methods say is added to it.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Looks for plugins in this directory, too.
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.config.plugins.directories.push(directory.into());
        self
    }

    /// Where instances have their folders; `data` if nothing is said.
    pub fn data_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.config.plugins.data_dir = Some(directory.into());
        self
    }

    /// Starts these plugins of those that are linked into the program. Their crates have to be
    /// mentioned somewhere (`use ratelimit as _;`), or the linker leaves them out.
    pub fn linked<I: Into<String>>(mut self, ids: impl IntoIterator<Item = I>) -> Self {
        let mut names: Vec<String> = ids.into_iter().map(Into::into).collect();
        match &mut self.config.plugins.linked {
            Some(Linked::All) => {}
            Some(Linked::Only(all)) => all.append(&mut names),
            none => *none = Some(Linked::Only(names)),
        }
        self
    }

    /// Starts every plugin that is linked into the program.
    pub fn linked_all(mut self) -> Self {
        self.config.plugins.linked = Some(Linked::All);
        self
    }

    /// Registers an exported plugin by hand.
    pub fn register<P: ExportedPlugin>(self) -> Self {
        self.register_plugin(P::PLUGIN)
    }

    /// Registers a plugin made with [`plugin!`](crate::plugin) by hand.
    pub fn register_plugin(mut self, plugin: LinkedPlugin) -> Self {
        self.registered.push(plugin);
        self
    }

    /// Adds or replaces the configuration of one instance.
    pub fn instance(mut self, instance: InstanceConfig) -> Self {
        self.config.plugins.instances.insert(instance.id.clone(), instance);
        self
    }

    /// Offers a service of the application itself to plugins.
    pub fn service<X, T>(mut self, service: impl Into<Arc<T>>) -> Self
    where
        X: ?Sized + ExtensionPoint + Provide<T>,
    {
        let version = semver::Version::parse(X::VERSION).describe_as(
            ErrorKind::InvalidInput,
            format!("the extension point `{}` has no version", X::NAME),
        );
        match version {
            Ok(version) => {
                self.host_services
                    .push(Provision { service: X::NAME.to_owned(), version: version.clone() });
                self.services.offer_own(X::NAME, version, X::provide(service.into()));
            }
            Err(error) => {
                self.error.get_or_insert(error);
            }
        }
        self
    }

    /// How many threads deliver events and run periodic jobs: 2 unless said otherwise.
    pub fn background_threads(mut self, threads: usize) -> Self {
        self.background_threads = Some(threads);
        self
    }

    /// Publishes the health of all running instances, as JSON, under this path, and that of one
    /// under `<path>/<instance>`; status 503 if one is not healthy.
    pub fn health_path(mut self, path: impl Into<String>) -> Self {
        self.health_path = Some(path.into());
        self
    }

    /// Makes the host. Nothing is looked for or started yet.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] if what was put together contradicts itself, or requires
    /// signatures and trusts no key that can be read, or asks for a
    /// [`preflight`](crate::preflight) that this program cannot do.
    pub fn build(self) -> Result<PluginHost> {
        if let Some(error) = self.error {
            return Err(error);
        }
        self.config
            .check()
            .describe_as(ErrorKind::InvalidConfig, "the configuration contradicts itself")?;
        for warning in self.config.warnings() {
            tracing::warn!("{}", Line(warning));
        }
        let verifier = Verifier::new(self.config.plugins.security.clone())?;
        #[cfg(feature = "watch")]
        let verifier = if self.config.plugins.watch { verifier.with_copies() } else { verifier };
        let preflight = Preflight::new(&self.config.plugins.security)?;
        self.warn_of_what_is_not_enforced();
        hotshoe_abi::guard::install_hook();
        if !cfg!(panic = "unwind") {
            tracing::warn!(
                "this program is built with panic = \"abort\": no panic of a linked plugin can be \
                 contained"
            );
        }
        // Before the host has threads of its own.
        fence::prepare();
        let core = Core::new(
            self.config,
            verifier,
            preflight,
            self.registered,
            self.services,
            self.host_services,
            self.background_threads.unwrap_or(2),
        );
        PluginHost::new(core, self.health_path.as_deref())
    }

    /// Keys that are read and checked, and that nothing acts on: better said than believed.
    fn warn_of_what_is_not_enforced(&self) {
        let security = &self.config.plugins.security;
        let idle = [
            ("max_memory_mb", security.max_memory_mb.is_some()),
            ("max_cpu_percent", security.max_cpu_percent.is_some()),
        ];
        for (key, _) in idle.into_iter().filter(|(_, set)| *set) {
            tracing::warn!(
                "`[plugins.security] {key}` is set, and this version does not enforce it"
            );
        }
        if self.config.plugins.watch && cfg!(not(feature = "watch")) {
            tracing::warn!(
                "`[plugins] watch` is set, and this program was built without hotshoe's feature \
                 `watch`: nobody looks at the directories while it runs"
            );
        }
        if security.signatures == Signatures::Off && !security.keys.is_empty() {
            tracing::warn!(
                "`[plugins.security.keys]` names whose signatures count, and nobody looks at \
                 signatures: set `signatures` to \"require\" or \"warn\""
            );
        }
    }
}
