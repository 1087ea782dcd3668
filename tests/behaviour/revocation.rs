//! What is granted is recorded, and can be taken back and given again while it is in use.

use hotshoe::{Authority, Call, ErrorKind, Permission, PermissionState, PluginHost};
use serde_json::{Value, json};

use crate::permissions::doors;
use crate::stage::{Stage, ask, execute, pending, refusal};

/// The record of one permission.
fn record(host: &PluginHost, instance: &str, permission: &str) -> Permission {
    let all = host.permissions(instance).unwrap();
    all.into_iter().find(|record| record.permission == permission).expect("it is recorded")
}

/// Who is named in a record, in short.
fn by(record: &Permission) -> String {
    match &record.by {
        Authority::Person { name, .. } => name.clone(),
        other => other.to_string(),
    }
}

async fn what_is_revoked_is_refused_at_each_door_until_it_is_granted(stage: Stage) {
    let host = stage.probe().await;
    let service = (json!({ "op": "services" }), "service:journal");
    for (input, permission) in doors().into_iter().chain([service]) {
        ask(&host, "probe", input.clone()).await;
        host.revoke("probe", permission, "ada").unwrap();
        let (kind, text) = refusal(&host, "probe", input.clone()).await;
        assert_eq!(kind, "security_violation", "{permission}");
        let why = format!("the permission `{permission}` is needed, ada revoked it");
        assert!(text.contains(&why), "{text}");
        let asked = json!({ "op": "granted", "permission": permission });
        assert_eq!(ask(&host, "probe", asked.clone()).await, false);
        host.grant("probe", permission, "grace").unwrap();
        ask(&host, "probe", input).await;
        assert_eq!(ask(&host, "probe", asked).await, true);
    }
}

async fn all_that_begins_so_can_be_revoked(stage: Stage) {
    let host = stage.probe().await;
    let publish = |topic| json!({ "op": "publish", "topic": topic, "payload": "" });
    host.revoke("probe", "events.publish:probe.secret.*", "ada").unwrap();
    ask(&host, "probe", publish("probe.open")).await;
    refusal(&host, "probe", publish("probe.secret.one")).await;
    host.grant("probe", "events.publish:probe.secret.one", "ada").unwrap();
    ask(&host, "probe", publish("probe.secret.one")).await;
    refusal(&host, "probe", publish("probe.secret.two")).await;
    host.revoke("probe", "*", "ada").unwrap();
    for (input, permission) in doors() {
        let (_, text) = refusal(&host, "probe", input).await;
        assert!(text.contains(&format!("`{permission}` is needed, ada revoked it")), "{text}");
    }
}

async fn storage_that_was_handed_out_is_refused_once_it_is_revoked(stage: Stage) {
    let host = stage.probe().await;
    ask(&host, "probe", json!({ "op": "put", "key": "k", "value": "v" })).await;
    ask(&host, "probe", json!({ "op": "share", "map": "probe-map", "key": "k", "value": "v" }))
        .await;
    let kept = || json!({ "op": "kept", "key": "k" });
    for (map, permission) in [(Value::Null, "storage"), ("probe-map".into(), "shared:probe-map")] {
        ask(&host, "probe", json!({ "op": "keep", "map": map })).await;
        assert_eq!(ask(&host, "probe", kept()).await, "v");
        host.revoke("probe", permission, "ada").unwrap();
        let (kind, text) = refusal(&host, "probe", kept()).await;
        assert_eq!(kind, "security_violation");
        let why = format!("the permission `{permission}` is needed, ada revoked it");
        assert!(text.contains(&why), "{text}");
        host.grant("probe", permission, "ada").unwrap();
        assert_eq!(ask(&host, "probe", kept()).await, "v", "the same handle");
    }
}

async fn storage_that_was_handed_out_is_refused_once_the_instance_has_ended(stage: Stage) {
    let host = stage.host(&["probe"], "plugins.probe.stop_timeout = '100ms'").await;
    ask(&host, "probe", json!({ "op": "keep", "map": null })).await;
    let call = Call::none();
    let input = json!({ "op": "kept-held", "key": "k" });
    let held = host.execute("probe", &call, &input);
    let held = pending(held, stage.journal.until("probe: held")).await;
    // It is stopped with this call still inside.
    let _ = host.disable("probe").await;
    stage.journal.release("execute");
    let execution = held.await;
    assert_eq!(execution.status, "unavailable", "{execution:?}");
    assert!(execution.error.unwrap().contains("this instance has ended"));
}

