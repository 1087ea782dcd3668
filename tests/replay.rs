//! Calls are recorded while a host serves, and replayed to the same plugin and to others.

mod support;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_lite::future::block_on;
use hotshoe::config::{InstanceConfig, Lane};
use hotshoe::replay::{
    Answered, Answering, Asked, Reader, RecordOptions, Recorded, RecordedRequest, ReplayOptions,
    Report, Subject, Tolerance, replay,
};
use hotshoe::{
    Body, BodyStream, Call, Context, Contributions, Error, ErrorKind, LinkedPlugin, Middleware,
    Next, NoConfig, Plugin, PluginHost, Request, Response, Result, handler_fn,
};
use serde_json::{Value, json};
use support::rig::{self, Rig};

/// A plugin of which there are two versions.
struct Shop<const NEW: bool>;

/// Prices doubled.
fn price<const NEW: bool>(of: u64) -> u64 {
    if NEW { 2 * of } else { of }
}

/// How often an order was taken.
static ORDERS: AtomicU64 = AtomicU64::new(0);

impl<const NEW: bool> Plugin for Shop<NEW> {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        let item = handler_fn(async |request: Request| {
            let item = request.param("item").unwrap_or_default();
            let of = item.parse().map_err(|_| {
                Error::new(ErrorKind::NotFound, format!("nothing is called {item}"))
            })?;
            let user = request.call().user_id().unwrap_or("nobody");
            let text = json!({ "item": item, "price": price::<NEW>(of), "for": user });
            let response = Response::json(200, text.to_string());
            Ok(response.with_header("x-shop", if NEW { "new" } else { "old" }))
        });
        to.handler("GET", "/items/{item}", item);
        let echo = handler_fn(async |mut request: Request| {
            let body = request.take_body().collect(1 << 20).await?;
            let chunks = body.chunks(3).map(Bytes::copy_from_slice).collect();
            Ok(Response::new(200).with_body(Body::stream(Chunks(chunks))))
        });
        to.handler("POST", "/echo", echo);
        let secret = handler_fn(async |request: Request| match request.header("authorization") {
            Some("Bearer hush") => Ok(Response::new(204).with_header("set-cookie", "id=hush")),
            _ => Ok(Response::new(401)),
        });
        to.handler("GET", "/secret", secret);
        let order = handler_fn(async |_: Request| {
            ORDERS.fetch_add(1, Ordering::SeqCst);
            Ok(Response::new(201))
        });
        to.handler("POST", "/orders", order);
        if !NEW {
            let gone = handler_fn(async |_: Request| Ok(Response::text(200, "still")));
            to.handler("GET", "/gone", gone);
        }
    }

    async fn execute(&self, _: &Call, input: Value) -> Result<Value> {
        match input.as_u64() {
            Some(of) => Ok(json!(price::<NEW>(of))),
            None => Err(Error::new(ErrorKind::InvalidInput, "a number was expected")),
        }
    }
}

struct Chunks(Vec<Bytes>);

impl BodyStream for Chunks {
    fn poll_chunk(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Bytes>>> {
        let next = (!self.0.is_empty()).then(|| Ok(self.0.remove(0)));
        std::task::Poll::Ready(next)
    }
}

fn old() -> LinkedPlugin {
    hotshoe::plugin!(Shop<false>, id = "shop")
}

fn new() -> LinkedPlugin {
    hotshoe::plugin!(Shop<true>, id = "shop")
}

fn host(plugin: LinkedPlugin) -> PluginHost {
    start(PluginHost::builder().register_plugin(plugin).build().unwrap())
}

fn start(host: PluginHost) -> PluginHost {
    let report = host.start().wait().unwrap();
    assert!(report.is_complete(), "{report}");
    host
}

/// A folder for recordings.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("calls.jsonl")
    }

    /// Records what is done.
    fn record(&self, host: &PluginHost, instance: &str, act: impl FnOnce()) -> Vec<Recorded> {
        let recording = host.record(instance, RecordOptions::new(self.file())).unwrap();
        act();
        let summary = recording.finish().unwrap();
        let calls = read(&self.file());
        assert_eq!(summary.written, calls.len() as u64, "{summary}");
        assert!(!summary.cut_short);
        calls
    }
}

