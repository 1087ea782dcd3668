use proptest::prelude::*;

use super::*;

fn text(records: &[&str]) -> String {
    let mut text = String::from("hotshoe-manifest\u{1f}1\u{1e}");
    for record in records {
        text.push_str(&record.replace('|', "\u{1f}"));
        text.push('\u{1e}');
    }
    text
}

const BASE: &[&str] = &[
    "abi|0.1.0",
    "fingerprint|f",
    "rustc|rustc 1.95.0",
    "target|x86_64-unknown-linux-gnu",
    "profile|debug",
    "panic|true",
    "symbol|hotshoe_plugin_x",
    "id|x",
    "version|1.2.3",
];

fn with(more: &[&str]) -> String {
    text(&[BASE, more, &["end"]].concat())
}

#[test]
fn a_manifest_says_what_was_written() {
    let manifest = Manifest::parse(&with(&[
        "authors|A <a@example.org>:B",
        "tag|one",
        "provides|service|quota|1.0.0",
        "provides|storage|sqlite",
        "requires|plugin|keydb|^0.1",
        "wants|service|geo|>=1.0.0",
        "endpoint|GET|/users/{id}",
        "permission|storage",
        "metadata|team|platform",
        "swap|exclusive",
        "state|kept",
        "something-newer|1|2|3",
    ]))
    .unwrap();
    assert_eq!(manifest.id, "x");
    assert_eq!(manifest.name, "x");
    assert_eq!(manifest.authors, ["A <a@example.org>", "B"]);
    assert_eq!(manifest.provides[0].service, "quota");
    assert_eq!(manifest.storage, ["sqlite"]);
    assert_eq!(manifest.requires.len(), 2);
    assert!(manifest.requires[1].optional);
    assert_eq!(manifest.endpoints[0].path, "/users/{id}");
    assert_eq!(manifest.metadata["team"], "platform");
    assert_eq!((manifest.swap, manifest.state), (SwapMode::Exclusive, StatePolicy::Kept));
}

#[test]
fn what_is_not_said_about_swaps_and_state_is_the_default() {
    let manifest = Manifest::parse(&with(&[])).unwrap();
    assert_eq!((manifest.swap, manifest.state), (SwapMode::Overlap, StatePolicy::HandedOver));
}

#[test]
fn the_macro_writes_what_a_plugin_says_and_no_default() {
    struct Some;
    impl crate::Plugin for Some {
        type Config = crate::NoConfig;
        async fn initialize(_: crate::Context, _: crate::NoConfig) -> crate::Result<Self> {
            Ok(Self)
        }
    }
    let text = crate::plugin!(Some, swap = "exclusive", state = "none").manifest_text();
    let manifest = Manifest::parse(text).unwrap();
    assert_eq!((manifest.swap, manifest.state), (SwapMode::Exclusive, StatePolicy::None));
    let kept = crate::plugin!(Some, state = "kept").manifest_text();
    assert_eq!(Manifest::parse(kept).unwrap().state, StatePolicy::Kept);
    let plain = crate::plugin!(Some, id = "some").manifest_text();
    let said = crate::plugin!(Some, swap = "overlap", state = "handed-over", id = "some");
    assert_eq!(said.manifest_text(), plain);
}

#[test]
fn a_way_to_be_exchanged_that_nobody_knows_is_refused() {
    let error = Manifest::parse(&with(&["swap|sideways"])).unwrap_err();
    insta::assert_snapshot!(format!("{error:#}"), @r"
    its manifest says `swap` is `sideways`; expected one of `overlap`, `exclusive`
      help: use a host that knows it, or build the plugin with one of those
    ");
    let error = Manifest::parse(&with(&["state|eternal"])).unwrap_err();
    insta::assert_snapshot!(error.message(), @"its manifest says `state` is `eternal`; expected one of `handed-over`, `none`, `kept`");
}

#[test]
fn what_the_author_gives_replaces_what_cargo_says() {
    let manifest = Manifest::parse(&with(&["id|mine", "version|2.0.0"])).unwrap();
    assert_eq!((manifest.id.as_str(), manifest.version.major), ("mine", 2));
}

#[test]
fn two_manifests_in_one_library_are_refused() {
    let twice = with(&[]).repeat(2);
    let error = Manifest::parse(&twice).unwrap_err();
    insta::assert_snapshot!(format!("{error:#}"), @r"
    it carries 2 manifests, one was expected
      help: a plugin crate that depends on another plugin crate contains both: move what they share to a plain crate
    ");
}

#[test]
fn a_manifest_that_is_cut_off_is_refused() {
    let error = Manifest::parse(&text(BASE)).unwrap_err();
    assert!(error.message().contains("cut off"), "{error}");
}

#[test]
fn an_id_that_could_be_a_path_or_cannot_be_configured_is_refused() {
    for id in ["../x", "a/b", ".hidden", "a b", &"x".repeat(65), "config", "security"] {
        let error = Manifest::parse(&with(&[&format!("id|{id}")])).unwrap_err();
        assert!(error.message().contains("is no id"), "{id}: {error}");
    }
}

#[test]
fn a_range_that_is_none_is_named() {
    let error = Manifest::parse(&with(&["requires|plugin|keydb|soon"])).unwrap_err();
    assert!(error.message().contains("plugin `keydb` in `soon`"), "{error}");
}

#[test]
fn a_refusal_fits_on_a_screen_whatever_it_is_about() {
    let long = format!("{}\n\u{1b}[2J", "x".repeat(60_000));
    for record in
        ["id|?", "version|?", "abi|?", "panic|?", "provides|service|?|?", "swap|?", "state|?"]
            .into_iter()
            .chain(["requires|plugin|?|?", "requires|?|?|1", "wants|service|?|?"])
    {
        let record = record.replace('?', &long);
        let error = Manifest::parse(&with(&[&record])).unwrap_err();
        let error = format!("{error:#}");
        assert!(error.lines().count() <= 4 && error.chars().count() < 600, "{error}");
        assert!(!error.contains('\u{1b}'), "{error:?}");
    }
}

#[test]
fn what_a_terminal_would_obey_is_a_space() {
    let manifest = Manifest::parse(&with(&["name|a\n\u{1b}[2Jb", "target|\u{9b}1m"])).unwrap();
    assert_eq!((manifest.name.as_str(), manifest.build.target.as_str()), ("a  [2Jb", " 1m"));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = Manifest::from_section(&bytes);
    }

    #[test]
    fn any_change_of_a_manifest_is_read_or_refused(at in 0usize..200, byte in any::<u8>()) {
        let mut bytes = with(&["requires|plugin|keydb|^0.1"]).into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = Manifest::from_section(&bytes);
    }
}

#[test]
fn a_name_longer_than_a_screen_is_refused_and_prose_is_not() {
    let long = "x".repeat(1025);
    let error = Manifest::parse(&with(&[&format!("target|{long}")])).unwrap_err();
    assert_eq!(
        error.message(),
        "its manifest has a `target` of 1025 bytes, at most 1024 were expected"
    );
    let manifest = Manifest::parse(&with(&[&format!("description|{long}")])).unwrap();
    assert_eq!(manifest.description, long);
}
