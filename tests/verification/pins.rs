//! Digests and lowest versions.

use std::path::Path;

use insta::assert_snapshot;
use sha2::{Digest, Sha256};

use crate::support::rig::{Rig, get};
use crate::support::said::state;

fn digest(file: &Path) -> String {
    let digest = Sha256::digest(std::fs::read(file).unwrap());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn outcome(rig: &Rig, policy: &str) -> (String, &'static str) {
    let (host, report) = rig.start(&format!("[plugins.faulty]\nconfig.threshold = 1\n{policy}"));
    assert_eq!(get(&host, "steady"), "200 steady 1", "nobody pinned it");
    let state = state(&host, "faulty");
    host.stop().wait().unwrap();
    (rig.told(&report), state)
}

#[test]
fn the_pinned_file_starts() {
    let rig = Rig::with("faulty");
    let digest = digest(&rig.plugin("libfaulty.so"));
    let pin = format!("[plugins.security.pins.faulty]\n\"1.2.0\" = \"sha256:{digest}\"");
    assert_eq!(outcome(&rig, &pin), ("nothing".into(), "active"));
    let other = "0".repeat(64);
    let either = format!("[plugins.security.pins.faulty]\n\"1.2.0\" = [\"{other}\", \"{digest}\"]");
    assert_eq!(outcome(&rig, &either), ("nothing".into(), "active"));
    let loud = format!("[plugins.security.pins.faulty]\n\"1.2.0\" = \"{}\"", digest.to_uppercase());
    assert_eq!(outcome(&rig, &loud), ("nothing".into(), "active"));
}

/// A pin is for one version, all of it.
#[test]
fn a_pin_is_for_no_other_build_of_its_version() {
    for (pinned, found) in
        [("1.2.0", "1.2.0+evil"), ("1.2.0+good", "1.2.0+evil"), ("1.2.0", "1.2.0-rc.1")]
    {
        let rig = Rig::new();
        let file = rig.make("built", found, &[]);
        let pin = format!("[plugins.security.pins.built]\n\"{pinned}\" = \"{}\"", digest(&file));
        let told = rig.outcome(&format!("[plugins.built]\nconfig.threshold = 1\n{pin}"));
        assert!(told.contains(&format!("version {found} is not pinned")), "{told}");
    }
}

#[test]
fn another_file_of_the_pinned_version_is_refused() {
    let rig = Rig::with("faulty");
    let found = digest(&rig.plugin("libfaulty.so"));
    let pin = format!("[plugins.security.pins.faulty]\n\"1.2.0\" = \"{}\"", "0".repeat(64));
    let (told, state) = outcome(&rig, &pin);
    assert_eq!(state, "failed");
    assert_snapshot!(told.replace(&found, "<found>"), @r#"
    problem: plugin `faulty` failed to verify: the file with the SHA-256 digest 0000000000000000000000000000000000000000000000000000000000000000 was expected, found <found>
      file: <folder>/plugins/libfaulty.so
      help: if this file is the right one, pin it: "1.2.0" = "sha256:<found>" in [plugins.security.pins.faulty]
    "#);
}

#[test]
fn a_version_that_is_not_pinned_is_refused_and_the_pinned_one_starts() {
    let rig = Rig::with("faulty");
    let pinned = digest(&rig.plugin("libfaulty.so"));
    let newer = rig.change("faulty", "libfaulty-2.so", &[("version", "1.2.0", "2.0.0")]);
    let found = digest(&newer);
    let pin = format!("[plugins.security.pins.faulty]\n\"1.2.0\" = \"{pinned}\"");
    let (told, state) = outcome(&rig, &pin);
    assert_eq!(state, "active");
    assert_snapshot!(told.replace(&found, "<found>"), @r#"
    problem: plugin `faulty` failed to verify: one of the pinned versions was expected, version 2.0.0 is not pinned
      file: <folder>/plugins/libfaulty-2.so
      help: if you trust this file, pin it: "2.0.0" = "sha256:<found>" in [plugins.security.pins.faulty]
    "#);
}

#[test]
fn a_version_below_the_minimum_is_refused() {
    let rig = Rig::with("faulty");
    let (told, state) = outcome(&rig, "[plugins.security.minimum]\nfaulty = \"1.2.1\"");
    assert_eq!(state, "failed");
    assert_snapshot!(told, @"
    problem: plugin `faulty` failed to verify: version 1.2.1 or later was expected, this is version 1.2.0
      file: <folder>/plugins/libfaulty.so
      help: update the plugin, or lower `faulty` in [plugins.security.minimum]
    ");
    assert_eq!(
        outcome(&rig, "[plugins.security.minimum]\nfaulty = \"1.2.0\""),
        ("nothing".into(), "active")
    );
}

/// A candidate for a release is below it. Builds of one version are in no order that means anything,
/// but one below a build that the operator names is refused, too.
#[test]
fn the_minimum_counts_candidates_and_builds() {
    let cases = [
        ("1.2.0", "1.2.0-rc.1", false),
        ("1.2.0-rc.2", "1.2.0-rc.1", false),
        ("1.2.0-rc.1", "1.2.0-rc.10", true),
        ("1.2.0", "1.2.0+build.1", true),
        ("1.2.0+build.2", "1.2.0", false),
        ("1.2.0+build.2", "1.2.0+build.1", false),
        ("1.2.0+build.2", "1.2.0+build.10", true),
    ];
    for (minimum, found, accepted) in cases {
        let rig = Rig::new();
        rig.make("aged", found, &[]);
        let policy = format!("[plugins.security.minimum]\naged = \"{minimum}\"\n");
        let (host, report) = rig.start(&format!("[plugins.aged]\nconfig.threshold = 1\n{policy}"));
        let told = rig.told(&report);
        assert_eq!(state(&host, "aged") == "active", accepted, "{minimum}, {found}: {told}");
        assert!(accepted || told.contains(&format!("version {minimum} or later")), "{told}");
        host.stop().wait().unwrap();
    }
}

#[test]
fn the_minimum_holds_for_linked_plugins() {
    let rig = Rig::new();
    let config = rig.config(
        "linked = [\"faulty\"]\n[plugins.faulty]\nconfig.threshold = 1\n\
         [plugins.security.minimum]\nfaulty = \"2.0.0\"",
    );
    let host = hotshoe::PluginHost::builder().config(config).register::<faulty::Faulty>();
    let host = host.build().unwrap();
    let report = host.start().wait().unwrap();
    assert_ne!(state(&host, "faulty"), "active");
    assert!(report.refused.iter().any(|error| error.is_untrusted()), "{report}");
    host.stop().wait().unwrap();
}
