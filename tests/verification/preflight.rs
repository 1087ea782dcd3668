//! Libraries that are tried in a child process first.

use std::path::Path;

use hotshoe::PluginHost;
use insta::assert_snapshot;

use crate::support::rig::{Rig, change, get};
use crate::support::said::{state, until};

const HELPER: &str = env!("CARGO_BIN_EXE_hotshoe-preflight");

/// What a host with a helper says about `faulty` with these settings, and how `faulty` is.
fn outcome(settings: &str) -> (String, &'static str) {
    let rig = Rig::with("faulty");
    let (host, report) = rig.start(&config(HELPER, settings));
    assert_eq!(get(&host, "steady"), "200 steady 1");
    let state = state(&host, "faulty");
    if state == "active" {
        assert_eq!(get(&host, "faulty"), "200 faulty 1");
    }
    host.stop().wait().unwrap();
    (rig.told(&report), state)
}

fn config(helper: &str, settings: &str) -> String {
    format!(
        "[plugins.security]\npreflight = true\npreflight_helper = \"{helper}\"\n\
         [plugins.faulty]\nconfig.threshold = 1\n{settings}"
    )
}

#[test]
fn a_plugin_that_passes_starts() {
    assert_eq!(outcome(""), ("nothing".into(), "active"));
}

#[test]
fn a_pinned_plugin_is_tried_from_the_bytes_that_were_verified() {
    use sha2::Digest;
    let rig = Rig::with("faulty");
    let digest = sha2::Sha256::digest(std::fs::read(rig.plugin("libfaulty.so")).unwrap());
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let pin = format!("[plugins.security.pins.faulty]\n\"1.2.0\" = \"{digest}\"");
    let (host, _) = rig.start(&config(HELPER, &pin));
    assert_eq!(get(&host, "faulty"), "200 faulty 1");
    host.stop().wait().unwrap();
}

/// Errors and panics are contained here as there, and are told once, by the host.
#[test]
fn what_only_fails_is_told_as_without_preflight() {
    for settings in ["config.initialize = \"error\"", "config.initialize = \"panic\""] {
        let (told, state) = outcome(settings);
        assert_eq!(state, "failed");
        assert!(told.starts_with("problem: plugin `faulty` failed to initialize"), "{told}");
        assert!(!told.contains("child"), "{told}");
    }
}

