//! X18: one key for signatures, the seed's pair maps onto it.

use super::{config, error};
use crate::config::{ProblemKind, Rpath, Signatures};

fn policy(lines: &str) -> Signatures {
    config(&format!("[plugins.security]\n{lines}")).plugins.security.signatures
}

#[test]
fn signatures_as_said() {
    assert_eq!(policy(""), Signatures::Off);
    assert_eq!(policy("signatures = 'off'"), Signatures::Off);
    assert_eq!(policy("signatures = 'warn'"), Signatures::Warn);
    assert_eq!(policy("signatures = 'require'"), Signatures::Require);
}

#[test]
fn the_older_pair_maps_onto_signatures() {
    for (verify, allow, expected) in [
        ("true", "false", Signatures::Require),
        ("true", "true", Signatures::Warn),
        ("false", "true", Signatures::Off),
    ] {
        let camel = format!("verifySignatures = {verify}\nallowUnsigned = {allow}");
        let snake = format!("verify_signatures = {verify}\nallow_unsigned = {allow}");
        assert_eq!(policy(&camel), expected, "{camel}");
        assert_eq!(policy(&snake), expected, "{snake}");
    }
}

#[test]
fn one_of_the_pair_gives_the_strictest_that_it_permits() {
    assert_eq!(policy("verifySignatures = true"), Signatures::Require);
    assert_eq!(policy("verifySignatures = false"), Signatures::Off);
    assert_eq!(policy("allowUnsigned = true"), Signatures::Warn);
    assert_eq!(policy("allowUnsigned = false"), Signatures::Require);
}

#[test]
fn the_pair_beside_signatures_must_agree() {
    assert_eq!(policy("signatures = 'warn'\nverifySignatures = true"), Signatures::Warn);
    assert_eq!(
        policy("signatures = 'off'\nverifySignatures = false\nallowUnsigned = true"),
        Signatures::Off
    );
    for lines in [
        "signatures = 'off'\nverifySignatures = true",
        "signatures = 'require'\nallowUnsigned = true",
        "signatures = 'warn'\nverifySignatures = true\nallowUnsigned = false",
        "verifySignatures = false\nallowUnsigned = false",
    ] {
        let error = error(&format!("[plugins.security]\n{lines}"));
        assert!(error.has(ProblemKind::Contradiction), "{lines}: {error}");
    }
}

#[test]
fn contradictions_name_the_keys_and_their_lines() {
    let pair = error("[plugins.security]\nverifySignatures = false\nallowUnsigned = false");
    insta::assert_snapshot!(pair, @r#"app.toml:3:1: plugins.security.allowUnsigned: `verifySignatures` (line 2) and `allowUnsigned` (line 3) contradict each other; keep only signatures = "off", "warn" or "require""#);
    let three = error(
        "[plugins.security]\nsignatures = 'off'\nverify_signatures = true\nallow_unsigned = true",
    );
    insta::assert_snapshot!(three, @r#"app.toml:4:1: plugins.security.allow_unsigned: `signatures` (line 2) and `verify_signatures` (line 3) and `allow_unsigned` (line 4) contradict each other; keep only signatures = "off", "warn" or "require""#);
}

#[test]
fn the_rest_of_the_policy() {
    let config = config(
        "[plugins.security]\nrpath = 'allow'\nallow_needed = ['libfoo.so.1']\nmax_memory_mb = 64",
    );
    let policy = &config.plugins.security;
    assert_eq!(policy.rpath, Rpath::Allow);
    assert_eq!(policy.allow_needed, ["libfoo.so.1"]);
    assert_eq!(policy.max_memory_mb.map(u32::from), Some(64));
    assert_eq!(policy.max_cpu_percent, None);
}

#[test]
fn a_plugin_in_the_place_of_the_policy_is_told_so() {
    let error = error("[plugins.security]\nenabled = true\ntype = 'security'");
    insta::assert_snapshot!(error, @r#"
    2 problems in app.toml:
    app.toml:2:1: plugins.security.enabled: unknown key; `plugins.security` is the host's policy; a plugin needs another id, and may have type = "security"
    app.toml:3:1: plugins.security.type: unknown key; `plugins.security` is the host's policy; a plugin needs another id, and may have type = "security"
    "#);
}

#[test]
fn the_permissions_that_any_plugin_may_be_granted() {
    let policy = |lines| config(&format!("[plugins.security]\n{lines}")).plugins.security;
    assert_eq!(policy("").permissions, None, "no limit is not the same as an empty list");
    assert_eq!(policy("permissions = []").permissions, Some(Vec::new()));
    let some = policy("permissions = ['storage', 'events.publish:keys.*']").permissions;
    assert_eq!(some.unwrap(), ["storage", "events.publish:keys.*"]);
    let error = error("[plugins.security]\npermissions = 'storage'");
    insta::assert_snapshot!(error, @r#"app.toml:2:15: plugins.security.permissions: expected a list of permissions, found the text "storage"; write it as ["a", "b"]"#);
}