fn read(file: &Path) -> Vec<Recorded> {
    Reader::open(file).unwrap().collect::<Result<_>>().unwrap()
}

fn ask(host: &PluginHost, method: &str, target: &str) -> Response {
    host.respond_blocking(Request::builder(method, target).build())
}

fn execute(host: &PluginHost, input: &Value) -> String {
    block_on(host.execute("shop", &Call::none(), input)).status
}

fn replayed(host: &PluginHost, folder: &Folder, change: impl FnOnce(&mut ReplayOptions)) -> Report {
    let mut options = ReplayOptions::default();
    change(&mut options);
    host.replay(folder.file(), "shop", options).wait().unwrap()
}

/// A bit of everything.
fn visit(host: &PluginHost) {
    let ada = Call::builder().user("ada", ["admin"]).build();
    let request = Request::builder("GET", "/items/7?colour=red").call(ada).build();
    assert_eq!(host.respond_blocking(request).status(), 200);
    assert_eq!(ask(host, "GET", "/items/unicorn").status(), 404);
    let bytes: Vec<u8> = (0..=255).collect();
    let request = Request::builder("POST", "/echo").body(bytes.clone()).build();
    let body = host.respond_blocking(request).into_body();
    assert_eq!(block_on(body.collect(1000)).unwrap(), bytes);
    assert_eq!(execute(host, &json!(7)), "success");
    assert_eq!(execute(host, &json!("seven")), "invalid_input");
    assert_eq!(ask(host, "GET", "/gone").status(), 200);
}

#[test]
fn a_plugin_answers_what_was_recorded_of_it_alike() {
    let (folder, host) = (Folder::new(), host(old()));
    let calls = folder.record(&host, "shop", || visit(&host));
    assert_eq!(calls.len(), 6);
    let Asked::Request(first) = &calls[0].call else { panic!("{calls:?}") };
    assert_eq!((&*first.method, &*first.path), ("GET", "/items/7"));
    assert_eq!((&*first.route_path, first.query.as_deref()), ("/items/{item}", Some("colour=red")));
    assert_eq!(first.params, [("item".to_owned(), "7".to_owned())]);
    assert_eq!(calls[0].caller.as_ref().map(|caller| &*caller.user), Some("ada"));
    assert_eq!(calls[1].answer, Answered::Error("not_found".into()));
    assert!(calls.iter().is_sorted_by_key(|call| call.at_ns));

    let report =
        replayed(&host, &folder, |options| options.compare_headers = vec!["X-Shop".into()]);
    assert_eq!((report.passed, report.differed, report.skipped), (6, 0, 0), "{report}");
    report.verdict(&Tolerance::default()).unwrap();
    host.stop().wait().unwrap();
}

