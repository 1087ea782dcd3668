//! Whose signature a plugin needs.

use std::path::Path;
use std::process::Command;

use insta::assert_snapshot;

use super::signer::{Signer, signature_of};
use crate::support::rig::{Rig, get};
use crate::support::said::state;

const FAULTY: &str = "[plugins.faulty]\nconfig.threshold = 1\n";

/// A rig without `steady`, which nobody signed.
fn rig() -> Rig {
    let rig = Rig::bare();
    rig.add("faulty");
    rig
}

/// What a start says, and the state of `faulty` afterwards.
fn start(rig: &Rig, policy: &str) -> (String, &'static str) {
    let (host, report) = rig.start(&format!("{FAULTY}{policy}"));
    let state = state(&host, "faulty");
    if state == "active" {
        assert_eq!(get(&host, "faulty"), "200 faulty 1");
    }
    let warnings = report.plugins.iter().flat_map(|plugin| &plugin.warnings);
    let warnings: Vec<String> = warnings.map(|warning| format!("warning: {warning}")).collect();
    host.stop().wait().unwrap();
    let told = rig.told(&report);
    (if warnings.is_empty() { told } else { format!("{told}\n{}", warnings.join("\n")) }, state)
}

#[test]
fn a_signed_plugin_starts_where_signatures_are_required() {
    let (rig, signer) = (rig(), Signer::new());
    signer.sign(&rig.plugin("libfaulty.so"));
    assert_eq!(start(&rig, &signer.required()), ("nothing".into(), "active"));
}

