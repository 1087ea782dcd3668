//! Restarting, disabling, enabling, adding and removing while the host runs.

use hotshoe::ErrorKind;
use hotshoe::lifecycle::State;
use serde_json::json;

use crate::stage::{Mount, Stage, ask, get, text};

async fn a_restart_makes_a_new_instance_and_takes_dependents_along(stage: Stage) {
    let host = stage.host(&["probe", "relay", "plain"], "plugins.storage = 'probe'").await;
    let report = host.restart("probe").await.unwrap();
    assert!(report.is_complete(), "{report}");
    let life = ["initialize", "contribute", "start", "stop", "dropped"];
    stage.journal.until("probe: dropped").await;
    let notes = stage.journal.of("probe");
    assert_eq!(notes.len(), 8, "{notes:?}");
    for note in life {
        let times = if note == "stop" || note == "dropped" { 1 } else { 2 };
        assert_eq!(stage.journal.count(&format!("probe: {note}")), times, "{note}");
    }
    assert_eq!(stage.journal.count("relay: start"), 2);
    assert_eq!(host.plugin("probe").unwrap().restarts, 1);
    assert_eq!(host.plugin("plain").unwrap().restarts, 0);
    assert_eq!(text(get(&host, "/relay").await).await, "probe");
}

async fn dependents_are_blocked_while_one_is_disabled_and_come_back(stage: Stage) {
    let host = stage.host(&["probe", "relay"], "").await;
    host.disable("probe").await.unwrap();
    assert_eq!(host.plugin("probe").unwrap().state, State::Disabled);
    let by = vec!["probe".to_owned()];
    assert_eq!(host.plugin("relay").unwrap().state, State::Blocked { by });
    let why = host.explain("relay");
    assert!(why.starts_with("`relay` waits for `probe`\n`probe` was disabled"), "{why}");
    assert!(host.explain("probe").contains("`enable(\"probe\")` starts it"));
    for path in ["/who", "/relay"] {
        assert_eq!(get(&host, path).await.status(), 404, "{path}");
    }
    // Looking again does not override what was said by hand.
    host.rescan().await.unwrap();
    assert_eq!(host.plugin("probe").unwrap().state, State::Disabled);

    host.enable("probe").await.unwrap();
    assert_eq!(host.explain("probe"), "`probe` is running");
    assert_eq!(host.explain("relay"), "`relay` is running");
    assert_eq!(text(get(&host, "/relay").await).await, "probe");
}

async fn one_that_the_configuration_disables_can_be_enabled(stage: Stage) {
    let (host, report) = stage.start(&["probe"], "plugins.probe.enabled = false").await;
    assert!(report.is_complete(), "what is disabled is not missing");
    assert_eq!(host.plugin("probe").unwrap().state, State::Disabled);
    assert!(stage.journal.notes().is_empty());
    host.enable("probe").await.unwrap();
    ask(&host, "probe", json!({ "op": "who" })).await;
}

async fn one_whose_feature_flag_is_off_can_be_enabled(stage: Stage) {
    let flag = "plugins.feature_flags.beta = false\nplugins.probe.feature_flag = \"beta\"";
    let (host, report) = stage.start(&["probe"], flag).await;
    assert!(report.is_complete(), "what is disabled is not missing");
    assert_eq!(
        host.explain("probe"),
        "`probe` is disabled by the configuration: its `feature_flag`, `beta`, is off in \
         [plugins.feature_flags]; `enable(\"probe\")` starts it"
    );
    host.enable("probe").await.unwrap();
    ask(&host, "probe", json!({ "op": "who" })).await;
}

async fn disabling_a_dependent_leaves_what_it_needs_alone(stage: Stage) {
    let host = stage.host(&["probe", "relay"], "").await;
    host.disable("relay").await.unwrap();
    assert_eq!(get(&host, "/relay").await.status(), 404);
    assert_eq!(get(&host, "/who").await.status(), 200);
    assert_eq!(stage.journal.count("probe: stop"), 0);
}

