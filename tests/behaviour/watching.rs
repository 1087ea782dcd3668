//! The host watches its instances by itself, and says what happens.

use std::num::NonZeroU32;
use std::time::Duration;

use hotshoe::config::{HealthPolicy, InstanceConfig, Override, RestartPolicy};
use hotshoe::lifecycle::State;
use hotshoe::monitor::{EventStream, HostEventKind};
use hotshoe::{HealthStatus, PluginHost};
use serde_json::{Value, json};

use crate::stage::{Stage, ask, get, pending, text};

/// Asked all the time.
fn asked() -> HealthPolicy {
    let mut health = HealthPolicy::default();
    health.interval = Duration::from_millis(1);
    health.unhealthy_after = NonZeroU32::new(2).unwrap();
    health
}

/// A probe that is asked all the time, and unhealthy after two bad answers.
fn watched(id: &str, settings: Value) -> InstanceConfig {
    let mut config = InstanceConfig::new(id).with_plugin("probe").with_settings(settings);
    config.supervision.health = asked().into();
    config.supervision.restart = Override::Off;
    config
}

/// The same, restarted so often, the first time after so long.
fn restarted(settings: Value, max_restarts: u32, backoff: Duration) -> InstanceConfig {
    let mut restart = RestartPolicy::default();
    restart.max_restarts = max_restarts;
    restart.initial_backoff = backoff;
    restart.max_backoff = LATE;
    let mut config = watched("probe", settings);
    config.supervision.restart = restart.into();
    config
}

const SOON: Duration = Duration::from_millis(1);
const LATE: Duration = Duration::from_secs(3600);

/// Starts a host with these instances; the stream begins afterwards.
async fn host(
    stage: &Stage,
    plugins: &[&str],
    instances: impl IntoIterator<Item = InstanceConfig>,
) -> (PluginHost, EventStream) {
    let mut builder = stage.builder(plugins, "");
    for instance in instances {
        builder = builder.instance(instance);
    }
    let host = builder.build().unwrap();
    host.start().await.unwrap();
    let events = host.events();
    (host, events)
}

async fn feel(host: &PluginHost, instance: &str, mood: &str) {
    ask(host, instance, json!({ "op": "behave", "moods": { "health": mood } })).await;
}

/// What is told of an instance besides its states, up to what is wanted.
async fn told(
    events: &mut EventStream,
    instance: &str,
    wanted: impl Fn(&HostEventKind) -> bool,
) -> Vec<String> {
    let mut told = Vec::new();
    loop {
        let event = events.next().await.expect("the host is there");
        if event.instance.as_deref() != Some(instance) {
            continue;
        }
        if !matches!(event.kind, HostEventKind::StateChanged { .. }) {
            told.push(event.to_string());
        }
        if wanted(&event.kind) {
            return told;
        }
    }
}

async fn one_that_turns_bad_is_restarted_with_its_dependents_and_is_well_again(stage: Stage) {
    let instance = restarted(json!({}), 5, SOON);
    let (host, mut events) = host(&stage, &["probe", "relay"], [instance]).await;
    feel(&host, "probe", "unhealthy").await;
    let lines =
        told(&mut events, "probe", |kind| matches!(kind, HostEventKind::Restarted { .. })).await;
    let expected = [
        "`probe` is unhealthy: none of it works",
        "`probe` is restarted in 1ms, attempt 1 of 5",
        "`probe` was restarted, attempt 1",
    ];
    assert_eq!(lines, expected);
    let with_it = |kind: &HostEventKind| matches!(kind, HostEventKind::DependencyRestarted { .. });
    let lines = told(&mut events, "relay", with_it).await;
    assert_eq!(lines, ["`relay` was restarted with `probe`, which it needs"]);
    let info = host.plugin("probe").unwrap();
    assert_eq!((info.state, info.restarts), (State::Active, 1));
    assert_eq!(text(get(&host, "/relay").await).await, "probe");
    let why = host.explain("probe");
    assert!(why.starts_with("`probe` is running\nlately:\n    "), "{why}");
    assert_eq!(why.lines().count(), 5, "{why}");
    assert!(expected.iter().all(|line| why.contains(&format!(" ago: {line}"))), "{why}");
}

