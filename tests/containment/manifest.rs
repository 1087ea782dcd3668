//! A library whose manifest is missing, broken or wrong.

use hotshoe::Mount;
use insta::assert_snapshot;

use crate::cage::Cage;
use crate::support::said::state;

when_loaded! {
    missing, twice, empty, cut_off, oversized, not_utf8, lying_about_its_version,
    lying_about_its_symbol,
}

/// Then it is no plugin, and nobody's business.
fn missing(mount: Mount) {
    let cage = Cage::new(mount, "manifest_missing");
    let (host, report) = cage.start("");
    assert!(report.is_complete(), "{report}");
    assert_eq!(state(&host, &cage.id()), "unknown");
    let ignored: Vec<&str> = report.ignored.iter().map(|(_, reason)| reason.as_str()).collect();
    assert_snapshot!(ignored.join("\n"), @"it is a library without a hotshoe manifest (section .hotshoe)");
    cage.ends(&host);
}

fn twice(mount: Mount) {
    assert_snapshot!(Cage::new(mount, "manifest_twice").refusal(""), @r"
    [invalid_plugin, verify] problem: it carries 2 manifests, one was expected
      help: a plugin crate that depends on another plugin crate contains both: move what they share to a plain crate
    ");
}

fn empty(mount: Mount) {
    assert_snapshot!(Cage::new(mount, "manifest_empty").refusal(""), @r"
    [invalid_plugin, verify] problem: its manifest does not begin as one
      help: build the plugin with hotshoe's `export_plugin!` and a current hotshoe
    ");
}

fn cut_off(mount: Mount) {
    assert_snapshot!(Cage::new(mount, "manifest_cut_off").refusal(""), @r"
    [invalid_plugin, verify] problem: its manifest is cut off: the record `end` is missing
      help: build the plugin with hotshoe's `export_plugin!` and a current hotshoe
    ");
}

fn oversized(mount: Mount) {
    assert_snapshot!(Cage::new(mount, "manifest_oversized").refusal(""), @r"
    [invalid_plugin, verify] problem: its manifest has _ bytes, at most 65536 are read
      help: put large data into a file beside the plugin
    ");
}

fn not_utf8(mount: Mount) {
    assert_snapshot!(Cage::new(mount, "manifest_not_utf8").refusal(""), @r"
    [invalid_plugin, verify] problem: its manifest is not UTF-8 text
      because: invalid utf-8 sequence of _ bytes from index 22
      help: build the plugin with hotshoe's `export_plugin!` and a current hotshoe
    ");
}

fn lying_about_its_version(mount: Mount) {
    assert_snapshot!(Cage::new(mount, "manifest_lies_about_its_version").refusal(""), @r"
    [incompatible, load] problem: plugin `manifest-lies-about-its-version` failed to load: a manifest that the code agrees with was expected, the file says version 9.0.0, its code says version 1.0.0
      help: the file was put together from two builds: build it again
    ");
}

/// It names something that is there, and no entry: a function of the C library.
fn lying_about_its_symbol(mount: Mount) {
    assert_snapshot!(Cage::new(mount, "manifest_lies_about_its_symbol").refusal(""), @r"
    [invalid_plugin, verify] problem: plugin `manifest-lies-about-its-symbol` failed to verify: the symbol `malloc` was expected in the library, it is not there
      help: the library was stripped of its symbols or linked oddly: build it again
    ");
}
