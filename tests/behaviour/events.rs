//! Publish and subscribe.

use bytes::Bytes;
use hotshoe::Call;
use serde_json::json;

use crate::stage::{Stage, ask, pending};

fn event(topic: &str, payload: &str, from: &str, by: &str) -> String {
    format!("event {topic} `{payload}` from {from} by {by}")
}

async fn they_arrive_in_order(stage: Stage) {
    let host = stage.probe().await;
    for number in 0..500 {
        let payload = format!("{number}");
        assert_eq!(host.publish(&Call::none(), "probe.count", payload), 1);
    }
    stage.journal.until("probe: event probe.count `499` from the application by nobody").await;
    let seen: Vec<String> =
        stage.journal.of("probe").into_iter().filter(|note| note.starts_with("event")).collect();
    let expected: Vec<String> = (0..500)
        .map(|number| event("probe.count", &number.to_string(), "the application", "nobody"))
        .collect();
    assert_eq!(seen, expected);
}

async fn they_say_who_published_them_and_in_whose_name(stage: Stage) {
    let host = stage.host(&["probe", "relay"], "").await;
    let call = Call::builder().user("ada", ["admin"]).build();
    host.publish(&call, "probe.in", "hello");
    stage
        .journal
        .until(&format!("probe: {}", event("probe.in", "hello", "the application", "ada")))
        .await;
    let input = json!({ "op": "publish", "topic": "probe.out", "payload": "from afar" });
    let execution = host.execute("relay", &call, &input).await;
    assert_eq!(execution.result, 1);
    stage
        .journal
        .until(&format!("probe: {}", event("probe.out", "from afar", "relay", "ada")))
        .await;
}

async fn a_topic_is_matched_exactly_or_by_its_beginning(stage: Stage) {
    let host = stage.host(&["probe"], "plugins.probe.config.topic = 'probe.one'").await;
    let none = Call::none();
    assert_eq!(host.publish(&none, "probe.one", ""), 1);
    assert_eq!(host.publish(&none, "probe.one.more", ""), 0);
    assert_eq!(host.publish(&none, "probe", ""), 0);

    let stage = Stage::like(&stage);
    let host = stage.probe().await;
    assert_eq!(host.publish(&none, "probe.one", ""), 1);
    assert_eq!(host.publish(&none, "probe.", ""), 1);
    assert_eq!(host.publish(&none, "probe", ""), 0);
    assert_eq!(host.publish(&none, "another", ""), 0);
}

async fn every_subscription_gets_its_own(stage: Stage) {
    let config = "
        plugins.storage = 'probe'
        plugins.probe.config.label = 'one'
        plugins.second.plugin = 'probe'
        plugins.second.config.prefix = '/second'";
    let host = stage.host(&["probe"], config).await;
    assert_eq!(host.publish(&Call::none(), "probe.in", "hello"), 2);
    for instance in ["probe", "second"] {
        let note = event("probe.in", "hello", "the application", "nobody");
        stage.journal.until(&format!("{instance}: {note}")).await;
    }
}

async fn a_payload_is_not_copied(stage: Stage) {
    let host = stage.probe().await;
    let payload = Bytes::from(b"where".to_vec());
    let address = format!("probe: event at {:p}", payload.as_ptr());
    host.publish(&Call::none(), "probe.in", payload.clone());
    stage.journal.until(&address).await;
}

async fn a_plugin_learns_for_how_many_an_event_was_queued(stage: Stage) {
    let host = stage.probe().await;
    let publish = |topic| json!({ "op": "publish", "topic": topic, "payload": "" });
    assert_eq!(ask(&host, "probe", publish("probe.mine")).await, 1);
    let stage = Stage::like(&stage);
    let host = stage.host(&["probe"], "plugins.probe.config.topic = 'other'").await;
    assert_eq!(ask(&host, "probe", publish("probe.mine")).await, 0);
}

async fn what_is_queued_is_delivered_before_the_plugin_stops(stage: Stage) {
    let host = stage.probe().await;
    let none = Call::none();
    host.publish(&none, "probe.in", "hold over the end");
    for number in 1..=5 {
        host.publish(&none, "probe.in", format!("{number}"));
    }
    let stopping = pending(host.stop(), stage.journal.until("probe: the end begins")).await;
    stage.a_while().await;
    assert_eq!(stage.journal.count("probe: stop"), 0);
    stage.journal.release("event");
    stopping.await.unwrap();
    stage.journal.until("probe: dropped").await;
    let notes = stage.journal.of("probe");
    let tail: Vec<&str> = notes.iter().skip(4).map(String::as_str).collect();
    let mut expected: Vec<String> = ["hold over the end", "1", "2", "3", "4", "5"]
        .map(|payload| event("probe.in", payload, "the application", "nobody"))
        .to_vec();
    expected.extend(["stop".to_owned(), "dropped".to_owned()]);
    assert_eq!(tail, expected);
    assert_eq!(host.publish(&none, "probe.in", "too late"), 0);
}

async fn events_that_find_the_queue_full_are_dropped_and_counted(stage: Stage) {
    let host = stage.probe().await;
    let none = Call::none();
    host.publish(&none, "probe.in", "hold");
    // The queue holds 1024; one more is in the handler, if it got that far.
    let queued: u64 = (0..1100).map(|_| host.publish(&none, "probe.in", "more")).sum();
    let dropped = host.plugin("probe").unwrap().events_dropped;
    assert_eq!(queued + dropped, 1100);
    assert!((76..=77).contains(&dropped), "{dropped}");
    stage.journal.release("event");
    let last = format!("probe: {}", event("probe.in", "more", "the application", "nobody"));
    stage.journal.until_count(&last, usize::try_from(queued).unwrap()).await;
    assert_eq!(host.publish(&none, "probe.in", "there is room again"), 1);
}

on_every_mount! {
    they_arrive_in_order,
    they_say_who_published_them_and_in_whose_name,
    a_topic_is_matched_exactly_or_by_its_beginning,
    every_subscription_gets_its_own,
    a_payload_is_not_copied,
    a_plugin_learns_for_how_many_an_event_was_queued,
    what_is_queued_is_delivered_before_the_plugin_stops,
    events_that_find_the_queue_full_are_dropped_and_counted,
}
