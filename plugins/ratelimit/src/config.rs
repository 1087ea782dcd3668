//! The settings.

use std::num::NonZeroU32;
use std::time::Duration;

use hotshoe::settings::{Interval, Quota};
use hotshoe::{Error, ErrorKind, Result};
use serde::Deserialize;

use crate::gcra::Rate;

/// Settings of the plugin; the table in the [crate's documentation](crate) explains them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How many requests in how long.
    pub limit: Quota,
    /// How many at once; `None` is the count of `limit`.
    pub burst: Option<NonZeroU32>,
    /// Where it applies.
    pub paths: Vec<String>,
    /// Where in the chain.
    pub priority: i32,
    /// Whether the last address of `x-forwarded-for` is the client.
    pub trust_forwarded_for: bool,
    /// How many clients are remembered.
    pub max_clients: usize,
    /// How often idle clients are forgotten.
    pub sweep_interval: Interval,
}

const HUNDRED: NonZeroU32 = NonZeroU32::new(100).unwrap();

impl Default for Config {
    fn default() -> Self {
        Self {
            limit: Quota::per_minute(HUNDRED),
            burst: None,
            paths: vec!["/pks/*".into()],
            priority: -500,
            trust_forwarded_for: false,
            max_clients: 100_000,
            sweep_interval: Interval::new(Duration::from_secs(60)),
        }
    }
}

impl Config {
    pub(crate) fn rate(&self) -> Rate {
        Rate::new(self.limit.count(), self.limit.per(), self.burst.unwrap_or(self.limit.count()))
    }

    pub(crate) fn check(&self) -> Result<()> {
        let refuse = |what: String, help: &str| {
            Err(Error::new(ErrorKind::InvalidConfig, what).with_help(help))
        };
        if self.max_clients == 0 {
            return refuse(
                "`max_clients` was expected to be at least 1, found 0".into(),
                "leave it out for the default",
            );
        }
        if self.paths.is_empty() {
            return refuse(
                "`paths` was expected to name at least one path, found none".into(),
                "write [\"*\"] for all, or remove this plugin from the configuration",
            );
        }
        if let Some(path) = self.paths.iter().find(|path| !path.starts_with(['/', '*'])) {
            return refuse(
                format!("a path was expected to begin with `/`, found {path:?} in `paths`"),
                "write for example \"/pks/*\"",
            );
        }
        if self.sweep_interval.duration() < Duration::from_millis(1) {
            return refuse(
                format!(
                    "`sweep_interval` was expected to be at least 1ms, found {}",
                    self.sweep_interval
                ),
                "leave it out for the default",
            );
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
        let error = serde_json::from_str::<Config>(r#"{ "limits": "1/s" }"#).unwrap_err();
        assert!(error.to_string().contains("limits"), "{error}");
    }

    #[test]
    fn settings_are_written_as_people_write_them() {
        let text = r#"{ "limit": "3/10s", "burst": 1, "paths": ["*"], "sweep_interval": "5s" }"#;
        let config: Config = serde_json::from_str(text).unwrap();
        config.check().unwrap();
        assert_eq!(config.limit.to_string(), "3/10s");
        assert!(serde_json::from_str::<Config>(r#"{ "burst": 0 }"#).is_err());
    }

    #[test]
    fn a_setting_that_would_do_nothing_is_refused_by_name() {
        for (text, name) in [
            (r#"{ "max_clients": 0 }"#, "`max_clients`"),
            (r#"{ "paths": [] }"#, "`paths`"),
            (r#"{ "paths": ["pks/*"] }"#, "`paths`"),
            (r#"{ "sweep_interval": "0s" }"#, "`sweep_interval`"),
        ] {
            let error = serde_json::from_str::<Config>(text).unwrap().check().unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}
