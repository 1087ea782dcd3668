//! The settings.

use std::path::{Component, Path};
use std::time::Duration;

use hotshoe::settings::Interval;
use hotshoe::{Error, ErrorKind, Result};
use serde::Deserialize;

/// Settings of the plugin; the table in the [crate's documentation](crate) explains them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// A file below the plugin's data folder.
    pub file: Option<String>,
    /// How often collected lines are written; `None` writes each at once.
    pub flush_interval: Option<Interval>,
    /// What is not logged.
    pub skip_paths: Vec<String>,
    /// Whether the query is part of `path`.
    pub log_query: bool,
    /// Whether a client's `x-request-id` is taken over.
    pub trust_request_id: bool,
    /// Where in the chain.
    pub priority: i32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            file: None,
            flush_interval: None,
            skip_paths: Vec::new(),
            log_query: false,
            trust_request_id: false,
            priority: -1000,
        }
    }
}

impl Config {
    pub(crate) fn check(&self) -> Result<()> {
        if let Some(file) = &self.file {
            let mut parts = Path::new(file).components();
            if file.is_empty() || !parts.all(|part| matches!(part, Component::Normal(_))) {
                return Err(Error::new(
                    ErrorKind::InvalidConfig,
                    format!("`file` was expected below the plugin's data folder, found {file:?}"),
                )
                .with_help("write a relative path without `..`, such as \"access.jsonl\""));
            }
        }
        if self.flush_interval.is_some_and(|it| it.duration() < Duration::from_millis(1)) {
            return Err(Error::new(
                ErrorKind::InvalidConfig,
                "`flush_interval` was expected to be at least 1ms, found less",
            )
            .with_help("leave it out to write each line at once"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_setting_is_required_and_a_misspelt_one_is_named() {
        let config: Config = serde_json::from_str("{}").unwrap();
        assert_eq!(config, Config::default());
        config.check().unwrap();
        let error = serde_json::from_str::<Config>(r#"{ "path": "x" }"#).unwrap_err();
        assert!(error.to_string().contains("path"), "{error}");
    }

    #[test]
    fn a_file_outside_of_the_data_folder_is_refused() {
        for (file, fine) in [
            ("access.jsonl", true),
            ("logs/access.jsonl", true),
            ("", false),
            ("/var/log/access.jsonl", false),
            ("../access.jsonl", false),
            ("logs/../../access.jsonl", false),
        ] {
            let config = Config { file: Some(file.into()), ..Config::default() };
            assert_eq!(config.check().is_ok(), fine, "{file}");
        }
    }
}