#[test]
fn a_version_that_answers_otherwise_is_refused_with_each_difference() {
    let folder = Folder::new();
    let before = host(old());
    folder.record(&before, "shop", || visit(&before));
    before.stop().wait().unwrap();

    let after = host(new());
    let report = replayed(&after, &folder, |options| {
        options.compare_headers = vec!["x-shop".into(), "content-type".into()];
    });
    assert_eq!((report.passed, report.differed), (3, 3), "{report}");
    let error = report.verdict(&Tolerance::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    insta::assert_snapshot!(format!("{error:#}"), @r"
    all calls of the recording of `shop` 0.1.0 were expected to be answered alike, 3 of 6 are not
      call 1, GET /items/7: header `x-shop`: `old` was recorded, found `new`; its body at `/price`: 7 was recorded, found 14
      call 4, execute: its output: 7 was recorded, found 14
      call 6, GET /gone: a response with status 200 was recorded, found that nothing of it answers such a call
      help: if it is meant so: name what may differ in `ignore`, or record the new version
    ");

    let mut tolerant = Tolerance::default();
    tolerant.differences = 3;
    report.verdict(&tolerant).unwrap();
    // What is meant to differ is named.
    let report = replayed(&after, &folder, |options| {
        options.ignore = vec!["/price".into(), "".into()];
        options.skip = vec!["GET /gone".into()];
    });
    assert_eq!((report.passed, report.differed, report.skipped), (5, 0, 1), "{report}");
    after.stop().wait().unwrap();
}

#[test]
fn a_loaded_plugin_is_recorded_and_replayed_without_what_changes_by_itself() {
    let rig = Rig::bare();
    rig.add("keyserver-stats");
    let (host, report) = rig.start("");
    assert!(report.is_complete(), "{report}");
    let file = rig.path("calls.jsonl");
    let recording = host.record("keyserver-stats", RecordOptions::new(&file)).unwrap();
    for path in ["/pks/stats", "/extended-metrics", "/pks/stats"] {
        assert_eq!(ask(&host, "GET", path).status(), 200);
    }
    assert_eq!(recording.finish().unwrap().written, 3);

    let mut options = ReplayOptions::default();
    options.skip = vec!["GET /extended-metrics".into()];
    let replay = |options: &ReplayOptions| {
        host.replay(&file, "keyserver-stats", options.clone()).wait().unwrap()
    };
    let report = replay(&options);
    assert_eq!(report.differed, 2, "it counts what passes its middleware: {report}");
    options.ignore = vec!["/requests".into(), "/uptime_seconds".into()];
    let report = replay(&options);
    assert_eq!((report.passed, report.differed, report.skipped), (2, 0, 1), "{report}");
    host.stop().wait().unwrap();
}

#[test]
fn a_loaded_variant_that_answers_otherwise_is_refused() {
    let rig = Rig::new();
    let (before, _) = rig.start("");
    let file = rig.path("calls.jsonl");
    let recording = before.record("steady", RecordOptions::new(&file)).unwrap();
    assert_eq!(rig::get(&before, "steady"), "200 steady 1");
    recording.finish().unwrap();
    before.stop().wait().unwrap();

    let other = Rig::bare();
    other.change("faulty", "libsteady.so", &[("id", "faulty", "steady")]);
    let (after, _) = other.start("[plugins.steady]\nconfig.threshold = 2");
    let report = after.replay(&file, "steady", ReplayOptions::default()).wait().unwrap();
    let error = report.verdict(&Tolerance::default()).unwrap_err();
    insta::assert_snapshot!(error.message(), @r"
    all calls of the recording of `steady` 1.2.0 were expected to be answered alike, 1 of 1 are not
      call 1, GET /faulty/steady: its body in line 1: `steady 1` was recorded, found `steady 2`
    ");
    after.stop().wait().unwrap();
}

#[test]
fn secrets_are_left_out_and_it_is_said_that_a_call_was_made_without() {
    let (folder, host) = (Folder::new(), host(old()));
    let calls = folder.record(&host, "shop", || {
        let request = Request::builder("GET", "/secret").header("authorization", "Bearer hush");
        assert_eq!(host.respond_blocking(request.build()).status(), 204);
    });
    assert_eq!(calls.len(), 1);
    let text = std::fs::read_to_string(folder.file()).unwrap();
    assert!(!text.contains("hush") && text.contains("authorization"), "{text}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = folder.file().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "nobody else reads it");
    }

    let report = replayed(&host, &folder, |options| {
        options.compare_headers = vec!["set-cookie".into()];
    });
    insta::assert_snapshot!(report.differences[0].to_string(), @r"call 1, GET /secret: status 204 was recorded, found 401 (made without `authorization`, which is not in the recording)");
    host.stop().wait().unwrap();
}

#[test]
fn what_is_skipped_is_not_called() {
    let (folder, host) = (Folder::new(), host(old()));
    folder.record(&host, "shop", || assert_eq!(ask(&host, "POST", "/orders").status(), 201));
    let before = ORDERS.load(Ordering::SeqCst);
    let report = replayed(&host, &folder, |options| options.skip = vec!["POST /orders".into()]);
    assert_eq!((report.skipped, ORDERS.load(Ordering::SeqCst)), (1, before));
    let error = report.verdict(&Tolerance::default()).unwrap_err();
    insta::assert_snapshot!(format!("{error:#}"), @r"
    at least 1 calls of the recording of `shop` 0.1.0 were expected to be compared, found 0
      help: record for longer, or skip less of it
    ");
    host.stop().wait().unwrap();
}

#[test]
fn only_what_is_named_is_recorded() {
    let (folder, host) = (Folder::new(), host(old()));
    let mut options = RecordOptions::new(folder.file());
    options.contributions = vec!["GET /gone".into()];
    let recording = host.record("shop", options).unwrap();
    visit(&host);
    assert_eq!(recording.finish().unwrap().written, 1);
    let reader = Reader::open(folder.file()).unwrap();
    assert_eq!(reader.header().contributions, ["GET /gone"]);
    assert_eq!(reader.header().plugin, "shop");
    assert_eq!(reader.count(), 1);
    host.stop().wait().unwrap();
}

#[test]
fn after_its_end_nothing_is_recorded_and_another_recording_may_begin() {
    let (folder, host) = (Folder::new(), host(old()));
    let recording = host.record("shop", RecordOptions::new(folder.file())).unwrap();
    let other = || host.record("shop", RecordOptions::new(folder.0.path().join("other")));
    let error = other().unwrap_err();
    assert_eq!((error.kind(), error.plugin()), (ErrorKind::AlreadyExists, Some("shop")));
    assert!(!folder.0.path().join("other").exists(), "nothing is left of it");
    recording.finish().unwrap();
    visit(&host);
    assert_eq!(read(&folder.file()).len(), 0);
    drop(other().unwrap());
    visit(&host);
    host.stop().wait().unwrap();
}

#[test]
fn a_restart_cuts_a_recording_short() {
    let (folder, host) = (Folder::new(), host(old()));
    let recording = host.record("shop", RecordOptions::new(folder.file())).unwrap();
    visit(&host);
    host.restart("shop").wait().unwrap();
    visit(&host);
    let summary = recording.finish().unwrap();
    assert_eq!((summary.written, summary.cut_short), (6, true));
    assert!(summary.to_string().ends_with("exchanged meanwhile"), "{summary}");
    host.stop().wait().unwrap();
}

#[test]
fn what_cannot_be_recorded_is_refused_with_what_can() {
    let (folder, host) = (Folder::new(), host(old()));
    std::fs::write(folder.file(), "mine").unwrap();
    let missing = folder.0.path().join("nowhere/calls.jsonl");
    let mut unknown = RecordOptions::new(folder.0.path().join("new"));
    unknown.contributions = vec!["service prices".into()];
    let refused = |instance, options| {
        let error = host.record(instance, options).unwrap_err();
        rig_clean(&format!("{error:#}"), folder.0.path())
    };
    let all = [
        refused("shop", RecordOptions::new(folder.file())),
        refused("shop", RecordOptions::new(missing)),
        refused("shop", unknown),
        refused("shp", RecordOptions::new(folder.0.path().join("new"))),
    ];
    insta::assert_snapshot!(all.join("\n"), @r"
    a new file was expected for the recording, there is one already
      file: <folder>/calls.jsonl
      help: give another name, or delete that one
    the recording cannot be written
      because: No such file or directory (os error 2)
      file: <folder>/nowhere/calls.jsonl
      help: correct the path
    plugin `shop`: it has no contribution `service prices` that can be recorded
      help: routes and `execute` can be: POST /echo, GET /gone, GET /items/{item}, POST /orders, GET /secret, execute
    no plugin instance is called `shp`
      help: instances: shop
    ");
    assert_eq!(std::fs::read_to_string(folder.file()).unwrap(), "mine");
    assert!(!folder.0.path().join("new").exists());

    let error = host.replay(folder.file(), "shop", ReplayOptions::default()).wait().unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::InvalidInput, folder.file().to_str()));
    let error = host.replay("nowhere", "shop", ReplayOptions::default()).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    host.stop().wait().unwrap();
}

fn rig_clean(text: &str, folder: &Path) -> String {
    support::said::clean(text, folder)
}

#[test]
fn calls_on_threads_of_its_own_and_those_of_a_pool_are_recorded() {
    let folder = Folder::new();
    let mut one = InstanceConfig::new("one");
    one.plugin = "shop".into();
    one.supervision.pool = Some("shops".into());
    one.supervision.lane = Some(Lane::Dedicated { threads: NonZeroU32::MIN, queue: 8, spare: 0 });
    let builder = PluginHost::builder().register_plugin(old()).instance(one);
    let host = start(builder.build().unwrap());
    let calls = folder.record(&host, "one", || {
        assert_eq!(ask(&host, "GET", "/items/7").status(), 200);
        for target in ["one", "shops"] {
            let answer = block_on(host.execute(target, &Call::none(), &json!(7)));
            assert_eq!(answer.status, "success", "{answer:?}");
        }
    });
    assert_eq!(calls.len(), 3, "{calls:?}");
    let report = host.replay(folder.file(), "one", ReplayOptions::default()).wait().unwrap();
    assert_eq!(report.passed, 3, "{report}");
    host.stop().wait().unwrap();
}

#[test]
fn what_the_host_refuses_is_no_answer_of_the_plugin() {
    let folder = Folder::new();
    let mut one = InstanceConfig::new("shop");
    let once = hotshoe::settings::Quota::per_hour(NonZeroU32::MIN);
    one.supervision.rate_limit = once.into();
    let builder = PluginHost::builder().register_plugin(old()).instance(one);
    let host = start(builder.build().unwrap());
    let calls = folder.record(&host, "shop", || {
        assert_eq!(ask(&host, "GET", "/gone").status(), 200);
        assert_eq!(ask(&host, "GET", "/gone").status(), 429);
    });
    assert_eq!(calls.len(), 1, "{calls:?}");
    host.stop().wait().unwrap();
}

/// Turns a path into another.
struct Detour;

impl Plugin for Detour {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.middleware(self.clone());
    }
}

impl Middleware for Detour {
    async fn handle(&self, mut request: Request, next: Next) -> Result<Response> {
        request.set_header("x-detour", "yes");
        let response = next.run(request).await?;
        Ok(response.with_header("x-shop", "changed"))
    }
}

#[test]
fn a_request_is_recorded_as_its_handler_gets_it_and_answers_it() {
    let folder = Folder::new();
    let detour = hotshoe::plugin!(Detour, id = "detour", provides = [middleware]);
    let builder = PluginHost::builder().register_plugin(old()).register_plugin(detour);
    let host = start(builder.build().unwrap());
    let calls = folder.record(&host, "shop", || {
        assert_eq!(ask(&host, "GET", "/items/7").header("x-shop"), Some("changed"));
    });
    let Asked::Request(request) = &calls[0].call else { panic!("{calls:?}") };
    assert_eq!(request.headers[0].0, "x-detour");
    let report =
        replayed(&host, &folder, |options| options.compare_headers = vec!["x-shop".into()]);
    assert_eq!(report.passed, 1, "{report}");
    host.stop().wait().unwrap();
}

/// Answers as it is told.
struct Told<F>(F);

impl<F: Fn(u64) -> Answering<'static, Result<Response>> + Send + Sync> Subject for Told<F> {
    fn handle<'a>(
        &'a self,
        call: Call,
        request: &'a RecordedRequest,
    ) -> Answering<'a, Option<Result<Response>>> {
        let request = request.to_routed_request(call);
        let item = request.param("item").unwrap().parse().unwrap();
        let answer = (self.0)(item);
        Box::pin(async move { Some(answer.await) })
    }

    fn execute<'a>(&'a self, _: Call, _: &'a str) -> Answering<'a, Result<String>> {
        Box::pin(async { Err(Error::new(ErrorKind::Unsupported, "it has none")) })
    }
}

