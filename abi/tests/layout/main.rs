//! Every layout that crosses is written down in `layout.snapshot`, beside this crate's manifest.
//!
//! A change of it is either an *append* (functions after the last one of a table, types that only
//! they use), which older hosts and plugins bear, or a *break*, after which nothing that was built
//! before may be loaded any more. Only the first is accepted without further ado.
#![cfg(target_pointer_width = "64")]

mod compare;
mod compare_tests;
mod model;
mod reflect;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use abi_stable::StableAbi;
use hotshoe_abi::{AbiResult, PluginModuleRef};

use compare::{Change, compare};
use model::Snapshot;

/// Set to `accept`, it writes the snapshot anew.
const VARIABLE: &str = "HOTSHOE_LAYOUT";

/// What crosses without being named by anything that a plugin's root leads to: answers of extension points.
const MORE_ROOTS: &[&abi_stable::type_layout::TypeLayout] = &[<AbiResult<u64>>::LAYOUT];

fn current() -> Snapshot {
    let roots = [PluginModuleRef::LAYOUT].into_iter().chain(MORE_ROOTS.iter().copied());
    reflect::snapshot(hotshoe_abi::VERSION, roots)
}

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn layouts_are_those_of_the_snapshot() {
    let file = folder().join("layout.snapshot");
    let current = current();
    let written = fs::read_to_string(&file).unwrap_or_default();
    let accepted = env::var(VARIABLE).is_ok_and(|value| value == "accept");
    match verdict(&written, &current) {
        Verdict::Same => {}
        Verdict::Appended(_) if accepted => {
            fs::write(&file, current.to_string()).expect("the snapshot is written");
        }
        Verdict::Appended(message) | Verdict::Broken(message) => panic!("{message}"),
    }
}

enum Verdict {
    Same,
    /// May be accepted.
    Appended(String),
    /// Must not, as it is.
    Broken(String),
}

/// What became of the layouts since `written`.
fn verdict(written: &str, current: &Snapshot) -> Verdict {
    let how = format!("{VARIABLE}=accept cargo test -p hotshoe-abi --test layout");
    let Ok(old) = written.parse::<Snapshot>() else {
        let message = format!("there is no snapshot of the layouts that can be read: `{how}`");
        return Verdict::Appended(message);
    };
    let changes = compare(&old, current);
    let breaks: Vec<&str> = changes.iter().filter_map(Change::as_break).collect();
    let appends: Vec<&str> = changes.iter().filter_map(Change::as_append).collect();
    if !breaks.is_empty() && old.line == current.line {
        return Verdict::Broken(format!(
            "what crosses was BROKEN: a plugin built before this change cannot run in a host built \
             after it, nor the reverse.\n{}\nEither append instead (a function after the last one \
             of its table, answered for by a fallback where it is missing), or raise the line of \
             hotshoe-abi, which is {}: its version in abi/Cargo.toml. All plugins have to be built \
             again then. After that: `{how}`",
            list(&breaks),
            old.line,
        ));
    }
    if old == *current {
        return Verdict::Same;
    }
    let all: Vec<&str> = breaks.into_iter().chain(appends).collect();
    let what = if old.line == current.line {
        "what crosses was APPENDED to: older and newer plugins and hosts go on working together"
    } else {
        "what crosses is of a new line: nothing older is loaded any more"
    };
    Verdict::Appended(format!("{what}.\n{}\nTo accept: `{how}`", list(&all)))
}

fn list(changes: &[&str]) -> String {
    changes.iter().map(|change| format!("  - {change}")).collect::<Vec<_>>().join("\n")
}

/// A type of this crate that crosses, but to which nothing leads, would change unseen.
#[test]
fn every_type_of_this_crate_that_crosses_is_in_the_snapshot() {
    let current = current();
    let known: BTreeSet<&str> =
        current.types.iter().map(|one| one.name.split('<').next().unwrap_or_default()).collect();
    let mut declared = BTreeSet::new();
    for path in sources() {
        let text = fs::read_to_string(&path).expect("a source is readable");
        declared.extend(declarations(&text));
    }
    assert!(declared.len() > 40, "were all declarations found? {declared:?}");
    let unknown: Vec<&String> =
        declared.iter().filter(|name| !known.contains(name.as_str())).collect();
    assert!(unknown.is_empty(), "not reachable from PluginModule, add to MORE_ROOTS: {unknown:?}");
}

/// An appended function that an older library lacks has to be an `Option`, not a panic.
#[test]
fn every_table_answers_none_for_what_it_lacks() {
    for path in sources() {
        let text = fs::read_to_string(&path).expect("a source is readable");
        let tables = text.matches("#[sabi(kind(Prefix").count();
        let careful = text.matches("#[sabi(missing_field(option))]").count();
        assert_eq!(tables, careful, "{}: a table lacks missing_field(option)", path.display());
    }
}

fn sources() -> Vec<PathBuf> {
    sources_below(&folder().join("src"))
}

fn sources_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the sources are readable");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let below = |path: PathBuf| if path.is_dir() { sources_below(&path) } else { vec![path] };
    paths.flat_map(below).collect()
}

/// Names of the types that `StableAbi` is derived for, also by the macro `object!`.
fn declarations(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut derives = false;
    let mut object = false;
    for line in text.lines().map(str::trim) {
        derives |= line.starts_with("#[derive(") && line.contains("StableAbi");
        object |= line == "object! {";
        let words = line.trim_start_matches("pub(crate) ").trim_start_matches("pub ");
        let declared = words.strip_prefix("struct ").or_else(|| words.strip_prefix("enum "));
        let name = |text: &str| -> String {
            text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
        };
        if let Some(rest) = declared.filter(|_| derives) {
            derives = false;
            found.push(name(rest));
        } else if object && line.contains(" as ") {
            object = false;
            found.push(name(line));
        }
    }
    // `pub struct $Object` in the macro itself.
    found.retain(|name| !name.is_empty());
    found
}
