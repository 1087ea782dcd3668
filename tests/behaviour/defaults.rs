//! The defaults of the contract, of a plugin that says no more than it has to.

use hotshoe::{Call, Capabilities, HealthStatus, Precondition, Scan, StorageBackend};
use serde_json::json;

use crate::stage::{Stage, get, refusal};

async fn a_plugin_with_nothing_but_what_is_required_runs_and_stops(stage: Stage) {
    let host = stage.host(&["plain"], "").await;
    let health = host.health("plain").await.unwrap();
    assert_eq!((health.status, health.message.as_str()), (HealthStatus::Healthy, ""));
    assert!(host.metrics("plain").unwrap().is_empty());
    assert!(host.figures("plain").unwrap().is_empty());
    assert!(host.plugin("plain").unwrap().tasks.is_empty());
    let (kind, text) = refusal(&host, "plain", json!({ "op": "who" })).await;
    assert_eq!(kind, "unsupported");
    assert!(text.contains("this plugin has no `execute` entry"), "{text}");
    host.stop().await.unwrap();
}

async fn a_middleware_applies_to_all_paths_by_default(stage: Stage) {
    let host = stage.host(&["plain"], "").await;
    for path in ["/", "/a/b"] {
        assert_eq!(get(&host, path).await.header("x-order"), Some("plain"));
    }
}

async fn a_backend_promises_nothing_by_default(stage: Stage) {
    let host = stage.host(&["plain"], "").await;
    let (store, call) = (host.storage("plain").unwrap(), Call::none());
    assert_eq!(store.capabilities(), Capabilities::default());
    assert_eq!(store.health().await.unwrap().status, HealthStatus::Healthy);
    store.put(&call, "k", "v".into(), Precondition::Any).await.unwrap();
    assert_eq!(store.scan(&call, Scan::prefix("")).await.unwrap().entries.len(), 1);
}

async fn a_plugin_without_settings_accepts_none(stage: Stage) {
    let (host, _) = stage.start(&["plain"], "plugins.plain.config.any = 1").await;
    let why = host.explain("plain");
    assert!(why.contains("`plugins.plain.config.any`: unknown key"), "{why}");
}

on_every_mount! {
    a_plugin_with_nothing_but_what_is_required_runs_and_stops,
    a_middleware_applies_to_all_paths_by_default,
    a_backend_promises_nothing_by_default,
    a_plugin_without_settings_accepts_none,
}
