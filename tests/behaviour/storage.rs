//! A plugin's storage backend, used by the application and by other plugins.

use bytes::Bytes;
use hotshoe::{Batch, Call, Entry, ErrorKind, HealthStatus, Precondition, Scan, StorageBackend};
use serde_json::{Value, json};

use crate::stage::{Stage, ask, refusal};

async fn every_method_and_every_precondition_crosses(stage: Stage) {
    let host = stage.probe().await;
    let (store, call) = (host.storage("probe").unwrap(), Call::none());
    let one = store.put(&call, "k", "one".into(), Precondition::Absent).await.unwrap();
    let error = store.put(&call, "k", "x".into(), Precondition::Absent).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let two = store.put(&call, "k", "two".into(), Precondition::At(one)).await.unwrap();
    assert!(two > one);
    assert!(store.put(&call, "k", "x".into(), Precondition::At(one)).await.is_err());
    let found = store.get(&call, "k").await.unwrap().unwrap();
    assert_eq!((found.value, found.version), ("two".into(), two));

    let batch = Batch::new()
        .check("k", Precondition::At(two))
        .put("l", "three", Precondition::Absent)
        .delete("m", Precondition::Any);
    let versions = store.commit(&call, batch).await.unwrap();
    assert_eq!(versions.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, false]);
    let batch = Batch::new().put("n", "x", Precondition::Any).check("k", Precondition::At(one));
    assert!(store.commit(&call, batch).await.is_err());
    assert_eq!(store.get(&call, "n").await.unwrap(), None);

    let page = store.scan(&call, Scan::prefix("").limit(1)).await.unwrap();
    let keys = |entries: &[Entry]| entries.iter().map(|e| e.key.clone()).collect::<Vec<_>>();
    assert_eq!(keys(&page.entries), ["k"]);
    let after = page.next.expect("there is more");
    let page = store.scan(&call, Scan::prefix("").after(after)).await.unwrap();
    assert_eq!((keys(&page.entries), page.next), (vec!["l".to_owned()], None));

    assert!(store.delete(&call, "k", Precondition::At(one)).await.is_err());
    assert!(store.delete(&call, "k", Precondition::At(two)).await.unwrap());
    assert!(!store.delete(&call, "k", Precondition::Any).await.unwrap());
}

async fn health_and_capabilities_cross(stage: Stage) {
    let host = stage.probe().await;
    let store = host.storage("probe").unwrap();
    let health = store.health().await.unwrap();
    assert_eq!((health.status, health.message.as_str()), (HealthStatus::Degraded, "only memory"));
    let can = store.capabilities();
    assert_eq!((can.durable, can.shared, can.blocking), (true, false, true));
    assert_eq!((can.max_key_bytes, can.max_value_bytes, can.max_batch), (1024, 4096, 1000));
}

async fn values_are_not_copied(stage: Stage) {
    let host = stage.probe().await;
    let (store, call) = (host.storage("probe").unwrap(), Call::none());
    let sent = Bytes::from(vec![7; 4000]);
    store.put(&call, "k", sent.clone(), Precondition::Any).await.unwrap();
    let found = store.get(&call, "k").await.unwrap().unwrap();
    assert_eq!(found.value.as_ptr(), sent.as_ptr());
    let page = store.scan(&call, Scan::prefix("k")).await.unwrap();
    assert_eq!(page.entries[0].record.value.as_ptr(), sent.as_ptr());
}

async fn an_error_of_the_backend_arrives_whole(stage: Stage) {
    let host = stage.probe().await;
    let error = host.storage("probe").unwrap().get(&Call::none(), "error").await.unwrap_err();
    assert_eq!((error.kind(), error.help()), (ErrorKind::Io, Some("ask again")));
    assert_eq!(error.causes().collect::<Vec<_>>(), ["the disk is gone"]);
    let big = json!({ "op": "put", "key": "k", "value": "x".repeat(5000) });
    let (kind, text) = refusal(&host, "probe", big).await;
    assert_eq!(kind, "invalid_input");
    assert!(text.contains("at most 4096"), "{text}");
}

async fn instances_do_not_see_each_others_keys(stage: Stage) {
    let config = "
        plugins.storage = 'probe'
        plugins.probe.enabled = true
        plugins.second.plugin = 'probe'
        plugins.second.config.prefix = '/second'";
    let host = stage.host(&["probe"], config).await;
    for instance in ["probe", "second"] {
        ask(&host, instance, json!({ "op": "put", "key": "k", "value": instance })).await;
    }
    ask(&host, "second", json!({ "op": "put", "key": "only", "value": "" })).await;
    for (instance, keys) in [("probe", json!(["k"])), ("second", json!(["k", "only"]))] {
        let found = ask(&host, instance, json!({ "op": "get", "key": "k" })).await;
        assert_eq!(found, instance);
        assert_eq!(ask(&host, instance, json!({ "op": "keys", "prefix": "" })).await, keys);
    }
    // Not even by name.
    let other = json!({ "op": "get", "key": "../probe/k" });
    assert_eq!(ask(&host, "second", other).await, Value::Null);
    // The application sees the whole: one backend, two namespaces.
    let whole = host.storage("probe").unwrap();
    let page = whole.scan(&Call::none(), Scan::prefix("")).await.unwrap();
    let keys: Vec<&str> = page.entries.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(keys, ["probe/k", "second/k", "second/only"]);
    let unused = host.storage("second").unwrap();
    assert!(unused.scan(&Call::none(), Scan::prefix("")).await.unwrap().entries.is_empty());
}

async fn the_configuration_chooses_the_backend(stage: Stage) {
    for (chosen, max) in [("plain", 16 << 20), ("probe", 4096), ("probe-memory", 4096)] {
        let stage = Stage::like(&stage);
        let config = format!("plugins.storage = '{chosen}'");
        let host = stage.host(&["probe", "plain"], &config).await;
        let can = ask(&host, "probe", json!({ "op": "capabilities" })).await;
        assert_eq!(can["max_value_bytes"], max, "{chosen}");
    }
}

async fn two_backends_and_no_choice_is_reported_and_nobody_has_storage(stage: Stage) {
    let (host, report) = stage.start(&["probe", "plain"], "").await;
    assert!(!report.is_complete());
    let text = report.to_string();
    assert!(text.contains("several storage backends are enabled (plain, probe)"), "{text}");
    let (kind, text) = refusal(&host, "probe", json!({ "op": "get", "key": "k" })).await;
    assert_eq!(kind, "unavailable");
    assert!(text.contains("no storage backend is active"), "{text}");
}

async fn a_plugin_without_a_backend_has_no_storage_to_show(stage: Stage) {
    let host = stage.host(&["probe", "relay"], "").await;
    let error = host.storage("relay").unwrap_err();
    assert_eq!((error.kind(), error.plugin()), (ErrorKind::Unsupported, Some("relay")));
    assert!(host.storage("nobody").unwrap_err().is_not_found());
}

on_every_mount! {
    every_method_and_every_precondition_crosses,
    health_and_capabilities_cross,
    values_are_not_copied,
    an_error_of_the_backend_arrives_whole,
    instances_do_not_see_each_others_keys,
    the_configuration_chooses_the_backend,
    two_backends_and_no_choice_is_reported_and_nobody_has_storage,
    a_plugin_without_a_backend_has_no_storage_to_show,
}
