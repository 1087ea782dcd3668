//! A host that runs `turnstile`, and a place for other builds of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_lite::future::block_on;
use hotshoe::config::Config;
use hotshoe::monitor::{EventStream, HostEvent, HostEventKind};
use hotshoe::{Call, Handle, PluginHost, Request, Response, SwapReport};
use serde_json::{Value, json};
use tempfile::TempDir;
use turnstile::Turns;
use turnstile::builds::{Manner, make};

use crate::support;
use crate::support::said::{clean, until};

/// A host, and what belongs to it.
pub struct House {
    pub host: PluginHost,
    pub events: EventStream,
    library: Vec<u8>,
    /// Dropped after the host.
    folder: TempDir,
}

impl House {
    /// `config` continues the table `[plugins.turnstile]`.
    pub fn new(config: &str) -> Self {
        Self::with(config, &[])
    }

    /// With these packages, too.
    pub fn with(config: &str, others: &[&str]) -> Self {
        Self::of("", config, others)
    }

    /// With what holds for all, which continues the table `[plugins]`.
    pub fn of(all: &str, config: &str, others: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let plugins = folder.path().join("plugins");
        std::fs::create_dir(&plugins).unwrap();
        let library = support::library("turnstile");
        support::add(&plugins, &library);
        others.iter().for_each(|other| drop(support::add(&plugins, &support::library(other))));
        let diary = folder.path().join("diary");
        let text = format!(
            "[plugins]\ndirectory = \"plugins\"\n{all}\n\
             [plugins.turnstile]\nconfig.diary = {diary:?}\n{config}"
        );
        let config = Config::from_toml_in(&text, "swap.toml", folder.path());
        let config = config.unwrap_or_else(|error| panic!("{error}"));
        let builder = PluginHost::builder().config(config).data_dir(folder.path().join("data"));
        let host = builder.build().unwrap();
        let report = host.start().wait().unwrap();
        assert!(report.is_complete(), "{report}");
        let (events, library) = (host.events(), std::fs::read(library).unwrap());
        Self { host, events, library, folder }
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The file that the host has found.
    pub fn own_file(&self) -> PathBuf {
        self.path("plugins").join(support::library("turnstile").file_name().unwrap())
    }

    /// The bytes of another build.
    pub fn bytes(&self, version: &str, manner: Manner) -> Vec<u8> {
        make(&self.library, version, manner)
    }

    /// Another build, in a file of its own.
    pub fn build(&self, version: &str, manner: Manner) -> PathBuf {
        let file = self.path(&format!("libturnstile-{version}.so"));
        std::fs::write(&file, self.bytes(version, manner)).unwrap();
        file
    }

    /// Swaps such a build in.
    pub fn swap(&self, version: &str, manner: Manner) -> hotshoe::Result<SwapReport> {
        self.host.swap("turnstile", self.build(version, manner)).wait()
    }

    /// What is said of the swap to such a build, which fails.
    pub fn refused(&self, version: &str, manner: Manner) -> String {
        self.clean(&format!("{:#}", self.swap(version, manner).unwrap_err()))
    }

    pub fn clean(&self, message: &str) -> String {
        clean(message, self.folder.path())
    }

    pub fn turns(&self) -> Handle<dyn Turns> {
        self.host.service::<dyn Turns>().unwrap()
    }

    /// What `execute` tells.
    pub fn told(&self) -> Value {
        let execution = block_on(self.host.execute("turnstile", &Call::none(), &json!(null)));
        assert_eq!(execution.error, None);
        execution.result
    }

    /// Which build answers, and how many it has counted.
    pub fn now(&self) -> (String, u64) {
        let told = self.told();
        (told["build"].as_str().unwrap().to_owned(), told["count"].as_u64().unwrap())
    }

    /// The version that the table of instances has.
    pub fn version(&self) -> String {
        self.host.plugin("turnstile").unwrap().version.unwrap().to_string()
    }

    pub fn post(&self, path: &str) -> Response {
        self.host.respond_blocking(Request::builder("POST", path).build())
    }

    /// All steps that a build went through.
    pub fn diary(&self, version: &str) -> Vec<String> {
        let diary = std::fs::read_to_string(self.path("diary")).unwrap_or_default();
        let own = diary.lines().filter_map(|line| line.strip_prefix(version));
        own.map(|step| step.trim().to_owned()).collect()
    }

    /// Waits until a build has gone: it was stopped, and dropped after that.
    pub fn wait_for_the_end_of(&self, version: &str) {
        until(&format!("the end of {version}"), || {
            self.diary(version).ends_with(&["stopped".into(), "dropped".into()])
        });
    }

    /// Waits for an event of `turnstile` that is meant.
    pub fn wait_for(&mut self, meant: impl Fn(&HostEventKind) -> bool) -> Arc<HostEvent> {
        loop {
            let event = self.events.recv().expect("the host goes on");
            if event.instance.as_deref() == Some("turnstile") && meant(&event.kind) {
                return event;
            }
        }
    }

    /// What has become of swaps since the last look, in words.
    pub fn news(&mut self) -> Vec<String> {
        let all = std::iter::from_fn(|| self.events.try_next());
        let word = |event: Arc<HostEvent>| match &event.kind {
            HostEventKind::Swapped { from, to, .. } => Some(format!("swapped {from} {to}")),
            HostEventKind::SwapFailed { .. } => Some("failed".to_owned()),
            HostEventKind::RolledBack { from, to, .. } => Some(format!("rolled back {from} {to}")),
            HostEventKind::Promoted { version, .. } => Some(format!("promoted {version}")),
            _ => None,
        };
        all.filter_map(word).collect()
    }
}

/// A pipe at this place.
pub fn pipe(at: &Path) {
    let made = std::process::Command::new("mkfifo").arg(at).status();
    assert!(made.expect("mkfifo runs").success());
}