async fn a_subscription_that_is_revoked_receives_nothing_until_it_is_granted(stage: Stage) {
    let host = stage.probe().await;
    let event =
        |payload: &str| format!("probe: event probe.in `{payload}` from the application by nobody");
    let publish = |payload: &'static str| host.publish(&Call::none(), "probe.in", payload);
    for revoked in ["events.subscribe:probe.*", "events.subscribe:*", "events.subscribe:probe.in"] {
        assert_eq!(publish("before"), 1);
        host.revoke("probe", revoked, "ada").unwrap();
        assert_eq!(publish("meanwhile"), 0, "{revoked}");
        host.grant("probe", revoked, "ada").unwrap();
        assert_eq!(publish(revoked), 1);
        stage.journal.until(&event(revoked)).await;
    }
    assert_eq!(stage.journal.count(&event("meanwhile")), 0);
}

async fn what_is_queued_for_a_subscription_is_not_delivered_once_it_is_revoked(stage: Stage) {
    let host = stage.probe().await;
    let event =
        |payload: &str| format!("probe: event probe.in `{payload}` from the application by nobody");
    let publish = |payload: &'static str| host.publish(&Call::none(), "probe.in", payload);
    assert_eq!([publish("hold"), publish("queued"), publish("queued")], [1, 1, 1]);
    host.revoke("probe", "events.subscribe:probe.*", "ada").unwrap();
    stage.journal.release("event");
    // It stops once its queue is empty.
    host.disable("probe").await.unwrap();
    assert_eq!(stage.journal.count(&event("queued")), 0);
}

async fn it_lasts_over_a_restart_and_while_it_is_disabled(stage: Stage) {
    let host = stage.host(&["probe"], "plugins.probe.deny = ['config.read']").await;
    let request = || json!({ "op": "request", "method": "GET", "target": "/any", "body": "" });
    let settings = || json!({ "op": "settings", "table": "server" });
    host.revoke("probe", "request", "ada").unwrap();
    host.grant("probe", "config.read", "grace").unwrap();
    let before = host.permissions("probe").unwrap();
    host.restart("probe").await.unwrap();
    refusal(&host, "probe", request()).await;
    ask(&host, "probe", settings()).await;
    host.disable("probe").await.unwrap();
    assert_eq!(host.permissions("probe").unwrap(), before);
    host.grant("probe", "request", "grace").unwrap();
    host.enable("probe").await.unwrap();
    ask(&host, "probe", request()).await;
    host.remove("probe").await.unwrap();
    assert!(host.permissions("probe").unwrap_err().is_not_found());
    // Another host knows nothing of it.
    let stage = Stage::like(&stage);
    let host = stage.probe().await;
    assert_eq!(by(&record(&host, "probe", "request")), "the manifest");
}

async fn whoever_is_granted_storage_starts_after_its_backend_the_next_time(stage: Stage) {
    let config = "
        plugins.storage = 'probe'
        plugins.probe.enabled = true
        plugins.second.plugin = 'probe'
        plugins.second.deny = ['storage']
        plugins.second.config.prefix = '/second'";
    let host = stage.host(&["probe"], config).await;
    let depends_on = || host.plugin("second").unwrap().depends_on;
    assert!(depends_on().is_empty());
    host.grant("second", "storage", "ada").unwrap();
    host.restart("second").await.unwrap();
    assert_eq!(depends_on(), ["probe"]);
    host.revoke("second", "storage", "ada").unwrap();
    host.restart("second").await.unwrap();
    assert!(depends_on().is_empty());
}

async fn a_handle_of_a_service_is_taken_back_by_a_restart(stage: Stage) {
    let host = stage.host(&["probe", "relay"], "").await;
    host.revoke("relay", "service:probe", "ada").unwrap();
    let service = ask(&host, "relay", json!({ "op": "service" })).await;
    assert_eq!(service, json!(["probe", "ab", 42]), "it is the other plugin's own");
    let error = host.restart("relay").await.unwrap_err();
    assert!(error.message().contains("`service:probe` is needed, ada revoked it"), "{error}");
    host.grant("relay", "service:probe", "ada").unwrap();
    host.restart("relay").await.unwrap();
    ask(&host, "relay", json!({ "op": "service" })).await;
}

