//! Each door of the context is closed to whoever lacks the permission, and says so.

use serde_json::{Value, json};

use crate::stage::{Stage, ask, refusal};

/// Each door: what is asked of the probe, and the permission.
pub fn doors() -> Vec<(Value, &'static str)> {
    vec![
        (json!({ "op": "get", "key": "k" }), "storage"),
        (json!({ "op": "shared", "map": "probe-map", "key": "k" }), "shared:probe-map"),
        (json!({ "op": "publish", "topic": "probe.x", "payload": "" }), "events.publish:probe.x"),
        (
            json!({ "op": "execute", "instance": "probe", "input": { "op": "who" } }),
            "execute:probe",
        ),
        (json!({ "op": "request", "method": "GET", "target": "/any", "body": "" }), "request"),
        (json!({ "op": "settings", "table": "server" }), "config.read"),
    ]
}

async fn what_the_manifest_asks_for_is_granted(stage: Stage) {
    let host = stage.probe().await;
    for (input, permission) in doors() {
        ask(&host, "probe", input).await;
        let granted = ask(&host, "probe", json!({ "op": "granted", "permission": permission }));
        assert_eq!(granted.await, true);
    }
}

async fn what_the_manifest_does_not_ask_for_is_refused(stage: Stage) {
    let host = stage.probe().await;
    for (input, permission) in [
        (json!({ "op": "shared", "map": "others", "key": "k" }), "shared:others"),
        (
            json!({ "op": "publish", "topic": "elsewhere", "payload": "" }),
            "events.publish:elsewhere",
        ),
    ] {
        let (kind, text) = refusal(&host, "probe", input).await;
        assert_eq!(kind, "security_violation");
        let expected = format!(
            "plugin `probe`: the permission `{permission}` is needed, its manifest does not ask for it"
        );
        assert!(text.starts_with(&expected), "{text}");
        let help = format!("the plugin's author has to add \"{permission}\" to `permissions`");
        assert!(text.contains(&help), "{text}");
    }
    let (kind, text) = refusal(&host, "probe", json!({ "op": "unheard" })).await;
    assert_eq!(kind, "security_violation");
    assert!(text.contains("`service:unheard` is needed"), "{text}");
    assert!(text.contains("requires = [service \"unheard\" = \"^1\"]"), "{text}");
}

async fn what_the_operator_denies_is_refused_at_each_door(stage: Stage) {
    for (input, permission) in doors() {
        let stage = Stage::like(&stage);
        let host = stage.host(&["probe"], &format!("plugins.probe.deny = ['{permission}']")).await;
        let (kind, text) = refusal(&host, "probe", input).await;
        assert_eq!(kind, "security_violation", "{permission}");
        let why = format!("the permission `{permission}` is needed, the configuration denies it");
        assert!(text.contains(&why), "{text}");
        assert!(text.contains("take it out of `deny` in [plugins.probe]"), "{text}");
        let asked = json!({ "op": "granted", "permission": permission });
        assert_eq!(ask(&host, "probe", asked).await, false);
    }
}

async fn what_the_operator_does_not_grant_is_refused_at_each_door(stage: Stage) {
    let config = "plugins.probe.permissions = ['events.subscribe:*']";
    let host = stage.host(&["probe"], config).await;
    for (input, permission) in doors() {
        let (kind, text) = refusal(&host, "probe", input).await;
        assert_eq!(kind, "security_violation", "{permission}");
        let why =
            format!("the permission `{permission}` is needed, the configuration does not grant it");
        assert!(text.contains(&why), "{text}");
        let help = format!("add \"{permission}\" to `permissions` in [plugins.probe]");
        assert!(text.contains(&help), "{text}");
    }
}

async fn a_refused_subscription_fails_the_instance(stage: Stage) {
    let config = "plugins.probe.deny = ['events.subscribe:probe.*']";
    let (host, report) = stage.start(&["probe"], config).await;
    assert!(!report.is_complete());
    let text = host.explain("probe");
    assert!(text.contains("`events.subscribe:probe.*` is needed"), "{text}");
    assert!(text.contains("the configuration denies it"), "{text}");
    stage.journal.until("probe: dropped").await;
    assert_eq!(stage.journal.of("probe"), ["initialize", "contribute", "dropped"]);
}

on_every_mount! {
    what_the_manifest_asks_for_is_granted,
    what_the_manifest_does_not_ask_for_is_refused,
    what_the_operator_denies_is_refused_at_each_door,
    what_the_operator_does_not_grant_is_refused_at_each_door,
    a_refused_subscription_fails_the_instance,
}