/// It never gets as far as this process: nothing is left of it here, no abandoned thread either.
#[test]
fn what_hangs_there_is_refused_here() {
    let (told, state) = outcome("config.initialize = \"hang\"\nload_timeout = \"2s\"");
    assert_eq!(state, "failed");
    assert_snapshot!(told, @"
    problem: plugin `faulty` failed to load: a plugin that can be tried within 2s was expected: in `initialize` it did not come back
      file: <folder>/plugins/libfaulty.so
      help: it was tried in a child process, which was killed; raise `load_timeout` if it needs longer
    ");
}

/// A trial may take long, and decides nothing about what takes the file's name meanwhile.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_is_exchanged_while_it_is_tried_is_refused() {
    let (rig, release) = (Rig::with("faulty"), "release");
    let host = rig.host(&config(
        HELPER,
        &format!("config.initialize = \"hang\"\nconfig.release = {:?}", rig.path(release)),
    ));
    let starting = host.start();
    let file = rig.plugin("libfaulty.so");
    until("a trial of the library", || is_mapped_by_a_child(&file));
    change(&crate::support::library("faulty"), &file, &[("version", "1.2.0", "1.3.0")]);
    std::fs::write(rig.path(release), "").unwrap();
    let report = starting.wait().unwrap();
    assert_eq!((get(&host, "steady").as_str(), state(&host, "faulty")), ("200 steady 1", "failed"));
    assert_snapshot!(rig.told(&report), @"
    problem: plugin `faulty` failed to load: the file that was verified was expected, it was exchanged or changed since
      file: <folder>/plugins/libfaulty.so
      help: restart or enable the plugin: its file is then verified anew
    ");
    host.stop().wait().unwrap();
}

/// Whether a process that this one started has a file mapped.
#[cfg(target_os = "linux")]
fn is_mapped_by_a_child(file: &Path) -> bool {
    let own = std::process::id().to_string();
    let is_child = |status: &str| {
        status.lines().any(|line| line.strip_prefix("PPid:").is_some_and(|id| id.trim() == own))
    };
    let read =
        |process: &Path, what| std::fs::read_to_string(process.join(what)).unwrap_or_default();
    std::fs::read_dir("/proc").unwrap().flatten().map(|process| process.path()).any(|process| {
        is_child(&read(&process, "status"))
            && read(&process, "maps").contains(&file.display().to_string())
    })
}

/// Its settings come from a pipe that says nothing until it was given up.
#[cfg(target_os = "linux")]
#[test]
fn what_was_given_up_before_it_was_tried_is_not_opened_any_more() {
    let rig = Rig::bare();
    let file = rig.make("late", "1.0.0", &[]);
    let pipe = rig.path("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success());
    let (host, _) = rig.start(&format!(
        "[plugins.security]\npreflight = true\npreflight_helper = \"{HELPER}\"\n\
         [plugins.late]\nload_timeout = \"500ms\"\n\
         config.threshold = 1\nconfig.release = {{ file = {pipe:?} }}"
    ));
    assert_eq!(state(&host, "late"), "failed");
    assert!(has_thread("hotshoe late"), "it waits for the pipe");
    std::fs::write(&pipe, "nowhere").unwrap();
    until("the end of the thread", || !has_thread("hotshoe late"));
    let mapped = std::fs::read_to_string("/proc/self/maps").unwrap();
    assert!(!mapped.contains(&file.display().to_string()), "it was opened");
    host.stop().wait().unwrap();
}

#[cfg(target_os = "linux")]
fn has_thread(name: &str) -> bool {
    std::fs::read_dir("/proc/self/task").unwrap().flatten().any(|thread| {
        std::fs::read_to_string(thread.path().join("comm")).is_ok_and(|comm| comm.trim() == name)
    })
}

#[test]
fn one_that_is_dropped_badly_is_contained_here_as_there() {
    let (told, state) = outcome("config.drop = true");
    assert_eq!((told.as_str(), state), ("nothing", "active"));
}

fn build(rig: &Rig, helper: &str) -> hotshoe::Error {
    let config = rig.config(&config(helper, ""));
    PluginHost::builder().config(config).build().expect_err("it does not build")
}

#[test]
fn a_program_without_the_hook_is_told_where_it_belongs() {
    let rig = Rig::bare();
    let config = rig.config("[plugins.security]\npreflight = true");
    let error = PluginHost::builder().config(config).build().unwrap_err();
    assert_snapshot!(rig.error(&error), @"
    `preflight` is on, and this program cannot try libraries in a child of itself
      help: call `hotshoe::preflight::hook()` first in `main`, or name a `preflight_helper` in [plugins.security]
    ");
}

#[test]
fn a_helper_that_is_not_there_is_named_before_anything_starts() {
    let rig = Rig::bare();
    let error = build(&rig, &rig.path("helper").display().to_string());
    assert_snapshot!(rig.error(&error), @"
    a program was expected as `preflight_helper`, there is none
      file: <folder>/helper
      help: install `hotshoe-preflight` there, or correct the path
    ");
}

/// `true` does nothing, and does it well.
#[test]
fn a_helper_that_is_none_keeps_what_was_not_tried_from_being_loaded() {
    let program = ["/usr/bin/true", "/bin/true"].into_iter().find(|path| Path::new(path).exists());
    let rig = Rig::with("faulty");
    let (host, report) = rig.start(&config(program.expect("a program"), ""));
    assert_eq!((state(&host, "faulty"), state(&host, "steady")), ("failed", "failed"));
    host.stop().wait().unwrap();
    let problem = report.problems().into_iter().find(|problem| problem.contains("`faulty`"));
    let problem = rig.clean(&problem.expect("a problem"));
    assert_snapshot!(problem.replace("/usr/bin", "/bin"), @"
    plugin `faulty` failed to load: a program that tries libraries was expected, `/bin/true` ended the process with code 0
      file: <folder>/plugins/libfaulty.so
      help: call `hotshoe::preflight::hook()` first in its `main`, or name another `preflight_helper` in [plugins.security]
    ");
}