#[test]
fn an_unsigned_plugin_is_refused_where_signatures_are_required() {
    let (rig, signer) = (rig(), Signer::new());
    let (told, state) = start(&rig, &signer.required());
    assert_eq!(state, "failed");
    assert_snapshot!(told, @"
    problem: plugin `faulty` failed to verify: a signature by a trusted key was expected, there is no signature `libfaulty.so.minisig`
      file: <folder>/plugins/libfaulty.so
      help: sign it: minisign -Sm libfaulty.so
    ");
}

#[test]
fn an_unsigned_plugin_starts_with_a_warning_where_signatures_are_wanted() {
    let (rig, signer) = (rig(), Signer::new());
    let (told, state) = start(&rig, &signer.policy("warn"));
    assert_eq!(state, "active");
    assert_snapshot!(told, @r"
    nothing
    warning: there is no signature `libfaulty.so.minisig`; sign it: minisign -Sm libfaulty.so
    ");
}

#[test]
fn a_signed_plugin_starts_without_a_warning_where_signatures_are_wanted() {
    let (rig, signer) = (rig(), Signer::new());
    signer.sign(&rig.plugin("libfaulty.so"));
    assert_eq!(start(&rig, &signer.policy("warn")), ("nothing".into(), "active"));
}

#[test]
fn a_wrong_signature_is_refused_even_where_signatures_are_only_wanted() {
    let (rig, signer) = (rig(), Signer::new());
    signer.sign(&rig.add("needy"));
    std::fs::rename(
        signature_of(&rig.plugin("libneedy.so")),
        signature_of(&rig.plugin("libfaulty.so")),
    )
    .unwrap();
    std::fs::remove_file(rig.plugin("libneedy.so")).unwrap();
    let (told, state) = start(&rig, &signer.policy("warn"));
    assert_eq!(state, "failed");
    assert_snapshot!(told, @"
    problem: plugin `faulty` failed to verify: the file that was signed with the key `tests` was expected, this one differs, or its signature does
      because: The signature verification failed
      file: <folder>/plugins/libfaulty.so
      help: do not use it; get the file and its signature again from where it is made
    ");
}

#[test]
fn nobody_looks_at_signatures_where_they_are_off() {
    let (rig, signer) = (rig(), Signer::new());
    std::fs::write(signature_of(&rig.plugin("libfaulty.so")), "no signature at all").unwrap();
    assert_eq!(start(&rig, &signer.policy("off")), ("nothing".into(), "active"));
}

#[test]
fn a_signature_with_a_key_that_is_not_trusted_is_none() {
    let (rig, signer, stranger) = (rig(), Signer::new(), Signer::new());
    stranger.sign(&rig.plugin("libfaulty.so"));
    let (told, state) = start(&rig, &signer.required());
    assert_eq!(state, "failed");
    assert_snapshot!(told, @"
    problem: plugin `faulty` failed to verify: a signature by a trusted key was expected, it is signed with a key that is not trusted
      file: <folder>/plugins/libfaulty.so
      help: name the key in [plugins.security.keys], if you trust it
    ");
}

#[test]
fn a_key_signs_only_the_plugins_it_is_trusted_with() {
    let (rig, signer) = (rig(), Signer::new());
    signer.sign(&rig.plugin("libfaulty.so"));
    let (told, state) = start(&rig, &(signer.required() + "plugins = [\"storage-*\", \"needy\"]"));
    assert_eq!(state, "failed");
    assert_snapshot!(told, @r#"
    problem: plugin `faulty` failed to verify: a signature by a trusted key was expected, it is signed with the key `tests`, which is not trusted with `faulty`
      file: <folder>/plugins/libfaulty.so
      help: add "faulty" to `plugins` in [plugins.security.keys.tests], if it is meant to
    "#);
    let scoped = signer.required() + "plugins = [\"storage-*\", \"fau*\"]";
    assert_eq!(start(&rig, &scoped), ("nothing".into(), "active"));
}

/// The id is in the signed bytes, so a key for one plugin vouches for no other.
#[test]
fn a_plugin_does_not_pass_under_the_id_of_another() {
    let (rig, signer) = (Rig::bare(), Signer::new());
    signer.sign(&rig.change("faulty", "libfaulty.so", &[("id", "faulty", "honest")]));
    let policy = signer.required() + "plugins = [\"faulty\"]";
    let (host, report) = rig.start(&policy);
    assert!(report.problems()[0].contains("not trusted with `honest`"), "{report}");
    assert_eq!(state(&host, "honest"), "unknown");
    host.stop().wait().unwrap();
}

#[test]
fn what_is_no_signature_is_said_to_be_none() {
    let (rig, signer) = (rig(), Signer::new());
    std::fs::write(signature_of(&rig.plugin("libfaulty.so")), "To do: sign it.\n").unwrap();
    let (told, _) = start(&rig, &signer.required());
    assert_snapshot!(told, @"
    problem: plugin `faulty` failed to verify: a signature of minisign in its present form was expected in `libfaulty.so.minisig`, it holds none
      because: Invalid encoding in minisign data
      file: <folder>/plugins/libfaulty.so
      help: sign the file again: minisign -Sm writes four lines
    ");
}

/// Opening some of these would wait for a writer, reading others would never end.
#[test]
fn a_signature_that_is_no_file_is_refused_at_once() {
    let makers: [fn(&Path); 4] = [
        |path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success()),
        |path| std::fs::create_dir(path).unwrap(),
        |path| std::os::unix::fs::symlink("/dev/zero", path).unwrap(),
        |path| drop(std::os::unix::net::UnixListener::bind(path).unwrap()),
    ];
    for make in makers {
        let (rig, signer) = (rig(), Signer::new());
        make(&signature_of(&rig.plugin("libfaulty.so")));
        let (told, state) = start(&rig, &signer.required());
        assert_eq!(state, "failed");
        insta::allow_duplicates! {
            assert_snapshot!(told, @"
            problem: plugin `faulty` failed to verify: a signature of minisign in its present form was expected in `libfaulty.so.minisig`, it holds none
              because: it is no regular file
              file: <folder>/plugins/libfaulty.so
              help: sign the file again: minisign -Sm writes four lines
            ");
        }
    }
}

#[test]
fn a_signature_that_is_too_long_is_not_read() {
    let (rig, signer) = (rig(), Signer::new());
    let signature = signer.sign(&rig.plugin("libfaulty.so"));
    std::fs::File::options().write(true).open(signature).unwrap().set_len(1 << 30).unwrap();
    let (told, _) = start(&rig, &signer.required());
    assert_snapshot!(told, @"
    problem: plugin `faulty` failed to verify: a signature of minisign in its present form was expected in `libfaulty.so.minisig`, it holds none
      because: it is larger than 16 KiB
      file: <folder>/plugins/libfaulty.so
      help: sign the file again: minisign -Sm writes four lines
    ");
}

/// The signature is by somebody who is trusted, but of something else.
#[test]
fn a_library_that_is_too_large_is_not_copied() {
    let (rig, signer) = (rig(), Signer::new());
    let library = rig.plugin("libfaulty.so");
    signer.sign(&library);
    std::fs::File::options().write(true).open(library).unwrap().set_len((512 << 20) + 1).unwrap();
    let (told, state) = start(&rig, &signer.required());
    assert_eq!(state, "failed");
    assert_snapshot!(told, @"
    problem: plugin `faulty` failed to verify: a library of at most 512 MiB was expected, since all of it is read; this one has _ bytes
      file: <folder>/plugins/libfaulty.so
      help: build it without debug information, or move large data into a file beside it
    ");
}

/// Four lines count, whatever ends them and whatever follows them, as for the program minisign. What
/// comes before belongs to the first one, a comment that nobody signed.
#[test]
fn a_signature_may_have_been_through_an_editor() {
    let (rig, signer) = (rig(), Signer::new());
    let path = signer.sign(&rig.plugin("libfaulty.so"));
    let whole = std::fs::read_to_string(&path).unwrap();
    let other = Signer::new().sign(&rig.add("needy"));
    let other = std::fs::read_to_string(other).unwrap();
    for text in [
        whole.replace('\n', "\r\n"),
        format!("\u{feff}{whole}"),
        whole.trim_end().to_owned(),
        format!("{whole}\nTo do: sign it again.\n"),
        format!("{whole}{other}"),
    ] {
        std::fs::write(&path, &text).unwrap();
        assert_eq!(
            start(&rig, &(signer.required() + "plugins = [\"faulty\"]")).1,
            "active",
            "{text}"
        );
    }
    std::fs::write(&path, format!("{other}{whole}")).unwrap();
    let (told, state) = start(&rig, &signer.required());
    assert_eq!(state, "failed", "the first one counts");
    assert!(told.contains("signed with a key that is not trusted"), "{told}");
}

/// The signature belongs to the name in the plugin directory, wherever the file itself is.
#[test]
fn the_signature_of_a_link_is_beside_the_link() {
    let (rig, signer) = (rig(), Signer::new());
    let link = rig.plugin("libfaulty.so");
    let library = rig.path("faulty-1.2.0");
    std::fs::rename(&link, &library).unwrap();
    std::os::unix::fs::symlink(&library, &link).unwrap();
    let signature = signer.sign(&library);
    let (told, state) = start(&rig, &signer.required());
    assert_eq!(state, "failed");
    assert!(told.contains("there is no signature `libfaulty.so.minisig`"), "{told}");
    std::fs::rename(signature, signature_of(&link)).unwrap();
    assert_eq!(start(&rig, &signer.required()), ("nothing".into(), "active"));
}

#[test]
fn a_key_under_two_names_may_sign_what_either_name_may() {
    let (rig, signer) = (rig(), Signer::new());
    signer.sign(&rig.plugin("libfaulty.so"));
    let key = signer.public();
    let policy = signer.required()
        + "plugins = [\"needy\"]\n"
        + &format!("[plugins.security.keys.x]\npublic_key = \"{key}\"\nplugins = [\"faulty\"]");
    assert_eq!(start(&rig, &policy), ("nothing".into(), "active"));
}

#[test]
fn a_key_may_be_in_a_file() {
    let (rig, signer) = (rig(), Signer::new());
    signer.sign(&rig.plugin("libfaulty.so"));
    std::fs::write(rig.path("tests.pub"), signer.public_file()).unwrap();
    let policy = "[plugins.security]\nsignatures = \"require\"\n\
                  keys.tests.public_key = { file = \"tests.pub\" }";
    assert_eq!(start(&rig, policy), ("nothing".into(), "active"));
}

#[test]
fn a_key_that_cannot_be_read_is_named_before_anything_starts() {
    let rig = rig();
    std::fs::write(rig.path("tests.pub"), "no key\n").unwrap();
    let config = rig.config(
        "[plugins.security]\nsignatures = \"require\"\n\
         keys.tests.public_key = { file = \"tests.pub\" }",
    );
    let error = hotshoe::PluginHost::builder().config(config).build().unwrap_err();
    assert!(error.is_invalid_config());
    assert_snapshot!(rig.error(&error), @r"
    the trusted key `tests` is no public key of minisign
      because: Invalid encoding in minisign data
      file: <folder>/tests.pub
      help: minisign's public keys are files of two lines; the second one is the key
    ");
}

#[test]
fn a_key_that_is_in_no_file_is_named_before_anything_starts() {
    let rig = rig();
    let made = Command::new("mkfifo").arg(rig.path("tests.pub")).status();
    assert!(made.expect("mkfifo runs").success());
    let config = rig.config("[plugins.security]\nkeys.tests.public_key = { file = \"tests.pub\" }");
    let error = hotshoe::PluginHost::builder().config(config).build().unwrap_err();
    assert_snapshot!(rig.error(&error), @"
    the trusted key `tests` is no public key of minisign
      because: it is no regular file
      file: <folder>/tests.pub
      help: minisign's public keys are files of two lines; the second one is the key
    ");
}

#[test]
fn signatures_cannot_be_required_of_nobody() {
    let rig = rig();
    let config = rig.config("[plugins.security]\nverifySignatures = true\nallowUnsigned = false");
    let error = hotshoe::PluginHost::builder().config(config).build().unwrap_err();
    assert!(error.is_invalid_config());
    assert_snapshot!(rig.error(&error), @r#"
    `[plugins.security]` requires signatures, and no key is trusted
      help: name one in [plugins.security.keys.<name>] public_key, or set signatures = "off" if you trust every file in the directory
    "#);
}

/// The tool that distributions have, not only the library that the tests use.
#[test]
fn what_the_program_minisign_signs_is_accepted() {
    let rig = rig();
    let run = |arguments: &[&str]| {
        Command::new("minisign").args(arguments).current_dir(rig.path("plugins")).output()
    };
    let Ok(made) = run(&["-G", "-W", "-p", "../m.pub", "-s", "../m.key"]) else {
        eprintln!("the program minisign is not installed: what it signs was not tried");
        return;
    };
    assert!(made.status.success(), "{made:?}");
    let policy = "[plugins.security]\nsignatures = \"require\"\n\
                  keys.tests.public_key = { file = \"m.pub\" }";
    let signed = run(&["-S", "-W", "-s", "../m.key", "-m", "libfaulty.so"]).unwrap();
    assert!(signed.status.success(), "{signed:?}");
    assert_eq!(start(&rig, policy), ("nothing".into(), "active"));

    // The older form signs the file itself, which must be in memory as a whole to be verified.
    let signed = run(&["-S", "-l", "-W", "-s", "../m.key", "-m", "libfaulty.so"]).unwrap();
    assert!(signed.status.success(), "{signed:?}");
    let (told, state) = start(&rig, policy);
    assert_eq!(state, "failed");
    assert_snapshot!(told, @"
    problem: plugin `faulty` failed to verify: a signature of minisign in its present form was expected in `libfaulty.so.minisig`, it holds one of the older form
      because: StreamVerifier only supports non-legacy mode signatures
      file: <folder>/plugins/libfaulty.so
      help: sign the file again, without `-l`
    ");
}
