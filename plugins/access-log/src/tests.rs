use std::future::{pending, poll_fn};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Mutex;
use std::task::Poll;

use futures_lite::future::block_on;
use hotshoe::{Error, ErrorKind};
use hotshoe_abi::{AbiFuture, Chain};

use super::*;

/// Ends a chain: answers with a status, an error or not at all, and keeps the call.
struct End {
    answer: fn() -> Option<Result<Response>>,
    seen: Mutex<Option<Call>>,
}

impl Chain for End {
    fn run(self: Arc<Self>, _: usize, request: Request) -> AbiFuture<'static, Response> {
        *self.seen.lock().unwrap() = Some(request.call().clone());
        AbiFuture::new(async move {
            match (self.answer)() {
                Some(answer) => answer,
                None => pending().await,
            }
        })
    }
}

fn end(answer: fn() -> Option<Result<Response>>) -> Arc<End> {
    Arc::new(End { answer, seen: Mutex::new(None) })
}

/// A folder that is gone after the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("access-log-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn lines(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.0.join("access.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn log(folder: &Folder, config: Config) -> AccessLog {
    let file = Some("access.jsonl".to_owned());
    AccessLog::new(Config { file, ..config }, "access-log", &folder.0).unwrap()
}

fn serve(log: &AccessLog, request: Request, end: &Arc<End>) -> Result<Response> {
    block_on(log.handle(request, Next::new(end.clone(), 0)))
}

#[test]
fn a_line_has_every_field_and_no_query() {
    let folder = Folder::new("fields");
    let log = log(&folder, Config::default());
    let call = Call::builder().request_id("req-123").user("456", [""; 0]).build();
    let request = Request::builder("GET", "/recommendations?token=secret").call(call).build();
    let response = serve(&log, request, &end(|| Some(Ok(Response::new(200))))).unwrap();
    assert_eq!(response.header("x-request-id"), Some("req-123"));
    let lines = folder.lines();
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    for (field, value) in [
        ("level", "info"),
        ("plugin_id", "access-log"),
        ("version", env!("CARGO_PKG_VERSION")),
        ("request_id", "req-123"),
        ("method", "GET"),
        ("path", "/recommendations"),
        ("user_id", "456"),
    ] {
        assert_eq!(line[field], value, "{field}");
    }
    assert_eq!(line["status_code"], 200);
    assert!(line["response_time_ms"].as_f64().unwrap() >= 0.0);
    assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn a_request_without_an_id_gets_one_that_later_links_and_the_client_see() {
    let folder = Folder::new("id");
    let log = log(&folder, Config::default());
    let end = end(|| Some(Ok(Response::new(200))));
    let request = Request::builder("GET", "/").header("x-request-id", "forged").build();
    let response = serve(&log, request, &end).unwrap();
    let id = response.header("x-request-id").unwrap();
    assert_ne!(id, "forged");
    assert_eq!(end.seen.lock().unwrap().as_ref().unwrap().request_id(), Some(id));
    assert_eq!(folder.lines()[0]["request_id"], id);
}

#[test]
fn a_clients_id_is_taken_over_where_it_is_trusted() {
    let folder = Folder::new("trusted");
    let log = log(&folder, Config { trust_request_id: true, ..Config::default() });
    let request = Request::builder("GET", "/").header("x-request-id", "from-proxy").build();
    let response = serve(&log, request, &end(|| Some(Ok(Response::new(200))))).unwrap();
    assert_eq!(response.header("x-request-id"), Some("from-proxy"));
}

#[test]
fn errors_and_abandoned_requests_are_logged_too() {
    let folder = Folder::new("errors");
    let log = log(&folder, Config::default());
    let request = || Request::builder("POST", "/pks/add").build();
    let fails = end(|| Some(Err(Error::new(ErrorKind::Timeout, "too slow"))));
    assert!(serve(&log, request(), &fails).unwrap_err().is_timeout());
    block_on(async {
        let mut served = pin!(log.handle(request(), Next::new(end(|| None), 0)));
        poll_fn(|context| Poll::Ready(served.as_mut().poll(context).is_pending())).await
    });
    let lines = folder.lines();
    let [timeout, abandoned] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!((&timeout["status_code"], &timeout["error"]), (&504.into(), &"timeout".into()));
    assert_eq!(abandoned["status_code"], 499);
}

#[test]
fn skipped_paths_leave_no_line_but_still_get_an_id() {
    let folder = Folder::new("skipped");
    let log = log(&folder, Config { skip_paths: vec!["/health".into()], ..Config::default() });
    let request = Request::builder("GET", "/health").build();
    let response = serve(&log, request, &end(|| Some(Ok(Response::new(200))))).unwrap();
    assert!(response.header("x-request-id").is_some());
    assert!(folder.lines().is_empty());
}

#[test]
fn collected_lines_are_written_when_the_plugin_stops_at_the_latest() {
    let folder = Folder::new("collected");
    let flush_interval = Some("1h".parse().unwrap());
    let log = log(&folder, Config { flush_interval, ..Config::default() });
    for _ in 0..3 {
        let request = Request::builder("GET", "/").build();
        serve(&log, request, &end(|| Some(Ok(Response::new(200))))).unwrap();
    }
    assert!(folder.lines().is_empty());
    block_on(log.stop()).unwrap();
    assert_eq!(folder.lines().len(), 3);
}

#[test]
fn a_line_cannot_be_broken_by_what_a_client_sends() {
    let folder = Folder::new("broken");
    let log = log(&folder, Config { log_query: true, ..Config::default() });
    let request = Request::builder("GET", "/a\n{\"status_code\":1}?b=\r\nc").build();
    serve(&log, request, &end(|| Some(Ok(Response::new(200))))).unwrap();
    let lines = folder.lines();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["path"], "/a\n{\"status_code\":1}?b=\r\nc");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_degrades_the_plugin_and_serves_the_request() {
    let mut log = AccessLog::new(Config::default(), "access-log", "/".as_ref()).unwrap();
    let file = File::open("/dev/full".as_ref(), false).unwrap();
    let source = log.sink.source.clone();
    log.sink = Arc::new(Sink { source, file: Some(file) });
    let request = Request::builder("GET", "/").build();
    assert_eq!(serve(&log, request, &end(|| Some(Ok(Response::new(200))))).unwrap().status(), 200);
    let health = block_on(log.health()).unwrap();
    assert_eq!(health.status, hotshoe::HealthStatus::Degraded);
    assert!(health.message.contains("/dev/full"), "{}", health.message);
    assert_eq!(log.sink.file.as_ref().unwrap().lost(), 1);
}
