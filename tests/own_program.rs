//! A program that tries libraries in a child of itself. It has a `main` of its own, as the hook has to
//! be first there; libtest has none to offer.

mod support;

use std::path::Path;
use std::process::Command;

use hotshoe::config::Config;
use hotshoe::lifecycle::State;
use hotshoe::{PluginHost, Request};

/// What is to become of the program's file while it runs; also the sign that it is the copy.
const FATE: &str = "OWN_PROGRAM_FATE";

fn main() {
    hotshoe::preflight::hook();
    match std::env::var(FATE) {
        Ok(fate) => tries_in_a_child_of_itself(&fate),
        Err(_) => {
            for fate in ["kept", "deleted", "replaced"] {
                play(fate);
                println!("test whose_file_is_{fate} ... ok");
            }
        }
    }
}

/// Starts a copy of this program, with a folder of its own around it.
fn play(fate: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let copy = folder.path().join("program");
    std::fs::copy(std::env::current_exe().expect("a test has an executable"), &copy)
        .expect("the program is copied");
    let plugins = folder.path().join("plugins");
    std::fs::create_dir(&plugins).expect("a folder for plugins");
    support::add(&plugins, &support::library("faulty"));
    let status = Command::new(&copy).env(FATE, fate).status().expect("the copy starts");
    assert!(status.success(), "{fate}: {status}");
}

/// A plugin that passes runs, one that aborts is refused, for what it did.
fn tries_in_a_child_of_itself(fate: &str) {
    let program = std::env::current_exe().expect("a test has an executable");
    let folder = program.parent().expect("it is in a folder").to_owned();
    let good = host(&folder, "");
    let bad = host(&folder, "config.initialize = \"abort\"");
    match fate {
        "deleted" => std::fs::remove_file(&program).expect("it can be deleted"),
        "replaced" => {
            let other = folder.join("other");
            std::fs::write(&other, "another version").expect("a file");
            std::fs::rename(other, &program).expect("it can be replaced");
        }
        _ => {}
    }
    good.start().wait().expect("nothing is required");
    let response = good.respond_blocking(Request::builder("GET", "/faulty/faulty").build());
    assert_eq!(response.status(), 200, "{}", good.report());
    bad.start().wait().expect("nothing is required");
    let state = bad.plugin("faulty").expect("it is there").state;
    let State::Failed { error, .. } = state else { panic!("{}", bad.report()) };
    assert!(error.to_string().contains("died of signal 6"), "{error}");
}

fn host(folder: &Path, settings: &str) -> PluginHost {
    let text = format!(
        "[plugins]\ndirectory = \"plugins\"\n[plugins.security]\npreflight = true\n\
         [plugins.faulty]\nconfig.threshold = 1\n{settings}"
    );
    let config = Config::from_toml_in(&text, "host.toml", folder).expect("a configuration");
    PluginHost::builder().config(config).build().unwrap_or_else(|error| panic!("{error:#}"))
}
