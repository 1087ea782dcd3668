//! The context: what a plugin reaches through it.

use hotshoe::{Call, Figure};
use serde_json::{Value, json};

use crate::stage::{Stage, ask, refusal};

async fn an_instance_knows_who_it_is_and_has_a_folder_of_its_own(stage: Stage) {
    let config = "[plugins.mine]\nplugin = 'probe'\nconfig.label = 'seven'";
    let host = stage.host(&["probe"], config).await;
    let seen = ask(&host, "mine", json!({ "op": "who" })).await;
    assert_eq!((&seen["instance"], &seen["plugin"]), (&json!("mine"), &json!("probe")));
    assert_eq!(seen["label"], "seven");
    assert_eq!(seen["data_dir_exists"], true);
    assert!(seen["data_dir"].as_str().unwrap().ends_with("/mine"), "{seen}");
    assert_eq!(seen["stopping"], false);
}

async fn it_uses_its_storage(stage: Stage) {
    let host = stage.probe().await;
    let put = |key, value| json!({ "op": "put", "key": key, "value": value });
    let get = |key| json!({ "op": "get", "key": key });
    assert_eq!(ask(&host, "probe", get("a/1")).await, Value::Null);
    let first = ask(&host, "probe", put("a/1", "one")).await;
    let second = ask(&host, "probe", put("a/1", "two")).await;
    assert!(first.as_u64() < second.as_u64());
    assert_eq!(ask(&host, "probe", get("a/1")).await, "two");
    ask(&host, "probe", put("b", "three")).await;
    assert_eq!(ask(&host, "probe", json!({ "op": "keys", "prefix": "a/" })).await, json!(["a/1"]));
    assert_eq!(
        ask(&host, "probe", json!({ "op": "keys", "prefix": "" })).await,
        json!(["a/1", "b"])
    );
    assert_eq!(ask(&host, "probe", json!({ "op": "delete", "key": "b" })).await, true);
    assert_eq!(ask(&host, "probe", json!({ "op": "delete", "key": "b" })).await, false);
    let versions = ask(&host, "probe", json!({ "op": "commit", "keys": ["x", "y"] })).await;
    assert_eq!(versions.as_array().map(Vec::len), Some(2));
    // All or nothing.
    let (kind, text) = refusal(&host, "probe", json!({ "op": "commit", "keys": ["z", "x"] })).await;
    assert_eq!(kind, "conflict");
    assert!(text.contains("expected it to be absent"), "{text}");
    assert_eq!(ask(&host, "probe", get("z")).await, Value::Null);
    assert_eq!(ask(&host, "probe", json!({ "op": "capabilities" })).await["max_value_bytes"], 4096);
}

async fn it_shares_a_map_with_others(stage: Stage) {
    let config = "
        plugins.storage = 'probe'
        plugins.probe.enabled = true
        plugins.second.plugin = 'probe'
        plugins.second.config.prefix = '/second'";
    let host = stage.host(&["probe"], config).await;
    let share = json!({ "op": "share", "map": "probe", "key": "k", "value": "v" });
    ask(&host, "probe", share).await;
    let read = |map| json!({ "op": "shared", "map": map, "key": "k" });
    assert_eq!(ask(&host, "second", read("probe")).await, "v");
    assert_eq!(ask(&host, "second", read("probe-other")).await, Value::Null);
    // It is no instance's, so it outlives each.
    host.restart("probe").await.unwrap();
    assert_eq!(ask(&host, "probe", read("probe")).await, "v");
}

async fn it_reads_the_applications_settings_but_no_secrets(stage: Stage) {
    let config = "[server]\nbind = ':11371'\npassword = 'hunter2'";
    let host = stage.host(&["probe"], config).await;
    let seen = ask(&host, "probe", json!({ "op": "settings", "table": "server" })).await;
    assert_eq!(seen["bind"], ":11371");
    assert!(!seen.to_string().contains("hunter2"), "{seen}");
    assert_eq!(
        ask(&host, "probe", json!({ "op": "settings", "table": "none" })).await,
        Value::Null
    );
}

async fn it_finds_the_applications_services(stage: Stage) {
    let host = stage.probe().await;
    assert_eq!(ask(&host, "probe", json!({ "op": "services" })).await, json!([1, "1.0.0"]));
    assert_eq!(stage.journal.count("probe: asked for services"), 1);
}

