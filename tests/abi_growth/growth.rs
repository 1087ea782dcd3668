//! Earlier and later plugins, in earlier and later hosts.

use std::path::Path;
use std::process::Command;

use hotshoe::config::Config;
use hotshoe::{PluginHost, Request};
use insta::assert_snapshot;

use crate::support;
use crate::variants::built;

/// The fingerprint that is in a library's manifest.
fn fingerprint(library: &Path) -> String {
    let bytes = std::fs::read(library).expect("the library is there");
    let key = b"\x1efingerprint\x1f";
    let at = bytes.windows(key.len()).position(|found| found == key).expect("it has a manifest");
    let value = &bytes[at + key.len()..];
    let end = value.iter().position(|byte| *byte == 0x1e).expect("a record ends");
    String::from_utf8_lossy(&value[..end]).into_owned()
}

/// What a plugin answers, and what it says of its health.
fn visit(host: &PluginHost, id: &str) -> String {
    let response = host.respond_blocking(Request::builder("GET", &format!("/{id}")).build());
    let status = response.status();
    let body = response.into_body().into_full().unwrap_or_default();
    format!("{status} {}", String::from_utf8_lossy(&body))
}

/// With equal fingerprints the comparison of layouts would be left out.
#[test]
fn earlier_and_later_are_told_apart_by_their_fingerprints() {
    let earlier = fingerprint(&support::library("growing"));
    let later = fingerprint(&built().library("grown"));
    assert_eq!(earlier, hotshoe_abi::FINGERPRINT);
    assert_ne!(earlier, later);
}

/// Later: with more functions in four tables than the host has, and types that it does not know.
/// The plugin asks its host for one of them, does without, and shares storage and events with a
/// plugin of the host's own version.
#[test]
fn a_later_plugin_works_in_this_host() {
    let libraries = [support::library("growing"), built().library("grown")];
    let (plugins, data) = (support::stage(&libraries), tempfile::tempdir().unwrap());
    let config = Config::from_toml("[plugins]\nstorage = \"grown\"", "the test").unwrap();
    let builder = PluginHost::builder().config(config).directory(plugins.path());
    let host = builder.data_dir(data.path()).build().unwrap();
    let report = host.start().wait().unwrap();
    assert!(report.is_complete(), "{report}");
    let health = futures_lite::future::block_on(host.health("grown")).unwrap();
    let mut told = vec![
        visit(&host, "growing"),
        visit(&host, "grown"),
        visit(&host, "grown"),
        format!("grown says: {}", health.message),
    ];
    host.stop().wait().unwrap();
    for id in ["growing", "grown"] {
        let note = std::fs::read_to_string(data.path().join(id).join("stopped")).unwrap();
        told.push(format!("{id} {note}"));
    }
    assert_snapshot!(told.join("\n"), @"
    200 visit 1 of growing; the host was not asked
    200 visit 1 of grown; the host is an earlier one; reads: 0 later, 1 earlier
    200 visit 2 of grown; the host is an earlier one; reads: 0 later, 2 earlier
    grown says: still growing
    growing heard of 3 visits
    grown heard of 3 visits
    ");
}

/// Earlier: today's plugin, in a host whose hotshoe-abi has more functions in four tables. The host
/// asks both for what only the later one has.
#[test]
fn an_earlier_plugin_works_in_a_later_host() {
    let libraries = [support::library("growing"), built().library("grown")];
    let (plugins, data) = (support::stage(&libraries), tempfile::tempdir().unwrap());
    let mut host = Command::new(built().later_host());
    host.arg(plugins.path()).arg(data.path());
    for library in &libraries {
        host.arg(plugins.path().join(library.file_name().unwrap()));
    }
    let output = host.output().expect("the host runs");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    let (version, told) = told.split_once('\n').expect("its version comes first");
    assert_ne!(version, format!("hotshoe-abi {}", hotshoe_abi::VERSION));
    assert_snapshot!(told, @"
    200 visit 1 of growing; the host was not asked
    200 visit 2 of growing; the host was not asked
    growing says: still growing
    200 visit 1 of grown; the host is a later one; reads: 1 later, 0 earlier
    200 visit 2 of grown; the host is a later one; reads: 2 later, 0 earlier
    grown says: still growing (appraised)
    libgrowing does not describe itself
    libgrown is built against a later hotshoe-abi
    reads: 0 later, 4 earlier
    growing heard of 4 visits
    grown heard of 4 visits
    ");
}
