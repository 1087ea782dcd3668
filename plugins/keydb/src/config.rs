//! The settings.

use serde::Deserialize;

/// Settings of the plugin; the table in the [crate's documentation](crate) explains them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The largest upload, in bytes.
    pub max_upload_bytes: usize,
    /// The largest certificate, in bytes, with all that was merged into it.
    pub max_certificate_bytes: usize,
    /// The most certificates that one lookup hands out.
    pub max_results: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { max_upload_bytes: 8 << 20, max_certificate_bytes: 1 << 20, max_results: 100 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_setting_is_required_and_a_misspelt_one_is_named() {
        assert_eq!(serde_json::from_str::<Config>("{}").unwrap(), Config::default());
        let error = serde_json::from_str::<Config>(r#"{ "max_result": 1 }"#).unwrap_err();
        assert!(error.to_string().contains("max_result"), "{error}");
    }
}