async fn it_calls_another_plugin_in_its_callers_name(stage: Stage) {
    let host = stage.host(&["probe", "relay"], "").await;
    let call = Call::builder()
        .request_id("r-9")
        .user("ada", ["admin"])
        .timeout(std::time::Duration::from_secs(60))
        .set("tenant", "north")
        .build();
    let input = json!({ "op": "execute", "instance": "probe", "input": { "op": "caller" } });
    let seen = host.execute("relay", &call, &input).await.result;
    let expected = json!({
        "user": "ada", "roles": ["admin"], "request_id": "r-9",
        "entries": [["tenant", "north"]], "has_deadline": true,
    });
    assert_eq!(seen, expected);
    let seen = host.execute("relay", &call, &json!({ "op": "caller" })).await.result;
    assert_eq!(seen, "ada as admin");
    let seen = host.execute("relay", &call, &json!({ "op": "service" })).await.result;
    assert_eq!(seen, json!(["probe", "ab", 42]));
}

async fn an_error_of_another_plugin_names_that_one(stage: Stage) {
    let host = stage.host(&["probe", "relay"], "").await;
    let input = json!({ "op": "execute", "instance": "probe", "input": { "op": "fail", "kind": "conflict" } });
    let (kind, text) = refusal(&host, "relay", input).await;
    assert_eq!(kind, "conflict");
    assert!(text.contains("plugin `probe`: the secret reason"), "{text}");
    assert!(text.contains("ask again") && text.contains("the disk is gone"), "{text}");
    let (kind, text) =
        refusal(&host, "relay", json!({ "op": "execute", "instance": "probe2", "input": {} }))
            .await;
    assert_eq!(kind, "not_found");
    assert!(text.contains("no plugin instance is called `probe2`"), "{text}");
    assert!(text.contains("probe, relay"), "{text}");
}

async fn it_sends_a_request_through_the_hosts_routes(stage: Stage) {
    let host = stage.host(&["probe", "relay"], "").await;
    let seen = ask(&host, "relay", json!({ "op": "request", "target": "/any" })).await;
    assert_eq!(seen, json!([200, "GET by probe"]));
    let seen = ask(&host, "relay", json!({ "op": "request", "target": "/nowhere" })).await;
    assert_eq!(seen, json!([404, "not found\n"]));
    let input = json!({ "op": "request", "method": "POST", "target": "/echo", "body": "twice" });
    let seen = ask(&host, "probe", input).await;
    assert_eq!(seen, json!({ "status": 201, "body": "twice" }));
    // In its caller's name.
    let call = Call::builder().user("ada", ["admin"]).build();
    let input = json!({ "op": "request", "target": "/who" });
    let seen = host.execute("relay", &call, &input).await.result;
    assert!(seen[1].as_str().unwrap().contains(r#""user":"ada""#), "{seen}");
}

async fn it_reports_figures_and_tells_others_when_asked(stage: Stage) {
    let host = stage.probe().await;
    let figures = json!({ "op": "figures", "count": 2, "gauge": 0.5, "samples": [1.0, 4.0, 2.5] });
    ask(&host, "probe", figures.clone()).await;
    ask(&host, "probe", figures).await;
    let figures = host.figures("probe").unwrap();
    assert_eq!(figures["calls"], Figure::Counter(4.0));
    assert_eq!(figures["level"], Figure::Gauge(0.5));
    assert_eq!(figures["latency_ms"], Figure::Samples { count: 6, sum: 15.0, min: 1.0, max: 4.0 });
    let told: Vec<(String, f64)> =
        host.metrics("probe").unwrap().into_iter().map(|m| (m.name, m.value)).collect();
    assert_eq!(told, [("answers".to_owned(), 42.0), ("doubt_ratio".to_owned(), 0.25)]);
}

async fn it_learns_that_it_is_being_stopped(stage: Stage) {
    let host = stage.probe().await;
    let request = hotshoe::Request::builder("GET", "/until-stop").build();
    let waits = stage.journal.until("probe: waiting for the end");
    let waiting = crate::stage::pending(host.handle(request), waits).await;
    let stopping = host.stop();
    let response = waiting.await.unwrap();
    assert_eq!(crate::stage::text(response).await, "stopping: true");
    stopping.await.unwrap();
}

on_every_mount! {
    an_instance_knows_who_it_is_and_has_a_folder_of_its_own,
    it_uses_its_storage,
    it_shares_a_map_with_others,
    it_reads_the_applications_settings_but_no_secrets,
    it_finds_the_applications_services,
    it_calls_another_plugin_in_its_callers_name,
    an_error_of_another_plugin_names_that_one,
    it_sends_a_request_through_the_hosts_routes,
    it_reports_figures_and_tells_others_when_asked,
    it_learns_that_it_is_being_stopped,
}
