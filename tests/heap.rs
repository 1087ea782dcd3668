//! What a library tells of its heap: it rises by what a plugin keeps, falls by what it drops, and
//! whatever crosses is counted where it was allocated, whoever frees it.

mod support;

use std::pin::pin;
use std::sync::Barrier;

use bytes::Bytes;
use futures_lite::future::{block_on, poll_once};
use hotshoe::config::InstanceConfig;
use hotshoe::{Call, ErrorKind, HeapUse, PluginHost, PluginHostBuilder, Request};
use serde_json::{Value, json};
use tempfile::TempDir;

/// More than threads that have a tally of their own.
const THREADS: usize = 100;

/// What the plugin needs to keep so many bytes, beside them.
const BESIDES: u64 = 1024;

/// A host over the library of `hoarder`, and the folders that it needs.
struct Loaded {
    host: PluginHost,
    _folders: [TempDir; 2],
}

impl Loaded {
    fn new() -> Self {
        Self::with(|builder| builder)
    }

    /// A file of its own each time, and so a library of its own: tests run side by side.
    fn with(more: impl FnOnce(PluginHostBuilder) -> PluginHostBuilder) -> Self {
        let folders =
            [support::stage(&[support::library("hoarder")]), tempfile::tempdir().unwrap()];
        let builder = PluginHost::builder().directory(folders[0].path());
        let host = more(builder.data_dir(folders[1].path())).build().unwrap();
        let report = host.start().wait().unwrap();
        assert!(report.is_complete(), "{report}");
        Self { host, _folders: folders }
    }

    fn heap(&self) -> HeapUse {
        heap(&self.host, "hoarder").expect("the library counts its heap")
    }

    fn order(&self, order: Value) {
        tell(&self.host, "hoarder", order);
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        self.host.stop().wait().unwrap();
    }
}

fn heap(host: &PluginHost, instance: &str) -> Option<HeapUse> {
    host.plugin(instance).expect("it is there").heap
}

fn tell(host: &PluginHost, instance: &str, order: Value) {
    let execution = block_on(host.execute(instance, &Call::none(), &order));
    assert_eq!(execution.status, "success", "{order}: {:?}", execution.error);
}

#[test]
fn what_a_call_keeps_is_in_use_until_it_is_dropped() {
    let loaded = Loaded::new();
    loaded.order(json!({ "keep": 1 }));
    loaded.order(json!("drop_all"));
    let before = loaded.heap();

    loaded.order(json!({ "keep": 1_000_000 }));
    let kept = loaded.heap();
    let more = kept.in_use - before.in_use;
    assert!((1_000_000..1_000_000 + BESIDES).contains(&more), "{more} bytes more");
    assert!(kept.peak >= kept.in_use && kept.allocations > before.allocations, "{kept:?}");

    loaded.order(json!("drop_all"));
    let after = loaded.heap();
    assert_eq!(after.in_use, before.in_use);
    assert!(after.peak >= before.in_use + 900_000, "the peak is to within some KiB: {after:?}");
}

#[test]
fn whatever_crosses_ends_at_the_same_count() {
    let loaded = Loaded::new();
    // Twice for what is made only once.
    for _ in 0..2 {
        exchange(&loaded.host);
    }
    let before = loaded.heap();
    for _ in 0..20 {
        exchange(&loaded.host);
    }
    let after = loaded.heap();
    assert_eq!(after.in_use, before.in_use);
    assert!(after.allocations > before.allocations + 100, "{before:?}, then {after:?}");
}

/// One of each thing that crosses: bodies, headers, errors, futures and records, made by either side and
/// freed by the other, partly on another thread.
fn exchange(host: &PluginHost) {
    let get = |path: &str| Request::builder("GET", path).header("x-from", "the host").build();

    let body = Bytes::from(vec![7; 10_000]);
    let mut response =
        host.respond_blocking(Request::builder("POST", "/hoarder/echo").body(body.clone()).build());
    assert_eq!(response.header("x-copied"), Some("10000"));
    assert_eq!(response.take_body().into_full().unwrap(), body);

    // The stream, and chunks of it, are freed by a thread that the library never saw.
    let mut streamed = host.respond_blocking(get("/hoarder/stream")).into_body();
    let first = block_on(streamed.chunk()).unwrap().expect("a chunk");
    assert_eq!(first.len(), 1000);
    std::thread::spawn(move || drop((first, streamed, response))).join().unwrap();

    let error = block_on(host.handle(get("/hoarder/fail"))).unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Io, "it was told to fail"));
    let again = error.clone();
    std::thread::spawn(move || drop(error)).join().unwrap();
    drop(again);

    // An error of the host that passes through the plugin.
    let execution = block_on(host.execute("hoarder", &Call::none(), &json!("ask_nobody")));
    assert_eq!(execution.status, "not_found");

    // A future that is given up.
    {
        let mut never = pin!(host.handle(get("/hoarder/never")));
        let polled = block_on(poll_once(never.as_mut()));
        assert!(polled.is_none(), "it never answers");
    }

    // Bytes of the plugin in a map of the host.
    tell(host, "hoarder", json!({ "share": 10_000 }));
    tell(host, "hoarder", json!("unshare"));
}

