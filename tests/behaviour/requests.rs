//! Routes and handlers.

use hotshoe::{Call, ErrorKind, Request};
use serde_json::json;

use crate::stage::{Stage, get, json_of, text};

async fn a_path_parameter_reaches_the_handler_decoded(stage: Stage) {
    let host = stage.probe().await;
    let seen = json_of(get(&host, "/users/a%20b%2Fc/posts/7").await).await;
    assert_eq!(seen["params"], json!([["user_id", "a b/c"], ["post", "7"]]));
    assert_eq!(seen["user_id"], "a b/c");
    assert_eq!(seen["path"], "/users/a%20b%2Fc/posts/7");
}

async fn a_wildcard_takes_the_rest_of_the_path(stage: Stage) {
    let host = stage.probe().await;
    let seen = json_of(get(&host, "/files/a/b/c.txt").await).await;
    assert_eq!(seen["params"], json!([["rest", "a/b/c.txt"]]));
    assert_eq!(get(&host, "/files/").await.status(), 404);
}

async fn a_handler_sees_the_whole_request(stage: Stage) {
    let host = stage.probe().await;
    let request = Request::builder("GET", "/who?a=1&b=%20")
        .header("Accept", "text/plain")
        .header("x-twice", "one")
        .header("x-twice", "two")
        .build();
    let seen = json_of(host.handle(request).await.unwrap()).await;
    assert_eq!(seen["method"], "GET");
    assert_eq!(seen["query"], "a=1&b=%20");
    let headers = seen["headers"].as_array().unwrap();
    for header in [["accept", "text/plain"], ["x-twice", "one"], ["x-twice", "two"]] {
        assert!(headers.contains(&json!(header)), "{headers:?}");
    }
}

async fn a_handler_sees_who_calls(stage: Stage) {
    let host = stage.probe().await;
    let call = Call::builder()
        .request_id("r-1")
        .user("ada", ["admin", "writer"])
        .timeout(std::time::Duration::from_secs(60))
        .set("tenant", "north")
        .set("trace", r#"{"id":7}"#)
        .build();
    let request = Request::builder("GET", "/who").call(call).build();
    let seen = json_of(host.handle(request).await.unwrap()).await;
    assert_eq!(seen["request_id"], "r-1");
    assert_eq!(seen["user"], "ada");
    assert_eq!(seen["roles"], json!(["admin", "writer"]));
    assert_eq!(seen["entries"], json!([["tenant", "north"], ["trace", r#"{"id":7}"#]]));
    assert_eq!(seen["has_deadline"], true);

    let nobody = json_of(get(&host, "/who").await).await;
    assert_eq!(nobody["user"], json!(null));
    assert_eq!(nobody["has_deadline"], false);
}

async fn what_nobody_answers_is_not_found(stage: Stage) {
    let host = stage.probe().await;
    for path in ["/nowhere", "/", "/who/", "/users/7"] {
        let response = host.handle(Request::builder("GET", path).build()).await.unwrap();
        assert_eq!(response.status(), 404, "{path}");
    }
}

async fn another_method_is_refused_with_those_that_are_allowed(stage: Stage) {
    let host = stage.probe().await;
    let request = Request::builder("DELETE", "/echo").build();
    let response = host.handle(request).await.unwrap();
    assert_eq!(response.status(), 405);
    // It was contributed as `put`: methods are written in upper case here.
    assert_eq!(response.header("allow"), Some("POST, PUT"));
}

async fn head_is_answered_by_the_handler_of_get(stage: Stage) {
    let host = stage.probe().await;
    let response = host.handle(Request::builder("HEAD", "/who").build()).await.unwrap();
    assert_eq!(response.status(), 200);
    let response = host.handle(Request::builder("HEAD", "/echo").build()).await.unwrap();
    assert_eq!(response.status(), 405);
}

async fn a_handler_of_all_methods_takes_each(stage: Stage) {
    let host = stage.host(&["probe"], "plugins.probe.config.label = 'seven'").await;
    for method in ["GET", "DELETE", "PURGE"] {
        let response = host.handle(Request::builder(method, "/any").build()).await.unwrap();
        assert_eq!(response.header("x-label"), Some("seven"));
        assert_eq!(text(response).await, format!("{method} by probe"));
    }
}

async fn an_error_of_a_handler_arrives_whole(stage: Stage) {
    let host = stage.probe().await;
    let request = Request::builder("GET", "/error?conflict").build();
    let error = host.handle(request).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(error.message(), "the secret reason");
    assert_eq!(error.help(), Some("ask again"));
    assert_eq!(error.plugin(), Some("probe"));
    assert_eq!(error.causes().collect::<Vec<_>>(), ["the disk is gone"]);
}

async fn an_error_becomes_an_answer_that_fits_and_keeps_the_reason_to_itself(stage: Stage) {
    let host = stage.probe().await;
    let fits = [
        ("invalid_input", 400),
        ("security_violation", 403),
        ("not_found", 404),
        ("already_exists", 409),
        ("conflict", 409),
        ("resource_limit_exceeded", 429),
        ("error", 500),
        ("io", 500),
        ("unsupported", 501),
        ("unavailable", 503),
        ("timeout", 504),
    ];
    for (kind, status) in fits {
        let call = Call::builder().request_id("r-2").build();
        let request = Request::builder("GET", &format!("/error?{kind}")).call(call).build();
        let response = host.respond(request).await;
        assert_eq!(response.status(), status, "{kind}");
        assert_eq!(response.header("x-request-id"), Some("r-2"));
        assert_eq!(text(response).await, format!("{kind}\n"));
    }
}

async fn a_request_needs_no_executor(stage: Stage) {
    let host = stage.probe().await;
    let response = host.respond_blocking(Request::builder("GET", "/any").build());
    assert_eq!(response.status(), 200);
}

on_every_mount! {
    a_path_parameter_reaches_the_handler_decoded,
    a_wildcard_takes_the_rest_of_the_path,
    a_handler_sees_the_whole_request,
    a_handler_sees_who_calls,
    what_nobody_answers_is_not_found,
    another_method_is_refused_with_those_that_are_allowed,
    head_is_answered_by_the_handler_of_get,
    a_handler_of_all_methods_takes_each,
    an_error_of_a_handler_arrives_whole,
    an_error_becomes_an_answer_that_fits_and_keeps_the_reason_to_itself,
    a_request_needs_no_executor,
}
