//! The two TOML blocks of seed 002, verbatim, and what they mean; the settings of seed 003's gateway
//! by their names there.

use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::{config, problems};
use crate::config::{BreakerPolicy, Signatures, Timeouts};
use crate::settings::{Interval, Quota};

/// "1.2 Configuration Enhancement"
const ENHANCEMENT: &str = r#"[plugins]
enabled = true
directory = "/etc/hockeypuck/plugins"
loadOrder = ["security", "ratelimit-ml", "monitoring"]

[plugins.security-enhanced]
enabled = true
type = "security"
config.authProvider = "ldap"
config.auditLevel = "detailed"

[plugins.ratelimit-ml]
enabled = false  # Optional deployment
type = "ratelimit"
config.modelPath = "/var/lib/hockeypuck/ml-models"
config.threshold = 0.85

[plugins.prometheus-extended]
enabled = true
type = "monitoring"
config.endpoint = "/extended-metrics"
"#;

/// "Configuration Schema"
const SCHEMA: &str = r#"# Main server configuration
[server]
bind = ":11371"

# Plugin system configuration
[plugins]
enabled = true
directory = "/etc/hockeypuck/plugins"
autoLoad = true
loadTimeout = "30s"

# Security settings for plugins
[plugins.security]
verifySignatures = true
allowUnsigned = false
maxMemoryMB = 256
maxCPUPercent = 50

# Individual plugin configurations
[plugins.config.ratelimit-ml]
enabled = true
modelPath = "/var/lib/hockeypuck/models/anomaly-detection.model"
threshold = 0.85
updateInterval = "1h"

[plugins.config.storage-cockroachdb]
enabled = false
connectionString = "postgres://user:pass@localhost:26257/hockeypuck"
maxConnections = 100
"#;

/// "GatewayConfig" and "CircuitBreaker", which are Go there: the names of their fields in JSON. The
/// values are those of the manifest that follows.
const GATEWAY: &str = r#"[plugins]
max_plugins = 1000
plugin_timeout = "5s"
RateLimiting = "100/min"

[plugins.CircuitBreaker]
failure_threshold = 5
timeout = "30s"
half_open_limit = 3

[plugins.FeatureFlags]
enable_ml_model = false

[plugins.recommendations]
feature_flag = "enable_ml_model"
"#;

#[test]
fn gateway_config_loads() {
    let config = config(GATEWAY);
    let plugins = &config.plugins;
    let recommendations = &plugins.instances["recommendations"];
    assert_eq!(plugins.instances.len(), 1);
    assert_eq!(plugins.max_plugins, NonZeroU32::new(1000));
    assert_eq!(config.timeouts_of(recommendations).call, Some(Duration::from_secs(5)));
    let supervision = config.supervision_of(recommendations);
    assert_eq!(supervision.rate_limit, Some(Quota::per_minute(NonZeroU32::new(100).unwrap())));
    let mut breaker = BreakerPolicy::failures(NonZeroU32::new(5).unwrap());
    breaker.half_open_limit = NonZeroU32::new(3).unwrap();
    breaker.open_for = Duration::from_secs(30);
    assert_eq!(supervision.breaker, Some(breaker));
    assert!(!plugins.feature("enable_ml_model") && !plugins.enables(recommendations));
}

#[test]
fn its_other_spellings_mean_the_same() {
    let snake = GATEWAY
        .replace("RateLimiting", "rate_limiting")
        .replace("CircuitBreaker", "circuit_breaker")
        .replace("FeatureFlags", "feature_flags");
    let camel = GATEWAY
        .replace("max_plugins", "maxPlugins")
        .replace("plugin_timeout", "pluginTimeout")
        .replace("RateLimiting", "rateLimiting")
        .replace("CircuitBreaker", "circuitBreaker")
        .replace("failure_threshold", "failureThreshold")
        .replace("half_open_limit", "halfOpenLimit")
        .replace("FeatureFlags", "featureFlags");
    assert_eq!(config(&snake), config(GATEWAY));
    assert_eq!(config(&camel), config(GATEWAY));
}

