//! From the first call to the last.

use hotshoe::lifecycle::State;
use hotshoe::{Call, ErrorKind, HealthStatus, Request};
use serde_json::json;

use crate::stage::{Stage, ask, execute, get, pending, text};

async fn an_instance_lives_through_each_phase_once(stage: Stage) {
    let host = stage.host(&["probe"], "plugins.probe.config.label = 'seven'").await;
    assert_eq!(stage.journal.of("probe"), ["initialize seven", "contribute", "start"]);
    host.stop().await.unwrap();
    stage.journal.until("probe: dropped").await;
    let all = ["initialize seven", "contribute", "start", "stop", "dropped"];
    assert_eq!(stage.journal.of("probe"), all);
}

async fn what_is_required_is_there_before_and_after(stage: Stage) {
    let host = stage.host(&["relay", "probe"], "").await;
    assert_eq!(host.plugin("relay").unwrap().depends_on, ["probe"]);
    host.stop().await.unwrap();
    for plugin in ["probe", "relay"] {
        stage.journal.until(&format!("{plugin}: dropped")).await;
    }
    let notes = stage.journal.notes();
    let place = |note: &str| {
        let at = notes.iter().position(|other| other == note);
        at.unwrap_or_else(|| panic!("{note} in {notes:?}"))
    };
    assert!(place("probe: start") < place("relay: initialize with probe"));
    assert!(place("relay: start") < place("relay: stop while probe runs"));
    assert!(place("relay: stop while probe runs") < place("probe: stop"));
}

async fn a_request_that_is_inside_is_answered_before_its_plugin_stops(stage: Stage) {
    let host = stage.probe().await;
    let request = Request::builder("GET", "/held").build();
    let held = pending(host.handle(request), stage.journal.until("probe: held")).await;
    let call = Call::none();
    let input = json!({ "op": "held" });
    let inside = stage.journal.until_count("probe: held", 2);
    let execution = pending(host.execute("probe", &call, &input), inside).await;
    let request = Request::builder("GET", "/until-stop").build();
    let waits = stage.journal.until("probe: waiting for the end");
    let until_stop = pending(host.handle(request), waits).await;
    let stopping = host.stop();
    until_stop.await.unwrap();
    stage.a_while().await;
    assert_eq!(stage.journal.count("probe: stop"), 0);
    assert_eq!(get(&host, "/who").await.status(), 503, "not now, rather than not here");
    stage.journal.release("request");
    stage.journal.release("execute");
    assert_eq!(text(held.await.unwrap()).await, "released");
    assert_eq!(execution.await.status, "success");
    stopping.await.unwrap();
    assert_eq!(stage.journal.count("probe: stop"), 1);
}

