//! What a plugin has to compile: with `default-features = false` none of the host's dependencies.

use std::collections::BTreeSet;
use std::process::Command;

/// One line of the tree: how deep it is, and the crate.
struct Line {
    depth: usize,
    name: String,
}

/// All that the plugin `package` is built from, build scripts and macros of dependencies included.
fn tree(package: &str) -> Vec<Line> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--package", package, "--edges", "normal,build"])
        .args(["--prefix", "depth", "--no-dedupe", "--format", " {p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    let lines = text.lines().filter(|line| !line.is_empty()).map(|line| {
        let mut words = line.split_whitespace();
        let depth = words.next().and_then(|depth| depth.parse().ok());
        let depth = depth.unwrap_or_else(|| panic!("a depth was expected: {line}"));
        Line { depth, name: words.next().expect("a name").to_owned() }
    });
    lines.collect()
}

/// The crates that `name` stands beneath, each once.
fn parents(tree: &[Line], name: &str) -> BTreeSet<String> {
    let mut parents = BTreeSet::new();
    for (at, line) in tree.iter().enumerate().filter(|(_, line)| line.name == name) {
        let above = tree[..at].iter().rev().find(|other| other.depth + 1 == line.depth);
        parents.extend(above.map(|above| above.name.clone()));
    }
    parents
}

#[test]
fn a_plugin_brings_nothing_of_the_host() {
    let tree = tree("probe");
    let names: BTreeSet<&str> = tree.iter().map(|line| line.name.as_str()).collect();
    for wanted in ["hotshoe", "hotshoe-abi", "abi_stable", "bytes", "serde", "tracing"] {
        assert!(names.contains(wanted), "{wanted} was expected; is this the tree of a plugin?");
    }
    for unwanted in [
        "petgraph",
        "tokio",
        "hyper",
        "axum",
        "tower-service",
        "http",
        "toml",
        "object",
        "matchit",
        "async-executor",
        "async-channel",
        "arc-swap",
        "base64",
        "clap",
        "loom",
    ] {
        assert!(!names.contains(unwanted), "{unwanted} beneath {:?}", parents(&tree, unwanted));
    }
    // abi_stable has it as a feature that cannot be switched off.
    assert_eq!(parents(&tree, "libloading"), BTreeSet::from(["abi_stable".to_owned()]));
    println!("a plugin is built from {} crates", names.len());
}

#[test]
fn the_host_needs_no_async_runtime() {
    let tree = tree("hotshoe");
    let names: BTreeSet<&str> = tree.iter().map(|line| line.name.as_str()).collect();
    assert!(names.contains("petgraph"), "is this the tree of the host?");
    for unwanted in ["tokio", "smol", "async-io", "async-std", "hyper", "axum", "loom"] {
        assert!(!names.contains(unwanted), "{unwanted} beneath {:?}", parents(&tree, unwanted));
    }
}
