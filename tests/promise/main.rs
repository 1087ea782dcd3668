//! Plugins built with an earlier release of hotshoe-abi, kept as the binaries they were, in this host. See
//! docs/abi.md, and `scripts/keepsake` for how they are built.

mod api;

use std::path::{Path, PathBuf};

use api::{Keepsake, Oracle};
use bytes::Bytes;
use futures_lite::future::{block_on, poll_once};
use hotshoe::config::{Config, Sha256};
use hotshoe::{
    Batch, Body, Call, Deferred, ErrorKind, HealthStatus, Json, PluginHost, Precondition, Request,
    Response, Result, Scan, StorageBackend,
};
use serde_json::{Value, json};
use sha2::Digest;

/// The binaries, and what they were on the day they were built. A line is never taken away.
const KEPT: &[(&str, &str)] = &[(
    "keepsake-1.0.0-x86_64-unknown-linux-gnu.so",
    "ca72cbd317e06ad85fe6f595a20b9de60eed553089b24d8a2288bd87b57b9b46",
)];

/// Those of them that this machine can load.
fn kept() -> Vec<PathBuf> {
    let target = format!("-{}.so", hotshoe_abi::TARGET);
    let here = KEPT.iter().filter(|(name, _)| name.ends_with(&target));
    here.map(|(name, digest)| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/promise").join(name);
        let bytes = std::fs::read(&path).expect("what is kept is there");
        let found = Sha256::from_bytes(sha2::Sha256::digest(bytes).into());
        assert_eq!(found.to_string(), *digest, "{name} is not what it was");
        path
    })
    .collect()
}

#[test]
fn there_is_a_binary_of_every_line_of_the_abi() {
    let major = hotshoe_abi::VERSION.split('.').next().expect("a version has a major number");
    let begins = format!("keepsake-{major}.");
    assert!(KEPT.iter().any(|(name, _)| name.starts_with(&begins)), "scripts/keepsake makes one");
}

/// Tries each binary that can be loaded here.
fn each(try_it: impl Fn(&House)) {
    let kept = kept();
    if kept.is_empty() {
        eprintln!("skipped: no binary is kept for {}", hotshoe_abi::TARGET);
    }
    kept.iter().for_each(|path| try_it(&House::new(path)));
}

/// A host with the plugin, which was not built for it.
struct House {
    host: PluginHost,
    _folder: tempfile::TempDir,
}

impl House {
    fn new(path: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let plugins = folder.path().join("plugins");
        std::fs::create_dir(&plugins).expect("a folder");
        std::fs::copy(path, plugins.join("keepsake.so")).expect("a copy");
        let config = "
            plugins.keepsake.enabled = true
            plugins.keepsake.config.greeting = 'hello'
            plugins.storage = 'keepsake'";
        let host = PluginHost::builder()
            .config(Config::from_toml(config, "promise.toml").expect("the settings are fine"))
            .directory(plugins)
            .data_dir(folder.path().join("data"))
            .service::<dyn Oracle, _>(Delphi)
            .build()
            .expect("a host");
        let report = host.start().wait().expect("it starts");
        assert!(report.is_complete(), "{report}");
        Self { host, _folder: folder }
    }

    fn execute(&self, by: u64) -> Value {
        let call = Call::builder().user("ada", ["admin"]).build();
        block_on(self.host.execute("keepsake", &call, &json!(by))).result
    }

    fn get(&self, request: Request) -> Response {
        block_on(self.host.handle(request)).expect("there is an answer")
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.host.stop().wait().expect("the host stops");
    }
}

struct Delphi;

impl Oracle for Delphi {
    fn answer(&self, question: &str) -> Deferred<String> {
        let answer = format!("{question}? 42");
        Deferred::new(async move { Ok(answer) })
    }
}

#[test]
fn its_manifest_is_understood() {
    each(|house| {
        let plugin = house.host.plugin("keepsake").unwrap();
        assert_eq!(
            (plugin.name.as_str(), plugin.version),
            ("A keepsake", Some(semver::Version::new(1, 0, 0)))
        );
        assert!(plugin.metadata["built"].starts_with("with hotshoe-abi "));
        assert_eq!(
            plugin.provides,
            [
                "keepsake 1.0.0",
                "storage kept-memory",
                "middleware",
                "GET /greet/{name}",
                "POST /echo"
            ]
        );
        assert!(plugin.warnings.is_empty(), "{:?}", plugin.warnings);
    });
}

