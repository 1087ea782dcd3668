//! Configuration: TOML in, typed and checked settings out.
//!
//! One file serves the application and its plugins. The table `[plugins]` is the host's and is
//! read strictly; every other table is the application's and is kept as it is, as are the
//! settings of each plugin.
//!
//! ```toml
//! [server]                       # the application's: config.application::<Server>("server")
//! bind = ":11371"
//!
//! [plugins]
//! directory = "plugins"          # relative to this file
//! load_timeout = "30s"
//!
//! [plugins.security]
//! signatures = "warn"            # or "off", or "require"
//!
//! [plugins.archive]              # an instance; two of one plugin have two ids
//! plugin = "storage-sqlite"
//! config.path = "archive.db"     # the plugin's own
//! config.password = { env = "ARCHIVE_PASSWORD" }
//! ```
//!
//! Keys are `snake_case`; their `camelCase` forms are accepted. A second shape for instances,
//! `[plugins.config.<id>]` with `enabled` among the plugin's own keys, means the same.
//!
//! # How it works
//!
//! 1. The text is parsed with the place of each key kept.
//! 2. Each table is read key by key; what nobody asked for is an unknown key. Reading goes on
//!    after a problem, so one [`ConfigError`] lists them all, with file, line and column.
//! 3. What is not the host's becomes a `serde_json::Value`.
//! 4. Right before a plugin gets its settings,
//!    [`settings_resolved`](InstanceConfig::settings_resolved) follows the references to
//!    environment and files in them.
//!
//! # What it does not
//!
//! It looks for no files or plugins, checks no plugin's settings (the plugin does, when it gets
//! them) and enforces no policy. Nothing that it shows, `Debug` and errors included, repeats a
//! value that looks like a secret ([`redact`]).

mod check;
mod digest;
mod entry;
mod error;
mod flaws;
mod id;
mod instance;
mod json;
mod key_path;
mod limits;
mod load_order;
mod parse;
mod plugins;
mod policy;
mod read_instance;
mod read_supervision;
mod read_swap;
mod redact;
mod reference;
mod report;
mod resolve;
mod section;
mod security;
mod suggest;
mod supervision;
mod swap;
mod timeouts;
mod trust;
mod typed;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub use digest::Sha256;
pub use error::{ConfigError, Position, Problem, ProblemKind};
pub use instance::{InstanceConfig, Mount};
pub use limits::{HostLimits, LoadRule};
pub use plugins::{Linked, PluginsConfig};
pub use redact::redact;
pub use security::{LoadFrom, Rpath, SecurityPolicy, Signatures};
pub use supervision::{
    BreakerPolicy, BulkheadPolicy, FailurePolicy, Fault, FaultRule, FaultWhen, HealthPolicy, Lane,
    Override, RestartPolicy, Supervision, SupervisionOverrides,
};
pub use swap::{CanaryPolicy, ReplayPolicy, StateLost, SwapOverrides, SwapPolicy};
pub use timeouts::{TimeoutOverrides, Timeouts};
pub use trust::{PublicKey, TrustedKey};

pub(crate) use suggest::closest;

use key_path::KeyPath;
use report::Provenance;

/// All that was configured: for the host, for each plugin, for the application.
///
/// Read from a file, or made in code:
///
/// ```
/// # use serde_json::json;
/// # use hotshoe::config::{Config, InstanceConfig};
/// let mut config = Config::default()
///     .with_directory("plugins")
///     .with_instance(InstanceConfig::new("geo").with_settings(json!({ "database": "geo.db" })));
/// config.plugins.strict = true;
/// config.check()?;
/// # Ok::<(), hotshoe::config::ConfigError>(())
/// ```
///
/// Two configurations are equal if they say the same, wherever they were read.
#[derive(Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// The table `[plugins]`.
    pub plugins: PluginsConfig,
    /// Everything else: the application's own, as it was written.
    pub application: Map<String, Value>,
    /// Where relative paths start: the file's folder. Paths among the host's keys have it in front
    /// already; it is for references and for the application.
    pub base_dir: PathBuf,
    warnings: Vec<String>,
    provenance: Provenance,
}

impl Config {
    /// Reads a text. `origin` stands for the file's name in errors; relative paths stay relative
    /// to the current directory. The work is done on a short-lived thread with a large stack.
    ///
    /// # Errors
    ///
    /// Lists all that is wrong with the text. Any text gives a configuration or an error, never a
    /// panic.
    pub fn from_toml(text: &str, origin: &str) -> Result<Self, ConfigError> {
        Self::from_toml_in(text, origin, "")
    }

    /// Reads a text whose relative paths start at `base_dir`.
    ///
    /// # Errors
    ///
    /// As [`from_toml`](Self::from_toml).
    pub fn from_toml_in(
        text: &str,
        origin: &str,
        base_dir: impl AsRef<Path>,
    ) -> Result<Self, ConfigError> {
        parse::parse(text, origin, base_dir.as_ref())
    }

