//! The example keyserver and its real client: `gpg`.
//!
//! Needs GnuPG; where it is not installed, the tests say so and check nothing. Homes, data and
//! ports are of each test's own.

#[path = "keyserver/gpg.rs"]
mod gpg;
#[path = "keyserver/next_build.rs"]
mod next_build;
#[path = "keyserver/server.rs"]
mod server;
mod support;
#[path = "keyserver/update.rs"]
mod update;

use std::path::Path;

use gpg::Gpg;
use hotshoe_openpgp_keys::{Certificate, Limits, parse_upload};
use server::Server;
use support::zoo;

/// The keys of Debian's archive: from the installed package, else as they were when this test was
/// written.
fn debian_keyring() -> Vec<Certificate> {
    let installed = [
        "/usr/share/keyrings/debian-archive-keyring.gpg",
        "/usr/share/keyrings/debian-archive-keyring.pgp",
    ];
    let kept = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("plugins/openpgp-keys/tests/data/debian-archive-keyring.gpg");
    let path = installed.iter().map(Path::new).find(|path| path.is_file()).unwrap_or(&kept);
    let bytes = std::fs::read(path).expect("a keyring is there");
    parse_upload(&bytes, &Limits::default()).expect("it is a keyring")
}

/// What the server has for a fingerprint, without its armor.
fn fetched(server: &Server, fingerprint: &str) -> Vec<u8> {
    let answer = server.get(&format!("/pks/lookup?op=get&options=mr&search=0x{fingerprint}"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let keys = parse_upload(&answer.body, &Limits::default()).expect("keys come back");
    keys.iter().flat_map(|key| key.bytes().to_vec()).collect()
}

fn every_debian_key_goes_in_and_comes_back(arguments: &[&str]) {
    let Some(sender) = Gpg::new() else { return };
    let Some(receiver) = Gpg::new() else { return };
    let server = Server::start(arguments);
    let keyring = debian_keyring();
    assert!(keyring.len() >= 5, "{} keys", keyring.len());
    for key in &keyring {
        let fingerprint = key.fingerprint();
        sender.import(key.bytes());
        sender.keyserver(&server, &["--send-keys", fingerprint]);
        assert_eq!(
            fetched(&server, fingerprint),
            sender.export(fingerprint),
            "{fingerprint} comes back byte for byte as it was sent"
        );
        receiver.keyserver(
            &server,
            &[
                "--keyserver-options",
                "no-self-sigs-only,no-import-clean",
                "--recv-keys",
                fingerprint,
            ],
        );
        assert_eq!(
            receiver.signatures(fingerprint),
            sender.signatures(fingerprint),
            "{fingerprint} has the same user ids and signatures"
        );
    }
    let found = receiver.keyserver(&server, &["--search-keys", "ftpmaster@debian.org"]);
    assert!(found.contains("Debian"), "{found}");
    let refreshed = receiver.keyserver(&server, &["--refresh-keys"]);
    assert!(
        refreshed.contains(&format!("Total number processed: {}", keyring.len())),
        "{refreshed}"
    );
    server.stop();
}

#[test]
fn every_debian_key_goes_in_and_comes_back_with_loaded_plugins_and_sqlite() {
    every_debian_key_goes_in_and_comes_back(&[]);
}

#[test]
fn every_debian_key_goes_in_and_comes_back_with_linked_plugins_and_memory() {
    every_debian_key_goes_in_and_comes_back(&["--linked", "--storage", "memory"]);
}

#[test]
fn keys_survive_a_restart_and_a_kill() {
    let Some(sender) = Gpg::new() else { return };
    let data = tempfile::tempdir().expect("a temporary folder");
    let keyring = debian_keyring();
    let server = Server::start_in(data.path(), &[]);
    for key in &keyring[..2] {
        sender.import(key.bytes());
        sender.keyserver(&server, &["--send-keys", key.fingerprint()]);
    }
    server.stop();

    let server = Server::start_in(data.path(), &[]);
    assert_eq!(fetched(&server, keyring[0].fingerprint()), sender.export(keyring[0].fingerprint()));
    sender.import(keyring[2].bytes());
    sender.keyserver(&server, &["--send-keys", keyring[2].fingerprint()]);
    server.kill();

    let server = Server::start_in(data.path(), &[]);
    for key in &keyring[..3] {
        assert_eq!(fetched(&server, key.fingerprint()), sender.export(key.fingerprint()));
    }
    server.stop();
}

#[test]
fn what_is_not_there_is_not_found_and_what_is_no_key_is_refused() {
    let server = Server::start(&["--linked", "--storage", "memory"]);
    let nobody = server.get("/pks/lookup?op=get&search=0x0123456789ABCDEF0123456789ABCDEF01234567");
    assert_eq!(nobody.status, 404, "{}", nobody.text());
    let no_key = server.post("/pks/add", "application/x-www-form-urlencoded", b"keytext=hello");
    assert_eq!(no_key.status, 422, "{}", no_key.text());
    let nowhere = server.get("/no/such/page");
    assert_eq!(nowhere.status, 404);
    let metrics = server.get("/extended-metrics");
    assert!(metrics.text().contains("requests"), "{}", metrics.text());
    server.stop();
}

#[test]
fn checking_starts_everything_prints_the_table_and_exits_with_0() {
    let outcome = Server::check(&[]);
    assert!(outcome.status.success(), "{outcome:?}");
    for plugin in ["access-log", "hkp", "keydb", "keyserver-stats", "ratelimit", "storage-sqlite"] {
        let row = outcome.stdout.lines().find(|line| line.starts_with(plugin));
        assert!(row.is_some_and(|row| row.contains("loaded  active")), "{plugin}: {outcome:?}");
    }
}

#[test]
fn checking_a_directory_that_lacks_a_required_plugin_prints_the_report_and_exits_with_1() {
    let plugins = Server::plugins();
    std::fs::remove_file(plugins.path().join("libkeydb.so")).expect("it was staged");
    let outcome = Server::check(&["--plugins", &plugins.path().display().to_string()]);
    assert_eq!(outcome.status.code(), Some(1), "{outcome:?}");
    let all = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(all.contains("keydb"), "{all}");
    assert!(all.contains("required plugins are not active"), "{all}");
    assert!(all.contains("storage-sqlite"), "the whole report is printed: {all}");
}

#[test]
fn checking_a_directory_with_a_broken_plugin_prints_the_report_and_exits_with_1() {
    let plugins = Server::plugins();
    let path = plugins.path().join("libaccess_log.so");
    let half = std::fs::read(&path).expect("it was staged");
    std::fs::write(&path, &half[..half.len() / 2]).expect("it is cut in two");
    let outcome = Server::check(&["--plugins", &plugins.path().display().to_string()]);
    assert_eq!(outcome.status.code(), Some(1), "{outcome:?}");
    assert!(outcome.stdout.contains("libaccess_log.so"), "{outcome:?}");
    assert!(outcome.stdout.contains("hkp"), "{outcome:?}");
}

/// Good plugins, and beside them everything that can be wrong with one: `tests/zoo`. What kills a
/// process is among it, too, and does nothing as long as nobody tells it when.
#[test]
fn checking_a_directory_with_the_whole_zoo_starts_every_good_plugin_and_exits_with_1() {
    let plugins = Server::plugins();
    zoo::stage(&zoo::specimens(), plugins.path());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = folder.path().join("keyserver.toml");
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/keyserver/keyserver.toml");
    let mut text = std::fs::read_to_string(own).expect("the example has a configuration");
    // What never comes back is given up sooner than by default.
    for id in ["blocks-in-initialize", "blocks-in-start", "never-ready-in-start"] {
        text += &format!("[plugins.{id}]\nload_timeout = \"100ms\"\n");
    }
    // Dropped in the child that tries it.
    text += "[plugins.blocks-in-drop]\nload_timeout = \"1s\"\nstop_timeout = \"100ms\"\n";
    for id in ["blocks-in-stop", "blocks-in-the-background"] {
        text += &format!("[plugins.{id}]\nstop_timeout = \"100ms\"\n");
    }
    std::fs::write(&config, text).expect("the configuration is written");
    let directory = plugins.path().display().to_string();
    let outcome =
        Server::check(&["--config", &config.display().to_string(), "--plugins", &directory]);
    assert_eq!(outcome.status.code(), Some(1), "{outcome:?}");
    for good in
        ["access-log", "hkp", "keydb", "keyserver-stats", "ratelimit", "storage-sqlite", "steady"]
    {
        let row = outcome.stdout.lines().find(|line| line.starts_with(&format!("{good} ")));
        assert!(row.is_some_and(|row| row.contains("loaded  active")), "{good}: {row:?}");
    }
    let problems: Vec<&str> = outcome.stdout.split("\nproblem: ").skip(1).collect();
    for problem in &problems {
        assert!(problem.trim_end().lines().count() <= 15, "{problem}");
    }
    for bad in zoo::BAD_BEFORE_START {
        let file = format!("lib{bad}.so");
        let told = problems.iter().filter(|problem| problem.contains(&file)).count();
        assert_eq!(told, 1, "{bad} is reported once: {problems:#?}");
    }
    assert!(outcome.stdout.contains("libmanifest_missing.so: it is a library without"));
}
