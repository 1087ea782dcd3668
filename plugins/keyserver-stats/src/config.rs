//! The settings.

use hotshoe::{Error, ErrorKind, Result};
use serde::Deserialize;

/// Settings of the plugin; the table in the [crate's documentation](crate) explains them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where Prometheus reads.
    pub endpoint: String,
    /// Paths that are told apart.
    pub paths: Vec<String>,
    /// Where in the chain.
    pub priority: i32,
}

/// Each path has a histogram and a time series for each method and status.
const MAX_PATHS: usize = 100;

impl Default for Config {
    fn default() -> Self {
        Self {
            endpoint: "/extended-metrics".into(),
            paths: ["/", "/pks/lookup", "/pks/add", "/pks/stats"].map(String::from).to_vec(),
            priority: -900,
        }
    }
}

impl Config {
    pub(crate) fn check(&self) -> Result<()> {
        let refuse = |what: String, help: &str| {
            Err(Error::new(ErrorKind::InvalidConfig, what).with_help(help))
        };
        if !self.endpoint.starts_with('/') || self.endpoint.contains(['{', '}', '?', '#']) {
            return refuse(
                format!("`endpoint` was expected to be a path, found {:?}", self.endpoint),
                "write for example \"/extended-metrics\"",
            );
        }
        if self.endpoint == "/pks/stats" {
            return refuse(
                "`endpoint` was expected to be a path of its own, found /pks/stats, which serves \
                 JSON"
                    .into(),
                "leave it out for the default",
            );
        }
        if self.paths.len() > MAX_PATHS {
            return refuse(
                format!(
                    "`paths` was expected to name at most {MAX_PATHS} paths, found {}",
                    self.paths.len()
                ),
                "name the paths that matter; all others are counted as `other`",
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
        let error = serde_json::from_str::<Config>(r#"{ "endpoints": "/x" }"#).unwrap_err();
        assert!(error.to_string().contains("endpoints"), "{error}");
    }

    #[test]
    fn an_endpoint_that_cannot_be_served_is_refused() {
        for endpoint in ["", "metrics", "/m?x", "/{m}", "/pks/stats"] {
            let config = Config { endpoint: endpoint.into(), ..Config::default() };
            let error = config.check().unwrap_err();
            assert!(error.to_string().contains("`endpoint`"), "{error}");
        }
    }
}