/// A recording of `GET /items/0` and so on.
fn items(count: u64) -> Folder {
    let (folder, host) = (Folder::new(), host(old()));
    folder.record(&host, "shop", || {
        for item in 0..count {
            assert_eq!(ask(&host, "GET", &format!("/items/{item}")).status(), 200);
        }
    });
    host.stop().wait().unwrap();
    folder
}

fn item(item: u64) -> Result<Response> {
    let text = json!({ "price": item, "item": item.to_string(), "for": "nobody" });
    Ok(Response::json(200, text.to_string()))
}

#[test]
fn a_call_that_is_never_answered_ends_as_a_timeout() {
    let folder = items(2);
    let mut options = ReplayOptions::default();
    options.call_timeout = Duration::from_millis(5);
    let subject = Told(|at| -> Answering<'static, _> {
        if at == 0 { Box::pin(std::future::pending()) } else { Box::pin(async move { item(at) }) }
    });
    let report = replay(Reader::open(folder.file()).unwrap(), &subject, &options).unwrap();
    assert_eq!((report.passed, report.differed), (1, 1));
    insta::assert_snapshot!(report.differences[0].to_string(), @r"call 1, GET /items/0: a response with status 200 was recorded, found an error of kind `timeout`");
}

#[test]
fn calls_are_made_one_after_another_unless_more_may_be_at_one_time() {
    let folder = items(8);
    for concurrency in [1, 4] {
        let (inside, most, order) = <(Arc<AtomicU64>, Arc<AtomicU64>, Arc<AtomicU64>)>::default();
        let mut options = ReplayOptions::default();
        options.concurrency = concurrency.try_into().unwrap();
        let (now, top) = (inside.clone(), most.clone());
        let subject = Told(move |at| -> Answering<'static, _> {
            let (now, top, order) = (now.clone(), top.clone(), order.clone());
            Box::pin(async move {
                let begun = now.fetch_add(1, Ordering::SeqCst) + 1;
                top.fetch_max(begun, Ordering::SeqCst);
                // They meet, if they can: all that may be inside at one time are.
                while top.load(Ordering::SeqCst) < concurrency as u64 {
                    futures_lite::future::yield_now().await;
                }
                if concurrency == 1 {
                    assert_eq!(order.fetch_add(1, Ordering::SeqCst), at);
                }
                now.fetch_sub(1, Ordering::SeqCst);
                item(at)
            })
        });
        let report = replay(Reader::open(folder.file()).unwrap(), &subject, &options).unwrap();
        assert_eq!(report.passed, 8, "{report}");
        assert_eq!(most.load(Ordering::SeqCst), concurrency as u64);
    }
}