    /// Reads a file. Relative paths in it start at its folder.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, else as [`from_toml`](Self::from_toml).
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let origin = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            let help = match error.kind() {
                std::io::ErrorKind::NotFound => "create it, or give the path of another one",
                std::io::ErrorKind::InvalidData => "save it as UTF-8",
                _ => "the host's user needs the right to read it",
            };
            ConfigError::unreadable(origin.as_str().into(), error, help)
        })?;
        Self::from_toml_in(&text, &origin, path.parent().unwrap_or(Path::new("")))
    }

    /// This configuration, with one more directory of plugins.
    pub fn with_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.plugins.directories.push(directory.into());
        self
    }

    /// This configuration, with that instance, in place of any of the same id.
    pub fn with_instance(mut self, instance: InstanceConfig) -> Self {
        self.plugins.instances.insert(instance.id.clone(), instance);
        self
    }

    /// Checks a configuration that was made or changed in code as strictly as one from a file.
    ///
    /// # Errors
    ///
    /// Lists all that is wrong.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.provenance.conclude((), check::problems(self, &self.provenance))
    }

    /// Reads the application's table (or value) called `key`. One that is not there reads as an
    /// empty table, so a type whose fields all have defaults works without it.
    ///
    /// ```
    /// # use hotshoe::config::Config;
    /// #[derive(serde::Deserialize)]
    /// struct Server { bind: String }
    ///
    /// let config = Config::from_toml("[server]\nbind = \":11371\"", "app.toml")?;
    /// let server: Server = config.application("server")?;
    /// assert_eq!(server.bind, ":11371");
    /// # Ok::<(), hotshoe::config::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the value is no `T`; names the key, its line, what was expected and what was found.
    pub fn application<T: DeserializeOwned>(&self, key: &str) -> Result<T, ConfigError> {
        let empty = Value::Object(Map::new());
        let value = self.application.get(key).unwrap_or(&empty);
        typed::read(value, value, &KeyPath::root().key(key), &self.provenance)
    }

    /// The order of instances that `plugins.load_order` wishes for, and those of its entries that
    /// name nothing.
    ///
    /// `instances` are ids with their types. An entry is an id, else a type, which stands for all
    /// instances of it in the order given; an instance that is named by its id stands there, even
    /// when its type is named earlier. Instances that are not named are not in the result.
    ///
    /// ```
    /// # use hotshoe::config::Config;
    /// let text = "plugins.load_order = [\"security\", \"ratelimit-ml\", \"backup\"]";
    /// let config = Config::from_toml(text, "app.toml")?;
    /// let (order, unknown) = config.resolve_load_order(&[
    ///     ("ratelimit-ml", Some("ratelimit")),
    ///     ("security-enhanced", Some("security")),
    /// ]);
    /// assert_eq!(order, ["security-enhanced", "ratelimit-ml"]);
    /// assert_eq!(unknown, ["backup"]);
    /// # Ok::<(), hotshoe::config::ConfigError>(())
    /// ```
    pub fn resolve_load_order(
        &self,
        instances: &[(&str, Option<&str>)],
    ) -> (Vec<String>, Vec<String>) {
        load_order::resolve(&self.plugins.load_order, instances)
    }

    /// The timeouts that hold for an instance: its own, else those of all.
    pub fn timeouts_of(&self, instance: &InstanceConfig) -> Timeouts {
        self.plugins.timeouts.with(&instance.timeouts)
    }

    /// What watches over an instance: what it has of its own, else what all have. One that is to be
    /// restarted and says nothing of health checks is asked how it is as by default, since nothing else
    /// would tell.
    ///
    /// ```
    /// # use hotshoe::config::Config;
    /// let text = "plugins = { rate_limit = '100/s', restart = true, a = { rate_limit = false } }";
    /// let config = Config::from_toml(text, "app.toml")?;
    /// let supervision = config.supervision_of(&config.plugins.instances["a"]);
    /// assert_eq!(supervision.rate_limit, None);
    /// assert!(supervision.restart.is_some() && supervision.health.is_some());
    /// # Ok::<(), hotshoe::config::ConfigError>(())
    /// ```
    pub fn supervision_of(&self, instance: &InstanceConfig) -> Supervision {
        let mut supervision = self.plugins.supervision.with(&instance.supervision);
        if supervision.restart.is_some() && instance.supervision.health == Override::Inherit {
            supervision.health.get_or_insert_default();
        }
        supervision
    }

    /// How an instance is exchanged: what it has of its own, else what all have.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use hotshoe::config::Config;
    /// let text = "plugins = { swap = { probation = '1m' }, a = { swap = { canary = true } } }";
    /// let config = Config::from_toml(text, "app.toml")?;
    /// let swap = config.swap_of(&config.plugins.instances["a"]);
    /// assert_eq!(swap.probation, Duration::from_secs(60));
    /// assert!(swap.canary.is_some());
    /// # Ok::<(), hotshoe::config::ConfigError>(())
    /// ```
    pub fn swap_of(&self, instance: &InstanceConfig) -> SwapPolicy {
        self.plugins.swap.with(&instance.swap)
    }

    /// What looks odd but is no error, one line each, for the host to log.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl fmt::Debug for Config {
    /// All fields; secrets in the application's tables and in plugins' settings are redacted.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("plugins", &self.plugins)
            .field("application", &redact(&Value::Object(self.application.clone())))
            .field("base_dir", &self.base_dir)
            .finish_non_exhaustive()
    }
}
