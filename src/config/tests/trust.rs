//! Keys, digests, lowest versions, and how files are loaded.

use semver::Version;

use super::{config, problems};
use crate::config::{LoadFrom, PublicKey, SecurityPolicy, TrustedKey};

const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn policy(lines: &str) -> SecurityPolicy {
    config(&format!("[plugins.security]\n{lines}")).plugins.security
}

#[test]
fn a_key_signs_every_plugin_unless_it_names_some() {
    let policy = policy(&format!(
        "[plugins.security.keys.all]\npublic_key = '{KEY}'\n\
         [plugins.security.keys.some]\npublicKey = {{ file = 'some.pub' }}\n\
         plugins = ['storage-*', 'hkp']"
    ));
    assert_eq!(policy.keys["all"].public_key, PublicKey::Text(KEY.into()));
    assert_eq!(policy.keys["some"].public_key, PublicKey::File("some.pub".into()));
    let covered = |key: &str, plugin| policy.keys[key].covers(plugin);
    assert!(covered("all", "anything"));
    assert!(covered("some", "hkp") && covered("some", "storage-sqlite"));
    assert!(!covered("some", "hkps") && !covered("some", "keydb"));
}

/// A list that was computed, and is empty.
#[test]
fn a_key_for_no_plugin_signs_none() {
    let key = TrustedKey::new(PublicKey::Text(KEY.into()));
    assert!(key.covers("hkp"));
    assert!(!key.only_for(Vec::<String>::new()).covers("hkp"));
}

#[test]
fn pins_are_one_digest_or_several_by_version() {
    let policy = policy(&format!(
        "[plugins.security.pins.hkp]\n'0.1.0' = '{EMPTY}'\n'0.2.0' = ['sha256:{EMPTY}', '{}']",
        "A".repeat(64)
    ));
    let pins = &policy.pins["hkp"];
    assert_eq!(pins[&Version::new(0, 1, 0)], [EMPTY.parse().unwrap()]);
    assert_eq!(pins[&Version::new(0, 2, 0)].len(), 2);
    assert_eq!(pins[&Version::new(0, 2, 0)][1].to_string(), "a".repeat(64));
}

#[test]
fn the_rest_of_what_is_demanded_of_files() {
    let policy = policy(
        "load_from = 'path'\npreflight = true\npreflight_helper = 'bin/helper'\n\
         minimum = { hkp = '0.2.0' }",
    );
    assert_eq!(policy.load_from, LoadFrom::Path);
    assert!(policy.preflight);
    assert_eq!(policy.preflight_helper, Some("bin/helper".into()));
    assert_eq!(policy.minimum["hkp"], Version::new(0, 2, 0));
    assert_eq!(SecurityPolicy::default().load_from, LoadFrom::Memory);
}

#[test]
fn what_is_no_key_no_digest_and_no_version_is_named_with_its_place() {
    insta::assert_snapshot!(
        problems(&format!(
            "[plugins.security]\nload_from = 'disk'\n\
             [plugins.security.keys.a]\n\
             [plugins.security.keys.b]\npublic_key = 'RWQ'\n\
             [plugins.security.keys.c]\npublic_key = '{KEY}'\nplugins = []\nscope = 'all'\n\
             [plugins.security.keys.d]\npublic_key = {{ env = 'KEY' }}\n\
             [plugins.security.pins.hkp]\nlatest = '{EMPTY}'\n'0.1.0' = 'abc'\n\
             '0.2.0' = ['{EMPTY}', '{}']\n'0.3.0' = []\n\
             [plugins.security.pins]\n'..' = {{}}\n\
             [plugins.security.minimum]\nhkp = '1'\n",
            "x".repeat(64)
        ))
        .join("\n"),
        @r#"
    2:13: plugins.security.load_from: expected one of "memory", "path", found the text "disk"
    3:24: plugins.security.keys.a: the key itself is missing; write public_key = "RW…", the second line of the file minisign.pub
    5:14: plugins.security.keys.b.public_key: expected a public key of minisign, or { file = "minisign.pub" }, found the text "RWQ"; copy the second line of the file minisign.pub
    8:11: plugins.security.keys.c.plugins: a key for no plugin is of no use; leave `plugins` out for a key that may sign every plugin
    9:1: plugins.security.keys.c.scope: unknown key; known here: public_key, plugins
    11:16: plugins.security.keys.d.public_key.env: unknown key; known here: file
    13:1: plugins.security.pins.hkp.latest: expected a version, found `latest`; write it in quotes: "1.2.3" = "sha256:…"
    14:11: plugins.security.pins.hkp."0.1.0": expected the SHA-256 digest of the file, found the text "abc": it has 3 digits
    15:80: plugins.security.pins.hkp."0.2.0"[1]: expected the SHA-256 digest of the file, found the text "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…": it has letters beyond a to f
    16:11: plugins.security.pins.hkp."0.3.0": no digest at all fits no file; leave the version out to refuse it
    18:1: plugins.security.pins."..": ".." is no id: none begins with a dot; choose another id
    20:7: plugins.security.minimum.hkp: expected a version such as "1.2.3", found the text "1": unexpected end of input while parsing major version number
    "#
    );
}

#[test]
fn digests_are_64_hexadecimal_digits() {
    use crate::config::Sha256;
    for wrong in ["", "sha256:", "sha512:00", &"+1".repeat(32), &"é".repeat(32), &EMPTY[1..]] {
        assert!(wrong.parse::<Sha256>().is_err(), "{wrong}");
    }
    let digest: Sha256 = EMPTY.parse().unwrap();
    assert_eq!(digest.as_bytes()[..2], [0xe3, 0xb0]);
    assert_eq!(format!("{digest:?}"), format!("sha256:{EMPTY}"));
}
