//! Any bytes are a manifest or an error. A manifest that was written again reads the same.

use std::fmt::Write;

use hotshoe::ErrorKind;
use hotshoe::manifest::{Manifest, Target};

use crate::shown;

/// Reads `bytes` as the section of a library.
pub fn check(bytes: &[u8]) {
    match Manifest::from_section(bytes) {
        Ok(manifest) => {
            is_sound(&manifest);
            let text = written(&manifest);
            shown::harmless(&text.replace(['\u{1e}', '\u{1f}'], ""));
            let again = Manifest::parse(&text).expect("what was written is read");
            assert_eq!(again, manifest);
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::InvalidPlugin);
            shown::refusal(&error);
        }
    }
}

/// What the host relies on: an id becomes the name of a folder.
fn is_sound(manifest: &Manifest) {
    let id = &manifest.id;
    assert!((1..=64).contains(&id.len()) && !id.starts_with('.'), "{id:?} is no id");
    assert!(id.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)), "{id:?} is no id");
    assert!(!manifest.name.is_empty() && !manifest.build.symbol.is_empty());
}

/// The text that `export_plugin!` would have written.
fn written(manifest: &Manifest) -> String {
    let mut text = String::from("hotshoe-manifest\u{1f}1\u{1e}");
    let mut record = |fields: &[&str]| {
        let _ = write!(text, "{}\u{1e}", fields.join("\u{1f}"));
    };
    let Manifest { id, name, description, license, homepage, category, build, .. } = manifest;
    record(&["id", id]);
    record(&["name", name]);
    record(&["version", &manifest.version.to_string()]);
    record(&["description", description]);
    record(&["authors", &manifest.authors.join(":")]);
    record(&["license", license]);
    record(&["homepage", homepage]);
    record(&["category", category]);
    record(&["abi", &build.abi.to_string()]);
    record(&["fingerprint", &build.fingerprint]);
    record(&["rustc", &build.rustc]);
    record(&["target", &build.target]);
    record(&["profile", &build.profile]);
    record(&["panic", &build.unwinds.to_string()]);
    record(&["symbol", &build.symbol]);
    for tag in &manifest.tags {
        record(&["tag", tag]);
    }
    for provision in &manifest.provides {
        record(&["provides", "service", &provision.service, &provision.version.to_string()]);
    }
    for kind in &manifest.storage {
        record(&["provides", "storage", kind]);
    }
    if manifest.middleware {
        record(&["provides", "middleware"]);
    }
    for requirement in &manifest.requires {
        let kind = if requirement.optional { "wants" } else { "requires" };
        let (what, name) = match &requirement.target {
            Target::Plugin(name) => ("plugin", name),
            Target::Service(name) => ("service", name),
        };
        record(&[kind, what, name, &requirement.range.to_string()]);
    }
    for endpoint in &manifest.endpoints {
        record(&["endpoint", &endpoint.method, &endpoint.path]);
    }
    for permission in &manifest.permissions {
        record(&["permission", permission]);
    }
    for (key, value) in &manifest.metadata {
        record(&["metadata", key, value]);
    }
    record(&["end"]);
    text
}