#[test]
fn latency_is_told_and_judged_only_if_that_is_asked_for() {
    let folder = items(1);
    let text = std::fs::read_to_string(folder.file()).unwrap();
    let at = text.find(r#""took_ns":"#).unwrap() + r#""took_ns":"#.len();
    let end = at + text[at..].find(',').unwrap();
    let text = [&text[..at], "1", &text[end..]].concat();
    let subject = Told(|at| -> Answering<'static, _> { Box::pin(async move { item(at) }) });
    let reader = Reader::new(std::io::Cursor::new(text)).unwrap();
    let report = replay(reader, &subject, &ReplayOptions::default()).unwrap();
    assert!(report.latency.ratio() > 1.5, "{report}");
    report.verdict(&Tolerance::default()).unwrap();
    let mut strict = Tolerance::default();
    strict.max_latency_ratio = Some(1.5);
    let error = report.verdict(&strict).unwrap_err();
    assert!(error.message().contains("at most 1.5 times as long"), "{error}");
    strict.max_latency_ratio = Some(f64::INFINITY);
    report.verdict(&strict).unwrap();
}

#[test]
fn a_torn_recording_is_replayed_as_far_as_it_goes() {
    let folder = items(3);
    let text = std::fs::read(folder.file()).unwrap();
    let subject = Told(|at| -> Answering<'static, _> { Box::pin(async move { item(at) }) });
    let reader = Reader::new(std::io::Cursor::new(text[..text.len() - 10].to_vec())).unwrap();
    let report = replay(reader, &subject, &ReplayOptions::default()).unwrap();
    assert_eq!((report.passed, report.torn), (2, true));
    assert!(report.to_string().contains("not written to its end"), "{report}");
}
