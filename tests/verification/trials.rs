//! What a child may do to the host that tries a library in it: nothing but be tried, for as long as it
//! has time.

use std::path::PathBuf;
use std::process::Command;

use hotshoe::PluginHost;
use insta::assert_snapshot;

use super::alone::{self, children, peak};
use crate::support::rig::{Rig, get};
use crate::support::said::{state, until};

const HELPER: &str = env!("CARGO_BIN_EXE_hotshoe-preflight");

/// No host of these tests needs as much, in MiB: what a child sends is more.
const MUCH: u64 = 200;

/// `faulty` and nothing else.
fn faulty() -> Rig {
    let rig = Rig::bare();
    rig.add("faulty");
    rig
}

/// The same, and a script in place of the helper.
fn rig(script: &str) -> Rig {
    let rig = faulty();
    // The shell writes it: what this process has open for writing, a child of another thread may have,
    // too, and then nobody can execute it.
    let status = Command::new("sh")
        .args(["-c", "printf '%s' \"$2\" > \"$1\" && chmod +x \"$1\"", "sh"])
        .arg(helper(&rig))
        .arg(format!("#!/bin/sh\n{script}\n"))
        .status();
    // The status stays unknown where SIGCHLD is ignored.
    drop(status);
    assert!(helper(&rig).is_file());
    rig
}

fn helper(rig: &Rig) -> PathBuf {
    rig.path("helper")
}

/// What a script says that behaves so far.
fn hello() -> String {
    format!("read -r job\necho '{{\"hello\":\"{}\"}}' >&0", env!("CARGO_PKG_VERSION"))
}

fn config(helper: &str, settings: &str) -> String {
    format!(
        "[plugins.security]\npreflight = true\npreflight_helper = \"{helper}\"\n\
         [plugins.faulty]\nconfig.threshold = 1\n{settings}"
    )
}

/// A host with the rig's script, not started.
fn host(rig: &Rig, settings: &str) -> PluginHost {
    rig.host(&config(&helper(rig).display().to_string(), settings))
}

/// Why `faulty` does not start if the script tries it.
fn refusal(rig: &Rig, settings: &str) -> String {
    problem(rig, &host(rig, settings))
}

fn problem(rig: &Rig, host: &PluginHost) -> String {
    let report = host.start().wait().unwrap();
    assert_eq!(state(host, "faulty"), "failed");
    let problem = report.problems().into_iter().find(|problem| problem.contains("`faulty`"));
    rig.clean(&problem.expect("a problem"))
}

/// The number that a script wrote into the file `started`.
fn started(rig: &Rig) -> u32 {
    let text = std::fs::read_to_string(rig.path("started")).expect("it was started");
    text.trim().parse().expect("a number")
}

fn has_ended(process: u32) -> bool {
    matches!(alone::state(process), None | Some('Z'))
}