#[test]
fn its_service_is_called_with_every_kind_of_argument() {
    each(|house| {
        let kept = house.host.service::<dyn Keepsake>().unwrap();
        assert_eq!(kept.sum(1, 2, 3, -4, 0.5).unwrap(), 2.5);
        let call = Call::builder().user("ada", ["admin", "writer"]).request_id("r1").build();
        assert_eq!(
            kept.words(&call, "lent", "owned".to_owned(), b"ab", 'ä').unwrap(),
            r#"(Some("ada"), ["admin", "writer"], Some("r1"), "lent", "owned", [97, 98], 'ä')"#
        );
        assert_eq!(kept.backwards(vec![1, 2], Some("three".to_owned())).unwrap(), [5, 2, 1]);
        assert_eq!(kept.backwards(vec![1, 2], None).unwrap(), [2, 1]);
        let bytes = Bytes::from(vec![7; 1000]).slice(1..);
        assert_eq!(kept.same(bytes.clone()).unwrap().as_ptr(), bytes.as_ptr());
        let sent = vec![8; 1000];
        let start = sent.as_ptr();
        assert_eq!(kept.same_buffer(sent.into()).unwrap().as_ptr(), start);
        assert_eq!(kept.json(Json(vec![-1, 0])).unwrap(), Json(vec![0, 1]));
        assert_eq!(block_on(kept.later(21)).unwrap(), 42);
        let mut never = kept.never();
        assert!(block_on(poll_once(&mut never)).is_none());
        drop(never);
        assert_eq!(block_on(kept.asks("why")).unwrap(), "why? 42");
        assert_eq!(block_on(kept.direct().unwrap().later(4)).unwrap(), 8);
    });
}

#[test]
fn its_errors_and_panics_arrive() {
    each(|house| {
        let kept = house.host.service::<dyn Keepsake>().unwrap();
        let error = kept.fails().unwrap_err();
        assert_eq!(
            (error.kind(), error.message()),
            (ErrorKind::Conflict, "peace was expected, war was found")
        );
        assert_eq!((error.help(), error.path()), (Some("make peace"), Some("/kept")));
        assert_eq!(error.causes().collect::<Vec<_>>(), ["a cause"]);
        let panic = kept.panics().unwrap_err();
        assert!(panic.is_panic() && panic.message().contains("it was told to panic"), "{panic:#}");
        assert!(panic.location().is_some_and(|place| place.contains("lib.rs")), "{panic:#}");
    });
}

#[test]
fn its_routes_and_middleware_are_on_the_way_of_requests() {
    each(|house| {
        let response = house.get(Request::builder("GET", "/greet/ada").build());
        assert_eq!(response.status(), 200);
        assert_eq!(
            (response.header("x-kept"), response.header("x-stamp")),
            (Some("yes"), Some("out"))
        );
        assert_eq!(block_on(response.into_body().collect(100)).unwrap(), "hello, ada!");
        let request = Request::builder("POST", "/echo").body(Body::from(vec![9; 1001])).build();
        let body = house.get(request).into_body();
        assert_eq!(block_on(body.collect(2000)).unwrap(), vec![9; 1001]);
    });
}

#[test]
fn it_counts_events_ticks_and_keeps_its_state_over_a_restart() {
    each(|house| {
        assert_eq!(house.execute(2)["count"], 2);
        assert_eq!(house.execute(0)["user"], "ada");
        assert_eq!(house.host.publish(&Call::none(), "kept.now", "5"), 1);
        until("the event arrives", || house.execute(0)["count"] == 7);
        until("a tick", || house.execute(0)["ticks"].as_u64() > Some(0));
        house.host.restart("keepsake").wait().unwrap();
        assert_eq!(house.execute(1)["count"], 8);
        let metrics = house.host.metrics_of("keepsake").unwrap();
        assert_eq!(metrics.error_count, 0);
    });
}

#[test]
fn its_storage_stores() {
    each(|house| {
        let (call, storage) = (Call::none(), house.host.storage("keepsake").unwrap());
        let stored: Result<()> = block_on(async {
            let one = storage.put(&call, "one", "1".into(), Precondition::Absent).await?;
            assert!(
                storage
                    .put(&call, "one", "2".into(), Precondition::Absent)
                    .await
                    .unwrap_err()
                    .is_conflict()
            );
            assert_eq!(
                storage.get(&call, "one").await?.map(|record| (record.value, record.version)),
                Some(("1".into(), one))
            );
            storage.commit(&call, Batch::new().put("two", "2", Precondition::Any)).await?;
            let page = storage.scan(&call, Scan { limit: 1, ..Scan::prefix("") }).await?;
            assert_eq!((page.entries.len(), page.next.is_some()), (1, true));
            assert!(storage.delete(&call, "one", Precondition::At(one)).await?);
            assert_eq!(storage.get(&call, "one").await?, None);
            Ok(())
        });
        stored.unwrap();
    });
}

#[test]
fn it_says_how_it_is() {
    each(|house| {
        let health = block_on(house.host.health("keepsake")).unwrap();
        assert_eq!((health.status, health.message.as_str()), (HealthStatus::Degraded, "it is old"));
    });
}

fn until(what: &str, so: impl Fn() -> bool) {
    let begin = std::time::Instant::now();
    while !so() {
        assert!(begin.elapsed().as_secs() < 60, "{what} did not happen");
        std::thread::yield_now();
    }
}