#[test]
fn what_the_host_keeps_of_a_plugin_is_in_use_in_the_plugin() {
    let loaded = Loaded::new();
    loaded.order(json!({ "share": 1 }));
    loaded.order(json!("unshare"));
    let before = loaded.heap().in_use;
    loaded.order(json!({ "share": 500_000 }));
    let more = loaded.heap().in_use - before;
    assert!((500_000..500_000 + BESIDES).contains(&more), "{more} bytes more");
    loaded.order(json!("unshare"));
    assert_eq!(loaded.heap().in_use, before);
}

/// Also threads that find no tally left, and those that end while others go on.
#[test]
fn many_threads_count_together_what_another_one_drops() {
    let loaded = Loaded::new();
    let round = || {
        let all_kept = Barrier::new(THREADS);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    loaded.order(json!({ "keep": 10_000 }));
                    all_kept.wait();
                });
            }
        });
    };
    round();
    loaded.order(json!("drop_all"));
    let before = loaded.heap().in_use;
    round();
    let more = loaded.heap().in_use - before;
    let kept = THREADS as u64 * 10_000;
    // The list of what is kept grows, too.
    assert!((kept..kept + 10 * BESIDES).contains(&more), "{more} bytes more");
    loaded.order(json!("drop_all"));
    assert_eq!(loaded.heap().in_use, before);
}

#[test]
fn instances_of_one_library_share_its_count() {
    let loaded = Loaded::with(|builder| {
        let other = InstanceConfig::new("other").with_plugin("hoarder");
        builder.instance(InstanceConfig::new("hoarder")).instance(other)
    });
    tell(&loaded.host, "other", json!({ "keep": 1_000_000 }));
    let heap = loaded.heap();
    assert!(heap.in_use > 1_000_000, "{heap:?}");
    assert_eq!(self::heap(&loaded.host, "other").unwrap().in_use, heap.in_use);
}

/// Code is never unloaded, and what it leaks stays.
#[test]
fn a_library_whose_instance_was_disabled_still_tells() {
    let loaded = Loaded::new();
    loaded.order(json!({ "keep": 1_000_000 }));
    assert!(loaded.heap().in_use > 1_000_000);
    loaded.host.disable("hoarder").wait().unwrap();
    assert!(loaded.heap().in_use < 1_000_000);
}

#[test]
fn explain_says_how_much_of_the_heap_is_in_use() {
    let loaded = Loaded::new();
    loaded.order(json!({ "keep": 10_000_000 }));
    let said = loaded.host.explain("hoarder");
    let rest = said.strip_prefix("`hoarder` is running; its library: ").expect(&said);
    let kib: u64 = rest.split(' ').next().unwrap().parse().expect(rest);
    assert!((9_766..9_900).contains(&kib), "{said}");
    let end = " allocations";
    assert!(rest.contains(" KiB of heap in use, at most ") && rest.ends_with(end), "{said}");
}

/// This very program has the allocator of `hoarder`, which is linked into it: that counts the program.
#[test]
fn a_linked_plugin_has_no_heap_of_its_own() {
    let plugin = <hoarder::Hoarder as hotshoe::ExportedPlugin>::PLUGIN;
    let host = PluginHost::builder().register_plugin(plugin).build().unwrap();
    host.start().wait().unwrap();
    tell(&host, "hoarder", json!({ "keep": 1_000_000 }));
    assert_eq!(heap(&host, "hoarder"), None);
    assert_eq!(host.explain("hoarder"), "`hoarder` is running");
    host.stop().wait().unwrap();
}

#[test]
fn a_library_that_does_not_count_has_none() {
    let plugins = support::stage(&[support::library("growing")]);
    let data = tempfile::tempdir().unwrap();
    let host = PluginHost::builder().directory(plugins.path()).data_dir(data.path());
    let host = host.build().unwrap();
    host.start().wait().unwrap();
    assert!(host.plugin("growing").unwrap().state.is_serving());
    assert_eq!(heap(&host, "growing"), None);
    host.stop().wait().unwrap();
}