async fn one_that_does_not_come_up_again_is_tried_so_often_and_stays_failed(stage: Stage) {
    let instance = restarted(json!({ "fault": "start-once" }), 3, SOON);
    let (host, mut events) = host(&stage, &["probe", "relay"], [instance]).await;
    feel(&host, "probe", "unhealthy").await;
    let lines =
        told(&mut events, "probe", |kind| matches!(kind, HostEventKind::GaveUp { .. })).await;
    assert_eq!(
        lines,
        [
            "`probe` is unhealthy: none of it works",
            "`probe` is restarted in 1ms, attempt 1 of 3",
            "`probe` is restarted in 2ms, attempt 2 of 3",
            "`probe` is restarted in 4ms, attempt 3 of 3",
            "`probe` is not restarted any more by itself, after 3 restarts in a row",
        ]
    );
    assert!(matches!(host.plugin("probe").unwrap().state, State::Failed { .. }));
    assert!(matches!(host.plugin("relay").unwrap().state, State::Blocked { .. }));
    assert_eq!(stage.journal.count("probe: start"), 4);
    // What guards or answers is not open meanwhile.
    assert_eq!(get(&host, "/who").await.status(), 503);
    // Who asks for it hears why, and it is tried once.
    let error = host.restart("probe").await.unwrap_err();
    assert!(error.message().contains("another start was told to fail"), "{error}");
    stage.a_while().await;
    assert_eq!(stage.journal.count("probe: start"), 5);
}

async fn a_start_that_somebody_asked_for_and_that_fails_is_not_tried_again(stage: Stage) {
    let instance = restarted(json!({ "fault": "start-error" }), 5, SOON);
    let (host, mut events) = host(&stage, &["probe"], [instance]).await;
    host.rescan().await.unwrap();
    host.enable("probe").await.unwrap_err();
    stage.a_while().await;
    assert_eq!(stage.journal.count("probe: start"), 2);
    while let Some(event) = events.try_next() {
        assert!(matches!(event.kind, HostEventKind::StateChanged { .. }), "{event}");
    }
}

async fn what_people_do_withdraws_a_restart_that_is_planned(stage: Stage) {
    let planned = |kind: &HostEventKind| matches!(kind, HostEventKind::Restarting { .. });
    let instance = restarted(json!({}), 5, LATE);
    let (host, mut events) = host(&stage, &["probe"], [instance]).await;
    feel(&host, "probe", "unhealthy").await;
    told(&mut events, "probe", planned).await;
    assert_eq!(host.plugin("probe").unwrap().state, State::Degraded);
    host.disable("probe").await.unwrap();
    assert_eq!(host.plugin("probe").unwrap().state, State::Disabled);
    host.enable("probe").await.unwrap();
    assert_eq!(host.plugin("probe").unwrap().restarts, 0);

    // It is counted anew.
    feel(&host, "probe", "error").await;
    let lines = told(&mut events, "probe", planned).await;
    assert_eq!(lines.last().unwrap(), "`probe` is restarted in 3600s, attempt 1 of 5");
    host.restart("probe").await.unwrap();
    let again = |kind: &HostEventKind| matches!(kind, HostEventKind::Restarted { .. });
    assert_eq!(told(&mut events, "probe", again).await, ["`probe` was restarted"]);

    // One that gets well by itself meanwhile needs no restart, but it was counted.
    feel(&host, "probe", "unhealthy").await;
    told(&mut events, "probe", planned).await;
    feel(&host, "probe", "degraded").await;
    let better = |kind: &HostEventKind| matches!(kind, HostEventKind::HealthChanged { .. });
    told(&mut events, "probe", better).await;
    feel(&host, "probe", "panic").await;
    let lines = told(&mut events, "probe", planned).await;
    assert_eq!(lines.last().unwrap(), "`probe` is restarted in 3600s, attempt 2 of 5");

    // The stop waits for no restart, and is the end of the stream.
    host.stop().await.unwrap();
    let mut last = None;
    while let Some(event) = events.next().await {
        last = Some(event.to_string());
    }
    assert_eq!(last.as_deref(), Some("`probe` is stopped, it was stopping"));
}