#[test]
fn configuration_enhancement_loads() {
    let config = config(ENHANCEMENT);
    let plugins = &config.plugins;
    assert!(plugins.enabled);
    assert_eq!(plugins.directories, [Path::new("/etc/hockeypuck/plugins")]);
    // `security` is a type here, not the policy table and not an id.
    assert_eq!(plugins.load_order, ["security", "ratelimit-ml", "monitoring"]);
    assert_eq!(plugins.timeouts, Timeouts::default());
    assert_eq!(plugins.security.signatures, Signatures::Off);
    assert!(config.application.is_empty());

    let ids: Vec<_> = plugins.instances.keys().map(String::as_str).collect();
    assert_eq!(ids, ["prometheus-extended", "ratelimit-ml", "security-enhanced"]);

    let security = &plugins.instances["security-enhanced"];
    assert_eq!(security.plugin, "security-enhanced");
    assert!(security.enabled);
    assert_eq!(security.kind.as_deref(), Some("security"));
    assert_eq!(security.settings, json!({ "authProvider": "ldap", "auditLevel": "detailed" }));

    let limit = &plugins.instances["ratelimit-ml"];
    assert!(!limit.enabled);
    assert_eq!(limit.kind.as_deref(), Some("ratelimit"));
    assert_eq!(
        limit.settings,
        json!({ "modelPath": "/var/lib/hockeypuck/ml-models", "threshold": 0.85 })
    );

    let metrics = &plugins.instances["prometheus-extended"];
    assert!(metrics.enabled);
    assert_eq!(metrics.kind.as_deref(), Some("monitoring"));
    assert_eq!(metrics.settings, json!({ "endpoint": "/extended-metrics" }));
}

#[test]
fn its_load_order_resolves_to_configured_ids() {
    let config = config(ENHANCEMENT);
    let instances: Vec<_> = config
        .plugins
        .instances
        .values()
        .map(|instance| (instance.id.as_str(), instance.kind.as_deref()))
        .collect();
    let (order, unknown) = config.resolve_load_order(&instances);
    assert_eq!(order, ["security-enhanced", "ratelimit-ml", "prometheus-extended"]);
    assert!(unknown.is_empty());
}

#[test]
fn configuration_schema_loads() {
    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Server {
        bind: String,
    }

    let config = config(SCHEMA);
    let plugins = &config.plugins;
    assert_eq!(config.application::<Server>("server").unwrap().bind, ":11371");
    assert_eq!(config.application.len(), 1);
    assert!(plugins.enabled);
    assert_eq!(plugins.directories, [Path::new("/etc/hockeypuck/plugins")]);
    assert!(plugins.auto_load);
    assert_eq!(plugins.timeouts.load, Duration::from_secs(30));
    assert_eq!(plugins.security.signatures, Signatures::Require);
    assert_eq!(plugins.security.max_memory_mb, NonZeroU32::new(256));
    assert_eq!(plugins.security.max_cpu_percent, NonZeroU32::new(50));

    let ids: Vec<_> = plugins.instances.keys().map(String::as_str).collect();
    assert_eq!(ids, ["ratelimit-ml", "storage-cockroachdb"]);

    let limit = &plugins.instances["ratelimit-ml"];
    assert!(limit.enabled);
    assert_eq!(limit.plugin, "ratelimit-ml");
    assert_eq!(
        limit.settings,
        json!({
            "modelPath": "/var/lib/hockeypuck/models/anomaly-detection.model",
            "threshold": 0.85,
            "updateInterval": "1h",
        })
    );

    let storage = &plugins.instances["storage-cockroachdb"];
    assert!(!storage.enabled);
    assert_eq!(
        storage.settings,
        json!({
            "connectionString": "postgres://user:pass@localhost:26257/hockeypuck",
            "maxConnections": 100,
        })
    );
}

#[test]
fn a_plugin_reads_its_settings_from_it() {
    #[derive(Debug, serde::Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct RateLimitMl {
        model_path: std::path::PathBuf,
        threshold: f64,
        update_interval: Interval,
    }

    let config = config(SCHEMA);
    let instance = &config.plugins.instances["ratelimit-ml"];
    let resolved = instance.settings_resolved(&config.base_dir).unwrap();
    let settings: RateLimitMl = instance.read_settings(&resolved).unwrap();
    assert!(settings.model_path.ends_with("anomaly-detection.model"));
    assert_eq!(settings.threshold, 0.85);
    assert_eq!(*settings.update_interval, Duration::from_secs(3_600));
}

#[test]
fn its_password_is_shown_nowhere() {
    let config = config(SCHEMA);
    let shown = format!("{config:?} {config:#?}");
    assert!(shown.contains("postgres://user:***@localhost:26257/hockeypuck"));
    assert!(!shown.contains("user:pass"));
}

#[test]
fn both_blocks_in_one_file_are_one_instance_too_many() {
    // They share `[plugins]`, so only what differs is put together.
    let second = SCHEMA.split("# Individual plugin configurations").nth(1).unwrap();
    let problems = problems(&format!("{ENHANCEMENT}{second}"));
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains("configured twice"), "{problems:?}");
}
