//! Several instances of one plugin.

use hotshoe::lifecycle::State;
use serde_json::json;

use crate::stage::{Stage, ask, get, json_of};

const THREE: &str = "
    [plugins]
    storage = 'north'
    [plugins.north]
    plugin = 'probe'
    config = { prefix = '/n', label = 'the north' }
    [plugins.south]
    plugin = 'probe'
    config = { prefix = '/s', label = 'the south' }
    [plugins.west]
    plugin = 'probe'
    enabled = false";

async fn each_has_settings_routes_and_a_life_of_its_own(stage: Stage) {
    let host = stage.host(&["probe"], THREE).await;
    assert!(host.plugin("probe").is_none(), "configured instances replace the default one");
    for (instance, prefix, label) in [("north", "/n", "the north"), ("south", "/s", "the south")] {
        let seen = ask(&host, instance, json!({ "op": "who" })).await;
        assert_eq!(seen["label"], label);
        assert_eq!(seen["plugin"], "probe");
        assert_eq!(get(&host, &format!("{prefix}/who")).await.status(), 200);
        assert_eq!(
            stage.journal.of(instance),
            [&format!("initialize {label}"), "contribute", "start"]
        );
    }
    host.disable("north").await.unwrap();
    assert_eq!(get(&host, "/n/who").await.status(), 404);
    let why = host.explain("probe");
    assert_eq!(why, "`probe` is a plugin, not an instance; its instances are north, south, west");
    assert_eq!(host.plugin("west").unwrap().state, State::Disabled);
}

async fn each_has_middleware_figures_and_moods_of_its_own(stage: Stage) {
    let host = stage.host(&["probe"], THREE).await;
    let seen = json_of(get(&host, "/s/inside/who").await).await;
    let order: Vec<&str> =
        seen["headers"].as_array().unwrap().iter().filter_map(|h| h[1].as_str()).collect();
    assert_eq!(order, ["north.outer", "south.outer", "south.inner"]);

    let figures = json!({ "op": "figures", "count": 2, "gauge": 0.5, "samples": [] });
    ask(&host, "north", figures).await;
    assert_eq!(host.figures("north").unwrap().len(), 2);
    assert!(host.figures("south").unwrap().is_empty());

    ask(&host, "north", json!({ "op": "behave", "moods": { "health": "degraded" } })).await;
    assert_eq!(host.health("north").await.unwrap().message, "only half of it works");
    assert_eq!(host.health("south").await.unwrap().message, "");
}

async fn two_that_want_the_same_route_do_not_both_start(stage: Stage) {
    let config = "
        plugins.storage = 'one'
        plugins.one.plugin = 'probe'
        plugins.two.plugin = 'probe'";
    let (host, report) = stage.start(&["probe"], config).await;
    assert!(!report.is_complete());
    assert_eq!(host.plugin("one").unwrap().state, State::Active);
    let why = host.explain("two");
    assert!(why.contains("is answered by `one` already"), "{why}");
    assert_eq!(get(&host, "/who").await.status(), 200, "the first one's routes are unharmed");
    stage.journal.until("two: dropped").await;
    assert_eq!(stage.journal.count("two: start"), 0);
}

async fn a_dependent_needs_the_plugin_not_an_instance_of_that_name(stage: Stage) {
    let config = "
        plugins.storage = 'north'
        plugins.north.plugin = 'probe'
        plugins.relay.enabled = true";
    let host = stage.host(&["probe", "relay"], config).await;
    assert_eq!(host.plugin("relay").unwrap().depends_on, ["north"]);
    let seen = ask(&host, "relay", json!({ "op": "service" })).await;
    assert_eq!(seen[0], "north");
}

on_every_mount! {
    each_has_settings_routes_and_a_life_of_its_own,
    each_has_middleware_figures_and_moods_of_its_own,
    two_that_want_the_same_route_do_not_both_start,
    a_dependent_needs_the_plugin_not_an_instance_of_that_name,
}
