//! The settings of one SQLite instance.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use hotshoe::{Capabilities, Error, ErrorKind, Result};
use serde::{Deserialize, Deserializer};

/// SQLite's own limit (`SQLITE_MAX_LENGTH`) for a row, with room for the key.
const MOST_VALUE_BYTES: usize = 999_000_000;

/// The settings of one instance. All have defaults.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The database file, below the data directory. `storage.db` unless set.
    pub path: PathBuf,
    /// What an acknowledged write survives.
    pub synchronous: Synchronous,
    /// How long a write waits while another process writes: `"5s"` unless set.
    #[serde(deserialize_with = "duration")]
    pub busy_timeout: Duration,
    /// The largest value, in bytes. 16 MiB unless set.
    pub max_value_bytes: usize,
}

/// What an acknowledged write survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Synchronous {
    /// The end of the process and, as far as the disk is honest, the loss of power.
    #[default]
    Full,
    /// The end of the process. The loss of power may take the last writes, but damages nothing.
    Normal,
}

impl Synchronous {
    pub(crate) fn pragma(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Normal => "NORMAL",
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: PathBuf::from("storage.db"),
            synchronous: Synchronous::default(),
            busy_timeout: Duration::from_secs(5),
            max_value_bytes: Capabilities::default().max_value_bytes,
        }
    }
}

impl Config {
    /// The database file in this data directory.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] when the path is empty or leads out of the directory, and for
    /// limits that SQLite does not have.
    pub fn file_in(&self, data_dir: &Path) -> Result<PathBuf> {
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
        if !self.path.components().all(plain) || self.path.file_name().is_none() {
            return Err(Error::new(
                ErrorKind::InvalidConfig,
                format!("`path` is {:?}, expected a file below the data directory", self.path),
            )
            .with_help("use a relative path without `..`, such as \"storage.db\""));
        }
        if self.max_value_bytes == 0 || self.max_value_bytes > MOST_VALUE_BYTES {
            let found = self.max_value_bytes;
            return Err(Error::new(
                ErrorKind::InvalidConfig,
                format!("`max_value_bytes` is {found}, expected 1 to {MOST_VALUE_BYTES}"),
            )
            .with_help("keep larger values in files, and their names here"));
        }
        Ok(data_dir.join(&self.path))
    }
}

fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    humantime::parse_duration(&text).map_err(|error| {
        serde::de::Error::custom(format!("{text:?} is no duration ({error}); write \"5s\""))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_has_a_default() {
        assert_eq!(serde_json::from_str::<Config>("{}").unwrap(), Config::default());
    }

    #[test]
    fn settings_are_read() {
        let text = r#"{ "path": "a/b.db", "synchronous": "normal", "busy_timeout": "250ms" }"#;
        let config: Config = serde_json::from_str(text).unwrap();
        assert_eq!(config.file_in(Path::new("/data")).unwrap(), Path::new("/data/a/b.db"));
        assert_eq!(config.synchronous, Synchronous::Normal);
        assert_eq!(config.busy_timeout, Duration::from_millis(250));
    }

    #[test]
    fn unknown_settings_and_values_are_refused() {
        for text in [r#"{ "file": "x" }"#, r#"{ "synchronous": "off" }"#] {
            assert!(serde_json::from_str::<Config>(text).is_err(), "{text}");
        }
        let error = serde_json::from_str::<Config>(r#"{ "busy_timeout": "soon" }"#).unwrap_err();
        assert!(error.to_string().contains("soon"), "{error}");
    }

    #[test]
    fn a_path_out_of_the_data_directory_is_refused() {
        for path in ["", "..", "../x.db", "/etc/x.db", "a/../../x.db", "."] {
            let config = Config { path: path.into(), ..Config::default() };
            let error = config.file_in(Path::new("/data")).unwrap_err();
            assert!(error.is_invalid_config(), "{path}: {error}");
        }
    }
}
