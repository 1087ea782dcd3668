//! What a plugin may ask of its host is limited.

use serde_json::json;

use crate::stage::{Stage, ask, execute, refusal};

async fn events_beyond_the_limit_are_refused(stage: Stage) {
    let host = stage.host(&["probe"], "plugins.probe.limits.events = '2/h'").await;
    let publish = json!({ "op": "publish", "topic": "probe.x", "payload": "" });
    ask(&host, "probe", publish.clone()).await;
    ask(&host, "probe", publish.clone()).await;
    let (kind, text) = refusal(&host, "probe", publish).await;
    assert_eq!(kind, "resource_limit_exceeded");
    assert!(text.contains("at most 2/h events were expected, this is one more"), "{text}");
    assert!(text.contains("raise `events` in [plugins.probe.limits]"), "{text}");
    // It is the plugin's limit, not the application's.
    assert_eq!(host.publish(&hotshoe::Call::none(), "probe.x", ""), 1);
}

async fn calls_beyond_the_limit_are_refused(stage: Stage) {
    // One service that it looks up when it is initialized, and two calls.
    let host = stage.host(&["probe"], "plugins.probe.limits.calls = '3/h'").await;
    let call = json!({ "op": "execute", "instance": "probe", "input": { "op": "who" } });
    ask(&host, "probe", call.clone()).await;
    let request = json!({ "op": "request", "method": "GET", "target": "/any", "body": "" });
    ask(&host, "probe", request.clone()).await;
    for input in [call, request, json!({ "op": "services" })] {
        let (kind, text) = refusal(&host, "probe", input).await;
        assert_eq!(kind, "resource_limit_exceeded");
        assert!(text.contains("at most 3/h calls were expected"), "{text}");
    }
    // Being called is not limited.
    ask(&host, "probe", json!({ "op": "who" })).await;
}

async fn jobs_and_subscriptions_beyond_the_limit_fail_the_instance(stage: Stage) {
    for (fault, limit, what) in
        [("many-tasks", "tasks", "tasks"), ("many-subscriptions", "subscriptions", "subscriptions")]
    {
        let stage = Stage::like(&stage);
        let config = format!("[plugins.probe]\nlimits.{limit} = 1\nconfig.fault = '{fault}'");
        let (host, _) = stage.start(&["probe"], &config).await;
        let text = host.explain("probe");
        assert!(text.contains(&format!("at most 1 {what} were expected")), "{text}");
        assert!(text.contains(&format!("raise `{what}`")), "{text}");
    }
}

async fn limits_are_each_instances_own(stage: Stage) {
    let config = "
        plugins.storage = 'probe'
        plugins.probe.limits.events = '1/h'
        plugins.second.plugin = 'probe'
        plugins.second.limits.events = '1/h'
        plugins.second.config.prefix = '/second'";
    let host = stage.host(&["probe"], config).await;
    let publish = json!({ "op": "publish", "topic": "probe.x", "payload": "" });
    for instance in ["probe", "second"] {
        ask(&host, instance, publish.clone()).await;
        assert_eq!(
            execute(&host, instance, publish.clone()).await.status,
            "resource_limit_exceeded"
        );
    }
}

on_every_mount! {
    events_beyond_the_limit_are_refused,
    calls_beyond_the_limit_are_refused,
    jobs_and_subscriptions_beyond_the_limit_fail_the_instance,
    limits_are_each_instances_own,
}
