//! A library whose entry is not what its manifest says.

use std::path::{Path, PathBuf};
use std::process::Command;

use hotshoe::Mount;
use insta::assert_snapshot;

use crate::cage::Cage;

when_loaded! {
    missing, of_the_wrong_kind, of_null, zeroed, too_short, foreign, of_another_abi_stable,
}

fn missing(mount: Mount) {
    assert_snapshot!(Cage::new(mount, "entry_missing").refusal(""), @r"
    [invalid_plugin, verify] problem: plugin `entry-missing` failed to verify: the symbol `hotshoe_plugin_entry_missing` was expected in the library, it is not there
      help: the library was stripped of its symbols or linked oddly: build it again
    ");
}

fn of_the_wrong_kind(mount: Mount) {
    assert_snapshot!(Cage::new(mount, "entry_is_a_function").refusal(""), @r"
    [invalid_plugin, verify] problem: plugin `entry-is-a-function` failed to verify: the symbol `hotshoe_plugin_entry_is_a_function` was expected to be data of at least _ bytes, it is a function
      help: the library was stripped of its symbols or linked oddly: build it again
    ");
}

/// The loader says that the symbol is there, and where: nowhere.
fn of_null(mount: Mount) {
    let cage = Cage::new(mount, "entry_is_null");
    let assembly = "asm(\".globl hotshoe_plugin_entry_is_null\\n\
                    .set hotshoe_plugin_entry_is_null, 0\");";
    cage.add(&in_c(&cage.path("."), "entry_is_null", assembly));
    assert_snapshot!(cage.refusal(""), @r"
    [invalid_plugin, verify] problem: plugin `entry-is-null` failed to verify: the symbol `hotshoe_plugin_entry_is_null` was expected to be data of at least _ bytes, it is a number without a place in it
      help: the library was stripped of its symbols or linked oddly: build it again
    ");
}

fn zeroed(mount: Mount) {
    assert_snapshot!(Cage::new(mount, "entry_is_zeroed").refusal(""), @r"
    [incompatible, load] problem: plugin `entry-is-zeroed` failed to load: the library's header is not one of abi_stable 0.11, as this host uses
      help: rebuild the plugin with the version of hotshoe that the host uses
    ");
}

fn too_short(mount: Mount) {
    assert_snapshot!(Cage::new(mount, "entry_is_short").refusal(""), @r"
    [invalid_plugin, verify] problem: plugin `entry-is-short` failed to verify: the symbol `hotshoe_plugin_entry_is_short` was expected to be data of at least _ bytes, it is data of _ bytes
      help: the library was stripped of its symbols or linked oddly: build it again
    ");
}

fn foreign(mount: Mount) {
    assert_snapshot!(Cage::new(mount, "entry_is_foreign").refusal(""), @r"
    [incompatible, load] problem: plugin `entry-is-foreign` failed to load: the library's header is not one of abi_stable 0.11, as this host uses
      help: rebuild the plugin with the version of hotshoe that the host uses
    ");
}

fn of_another_abi_stable(mount: Mount) {
    assert_snapshot!(Cage::new(mount, "entry_of_a_newer_abi_stable").refusal(""), @r"
    [incompatible, load] problem: plugin `entry-of-a-newer-abi-stable` failed to load: the library's header is not one of abi_stable 0.11, as this host uses
      help: rebuild the plugin with the version of hotshoe that the host uses
    ");
}

/// A library in C that has a manifest: what Rust does not let anybody write.
fn in_c(folder: &Path, specimen: &str, code: &str) -> PathBuf {
    let (id, symbol) = (specimen.replace('_', "-"), format!("hotshoe_plugin_{specimen}"));
    let manifest = format!(
        "{}{}panic\u{1f}true\u{1e}symbol\u{1f}{symbol}\u{1e}id\u{1f}{id}\u{1e}version\u{1f}1.0.0\u{1e}end\u{1e}",
        zoo::FORMAT,
        zoo::BUILD,
    );
    let bytes: Vec<String> = manifest.bytes().map(|byte| byte.to_string()).collect();
    let source = folder.join(format!("{specimen}.c"));
    let text = format!(
        "__attribute__((section(\".hotshoe\"), used)) static const char MANIFEST[] = {{{}}};\n{code}\n",
        bytes.join(",")
    );
    std::fs::write(&source, text).expect("the source is written");
    let library = folder.join(format!("lib{specimen}.so"));
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .status()
        .expect("a C compiler, which Rust needs for linking, too");
    assert!(status.success(), "the library in C could not be built");
    library
}