#[test]
fn an_answer_without_end_is_not_read_to_its_end() {
    let test = "an_answer_without_end_is_not_read_to_its_end";
    alone::play(test, || {
        let rig = rig(&format!("{}\nexec tr '\\0' x >&0 < /dev/zero", hello()));
        assert_snapshot!(refusal(&rig, "load_timeout = \"5s\""), @"
        plugin `faulty` failed to load: a plugin that survives a trial was expected: while it was opened it answered more than _ bytes
          file: <folder>/plugins/libfaulty.so
          help: it was tried in a child process, the host is unharmed: tell the plugin's author
        ");
        assert!(peak() < MUCH, "{} MiB", peak());
    });
}

#[test]
fn an_answer_without_end_of_what_is_no_helper_is_not_read_either() {
    let rig = rig("exec tr '\\0' x >&0 < /dev/zero");
    assert_snapshot!(refusal(&rig, "load_timeout = \"5s\""), @"
    plugin `faulty` failed to load: a program that tries libraries was expected, `<folder>/helper` answered more than _ bytes
      file: <folder>/plugins/libfaulty.so
      help: call `hotshoe::preflight::hook()` first in its `main`, or name another `preflight_helper` in [plugins.security]
    ");
}

#[test]
fn of_what_a_plugin_prints_the_last_line_is_kept() {
    let test = "of_what_a_plugin_prints_the_last_line_is_kept";
    alone::play(test, || {
        let rig = faulty();
        let host = rig.host(&config(HELPER, "config.initialize = \"babble\""));
        assert_snapshot!(problem(&rig, &host), @r"
        plugin `faulty` failed to load: a plugin that survives a trial was expected: in `initialize` it died of signal 6 (SIGABRT: it aborted)
          because: a \u{1b}[31mcurse
          file: <folder>/plugins/libfaulty.so
          help: it was tried in a child process, the host is unharmed: tell the plugin's author
        ");
        assert!(peak() < MUCH, "{} MiB", peak());
    });
}

#[test]
fn an_answer_that_is_none_ends_the_trial() {
    let rig = rig(&format!("{}\necho rubbish >&0\nexec sleep 300", hello()));
    assert_snapshot!(refusal(&rig, "load_timeout = \"20s\""), @"
    plugin `faulty` failed to load: a plugin that survives a trial was expected: while it was opened it gave an answer that no trial gives
      file: <folder>/plugins/libfaulty.so
      help: it was tried in a child process, the host is unharmed: tell the plugin's author
    ");
}

#[test]
fn a_helper_that_talks_of_something_else_is_none() {
    let rig = rig("echo rubbish >&0\nexec sleep 300");
    assert_snapshot!(refusal(&rig, "load_timeout = \"20s\""), @"
    plugin `faulty` failed to load: a program that tries libraries was expected, `<folder>/helper` gave an answer that no trial gives
      file: <folder>/plugins/libfaulty.so
      help: call `hotshoe::preflight::hook()` first in its `main`, or name another `preflight_helper` in [plugins.security]
    ");
}

#[test]
fn a_helper_that_says_nothing_is_none() {
    let rig = rig("exec sleep 300");
    assert_snapshot!(refusal(&rig, "load_timeout = \"1s\""), @"
    plugin `faulty` failed to load: a program that tries libraries was expected, `<folder>/helper` said nothing within 1s
      file: <folder>/plugins/libfaulty.so
      help: if it calls `hotshoe::preflight::hook()` first in its `main`, raise `load_timeout`; else name another `preflight_helper` in [plugins.security]
    ");
}

#[test]
fn a_helper_that_is_no_program_is_named() {
    let rig = faulty();
    std::fs::write(helper(&rig), "text").unwrap();
    assert_snapshot!(refusal(&rig, ""), @"
    plugin `faulty` failed to load: the program that tries libraries cannot be started: `<folder>/helper`
      because: Permission denied (os error 13)
      file: <folder>/plugins/libfaulty.so
      help: name a `preflight_helper` in [plugins.security] that is there, and that this program's user may execute
    ");
}

/// It reads on all the time, only slowly.
#[test]
fn a_helper_that_takes_its_time_to_read_has_no_more_than_the_others() {
    let rig = rig("while dd bs=1000 count=1 of=/dev/null 2> /dev/null; do :; done");
    let release = format!("config.release = \"{}\"", "x".repeat(4 << 20));
    assert_snapshot!(refusal(&rig, &format!("load_timeout = \"1s\"\n{release}")), @"
    plugin `faulty` failed to load: a program that tries libraries was expected, `<folder>/helper` said nothing within 1s
      file: <folder>/plugins/libfaulty.so
      help: if it calls `hotshoe::preflight::hook()` first in its `main`, raise `load_timeout`; else name another `preflight_helper` in [plugins.security]
    ");
}

#[test]
fn a_child_that_closes_its_socket_and_lives_on_is_killed_at_the_deadline() {
    let script = format!("echo $$ > \"${{0%/*}}/started\"\n{}\nexec 0<&-\nexec sleep 300", hello());
    let rig = rig(&script);
    assert_snapshot!(refusal(&rig, "load_timeout = \"2s\""), @"
    plugin `faulty` failed to load: a plugin that can be tried within 2s was expected: while it was opened it did not come back
      file: <folder>/plugins/libfaulty.so
      help: it was tried in a child process, which was killed; raise `load_timeout` if it needs longer
    ");
    assert!(has_ended(started(&rig)));
}

/// What a script says to start a process that keeps open what it has itself.
const GRANDCHILD: &str = "exec 3<&0\nsleep 300 &\necho $! > \"${0%/*}/started\"";

#[test]
fn what_was_started_during_a_trial_ends_with_it() {
    let rig = rig(&format!("{GRANDCHILD}\nexec {HELPER} \"$@\""));
    let host = host(&rig, "");
    host.start().wait().unwrap();
    assert_eq!(get(&host, "faulty"), "200 faulty 1");
    let grandchild = started(&rig);
    until("the end of a grandchild", || has_ended(grandchild));
    host.stop().wait().unwrap();
}

#[test]
fn nobody_waits_for_what_a_child_left_behind() {
    let rig = rig(&format!("{GRANDCHILD}\n{}\nexit 3", hello()));
    assert_snapshot!(refusal(&rig, "load_timeout = \"20s\""), @"
    plugin `faulty` failed to load: a plugin that survives a trial was expected: while it was opened it ended the process with code 3
      file: <folder>/plugins/libfaulty.so
      help: it was tried in a child process, the host is unharmed: tell the plugin's author
    ");
    let grandchild = started(&rig);
    until("the end of a grandchild", || has_ended(grandchild));
}

/// It lives on: that is what it wanted. It holds nobody up.
#[test]
fn nobody_waits_for_what_has_left_the_childs_group() {
    let emigrant = "exec 3<&0\nstarted=${0%/*}/started\n\
                    setsid sh -c 'echo $$ > \"$1\"; exec sleep 300' sh \"$started\" &\n\
                    until [ -s \"$started\" ]; do :; done";
    let rig = rig(&format!("{emigrant}\n{}\nexit 3", hello()));
    assert_snapshot!(refusal(&rig, "load_timeout = \"20s\""), @"
    plugin `faulty` failed to load: a plugin that survives a trial was expected: while it was opened it ended the process with code 3
      file: <folder>/plugins/libfaulty.so
      help: it was tried in a child process, the host is unharmed: tell the plugin's author
    ");
    let status = Command::new("kill").arg(started(&rig).to_string()).status().unwrap();
    assert!(status.success(), "it was there");
}

#[test]
fn the_verdict_is_right_in_a_program_that_ignores_the_end_of_its_children() {
    let test = "the_verdict_is_right_in_a_program_that_ignores_the_end_of_its_children";
    alone::play_as(test, &["--ignore-signal=CHLD"], || {
        let ignored = u64::from_str_radix(&alone::status("SigIgn:"), 16).unwrap();
        assert_ne!(ignored & 1 << 16, 0, "SIGCHLD is not ignored");
        let rig = faulty();
        let (host, _) = rig.start(&config(HELPER, ""));
        assert_eq!(get(&host, "faulty"), "200 faulty 1");
        host.stop().wait().unwrap();
        let host = rig.host(&config(HELPER, "config.initialize = \"abort\""));
        assert_snapshot!(problem(&rig, &host), @"
        plugin `faulty` failed to load: a plugin that survives a trial was expected: in `initialize` it ended the process
          file: <folder>/plugins/libfaulty.so
          help: it was tried in a child process, the host is unharmed: tell the plugin's author
        ");
        let host = rig.host(&config(HELPER, "load_timeout = \"2s\"\nconfig.initialize = \"hang\""));
        assert_snapshot!(problem(&rig, &host), @"
        plugin `faulty` failed to load: a plugin that can be tried within 2s was expected: in `initialize` it did not come back
          file: <folder>/plugins/libfaulty.so
          help: it was tried in a child process, which was killed; raise `load_timeout` if it needs longer
        ");
    });
}

#[test]
fn where_there_is_no_folder_for_temporary_files_that_is_said() {
    let test = "where_there_is_no_folder_for_temporary_files_that_is_said";
    alone::play_as(test, &["TMPDIR=/nonexistent"], || {
        let rig = faulty();
        assert_snapshot!(problem(&rig, &rig.host(&config(HELPER, ""))), @"
        plugin `faulty` failed to load: a plugin that is tried needs a folder of its own, none can be made in `/nonexistent`
          because: No such file or directory (os error 2)
          file: <folder>/plugins/libfaulty.so
          help: let TMPDIR name a folder that this program may write to
        ");
    });
}

#[test]
fn of_a_hundred_trials_no_process_remains() {
    let test = "of_a_hundred_trials_no_process_remains";
    alone::play(test, || {
        let rig = rig("exit 3");
        let host = host(&rig, "");
        let report = host.start().wait().unwrap();
        assert!(!report.is_complete());
        for _ in 0..100 {
            host.enable("faulty").wait().expect_err("nothing is tried");
        }
        drop(host);
        assert!(children().is_empty(), "{:?}", children());
    });
}

#[test]
fn a_host_that_is_dropped_during_a_trial_leaves_no_process() {
    let test = "a_host_that_is_dropped_during_a_trial_leaves_no_process";
    alone::play(test, || {
        let rig = rig("exec sleep 300");
        let host = host(&rig, "load_timeout = \"2s\"");
        let start = host.start();
        until("the start of a child", || !children().is_empty());
        drop(start);
        drop(host);
        until("the end of all children", || children().is_empty());
    });
}

/// The host gives up sooner than the trial: there is hardly time to start a child.
#[test]
fn a_trial_that_is_given_up_leaves_no_process() {
    let test = "a_trial_that_is_given_up_leaves_no_process";
    alone::play(test, || {
        let rig = rig("exec sleep 300");
        let host = host(&rig, "load_timeout = \"1ms\"");
        host.start().wait().unwrap();
        for _ in 0..20 {
            let error = host.enable("faulty").wait().expect_err("there was no time");
            assert!(error.is_timeout(), "{error:#}");
        }
        drop(host);
        until("the end of all children", || children().is_empty());
    });
}

/// A child has what it needs, and what other code left open for every child.
#[test]
fn a_child_has_none_of_the_hosts_files_and_sockets() {
    let rig = rig("ls -l /proc/$$/fd > \"${0%/*}/open\"\nexit 3");
    let secret = std::fs::File::create(rig.path("secret")).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    refusal(&rig, "");
    drop((secret, listener));
    let open = std::fs::read_to_string(rig.path("open")).unwrap();
    assert!(open.contains("libfaulty.so"), "{open}");
    assert!(!open.contains("secret"), "{open}");
    assert_eq!(open.matches("socket:").count(), 1, "{open}");
}

/// The same reasons as without a trial.
#[test]
fn what_keeps_a_library_from_being_opened_is_told_in_full() {
    let rig = faulty();
    let path = rig.plugin("libfaulty.so");
    let mut bytes = std::fs::read(&path).unwrap();
    let (old, new) = (b"\0libgcc_s.so.1\0", b"\0libother.so.1\0");
    let at = bytes.windows(old.len()).position(|found| found == old).expect("it needs libgcc_s");
    bytes[at..at + new.len()].copy_from_slice(new);
    std::fs::write(&path, bytes).unwrap();
    let allowed = "[plugins.security]\nallow_needed = [\"libother.so.*\"]\n";
    let faulty = "[plugins.faulty]\nconfig.threshold = 1";
    let without = problem(&rig, &rig.host(&format!("{allowed}{faulty}")));
    let preflight = format!("preflight = true\npreflight_helper = {HELPER:?}");
    let with = problem(&rig, &rig.host(&format!("{allowed}{preflight}\n{faulty}")));
    assert!(with.contains("libother.so.1: cannot open shared object file"), "{with}");
    assert_eq!(with, without);
}