async fn after_the_stop_nothing_is_served(stage: Stage) {
    let host = stage.probe().await;
    host.stop().await.unwrap();
    assert_eq!(get(&host, "/who").await.status(), 404);
    let execution = execute(&host, "probe", json!({ "op": "who" })).await;
    assert_eq!(execution.status, "unavailable");
    assert!(execution.error.unwrap().contains("it is stopped, not active"));
    assert_eq!(host.plugin("probe").unwrap().state, State::Stopped);
    assert_eq!(host.health("probe").await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(host.metrics("probe").unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(host.figures("probe").unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(host.storage("probe").unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(host.publish(&Call::none(), "probe.in", "too late"), 0);
}

async fn a_host_that_was_stopped_does_not_start_again(stage: Stage) {
    let host = stage.probe().await;
    host.stop().await.unwrap();
    for error in [
        host.start().await.unwrap_err(),
        host.rescan().await.unwrap_err(),
        host.restart("probe").await.unwrap_err(),
        host.stop().await.unwrap_err(),
    ] {
        assert_eq!(
            (error.kind(), error.help()),
            (ErrorKind::IllegalState, Some("build another one"))
        );
    }
}

async fn starting_twice_starts_nothing_twice(stage: Stage) {
    let host = stage.probe().await;
    let report = host.start().await.unwrap();
    assert!(report.is_complete());
    assert_eq!(stage.journal.of("probe"), ["initialize", "contribute", "start"]);
}

async fn a_dropped_host_stops_its_plugins(stage: Stage) {
    let host = stage.host(&["probe", "relay"], "").await;
    let other = host.clone();
    drop(host);
    ask(&other, "probe", json!({ "op": "who" })).await;
    drop(other);
    for plugin in ["probe", "relay"] {
        stage.journal.until(&format!("{plugin}: dropped")).await;
    }
    assert_eq!(stage.journal.count("probe: stop"), 1);
}

async fn one_that_fails_to_start_blocks_those_that_need_it_and_nobody_else(stage: Stage) {
    for fault in ["initialize-error", "start-error"] {
        let stage = Stage::like(&stage);
        let config = format!("plugins.probe.config.fault = '{fault}'");
        let (host, report) = stage.start(&["probe", "relay", "plain"], &config).await;
        assert!(!report.is_complete());
        assert_eq!(host.plugin("plain").unwrap().state, State::Active);
        let State::Failed { .. } = host.plugin("probe").unwrap().state else {
            panic!("{:?}", host.plugin("probe"));
        };
        let by = vec!["probe".to_owned()];
        assert_eq!(host.plugin("relay").unwrap().state, State::Blocked { by });
        let phase = fault.split('-').next().unwrap();
        let text = host.explain("relay");
        assert!(text.starts_with("`relay` waits for `probe`\n"), "{text}");
        assert!(text.contains(&format!("{phase} was told to fail")), "{text}");
        assert!(text.contains("tell it otherwise"), "{text}");
        // Its own code failed, so looking again does not try it again; asking for it does.
        host.rescan().await.unwrap();
        let again = format!("probe: {}", if phase == "start" { "start" } else { "initialize" });
        assert_eq!(stage.journal.count(&again), 1);
        let error = host.enable("probe").await.unwrap_err();
        assert!(error.message().contains("was told to fail"), "{error}");
        assert_eq!(stage.journal.count(&again), 2);
    }
}

async fn one_that_fails_to_stop_is_named_and_all_others_stop(stage: Stage) {
    let config = "plugins.probe.config.fault = 'stop-error'";
    let host = stage.host(&["probe", "relay"], config).await;
    let error = host.stop().await.unwrap_err();
    assert_eq!((error.plugin(), error.phase()), (Some("probe"), Some("stop")));
    assert_eq!(error.message(), "stop was told to fail");
    assert_eq!(host.plugin("relay").unwrap().state, State::Stopped);
    stage.journal.until("probe: dropped").await;
}

async fn health_is_what_the_plugin_says(stage: Stage) {
    let host = stage.probe().await;
    let behave = |mood| json!({ "op": "behave", "moods": { "health": mood } });
    for (mood, status, message) in [
        ("well", HealthStatus::Healthy, ""),
        ("degraded", HealthStatus::Degraded, "only half of it works"),
        ("unhealthy", HealthStatus::Unhealthy, "none of it works"),
    ] {
        ask(&host, "probe", behave(mood)).await;
        let health = host.health("probe").await.unwrap();
        assert_eq!((health.status, health.message.as_str()), (status, message));
    }
    ask(&host, "probe", behave("error")).await;
    assert_eq!(host.health("probe").await.unwrap_err().message(), "health was told to fail");
}

async fn a_setting_that_is_wrong_or_unknown_is_named(stage: Stage) {
    for (setting, expected, and) in [
        ("priority = 'high'", "`plugins.probe.config.priority`: expected a whole number", "high"),
        ("tick = 5", "`plugins.probe.config.tick`: a bare number has no unit", "5s"),
        ("prefxi = '/x'", "`plugins.probe.config.prefxi`: unknown key", "`prefix`"),
        ("fault = 'none'", "`plugins.probe.config.fault`: unknown value", "tick-held"),
    ] {
        let stage = Stage::like(&stage);
        let (host, _) =
            stage.start(&["probe"], &format!("[plugins.probe.config]\n{setting}")).await;
        let text = host.explain("probe");
        assert!(text.contains(expected) && text.contains(and), "{text}");
        assert!(stage.journal.notes().is_empty(), "it was refused before `initialize`");
    }
}

on_every_mount! {
    an_instance_lives_through_each_phase_once,
    what_is_required_is_there_before_and_after,
    a_request_that_is_inside_is_answered_before_its_plugin_stops,
    after_the_stop_nothing_is_served,
    a_host_that_was_stopped_does_not_start_again,
    starting_twice_starts_nothing_twice,
    a_dropped_host_stops_its_plugins,
    one_that_fails_to_start_blocks_those_that_need_it_and_nobody_else,
    one_that_fails_to_stop_is_named_and_all_others_stop,
    health_is_what_the_plugin_says,
    a_setting_that_is_wrong_or_unknown_is_named,
}
