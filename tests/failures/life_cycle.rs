//! A panic, an error, a hang and a future that is never ready, in each life-cycle method.

use insta::assert_snapshot;

use crate::support::rig::{Rig, get};
use crate::support::said::{state, until};

/// Starts `faulty` with these settings; all that is said about the start.
fn start(settings: &str) -> String {
    Rig::with("faulty").outcome(&format!("[plugins.faulty]\nconfig.threshold = 1\n{settings}"))
}

/// Starts and stops `faulty` with these settings; what is said about the stop. Everything else
/// stops as if nothing had happened.
fn stop(settings: &str) -> String {
    let rig = Rig::with("faulty");
    rig.add("needy");
    let (host, report) = rig.start(&format!("[plugins.faulty]\nconfig.threshold = 1\n{settings}"));
    assert_eq!(rig.told(&report), "nothing");
    let error = host.stop().wait().unwrap_err();
    assert_eq!(state(&host, "steady"), "stopped");
    assert_eq!(state(&host, "needy"), "stopped");
    assert_eq!(state(&host, "faulty"), "failed");
    let (error, explained) = (rig.error(&error), rig.clean(&host.explain("faulty")));
    if error == explained { error } else { format!("{error}\n--- explained:\n{explained}") }
}

#[test]
fn a_panic_in_initialize_is_contained() {
    assert_snapshot!(start("config.initialize = \"panic\""), @r"
    problem: plugin `faulty` failed to initialize: panicked: initialize went wrong
      at: tests/plugins/faulty/src/lib.rs:_
      file: <folder>/plugins/libfaulty.so
      help: a panic is a bug of the plugin: tell its author
    ");
}

#[test]
fn a_panic_in_start_is_contained() {
    assert_snapshot!(start("config.start = \"panic\""), @r"
    problem: plugin `faulty` failed to start: panicked: start went wrong
      at: tests/plugins/faulty/src/lib.rs:_
      file: <folder>/plugins/libfaulty.so
      help: a panic is a bug of the plugin: tell its author
    ");
}

#[test]
fn a_panic_in_stop_is_contained() {
    assert_snapshot!(stop("config.stop = \"panic\""), @r"
    plugin `faulty` failed to stop: panicked: stop went wrong
      at: tests/plugins/faulty/src/lib.rs:_
      help: a panic is a bug of the plugin: tell its author
    ");
}

#[test]
fn a_payload_that_panics_again_is_contained() {
    assert_snapshot!(start("config.initialize = \"payload\""), @r"
    problem: plugin `faulty` failed to initialize: panicked: a panic whose payload is not text
      at: tests/plugins/faulty/src/lib.rs:_
      file: <folder>/plugins/libfaulty.so
      help: a panic is a bug of the plugin: tell its author
    ");
    assert_snapshot!(start("config.start = \"payload\""), @r"
    problem: plugin `faulty` failed to start: panicked: a panic whose payload is not text
      at: tests/plugins/faulty/src/lib.rs:_
      file: <folder>/plugins/libfaulty.so
      help: a panic is a bug of the plugin: tell its author
    ");
    assert_snapshot!(stop("config.stop = \"payload\""), @r"
    plugin `faulty` failed to stop: panicked: a panic whose payload is not text
      at: tests/plugins/faulty/src/lib.rs:_
      help: a panic is a bug of the plugin: tell its author
    ");
}

#[test]
fn an_error_in_initialize_is_told() {
    assert_snapshot!(start("config.initialize = \"error\""), @r"
    problem: plugin `faulty` failed to initialize: a database was expected, nobody listens (initialize)
      file: <folder>/plugins/libfaulty.so
      help: start the database
    ");
}

#[test]
fn an_error_in_start_is_told() {
    assert_snapshot!(start("config.start = \"error\""), @r"
    problem: plugin `faulty` failed to start: a database was expected, nobody listens (start)
      file: <folder>/plugins/libfaulty.so
      help: start the database
    ");
}

#[test]
fn an_error_in_stop_is_told() {
    assert_snapshot!(stop("config.stop = \"error\""), @r"
    plugin `faulty` failed to stop: a database was expected, nobody listens (stop)
      help: start the database
    ");
}

#[test]
fn a_hang_in_initialize_is_abandoned() {
    assert_snapshot!(start("init_timeout = \"40ms\"\nconfig.initialize = \"hang\""), @r"
    problem: plugin `faulty` failed to initialize: it was expected to initialize within 40ms, it did not come back
      file: <folder>/plugins/libfaulty.so
      help: its thread was abandoned and may still run; raise `init_timeout` in [plugins.faulty] if the work needs longer
    ");
}

#[test]
fn a_hang_in_start_is_abandoned() {
    assert_snapshot!(start("start_timeout = \"40ms\"\nconfig.start = \"hang\""), @r"
    problem: plugin `faulty` failed to start: it was expected to start within 40ms, it did not come back
      file: <folder>/plugins/libfaulty.so
      help: its thread was abandoned and may still run; raise `start_timeout` in [plugins.faulty] if the work needs longer
    ");
}

#[test]
fn a_hang_in_stop_is_abandoned() {
    assert_snapshot!(stop("stop_timeout = \"40ms\"\nconfig.stop = \"hang\""), @r"
    plugin `faulty` failed to stop: it was expected to stop within 40ms, it did not come back
      help: its thread was abandoned and may still run; raise `stop_timeout` in [plugins.faulty] if the work needs longer
    ");
}

#[test]
fn a_future_that_is_never_ready_is_abandoned_in_initialize() {
    assert_snapshot!(start("init_timeout = \"40ms\"\nconfig.initialize = \"pending\""), @r"
    problem: plugin `faulty` failed to initialize: it was expected to initialize within 40ms, it did not come back
      file: <folder>/plugins/libfaulty.so
      help: its thread was abandoned and may still run; raise `init_timeout` in [plugins.faulty] if the work needs longer
    ");
}

#[test]
fn a_future_that_is_never_ready_is_abandoned_in_start() {
    assert_snapshot!(start("start_timeout = \"40ms\"\nconfig.start = \"pending\""), @r"
    problem: plugin `faulty` failed to start: it was expected to start within 40ms, it did not come back
      file: <folder>/plugins/libfaulty.so
      help: its thread was abandoned and may still run; raise `start_timeout` in [plugins.faulty] if the work needs longer
    ");
}

#[test]
fn a_future_that_is_never_ready_is_abandoned_in_stop() {
    assert_snapshot!(stop("stop_timeout = \"40ms\"\nconfig.stop = \"pending\""), @r"
    plugin `faulty` failed to stop: it was expected to stop within 40ms, it did not come back
      help: its thread was abandoned and may still run; raise `stop_timeout` in [plugins.faulty] if the work needs longer
    ");
}

#[test]
fn the_limit_that_ends_first_is_the_one_that_is_named() {
    let rig = Rig::with("faulty");
    let told = rig.outcome(
        "[plugins.faulty]\nload_timeout = \"2s\"\nstart_timeout = \"1h\"\n\
         config.threshold = 1\nconfig.start = \"pending\"",
    );
    assert_snapshot!(told, @r"
    problem: plugin `faulty` failed to start: it was expected to start within 2s, it did not come back
      file: <folder>/plugins/libfaulty.so
      help: its thread was abandoned and may still run; raise `load_timeout` in [plugins.faulty] if the work needs longer
    ");
}

#[test]
fn several_that_fail_to_stop_are_all_named() {
    let rig = Rig::with("faulty");
    let (host, _) = rig.start(
        "[plugins.faulty]\nconfig.threshold = 1\nconfig.stop = \"error\"\n\
         [plugins.second]\nplugin = \"faulty\"\nconfig.threshold = 1\nconfig.stop = \"panic\"",
    );
    let error = host.stop().wait().unwrap_err();
    assert_eq!(state(&host, "steady"), "stopped");
    assert_snapshot!(rig.error(&error), @r"
    2 plugins failed to stop
      plugin `faulty` failed to stop: a database was expected, nobody listens (stop)
      plugin `second` failed to stop: panicked: stop went wrong
      help: all others were stopped; `explain` tells more of each
    ");
}

#[test]
fn what_fails_to_stop_is_disabled_and_removed_all_the_same() {
    let rig = Rig::with("faulty");
    let (host, _) = rig.start(
        "[plugins.faulty]\nconfig.threshold = 1\nconfig.stop = \"error\"\n\
         [plugins.second]\nplugin = \"faulty\"\nconfig.threshold = 2\nconfig.stop = \"error\"",
    );
    let error = host.disable("faulty").wait().unwrap_err();
    assert_snapshot!(rig.error(&error), @r"
    plugin `faulty` failed to stop: a database was expected, nobody listens (stop)
      help: start the database
    ");
    assert_eq!(state(&host, "faulty"), "disabled");
    host.enable("faulty").wait().unwrap();
    assert_eq!(get(&host, "faulty"), "200 faulty 1");
    host.restart("faulty").wait().unwrap();
    assert_eq!(get(&host, "faulty"), "200 faulty 1");
    host.remove("second").wait().unwrap_err();
    assert_eq!(state(&host, "second"), "unknown");
    assert_eq!(get(&host, "second"), "404 not found");
    host.stop().wait().unwrap_err();
}

#[test]
fn a_panic_while_a_plugin_is_dropped_harms_nobody() {
    let rig = Rig::with("faulty");
    let (host, report) = rig.start("[plugins.faulty]\nconfig.threshold = 1\nconfig.drop = true");
    assert_eq!(rig.told(&report), "nothing");
    host.restart("faulty").wait().unwrap();
    assert_eq!(get(&host, "faulty"), "200 faulty 1");
    host.stop().wait().unwrap();
    assert_eq!(state(&host, "faulty"), "stopped");
}

#[test]
fn a_panic_while_a_plugin_that_failed_is_dropped_harms_nobody() {
    assert_snapshot!(start("config.start = \"error\"\nconfig.drop = true"), @r"
    problem: plugin `faulty` failed to start: a database was expected, nobody listens (start)
      file: <folder>/plugins/libfaulty.so
      help: start the database
    ");
}

#[test]
fn an_abandoned_initialize_that_ends_after_all_changes_nothing() {
    let rig = Rig::with("faulty");
    let (release, farewell) = (rig.path("release"), rig.path("farewell"));
    let (host, _) = rig.start(&format!(
        "[plugins.faulty]\ninit_timeout = \"1s\"\nconfig.threshold = 1\n\
         config.initialize = \"hang\"\nconfig.release = {release:?}\nconfig.farewell = {farewell:?}"
    ));
    assert_eq!(state(&host, "faulty"), "failed");
    // Now it may go on, too late: it is dropped, and nothing of it is mounted.
    std::fs::write(&release, "").unwrap();
    until("the drop of what came too late", || farewell.exists());
    assert_eq!(state(&host, "faulty"), "failed");
    assert_eq!(get(&host, "faulty"), "404 not found");
    // It hangs no more, so it can be started. Its route is free.
    host.enable("faulty").wait().unwrap();
    assert_eq!(get(&host, "faulty"), "200 faulty 1");
    assert_eq!(get(&host, "steady"), "200 steady 1");
    host.stop().wait().unwrap();
}

#[test]
fn an_abandoned_start_that_ends_after_all_changes_nothing() {
    let rig = Rig::with("faulty");
    let (release, farewell) = (rig.path("release"), rig.path("farewell"));
    let (host, _) = rig.start(&format!(
        "[plugins.faulty]\nstart_timeout = \"1s\"\nconfig.threshold = 1\n\
         config.start = \"hang\"\nconfig.release = {release:?}\nconfig.farewell = {farewell:?}"
    ));
    assert_eq!(get(&host, "faulty"), "404 not found");
    std::fs::write(&release, "").unwrap();
    until("the drop of what came too late", || farewell.exists());
    host.enable("faulty").wait().unwrap();
    assert_eq!(get(&host, "faulty"), "200 faulty 1");
    host.stop().wait().unwrap();
}
