//! What an instance leaves to its successor.

use serde_json::json;

use crate::stage::{Stage, ask, is_well};

async fn a_successor_takes_over_the_state(stage: Stage) {
    let host = stage.probe().await;
    // Anything but well or failing: there is something to tell.
    ask(&host, "probe", json!({ "op": "behave", "moods": { "state": "degraded" } })).await;
    host.restart("probe").await.unwrap();
    stage.journal.until("probe: dropped").await;
    let notes = stage.journal.of("probe");
    let restored = notes.iter().position(|note| note == "restore what was known").unwrap();
    // Between `initialize` and `contribute`, so before `start`.
    assert_eq!(notes[restored - 1], "initialize");
    assert_eq!(notes[restored + 1], "contribute");
    is_well(&host).await;
}

async fn without_state_there_is_nothing_to_take_over(stage: Stage) {
    let host = stage.host(&["probe", "plain"], "plugins.storage = 'probe'").await;
    // By default a plugin has none, and would refuse any.
    host.restart("plain").await.unwrap();
    host.restart("probe").await.unwrap();
    assert_eq!(stage.journal.count("probe: restore what was known"), 0);
    is_well(&host).await;
}

async fn a_successor_starts_afresh_if_the_state_cannot_be_told(stage: Stage) {
    for mood in ["error", "panic"] {
        let stage = Stage::like(&stage);
        let host = stage.probe().await;
        ask(&host, "probe", json!({ "op": "behave", "moods": { "state": mood } })).await;
        host.restart("probe").await.unwrap();
        assert_eq!(stage.journal.count("probe: stop"), 1);
        assert_eq!(stage.journal.count("probe: restore what was known"), 0);
        is_well(&host).await;
    }
}

async fn one_that_is_disabled_has_no_successor(stage: Stage) {
    let host = stage.probe().await;
    ask(&host, "probe", json!({ "op": "behave", "moods": { "state": "degraded" } })).await;
    host.disable("probe").await.unwrap();
    host.enable("probe").await.unwrap();
    assert_eq!(stage.journal.count("probe: restore what was known"), 0);
}

on_every_mount! {
    a_successor_takes_over_the_state,
    without_state_there_is_nothing_to_take_over,
    a_successor_starts_afresh_if_the_state_cannot_be_told,
    one_that_is_disabled_has_no_successor,
}
