//! The libraries of the zoo of broken plugins (`tests/zoo`), built when a test first asks for one:
//! alone, as an author builds a plugin.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// In a process that was started by one that had them built: where they are.
const BUILT: &str = "ZOO_LIBRARIES";

/// The folder that holds the libraries.
pub fn libraries() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| match std::env::var_os(BUILT) {
        Some(folder) => folder.into(),
        None => {
            cargo(&["build", "--features", "libraries", "--examples"], &[]);
            target().join("debug").join("examples")
        }
    })
}

/// The library of a specimen.
pub fn library(specimen: &str) -> PathBuf {
    libraries().join(super::file_name(specimen))
}

/// The library of a specimen that is built with arguments of its own for the compiler.
pub fn library_built_with(specimen: &str, arguments: &[&str]) -> PathBuf {
    cargo(&["rustc", "--features", "apart", "--example", specimen], arguments);
    target().join("debug").join("examples").join(super::file_name(specimen))
}

/// For a process that is started, so that it finds what is built.
pub fn lend(command: &mut Command) {
    command.env(BUILT, libraries());
}

/// The names of all specimens whose libraries need no arguments of their own.
pub fn specimens() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/zoo/examples");
    let sources = std::fs::read_dir(folder).expect("the zoo is there");
    let mut names: Vec<String> = sources
        .map(|entry| entry.expect("the folder is read").path())
        .map(|path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned())
        .filter(|name| !BUILT_APART.contains(&name.as_str()))
        .collect();
    names.sort();
    names
}

/// Those that need them.
const BUILT_APART: &[&str] = &["needs_a_dependency", "needs_a_run_path", "panics_abort"];

/// The specimens that cannot be started, without any settings.
pub const BAD_BEFORE_START: &[&str] = &[
    "blocks_in_initialize",
    "blocks_in_start",
    "entry_is_a_function",
    "entry_is_foreign",
    "entry_is_short",
    "entry_is_zeroed",
    "entry_missing",
    "entry_of_a_newer_abi_stable",
    "for_another_target",
    "manifest_cut_off",
    "manifest_empty",
    "manifest_lies_about_its_symbol",
    "manifest_lies_about_its_version",
    "manifest_not_utf8",
    "manifest_oversized",
    "manifest_twice",
    "never_ready_in_start",
    "panics_in_contribute",
    "panics_in_initialize",
    "panics_in_settings",
    "panics_in_start",
    "panics_with_a_grenade",
    "writes_before_main_and_is_refused",
];

/// Puts these libraries into a directory.
pub fn stage<S: AsRef<str>>(specimens: &[S], directory: &Path) {
    for specimen in specimens {
        super::add(directory, &library(specimen.as_ref()));
    }
}

fn target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target").join("alone")
}

fn cargo(what: &[&str], arguments: &[&str]) {
    let status = Command::new(env!("CARGO"))
        .arg(what[0])
        .args(["--quiet", "-p", "zoo", "--target-dir"])
        .arg(target())
        .args(&what[1..])
        .arg("--")
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("cargo runs");
    assert!(status.success(), "building the zoo failed");
}
