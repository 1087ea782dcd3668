//! [`InstanceConfig`]: one configured instance of a plugin.
//!
//! A plugin may be configured more than once; each instance has an id of its own and names its
//! plugin. What is the host's is typed here; the plugin's own settings stay as they were written
//! until [`settings_resolved`](InstanceConfig::settings_resolved) follows the references in them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use semver::VersionReq;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::error::ConfigError;
use super::key_path::KeyPath;
use super::limits::{HostLimits, LoadRule};
use super::redact::redact;
use super::report::Provenance;
use super::resolve::{Resolver, process_environment};
use super::supervision::SupervisionOverrides;
use super::swap::SwapOverrides;
use super::timeouts::TimeoutOverrides;
use super::typed;
use crate::settings::read::Fault;

/// `[plugins.<id>]`: one instance of a plugin, as its operator wants it.
///
/// ```
/// # use serde_json::json;
/// # use hotshoe::config::InstanceConfig;
/// let mut archive = InstanceConfig::new("archive")
///     .with_plugin("storage-sqlite")
///     .with_settings(json!({ "path": "archive.db" }));
/// archive.required = true;
/// assert_eq!(archive.plugin, "storage-sqlite");
/// ```
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct InstanceConfig {
    /// The instance's id; unique in a configuration.
    pub id: String,
    /// The plugin's id. By default the same as `id`.
    pub plugin: String,
    /// Whether it starts with the host.
    pub enabled: bool,
    /// The [flag](super::PluginsConfig::feature_flags) without which it does not, whatever `enabled`
    /// says.
    pub feature_flag: Option<String>,
    /// `type`: free text that says what it is for, and that a load order may name.
    pub kind: Option<String>,
    /// The versions of the plugin that the operator accepts.
    pub version: Option<VersionReq>,
    /// How it is to be mounted; by default whichever way the plugin is found.
    pub mount: Option<Mount>,
    /// Whether the host as a whole fails to start if this instance does.
    pub required: bool,
    /// Exactly what is granted, of what the plugin's manifest asks for. `None` grants all of that.
    /// Services that the manifest requires need not be named.
    pub permissions: Option<Vec<String>>,
    /// Taken away from what is granted, and from the services that the manifest requires.
    pub deny: Vec<String>,
    /// In place of the priority that the plugin gives its middleware; lower runs first.
    pub priority: Option<i32>,
    /// In place of the timeouts of all plugins.
    pub timeouts: TimeoutOverrides,
    /// What it may ask of the host.
    pub limits: HostLimits,
    /// In place of what watches over all plugins.
    pub supervision: SupervisionOverrides,
    /// In place of how all plugins are exchanged.
    pub swap: SwapOverrides,
    /// When it yields to load.
    pub load: Option<LoadRule>,
    /// The plugin's own settings: always an object, references not followed.
    pub settings: Value,
    pub(super) origin: Origin,
}

/// Where an instance's settings stood in the file.
#[derive(Clone)]
pub(super) struct Origin {
    pub(super) path: KeyPath,
    pub(super) provenance: Provenance,
}

/// Two instances are equal if they say the same, wherever and in whichever shape they were read.
impl PartialEq for Origin {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl InstanceConfig {
    /// An enabled instance of the plugin with the same id, with all defaults and no settings.
    ///
    /// The id is checked by [`Config::check`](super::Config::check).
    pub fn new(id: impl Into<String>) -> Self {
        let id = id.into();
        let path = KeyPath::root().key("plugins").key(&id).key("config");
        Self {
            plugin: id.clone(),
            id,
            enabled: true,
            feature_flag: None,
            kind: None,
            version: None,
            mount: None,
            required: false,
            permissions: None,
            deny: Vec::new(),
            priority: None,
            timeouts: TimeoutOverrides::default(),
            limits: HostLimits::default(),
            supervision: SupervisionOverrides::default(),
            swap: SwapOverrides::default(),
            load: None,
            settings: Value::Object(Map::new()),
            origin: Origin { path, provenance: Provenance::default() },
        }
    }

    /// This instance, of the plugin with that id.
    pub fn with_plugin(mut self, plugin: impl Into<String>) -> Self {
        self.plugin = plugin.into();
        self
    }

    /// This instance, with these settings for the plugin. They must be an object.
    pub fn with_settings(mut self, settings: Value) -> Self {
        self.settings = settings;
        self
    }

    /// The settings with their references followed: `{ env = "NAME" }` becomes the text of the
    /// environment variable, `{ file = "path" }` that of the file (relative to `base_dir`, without
    /// one line break at its end).
    ///
    /// Call it right before the plugin gets them, and do not keep the result: it has the secrets.
    ///
    /// # Errors
    ///
    /// Lists every reference that leads nowhere.
    pub fn settings_resolved(&self, base_dir: impl AsRef<Path>) -> Result<Value, ConfigError> {
        self.settings_resolved_with(base_dir, process_environment)
    }

    /// The same, with another environment than the process's.
    ///
    /// # Errors
    ///
    /// Lists every reference that leads nowhere.
    pub fn settings_resolved_with(
        &self,
        base_dir: impl AsRef<Path>,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Value, ConfigError> {
        let provenance = &self.origin.provenance;
        let mut resolver = Resolver {
            base_dir: base_dir.as_ref(),
            lookup: &env,
            provenance,
            problems: Vec::new(),
        };
        let settings = resolver.settings(&self.settings, &self.origin.path);
        provenance.conclude(settings, resolver.problems)
    }

    /// Gives it other settings, which stand in no file.
    pub(crate) fn give(&mut self, settings: Value) {
        self.settings = settings;
        self.origin.provenance = Provenance::default();
    }

    /// Reads resolved settings as a type; the error names the key, its line and what to do.
    ///
    /// Values that came by a reference are shown in no message.
    ///
    /// # Errors
    ///
    /// If `resolved` is no `T`.
    pub fn read_settings<T: DeserializeOwned>(&self, resolved: &Value) -> Result<T, ConfigError> {
        let Origin { path, provenance } = &self.origin;
        typed::read(resolved, &self.settings, path, provenance)
    }

    /// The file in which it is configured, for records.
    pub(crate) fn file(&self) -> String {
        self.origin.provenance.origin().to_string()
    }

    /// In words, with key and line, why the plugin did not accept `resolved`. Values that came by a
    /// reference are not shown.
    pub(crate) fn refusal(&self, fault: Fault, resolved: &Value) -> ConfigError {
        let Origin { path, provenance } = &self.origin;
        typed::refusal(fault, resolved, &self.settings, path, provenance)
    }
}

impl fmt::Debug for InstanceConfig {
    /// All fields; secrets in the settings are redacted.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InstanceConfig")
            .field("id", &self.id)
            .field("plugin", &self.plugin)
            .field("enabled", &self.enabled)
            .field("feature_flag", &self.feature_flag)
            .field("kind", &self.kind)
            .field("version", &self.version)
            .field("mount", &self.mount)
            .field("required", &self.required)
            .field("permissions", &self.permissions)
            .field("deny", &self.deny)
            .field("priority", &self.priority)
            .field("timeouts", &self.timeouts)
            .field("limits", &self.limits)
            .field("supervision", &self.supervision)
            .field("swap", &self.swap)
            .field("load", &self.load)
            .field("settings", &redact(&self.settings))
            .finish_non_exhaustive()
    }
}

/// The way in which a plugin gets into the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mount {
    /// Compiled into the application.
    Linked,
    /// Loaded from a library in a plugin directory.
    Loaded,
}

/// Instances by id.
pub(super) type Instances = BTreeMap<String, InstanceConfig>;