async fn what_is_removed_is_forgotten(stage: Stage) {
    let host = stage.host(&["probe", "relay"], "").await;
    host.remove("probe").await.unwrap();
    assert!(host.plugin("probe").is_none());
    let relay = host.plugin("relay").unwrap().state;
    assert!(matches!(relay, State::Blocked { .. }), "{relay:?}");
    assert_eq!(get(&host, "/who").await.status(), 404);
    stage.journal.until("probe: dropped").await;
    host.rescan().await.unwrap();
    assert!(host.plugin("probe").is_none());
    for error in [
        host.enable("probe").await.unwrap_err(),
        host.restart("probe").await.unwrap_err(),
        host.disable("probe").await.unwrap_err(),
        host.remove("probe").await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error:#}");
    }
}

async fn what_nobody_knows_cannot_be_switched(stage: Stage) {
    let host = stage.probe().await;
    let error = host.restart("prob").await.unwrap_err();
    assert_eq!(error.message(), "no plugin instance is called `prob`");
    assert_eq!(error.help(), Some("instances: probe"));
    assert!(host.explain("prob").starts_with("`prob` is neither configured nor found"));
}

async fn one_that_can_be_spared_yields_to_load(stage: Stage) {
    let config = "[plugins.probe]\nload = { disable_above = 0.9, enable_below = 0.5 }";
    let host = stage.host(&["probe", "relay"], config).await;
    host.report_load(0.9).await.unwrap();
    assert_eq!(host.plugin("probe").unwrap().state, State::Active);
    host.report_load(0.95).await.unwrap();
    assert_eq!(host.plugin("probe").unwrap().state, State::Disabled);
    host.report_load(0.7).await.unwrap();
    assert_eq!(host.plugin("probe").unwrap().state, State::Disabled);
    host.report_load(0.4).await.unwrap();
    assert_eq!(host.plugin("probe").unwrap().state, State::Active);
    assert_eq!(text(get(&host, "/relay").await).await, "probe");
}

async fn what_was_disabled_by_hand_stays_so_when_the_load_falls(stage: Stage) {
    let config = "[plugins.probe]\nload = { disable_above = 0.9, enable_below = 0.5 }";
    let host = stage.host(&["probe"], config).await;
    host.disable("probe").await.unwrap();
    host.report_load(0.1).await.unwrap();
    assert_eq!(host.plugin("probe").unwrap().state, State::Disabled);
}

async fn a_file_is_added_while_the_host_runs(stage: Stage) {
    let host = stage.host(&["probe"], "").await;
    let report = host.add(stage.library("relay")).await.unwrap();
    assert!(report.is_complete(), "{report}");
    assert_eq!(text(get(&host, "/relay").await).await, "probe");
}

async fn a_file_that_was_removed_can_be_added_again(stage: Stage) {
    let host = stage.host(&["probe"], "").await;
    host.add(stage.library("relay")).await.unwrap();
    host.remove("relay").await.unwrap();
    host.add(stage.library("relay")).await.unwrap();
    assert_eq!(text(get(&host, "/relay").await).await, "probe");
}

async fn a_file_that_appears_is_found_by_looking_again(stage: Stage) {
    assert_ne!(stage.mount, Mount::Linked);
    let (host, report) = stage.start(&["relay"], "").await;
    assert!(!report.is_complete());
    let why = host.explain("relay");
    assert!(why.contains("probe"), "{why}");
    stage.bring("probe");
    let report = host.rescan().await.unwrap();
    assert!(report.is_complete(), "{report}");
    assert_eq!(text(get(&host, "/relay").await).await, "probe");
}

on_every_mount! {
    a_restart_makes_a_new_instance_and_takes_dependents_along,
    dependents_are_blocked_while_one_is_disabled_and_come_back,
    one_that_the_configuration_disables_can_be_enabled,
    one_whose_feature_flag_is_off_can_be_enabled,
    disabling_a_dependent_leaves_what_it_needs_alone,
    what_is_removed_is_forgotten,
    what_nobody_knows_cannot_be_switched,
    one_that_can_be_spared_yields_to_load,
    what_was_disabled_by_hand_stays_so_when_the_load_falls,
}

on_every_loaded_mount! {
    a_file_is_added_while_the_host_runs,
    a_file_that_was_removed_can_be_added_again,
    a_file_that_appears_is_found_by_looking_again,
}
