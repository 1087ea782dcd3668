//! The settings.

use hotshoe::{Error, ErrorKind, Result};
use serde::Deserialize;

/// Settings of the plugin; the table in the [crate's documentation](crate) explains them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The largest body of an upload, in bytes.
    pub max_body_bytes: usize,
    /// The value of `access-control-allow-origin`; empty for none.
    pub cors_origin: String,
    /// Whether `GET /` is served.
    pub landing_page: bool,
    /// The title of that page.
    pub title: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_body_bytes: 16 << 20,
            cors_origin: "*".into(),
            landing_page: true,
            title: "OpenPGP keyserver".into(),
        }
    }
}

impl Config {
    pub(crate) fn check(&self) -> Result<()> {
        // It becomes a header: a line break in it would begin another one.
        if !self.cors_origin.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::new(
                ErrorKind::InvalidConfig,
                format!(
                    "`cors_origin` was expected to be `*` or an origin, found {:?}",
                    self.cors_origin
                ),
            )
            .with_help(
                "write for example `https://keys.example.org`, or leave it empty for none",
            ));
        }
        if self.max_body_bytes == 0 {
            return Err(Error::new(
                ErrorKind::InvalidConfig,
                "`max_body_bytes` was expected to be at least 1, found 0",
            )
            .with_help("leave it out for the default"));
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
        let error = serde_json::from_str::<Config>(r#"{ "cors": "*" }"#).unwrap_err();
        assert!(error.to_string().contains("cors"), "{error}");
    }

    #[test]
    fn an_origin_cannot_smuggle_in_a_header() {
        let cors_origin = "*\r\nset-cookie: a=b".to_owned();
        let error = Config { cors_origin, ..Config::default() }.check().unwrap_err();
        assert!(error.is_invalid_config());
    }
}
