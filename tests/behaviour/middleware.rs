//! Middleware: its order, and what it may do to a request and its answer.

use hotshoe::{ErrorKind, PluginHost, Request, Response};
use serde_json::{Value, json};

use crate::stage::{Stage, get, json_of, text};

/// The links that a request met, in order.
fn way_in(seen: &Value) -> Vec<&str> {
    let headers = seen["headers"].as_array().expect("headers");
    headers.iter().filter(|h| h[0] == "x-order").filter_map(|h| h[1].as_str()).collect()
}

/// The links that an answer met, in order.
fn way_out(response: &Response) -> Vec<String> {
    let order = response.headers().filter(|(name, _)| *name == "x-order");
    order.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect()
}

async fn told(host: &PluginHost, target: &str, link: &str, what: &str) -> Response {
    let request = Request::builder("GET", target).header(&format!("x-{link}"), what).build();
    host.respond(request).await
}

async fn it_runs_by_priority_and_comes_back_in_reverse(stage: Stage) {
    let host = stage.host(&["probe", "plain"], "plugins.storage = 'probe'").await;
    let response = get(&host, "/inside/who").await;
    assert_eq!(way_out(&response), ["probe.inner", "plain", "probe.outer"]);
    let metadata: Vec<(&str, &str)> = response.metadata().collect();
    assert!(metadata.contains(&("last", "probe.outer")), "{metadata:?}");
    // For a middleware such as an access log, the host says who answered.
    assert!(metadata.contains(&("plugin_id", "probe")), "{metadata:?}");
    let seen = json_of(response).await;
    assert_eq!(way_in(&seen), ["probe.outer", "plain", "probe.inner"]);
}

async fn the_operators_priority_wins(stage: Stage) {
    let config = "plugins.storage = 'probe'\nplugins.plain.priority = -11";
    let host = stage.host(&["probe", "plain"], config).await;
    let seen = json_of(get(&host, "/who").await).await;
    assert_eq!(way_in(&seen), ["plain", "probe.outer"]);

    let config = "plugins.storage = 'probe'\nplugins.probe.priority = 5";
    let other = Stage::like(&stage);
    let host = other.host(&["probe", "plain"], config).await;
    let seen = json_of(get(&host, "/inside/who").await).await;
    // It holds for all middleware of the instance; equal ones keep the order of contribution.
    assert_eq!(way_in(&seen), ["plain", "probe.inner", "probe.outer"]);
}

async fn equal_priorities_run_in_the_order_of_their_start(stage: Stage) {
    for order in [["probe", "plain"], ["plain", "probe"]] {
        let config = format!(
            "[plugins]\nstorage = 'probe'\nload_order = {order:?}\nprobe.config.priority = 0"
        );
        let stage = Stage::like(&stage);
        let host = stage.host(&["probe", "plain"], &config).await;
        let started: Vec<String> = host.plugins().into_iter().map(|plugin| plugin.id).collect();
        let seen = json_of(get(&host, "/who").await).await;
        let met: Vec<&str> = way_in(&seen).iter().map(|link| &link[..5]).collect();
        assert_eq!(met, started);
    }
}

async fn it_is_passed_over_for_other_paths(stage: Stage) {
    let host = stage.probe().await;
    let both = ["probe.outer", "probe.inner"];
    for (path, expected) in [("/who", &both[..1]), ("/inside/who", &both), ("/inside-too", &both)] {
        assert_eq!(way_in(&json_of(get(&host, path).await).await), expected, "{path}");
    }
}

async fn it_runs_where_no_handler_is(stage: Stage) {
    let host = stage.probe().await;
    let response = get(&host, "/inside/nowhere").await;
    assert_eq!(response.status(), 404);
    assert_eq!(way_out(&response), ["probe.inner", "probe.outer"]);
}

async fn it_may_answer_by_itself(stage: Stage) {
    let host = stage.probe().await;
    let response = told(&host, "/inside/who", "inner", "answer").await;
    assert_eq!(response.status(), 418);
    assert_eq!(way_out(&response), ["probe.outer"]);
    assert_eq!(text(response).await, "answered on the way");
}

async fn it_may_change_the_request(stage: Stage) {
    let host = stage.probe().await;
    let seen = json_of(told(&host, "/who?by=client", "outer", "rewrite").await).await;
    // The route was found before; the handler reads what the middleware wrote.
    assert_eq!((&seen["path"], &seen["query"]), (&json!("/rewritten"), &json!("by=middleware")));

    let seen = json_of(told(&host, "/who", "outer", "user").await).await;
    assert_eq!(seen["user"], "ada");
    assert_eq!(seen["roles"], json!(["admin", "writer"]));

    let request = Request::builder("POST", "/echo").header("x-outer", "body").body("a body");
    assert_eq!(text(host.respond(request.build()).await).await, "another body");
}

async fn an_error_passes_through_it_or_is_turned_into_an_answer(stage: Stage) {
    let host = stage.probe().await;
    let request = Request::builder("GET", "/error?conflict").header("x-outer", "recover").build();
    let response = host.handle(request).await.unwrap();
    assert_eq!(response.status(), 299);
    assert_eq!(text(response).await, "recovered: conflict");

    let request = Request::builder("GET", "/inside/who").header("x-inner", "error").build();
    let error = host.handle(request).await.unwrap_err();
    assert_eq!((error.kind(), error.plugin()), (ErrorKind::Unavailable, Some("probe")));
    assert_eq!(error.message(), "its middleware could not answer: a middleware was told to fail");
}

on_every_mount! {
    it_runs_by_priority_and_comes_back_in_reverse,
    the_operators_priority_wins,
    equal_priorities_run_in_the_order_of_their_start,
    it_is_passed_over_for_other_paths,
    it_runs_where_no_handler_is,
    it_may_answer_by_itself,
    it_may_change_the_request,
    an_error_passes_through_it_or_is_turned_into_an_answer,
}
