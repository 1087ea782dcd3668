//! `host.explain("id")`, for each state that an instance can be in.

use insta::assert_snapshot;

use crate::support::rig::Rig;
use crate::support::said::state;

const FAULTY: &str = "[plugins.faulty]\nconfig.threshold = 1";

/// Starts `faulty` and `needy`, and asks about `id`.
fn explain(text: &str, id: &str) -> String {
    let rig = Rig::with("faulty");
    rig.add("needy");
    let (host, _) = rig.start(text);
    let explained = rig.clean(&host.explain(id));
    host.stop().wait().unwrap();
    explained
}

#[test]
fn before_the_start_nothing_is_known() {
    let rig = Rig::with("faulty");
    assert_snapshot!(rig.clean(&rig.host(FAULTY).explain("faulty")), @"`faulty` is configured and not there: the host was not started yet, or it was removed");
}

#[test]
fn one_that_runs_is_said_to_run() {
    assert_snapshot!(explain(FAULTY, "faulty"), @"`faulty` is running");
}

#[test]
fn one_that_the_configuration_disables_says_so() {
    assert_snapshot!(explain(&format!("{FAULTY}\nenabled = false"), "faulty"), @r#"`faulty` is disabled by the configuration: `enabled = false` in [plugins.faulty]; `enable("faulty")` starts it"#);
}

#[test]
fn one_that_was_disabled_by_hand_says_so() {
    let rig = Rig::with("faulty");
    let (host, _) = rig.start(FAULTY);
    host.disable("faulty").wait().unwrap();
    assert_snapshot!(host.explain("faulty"), @r#"`faulty` was disabled while the host ran; `enable("faulty")` starts it"#);
    host.stop().wait().unwrap();
}

#[test]
fn with_all_plugins_disabled_that_is_the_reason() {
    assert_snapshot!(explain(&format!("enabled = false\n{FAULTY}"), "faulty"), @"`faulty` is disabled, as all plugins are: `[plugins] enabled = false`");
}

#[test]
fn one_that_failed_says_why() {
    assert_snapshot!(explain(&format!("{FAULTY}\nconfig.start = \"error\""), "faulty"), @r"
    plugin `faulty` failed to start: a database was expected, nobody listens (start)
      file: <folder>/plugins/libfaulty.so
      help: start the database
    ");
}

#[test]
fn one_that_waits_for_one_that_failed_tells_the_whole_chain() {
    assert_snapshot!(explain(&format!("{FAULTY}\nconfig.start = \"error\""), "needy"), @r"
    `needy` waits for `faulty`
    plugin `faulty` failed to start: a database was expected, nobody listens (start)
      file: <folder>/plugins/libfaulty.so
      help: start the database
    ");
}

#[test]
fn one_that_waits_for_one_that_does_not_resolve_tells_the_whole_chain() {
    let rig = Rig::with("needy");
    rig.make("waiter", "1.0.0", &["requires|plugin|needy|^1"]);
    let (host, _) = rig.start("[plugins.waiter]\nconfig.threshold = 1");
    assert_snapshot!(rig.clean(&host.explain("waiter")), @r"
    `waiter` waits for `needy`
    `needy` (needy 1.0.0) requires plugin `faulty` ^1.1, which is not there.
      help: install plugin `faulty` ^1.1 and enable it, or disable `needy`.
    ");
    host.stop().wait().unwrap();
}

#[test]
fn one_whose_requirement_is_disabled_says_so() {
    assert_snapshot!(explain(&format!("{FAULTY}\nenabled = false"), "needy"), @r"
    `needy` (needy 1.0.0) requires plugin `faulty` ^1.1, which is not there.
      found: instance `faulty` of plugin `faulty` is present but disabled
      help: enable `faulty`, or disable `needy`.
    ");
}

#[test]
fn one_that_was_stopped_says_so() {
    let rig = Rig::with("faulty");
    let (host, _) = rig.start(FAULTY);
    host.stop().wait().unwrap();
    assert_eq!(state(&host, "faulty"), "stopped");
    assert_snapshot!(host.explain("faulty"), @"`faulty` is stopped");
}

#[test]
fn a_plugin_with_other_instances_names_them() {
    let rig = Rig::with("faulty");
    let (host, _) = rig.start(
        "[plugins.first]\nplugin = \"faulty\"\nconfig.threshold = 1\n\
         [plugins.second]\nplugin = \"faulty\"\nconfig.threshold = 2",
    );
    assert_snapshot!(host.explain("faulty"), @"`faulty` is a plugin, not an instance; its instances are first, second");
    host.stop().wait().unwrap();
}

#[test]
fn an_unknown_one_says_where_was_looked() {
    assert_snapshot!(explain(FAULTY, "fautly"), @"`fautly` is neither configured nor found; looked in <folder>/plugins");
}

#[test]
fn one_that_is_there_and_not_configured_says_so() {
    assert_snapshot!(explain(&format!("auto_load = false\n{FAULTY}"), "needy"), @"`needy` is neither configured nor found; looked in <folder>/plugins; `auto_load` is off, so only configured plugins are started");
}

#[test]
fn a_file_that_is_refused_or_ignored_answers_to_its_name() {
    let rig = Rig::new();
    rig.write("libnotes.so", "To do.");
    rig.make("abrupt", "1.0.0", &["panic|false"]);
    let (host, _) = rig.start("");
    assert_snapshot!(rig.clean(&host.explain("libnotes.so")), @"<folder>/plugins/libnotes.so is ignored: it is no ELF library");
    assert_snapshot!(rig.clean(&host.explain("libabrupt-1.0.0.so")), @r#"
    plugin `abrupt` failed to verify: a plugin whose panics unwind was expected, this one was built with panic = "abort": its first panic would end the host
      file: <folder>/plugins/libabrupt-1.0.0.so
      help: build it with panic = "unwind" (the default)
    "#);
    assert_snapshot!(rig.clean(&host.explain("abrupt")), @r#"
    plugin `abrupt` failed to verify: a plugin whose panics unwind was expected, this one was built with panic = "abort": its first panic would end the host
      file: <folder>/plugins/libabrupt-1.0.0.so
      help: build it with panic = "unwind" (the default)
    "#);
    host.stop().wait().unwrap();
}

#[test]
fn one_whose_only_file_is_refused_says_why() {
    let rig = Rig::new();
    rig.make("abrupt", "1.0.0", &["panic|false"]);
    let (host, _) = rig.start("[plugins.abrupt]\nconfig.threshold = 1");
    assert_snapshot!(rig.clean(&host.explain("abrupt")), @r#"
    plugin `abrupt` failed to verify: a plugin whose panics unwind was expected, this one was built with panic = "abort": its first panic would end the host
      file: <folder>/plugins/libabrupt-1.0.0.so
      help: build it with panic = "unwind" (the default)
    "#);
    host.stop().wait().unwrap();
}
