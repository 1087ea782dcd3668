//! A directory of plugins for one test, a host over it, and what the host says, made comparable.

use std::path::{Path, PathBuf};

use hotshoe::config::Config;
use hotshoe::{PluginHost, Request, StartReport};
use tempfile::TempDir;

use super::said;
use crate::support;

/// A folder with `plugins` in it. `steady`, a plugin that does nothing wrong, is there from the
/// start: it has to run and to answer whatever else happens.
pub struct Rig {
    folder: TempDir,
    steady: bool,
}

impl Rig {
    /// With `steady` only.
    pub fn new() -> Self {
        let rig = Self { steady: true, ..Self::bare() };
        rig.change("faulty", "libsteady.so", &[("id", "faulty", "steady")]);
        rig
    }

    /// With no plugin at all.
    pub fn bare() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("plugins")).expect("a folder for plugins");
        Self { folder, steady: false }
    }

    /// With `steady` and the library of this package.
    pub fn with(package: &str) -> Self {
        let rig = Self::new();
        rig.add(package);
        rig
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A path among the plugins.
    pub fn plugin(&self, file: &str) -> PathBuf {
        self.path("plugins").join(file)
    }

    /// Puts the library of a package among the plugins.
    pub fn add(&self, package: &str) -> PathBuf {
        support::add(&self.path("plugins"), &support::library(package))
    }

    /// Puts a library among the plugins as `file`, some records of its manifest changed: kind,
    /// old value and new value, of the same length.
    pub fn change(&self, package: &str, file: &str, records: &[(&str, &str, &str)]) -> PathBuf {
        let path = self.plugin(file);
        change(&support::library(package), &path, records);
        path
    }

    /// Puts a plugin `id` of `version` among the plugins whose manifest has these records, too;
    /// fields are separated by `|`. It is `faulty` under another name.
    pub fn make(&self, id: &str, version: &str, records: &[&str]) -> PathBuf {
        let spare = ".".repeat(SPARE);
        let own = [format!("id|{id}"), format!("version|{version}")];
        let mut text: String = own
            .iter()
            .map(String::as_str)
            .chain(records.iter().copied())
            .map(|record| record.replace('|', "\u{1f}") + "\u{1e}")
            .collect();
        let whole = format!("metadata\u{1f}spare\u{1f}{spare}\u{1e}");
        // The rest becomes a label.
        let left = whole.len().checked_sub(text.len()).expect("few enough records");
        let rest = left.checked_sub("metadata|p||".len()).expect("few enough records");
        text += &format!("metadata\u{1f}p\u{1f}{}\u{1e}", ".".repeat(rest));
        let path = self.plugin(&format!("lib{id}-{version}.so"));
        replace(&support::library("faulty"), &path, &[(whole, text)]);
        path
    }

    /// Writes a file among the plugins.
    pub fn write(&self, file: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.plugin(file);
        std::fs::write(&path, bytes).expect("the file is written");
        path
    }

    /// The configuration: `text` continues the table `[plugins]`.
    pub fn config(&self, text: &str) -> Config {
        let steady = if self.steady { "[plugins.steady]\nconfig.threshold = 1" } else { "" };
        let text = format!("[plugins]\ndirectory = \"plugins\"\n{text}\n{steady}\n");
        Config::from_toml_in(&text, "host.toml", self.folder.path())
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// A host that was not started yet.
    pub fn host(&self, text: &str) -> PluginHost {
        let builder = PluginHost::builder().config(self.config(text));
        let builder = builder.data_dir(self.path("data"));
        builder.build().unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// A host that was started.
    pub fn start(&self, text: &str) -> (PluginHost, StartReport) {
        let host = self.host(text);
        let report = host.start().wait().unwrap_or_else(|error| panic!("{error:#}"));
        (host, report)
    }

    /// Starts a host, makes sure that `steady` answers, stops it, and returns what it said.
    pub fn outcome(&self, text: &str) -> String {
        let (host, report) = self.start(text);
        assert_eq!(get(&host, "steady"), "200 steady 1");
        host.stop().wait().expect("the host stops");
        self.told(&report)
    }

    /// All that a report says beside its table.
    pub fn told(&self, report: &StartReport) -> String {
        said::told(report, self.folder.path())
    }

    /// A message without what differs from run to run and from machine to machine.
    pub fn clean(&self, message: &str) -> String {
        said::clean(message, self.folder.path())
    }

    /// An error, whole.
    pub fn error(&self, error: &hotshoe::Error) -> String {
        self.clean(&format!("{error:#}"))
    }

    /// An error with a whole report in it, but for the report's table.
    pub fn error_without_table(&self, error: &hotshoe::Error) -> String {
        let text = self.error(error);
        let paragraphs: Vec<&str> = text.split("\n\n").collect();
        assert!(paragraphs.iter().any(|paragraph| paragraph.starts_with("ID ")), "{text}");
        let others = paragraphs.into_iter().filter(|paragraph| !paragraph.starts_with("ID "));
        others.collect::<Vec<_>>().join("\n").trim_end().to_owned()
    }
}

/// The length of the label that `faulty` carries for [`Rig::make`].
const SPARE: usize = 160;

/// Copies a library, with some records of its manifest changed.
pub fn change(from: &Path, to: &Path, records: &[(&str, &str, &str)]) {
    let records: Vec<(String, String)> = records
        .iter()
        .map(|(kind, old, new)| {
            (format!("{kind}\u{1f}{old}\u{1e}"), format!("{kind}\u{1f}{new}\u{1e}"))
        })
        .collect();
    replace(from, to, &records);
}

/// Copies a file; each old text in it is replaced by a new one of the same length. The copy is
/// renamed into its place, as an operator should do it: whoever has the old file open keeps it.
fn replace(from: &Path, to: &Path, texts: &[(String, String)]) {
    let mut bytes = std::fs::read(from).expect("the library is there");
    for (old, new) in texts {
        let (old, new) = (old.as_bytes(), new.as_bytes());
        assert_eq!(old.len(), new.len(), "the file must not move");
        let at: Vec<usize> = bytes
            .windows(old.len())
            .enumerate()
            .filter(|(_, found)| *found == old)
            .map(|(at, _)| at)
            .collect();
        assert!(!at.is_empty(), "{} has no such record", from.display());
        for at in at {
            bytes[at..at + new.len()].copy_from_slice(new);
        }
    }
    let beside = to.with_extension("new");
    std::fs::write(&beside, bytes).expect("the copy is written");
    std::fs::rename(&beside, to).expect("the copy is renamed");
}

/// What an instance of `faulty` (under whatever id) answers.
pub fn get(host: &PluginHost, instance: &str) -> String {
    let path = format!("/faulty/{instance}");
    let response = host.respond_blocking(Request::builder("GET", &path).build());
    let status = response.status();
    let body = response.into_body().into_full().unwrap_or_default();
    format!("{status} {}", String::from_utf8_lossy(&body)).trim_end().to_owned()
}