async fn each_decision_is_recorded_with_whose_it_was(stage: Stage) {
    let config = "
        plugins.security.permissions = ['storage', 'config.*', 'shared:*', 'events.*']
        plugins.probe.permissions = ['storage', 'events.*', 'shared:*', 'request']
        plugins.probe.deny = ['shared:probe-secret', 'storrage']";
    let host = stage.host(&["probe"], config).await;
    host.revoke("probe", "storage", "ada").unwrap();
    host.grant("probe", "config.read", "grace").unwrap();
    let permissions = host.permissions("probe").unwrap();
    let told: Vec<(&str, PermissionState, String)> = permissions
        .iter()
        .map(|record| (record.permission.as_str(), record.state, by(record)))
        .collect();
    use PermissionState::{Granted, NeverAskedFor, Refused};
    let policy = "the policy (`plugins.security.permissions`)";
    let list = "`plugins.probe.permissions` in the behaviour";
    let deny = "`plugins.probe.deny` in the behaviour";
    let expected = [
        ("config.read", Granted, "grace"),
        ("events.publish:probe.*", Granted, list),
        ("events.subscribe:*", Granted, list),
        ("execute:*", Refused, policy),
        ("request", Refused, policy),
        ("service:journal", Granted, "the manifest"),
        ("shared:probe*", Granted, list),
        ("shared:probe-secret", Refused, deny),
        ("storage", Refused, "ada"),
        ("storrage", NeverAskedFor, "the manifest"),
    ];
    let expected = expected.map(|(permission, state, by)| (permission, state, by.to_owned()));
    assert_eq!(told, expected);
    let log = host.permission_log();
    assert_eq!(log.len(), expected.len() + 2, "ten at the start, two since: {log:?}");
    let last: Vec<String> = log.iter().rev().take(2).map(by).collect();
    assert_eq!(last, ["grace", "ada"]);
    assert!(log.iter().all(|entry| entry.instance == "probe"));
}

async fn the_policy_caps_what_any_plugin_gets(stage: Stage) {
    let config = "plugins.security.permissions = ['events.subscribe:*', 'shared:other']";
    let host = stage.host(&["probe"], config).await;
    for (input, permission) in doors() {
        let (kind, text) = refusal(&host, "probe", input).await;
        assert_eq!(kind, "security_violation", "{permission}");
        let why =
            format!("the permission `{permission}` is needed, the policy allows it to no plugin");
        assert!(text.contains(&why), "{text}");
        let error = host.grant("probe", permission, "ada").unwrap_err();
        assert!(error.is_permission_denied() && error.message().contains("the policy"), "{error}");
    }
}

async fn a_grant_never_gives_more_than_the_manifest_asks_for(stage: Stage) {
    let host = stage.host(&["probe", "plain"], "plugins.storage = 'plain'").await;
    for permission in ["storage", "request"] {
        let error = host.grant("plain", permission, "ada").unwrap_err();
        assert!(error.is_permission_denied(), "{error}");
        assert!(error.help().unwrap().starts_with("a grant never gives more than"), "{error:#}");
    }
    let input = json!({ "op": "publish", "topic": "elsewhere", "payload": "" });
    assert!(host.grant("probe", "events.publish:*", "ada").is_err());
    assert!(host.grant("probe", "events.publish:elsewhere", "ada").is_err());
    assert_eq!(execute(&host, "probe", input).await.status, "security_violation");
}

async fn nobody_and_nothing_cannot_be_decided_about(stage: Stage) {
    let host = stage.probe().await;
    assert!(host.grant("nobody", "storage", "ada").unwrap_err().is_not_found());
    assert!(host.revoke("nobody", "storage", "ada").unwrap_err().is_not_found());
    assert!(host.permissions("nobody").unwrap_err().is_not_found());
    assert!(host.revoke("probe", "teleport", "ada").unwrap_err().is_not_found());
    let error = host.revoke("probe", "storage", " ").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(record(&host, "probe", "storage").is_granted(), "nothing was decided");
}

on_every_mount! {
    what_is_revoked_is_refused_at_each_door_until_it_is_granted,
    all_that_begins_so_can_be_revoked,
    storage_that_was_handed_out_is_refused_once_it_is_revoked,
    a_subscription_that_is_revoked_receives_nothing_until_it_is_granted,
    what_is_queued_for_a_subscription_is_not_delivered_once_it_is_revoked,
    it_lasts_over_a_restart_and_while_it_is_disabled,
    whoever_is_granted_storage_starts_after_its_backend_the_next_time,
    a_handle_of_a_service_is_taken_back_by_a_restart,
    each_decision_is_recorded_with_whose_it_was,
    the_policy_caps_what_any_plugin_gets,
    a_grant_never_gives_more_than_the_manifest_asks_for,
    nobody_and_nothing_cannot_be_decided_about,
}

// A call on a plugin's own threads does not outlive these, so it never gets to ask.
on_every_mount_without_lanes! {
    storage_that_was_handed_out_is_refused_once_the_instance_has_ended,
}
