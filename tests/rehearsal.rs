//! A recording that a build has to pass before it is swapped in, and recordings of what is exchanged.

mod support;

use std::path::PathBuf;

use futures_lite::future::block_on;
use hotshoe::config::Config;
use hotshoe::replay::{Reader, RecordOptions, Recording};
use hotshoe::{Call, ErrorKind, PluginHost, Request, Result, SwapReport};
use serde_json::{Value, json};
use tempfile::TempDir;
use turnstile::builds::{Manner, make};

/// A place for recordings and builds.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A host that runs the library as Cargo has built it; `swap` is what its configuration says of that.
    fn host(&self, swap: &str) -> Serving<'_> {
        let library = support::library("turnstile");
        let plugins = support::stage(std::slice::from_ref(&library));
        let text = format!("[plugins.turnstile.swap]\n{swap}");
        let host = PluginHost::builder()
            .config(Config::from_toml_in(&text, "swap.toml", self.0.path()).unwrap())
            .directory(plugins.path())
            .build()
            .unwrap();
        let report = host.start().wait().unwrap();
        assert!(report.is_complete(), "{report}");
        Serving { folder: self, library: std::fs::read(library).unwrap(), host, _plugins: plugins }
    }

    /// Two turns, and what they came to: recorded from the first start on.
    fn record(&self) -> PathBuf {
        let serving = self.host("");
        let recording = serving.record("calls.jsonl");
        serving.turn();
        serving.turn();
        serving.told();
        assert_eq!(recording.finish().unwrap().written, 3);
        self.file("calls.jsonl")
    }
}

struct Serving<'f> {
    folder: &'f Folder,
    library: Vec<u8>,
    host: PluginHost,
    /// Dropped after the host.
    _plugins: TempDir,
}

impl Serving<'_> {
    fn swap(&self, version: &str) -> Result<SwapReport> {
        let file = self.folder.file(&format!("libturnstile-{version}.so"));
        std::fs::write(&file, make(&self.library, version, Manner::Good)).unwrap();
        self.host.swap("turnstile", file).wait()
    }

    fn record(&self, name: &str) -> Recording {
        self.host.record("turnstile", RecordOptions::new(self.folder.file(name))).unwrap()
    }

    fn turn(&self) {
        let response = self.host.respond_blocking(Request::builder("POST", "/turn").build());
        assert_eq!(response.status(), 200);
    }

    fn told(&self) -> Value {
        block_on(self.host.execute("turnstile", &Call::none(), &json!(null))).result
    }

    /// Still the one that it started with, which has counted so many.
    fn goes_on(&self, count: u64) {
        let told = self.told();
        assert_eq!((&told["build"], &told["count"]), (&json!("7.0.100"), &json!(count)));
    }
}

#[test]
fn a_build_that_answers_otherwise_is_not_swapped_in() {
    let folder = Folder::new();
    folder.record();
    let serving = folder.host("replay = 'calls.jsonl'");
    serving.turn();
    let refused = serving.swap("7.0.101").unwrap_err();
    insta::assert_snapshot!(refused.message(), @r#"
    all calls of the recording of `turnstile` 7.0.100 were expected to be answered alike, 1 of 3 are not
      call 3, execute: its output at `/build`: "7.0.100" was recorded, found "7.0.101"
    "#);
    assert!(refused.is_conflict());
    assert_eq!(refused.path(), folder.file("calls.jsonl").to_str());
    serving.goes_on(1);
}

#[test]
fn of_one_that_cannot_be_up_twice_the_old_one_comes_back_which_has_nothing_to_pass() {
    let folder = Folder::new();
    folder.record();
    let serving = folder.host("replay = 'calls.jsonl'\nmode = 'exclusive'");
    serving.turn();
    let refused = serving.swap("7.0.101").unwrap_err();
    assert!(refused.is_conflict(), "{refused}");
    serving.goes_on(1);
}

#[test]
fn one_that_passes_is_and_has_the_state_of_its_predecessor_not_that_of_its_rehearsal() {
    let folder = Folder::new();
    folder.record();
    let serving = folder.host("replay = { file = 'calls.jsonl', ignore = ['/build'] }");
    serving.turn();
    serving.swap("7.0.101").unwrap();
    assert_eq!(serving.told()["build"], "7.0.101");
    assert_eq!(serving.told()["count"], 1);
}

#[test]
fn what_is_to_be_skipped_is_not_called() {
    let folder = Folder::new();
    folder.record();
    let serving = folder
        .host("replay = { file = 'calls.jsonl', ignore = ['/build'], skip = ['POST /turn'] }");
    let refused = serving.swap("7.0.101").unwrap_err();
    assert!(refused.message().contains("`/count`: 2 was recorded, found 0"), "{refused}");
}

#[test]
fn other_settings_have_no_recording_to_pass() {
    let folder = Folder::new();
    folder.record();
    let serving = folder.host("replay = 'calls.jsonl'");
    serving.host.reconfigure("turnstile", json!({ "greeting": "moin" })).wait().unwrap();
    assert_eq!(serving.told()["greeting"], "moin");
}

#[test]
fn a_recording_that_is_missing_or_of_another_plugin_is_told_before_anything_is_loaded() {
    let folder = Folder::new();
    let serving = folder.host("replay = 'calls.jsonl'");
    let missing = serving.swap("7.0.101").unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Io);
    assert_eq!(missing.path(), folder.file("calls.jsonl").to_str());
    let own = std::fs::read_to_string(folder.record()).unwrap();
    let other = own.replacen(r#""plugin":"turnstile""#, r#""plugin":"door""#, 1);
    std::fs::write(folder.file("calls.jsonl"), other).unwrap();
    let refused = serving.swap("7.0.101").unwrap_err();
    insta::assert_snapshot!(
        refused.message(),
        @"a recording of the plugin `turnstile` was expected, found one of `door`"
    );
    assert!(serving.host.retired().is_empty());
    serving.goes_on(0);
}

#[test]
fn a_recording_ends_when_what_it_records_is_exchanged_and_when_that_is_taken_back() {
    let folder = Folder::new();
    let serving = folder.host("");
    let of_old = serving.record("old.jsonl");
    serving.turn();
    serving.swap("7.0.101").unwrap();
    serving.turn();
    serving.told();

    let of_new = serving.record("new.jsonl");
    serving.turn();
    serving.host.roll_back("turnstile").wait().unwrap();
    serving.turn();
    serving.told();

    // What was recorded once is not recorded any more when it is back.
    let again = serving.record("again.jsonl");
    serving.turn();
    let ends = [of_old, of_new, again].map(|recording| recording.finish().unwrap());
    let ends = ends.map(|end| (end.written, end.unfinished, end.cut_short));
    assert_eq!(ends, [(1, 0, true), (1, 0, true), (1, 0, false)]);
    let versions = ["old.jsonl", "new.jsonl", "again.jsonl"]
        .map(|name| Reader::open(folder.file(name)).unwrap().header().version.clone());
    assert_eq!(versions, ["7.0.100", "7.0.101", "7.0.100"]);
}

#[test]
fn a_recording_of_one_that_cannot_be_up_twice_ends_as_well() {
    let folder = Folder::new();
    let serving = folder.host("mode = 'exclusive'");
    let recording = serving.record("old.jsonl");
    serving.turn();
    serving.swap("7.0.101").unwrap();
    serving.turn();
    let end = recording.finish().unwrap();
    assert_eq!((end.written, end.unfinished, end.cut_short), (1, 0, true));
}
