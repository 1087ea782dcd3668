//! Replaces the references in a plugin's own settings by what they refer to.
//!
//! The host does so right before it hands the settings to the plugin, so the configuration that
//! is kept, compared and shown never holds the secrets. The table of settings as a whole is no
//! reference (a plugin may have one setting, called `file`), and what a reference yields is a text
//! and is not looked at again.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::error::{Problem, ProblemKind};
use super::key_path::KeyPath;
use super::reference::{Reference, reference};
use super::report::Provenance;

/// Secrets are small; a path that leads to `/dev/zero` or to a log must not fill the memory.
const LARGEST: u64 = 1024 * 1024;

/// Replaces references, and collects those that lead nowhere.
pub(super) struct Resolver<'r> {
    /// Relative paths start here.
    pub(super) base_dir: &'r Path,
    /// Looks up an environment variable.
    pub(super) lookup: &'r dyn Fn(&str) -> Option<String>,
    pub(super) provenance: &'r Provenance,
    pub(super) problems: Vec<Problem>,
}

impl Resolver<'_> {
    /// A copy of the settings at `path`, references replaced.
    pub(super) fn settings(&mut self, settings: &Value, path: &KeyPath) -> Value {
        match settings {
            Value::Object(map) => {
                let resolved =
                    map.iter().map(|(key, value)| (key.clone(), self.value(value, &path.key(key))));
                Value::Object(resolved.collect())
            }
            Value::Array(items) => {
                let items = items.iter().enumerate();
                Value::Array(items.map(|(at, item)| self.value(item, &path.index(at))).collect())
            }
            other => other.clone(),
        }
    }

    fn value(&mut self, value: &Value, path: &KeyPath) -> Value {
        let found = match reference(value) {
            None => return self.settings(value, path),
            Some(Reference::Env(name)) => self.env(name),
            Some(Reference::File(file)) => self.file(file),
        };
        match found {
            Ok(text) => Value::String(text),
            Err((message, help)) => {
                let kind = ProblemKind::Reference;
                self.problems.push(self.provenance.problem(kind, path, message, help));
                Value::Null
            }
        }
    }

    fn env(&self, name: &str) -> Result<String, (String, String)> {
        (self.lookup)(name).ok_or_else(|| {
            (
                format!("the environment variable {name:?} is not set, or is no UTF-8"),
                "set it for the host's process, or write the value itself".to_owned(),
            )
        })
    }

    fn file(&self, file: &str) -> Result<String, (String, String)> {
        let path: PathBuf = self.base_dir.join(file);
        read(&path).map_err(|error| {
            (
                format!("the file {:?} cannot be read: {error}", path.display().to_string()),
                "create it, or give the host's user the right to read it; a relative path \
                 starts at the configuration's folder"
                    .to_owned(),
            )
        })
    }
}

/// The file's text, without the one line break that editors put at the end.
fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(LARGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 1 MiB"));
    }
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

/// The process's environment; a variable that is no UTF-8 counts as absent.
pub(super) fn process_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