async fn one_that_is_not_restarted_is_said_to_be_unwell_until_it_is_well(stage: Stage) {
    let (host, mut events) = host(&stage, &["probe"], [watched("probe", json!({}))]).await;
    let changed = |kind: &HostEventKind| matches!(kind, HostEventKind::HealthChanged { .. });
    for (mood, status, line) in [
        ("degraded", HealthStatus::Degraded, "`probe` is degraded: only half of it works"),
        ("error", HealthStatus::Unhealthy, "`probe` is unhealthy: health was told to fail"),
    ] {
        feel(&host, "probe", mood).await;
        assert_eq!(told(&mut events, "probe", changed).await, [line]);
        let info = host.plugin("probe").unwrap();
        assert_eq!(info.state, State::Degraded);
        assert_eq!(info.health.unwrap().status, status);
        assert!(host.explain("probe").starts_with("`probe` is running, but it says"));
    }
    feel(&host, "probe", "well").await;
    assert_eq!(told(&mut events, "probe", changed).await, ["`probe` is healthy"]);
    assert_eq!(host.plugin("probe").unwrap().state, State::Active);
    assert_eq!(stage.journal.count("probe: start"), 1);
}

async fn one_that_blocks_while_it_is_asked_keeps_nobody_else_from_being_asked(stage: Stage) {
    let mut stuck = watched("stuck", json!({}));
    let mut health = asked();
    health.timeout = SOON;
    stuck.supervision.health = health.into();
    let others = [stuck, watched("other", json!({ "prefix": "/other" }))];
    let (host, mut events) = host(&stage, &["probe"], others).await;
    let changed = |kind: &HostEventKind| matches!(kind, HostEventKind::HealthChanged { .. });
    feel(&host, "stuck", "blocked").await;
    let lines = told(&mut events, "stuck", changed).await;
    assert!(lines[0].starts_with("`stuck` is unhealthy: an answer to `health`"), "{lines:?}");
    feel(&host, "other", "unhealthy").await;
    told(&mut events, "other", changed).await;
    feel(&host, "other", "well").await;
    told(&mut events, "other", changed).await;
    assert_eq!(stage.journal.count("stuck: health blocked"), 1, "it was asked again and again");
    stage.journal.release("health");
    // It answers at last, and is well.
    told(&mut events, "stuck", changed).await;
    host.stop().await.unwrap();
}

async fn one_that_is_thinking_about_how_it_is_is_not_asked_again(stage: Stage) {
    let host = stage.probe().await;
    feel(&host, "probe", "held").await;
    let first = pending(host.health("probe"), stage.journal.until("probe: health held")).await;
    let second = pending(host.health("probe"), stage.a_while()).await;
    assert_eq!(stage.journal.count("probe: health held"), 1);
    stage.journal.release("health");
    for answer in [first.await, second.await] {
        assert_eq!(answer.unwrap().status, HealthStatus::Healthy);
    }
}

/// They come up side by side, and get their ports together.
async fn nobody_hears_of_an_instance_that_is_active_while_another_still_keeps_it_closed(
    stage: Stage,
) {
    let host = stage.builder(&["probe", "plain"], "").build().unwrap();
    let mut events = host.events();
    host.start().await.unwrap();
    let mut states = Vec::new();
    while let Some(event) = events.try_next() {
        if let HostEventKind::StateChanged { to, .. } = &event.kind {
            states.push(to.clone());
        }
    }
    let first_active = states.iter().position(|state| *state == State::Active).unwrap();
    let initialized = states[..first_active].iter().filter(|state| **state == State::Initialized);
    assert_eq!(initialized.count(), 2, "{states:?}");
    host.stop().await.unwrap();
}

on_every_mount! {
    nobody_hears_of_an_instance_that_is_active_while_another_still_keeps_it_closed,
    one_that_turns_bad_is_restarted_with_its_dependents_and_is_well_again,
    one_that_does_not_come_up_again_is_tried_so_often_and_stays_failed,
    a_start_that_somebody_asked_for_and_that_fails_is_not_tried_again,
    what_people_do_withdraws_a_restart_that_is_planned,
    one_that_is_not_restarted_is_said_to_be_unwell_until_it_is_well,
    one_that_blocks_while_it_is_asked_keeps_nobody_else_from_being_asked,
    one_that_is_thinking_about_how_it_is_is_not_asked_again,
}
