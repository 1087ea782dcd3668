//! A plugin with an async runtime of its own, whatever polls it.

use hotshoe::Call;
use serde_json::json;

use crate::stage::{Stage, ask, get, pending, refusal, text};

async fn timers_and_sockets_of_its_own_runtime_work(stage: Stage) {
    let host = stage.host(&["clockwork"], "").await;
    assert_eq!(ask(&host, "clockwork", json!({ "op": "timer" })).await, true);
    let long = "there and back ".repeat(10_000);
    assert_eq!(ask(&host, "clockwork", json!({ "op": "socket", "text": long })).await, long);
    assert_eq!(text(get(&host, "/socket/hello").await).await, "hello");
}

async fn a_panic_in_one_of_its_tasks_is_an_error(stage: Stage) {
    let host = stage.host(&["clockwork"], "").await;
    let (kind, text) = refusal(&host, "clockwork", json!({ "op": "panic" })).await;
    assert_eq!(kind, "io");
    assert!(text.contains("a task was told to panic"), "{text}");
    assert_eq!(ask(&host, "clockwork", json!({ "op": "timer" })).await, true);
}

async fn its_task_ends_with_the_call(stage: Stage) {
    let host = stage.host(&["clockwork"], "").await;
    let (call, input) = (Call::none(), json!({ "op": "forever" }));
    drop(pending(host.execute("clockwork", &call, &input), async {}).await);
    assert_eq!(ask(&host, "clockwork", json!({ "op": "idle" })).await, 0);
}

async fn it_starts_its_runtime_again(stage: Stage) {
    let host = stage.host(&["clockwork"], "").await;
    host.restart("clockwork").await.unwrap();
    assert_eq!(ask(&host, "clockwork", json!({ "op": "timer" })).await, true);
    host.stop().await.unwrap();
}

on_every_mount! {
    timers_and_sockets_of_its_own_runtime_work,
    a_panic_in_one_of_its_tasks_is_an_error,
    its_task_ends_with_the_call,
    it_starts_its_runtime_again,
}
