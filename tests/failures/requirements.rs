//! What is required and is not there, is too old, waits for itself, or is switched off.

use insta::assert_snapshot;

use crate::support::rig::{Rig, get};
use crate::support::said::state;

const FAULTY: &str = "[plugins.faulty]\nconfig.threshold = 1";

#[test]
fn a_missing_requirement_names_who_asks_and_for_what() {
    let rig = Rig::with("needy");
    assert_snapshot!(rig.outcome(""), @r"
    problem: `needy` (needy 1.0.0) requires plugin `faulty` ^1.1, which is not there.
      help: install plugin `faulty` ^1.1 and enable it, or disable `needy`.
    ");
}

#[test]
fn a_requirement_with_a_similar_name_is_named() {
    let rig = Rig::with("needy");
    rig.change("faulty", "libfaulti.so", &[("id", "faulty", "faulti")]);
    assert_snapshot!(rig.outcome("[plugins.faulti]\nconfig.threshold = 1"), @r"
    problem: `needy` (needy 1.0.0) requires plugin `faulty` ^1.1, which is not there.
      found: `faulti` has a similar name
      help: install plugin `faulty` ^1.1 and enable it, or correct the name if `faulti` was meant.
    ");
}

#[test]
fn a_requirement_that_is_too_old_names_what_is_there() {
    let rig = Rig::with("needy");
    rig.change("faulty", "libfaulty.so", &[("version", "1.2.0", "0.9.0")]);
    let (host, report) = rig.start(FAULTY);
    assert_eq!(get(&host, "steady"), "200 steady 1");
    assert_eq!(get(&host, "faulty"), "200 faulty 1", "it does not depend on whom it disappoints");
    assert_snapshot!(rig.told(&report), @r"
    problem: `needy` (needy 1.0.0) requires plugin `faulty` ^1.1, which is not there.
      found: faulty 0.9.0 (<folder>/plugins/libfaulty.so) is out of range
      help: install plugin `faulty` ^1.1 and enable it, or a version of `needy` that accepts what is there.
    ");
    host.stop().wait().unwrap();
}

#[test]
fn a_requirement_that_is_disabled_is_named() {
    let rig = Rig::with("needy");
    rig.add("faulty");
    assert_snapshot!(rig.outcome(&format!("{FAULTY}\nenabled = false")), @r"
    problem: `needy` (needy 1.0.0) requires plugin `faulty` ^1.1, which is not there.
      found: instance `faulty` of plugin `faulty` is present but disabled
      help: enable `faulty`, or disable `needy`.
    ");
}

#[test]
fn a_requirement_that_no_instance_is_configured_of_is_named() {
    let rig = Rig::with("needy");
    rig.add("faulty");
    assert_snapshot!(rig.outcome("auto_load = false\n[plugins.needy]"), @r"
    problem: `needy` (needy 1.0.0) requires plugin `faulty` ^1.1, which is not there.
      found: faulty 1.2.0 (<folder>/plugins/libfaulty.so) is present, but no instance of it is configured
      help: configure an instance of plugin `faulty`.
    ");
}

#[test]
fn a_requirement_that_two_files_hold_is_explained() {
    let rig = Rig::with("needy");
    rig.add("faulty");
    rig.change("faulty", "libfaulty-copy.so", &[]);
    assert_snapshot!(rig.outcome(FAULTY), @r"
    problem: plugin `faulty` failed to discover: one file for version 1.2.0 was expected, there are 2; also <folder>/plugins/libfaulty.so
      file: <folder>/plugins/libfaulty-copy.so
      help: keep one of them; to run it twice, name two instances in the configuration
    problem: plugin `needy` is not started: it needs `faulty` (failed)
    ");
}

#[test]
fn a_cycle_is_told_as_a_path() {
    let rig = Rig::with("ring-a");
    rig.add("ring-b");
    assert_snapshot!(rig.outcome(""), @r"
    problem: These instances wait for each other: ring-a -> ring-b -> ring-a
      found: `ring-a` requires plugin `ring-b` ^1
      found: `ring-b` requires plugin `ring-a` ^1
      help: make one of these requirements optional, or disable one of the instances.
    ");
}

#[test]
fn an_optional_requirement_may_be_absent() {
    let rig = Rig::with("needy");
    rig.add("faulty");
    let (host, report) = rig.start(FAULTY);
    assert_eq!(rig.told(&report), "nothing");
    assert_eq!(state(&host, "needy"), "active");
    host.stop().wait().unwrap();
}

#[test]
fn an_optional_requirement_in_the_wrong_version_is_noticed() {
    let rig = Rig::with("needy");
    rig.add("faulty");
    rig.make("guarded", "1.0.0", &[]);
    let guarded = format!("{FAULTY}\n[plugins.guarded]\nconfig.threshold = 1");
    let (host, report) = rig.start(&guarded);
    assert_eq!(state(&host, "needy"), "active");
    assert_snapshot!(rig.told(&report), @"notice: `needy` optionally requires plugin `guarded` ^2 and does without: guarded 1.0.0 (<folder>/plugins/libguarded-1.0.0.so) is out of range.");
    host.stop().wait().unwrap();
}

#[test]
fn a_missing_service_is_named() {
    let rig = Rig::new();
    rig.make("caller", "1.0.0", &["requires|service|quota|^1"]);
    assert_snapshot!(rig.outcome("[plugins.caller]\nconfig.threshold = 1"), @r"
    problem: `caller` (caller 1.0.0) requires service `quota` ^1, which is not there.
      help: install and enable a plugin that provides `quota` ^1, or disable `caller`.
    ");
}

#[test]
fn all_that_one_plugin_lacks_is_named() {
    let rig = Rig::new();
    rig.make("caller", "1.0.0", &["requires|service|quota|^1", "requires|plugin|needy|^1"]);
    assert_snapshot!(rig.outcome("[plugins.caller]\nconfig.threshold = 1"), @"
    problem: `caller` (caller 1.0.0) requires service `quota` ^1, which is not there.
      help: install and enable a plugin that provides `quota` ^1, or disable `caller`.
    problem: `caller` (caller 1.0.0) requires plugin `needy` ^1, which is not there.
      help: install plugin `needy` ^1 and enable it, or disable `caller`.
    ");
}

#[test]
fn everything_that_is_wrong_is_in_one_report() {
    let rig = Rig::with("needy");
    rig.add("ring-a");
    rig.add("ring-b");
    rig.make("caller", "1.0.0", &["requires|service|quota|^1"]);
    rig.make("waiter", "1.0.0", &["requires|plugin|needy|^1"]);
    rig.write("libnotes.so", "To do.\n");
    let callers = "[plugins.caller]\nconfig.threshold = 1\n[plugins.waiter]\nconfig.threshold = 1";
    assert_snapshot!(rig.outcome(callers), @r"
    problem: `caller` (caller 1.0.0) requires service `quota` ^1, which is not there.
      help: install and enable a plugin that provides `quota` ^1, or disable `caller`.
    problem: `needy` (needy 1.0.0) requires plugin `faulty` ^1.1, which is not there.
      help: install plugin `faulty` ^1.1 and enable it, or disable `needy`.
    problem: These instances wait for each other: ring-a -> ring-b -> ring-a
      found: `ring-a` requires plugin `ring-b` ^1
      found: `ring-b` requires plugin `ring-a` ^1
      help: make one of these requirements optional, or disable one of the instances.
    problem: plugin `waiter` is not started: it needs `needy` (failed)
    ignored: <folder>/plugins/libnotes.so: it is no ELF library
    ");
}

#[test]
fn whoever_depends_on_a_plugin_that_fails_is_blocked_and_nobody_else() {
    let rig = Rig::with("faulty");
    rig.add("needy");
    rig.make("waiter", "1.0.0", &["requires|plugin|needy|^1"]);
    let (host, report) = rig.start(&format!(
        "{FAULTY}\nconfig.start = \"error\"\n[plugins.waiter]\nconfig.threshold = 1"
    ));
    assert_eq!(get(&host, "steady"), "200 steady 1");
    assert_snapshot!(rig.told(&report), @r"
    problem: plugin `faulty` failed to start: a database was expected, nobody listens (start)
      file: <folder>/plugins/libfaulty.so
      help: start the database
    problem: plugin `needy` is not started: it needs `faulty` (failed)
    problem: plugin `waiter` is not started: it needs `needy` (blocked)
    ");
    host.stop().wait().unwrap();
}

#[test]
fn load_order_breaks_ties() {
    let rig = Rig::with("faulty");
    rig.make("alpha", "1.0.0", &[]);
    let (host, report) = rig.start(
        "load_order = [\"late\", \"faulty\", \"alpha\"]\n\
         [plugins.faulty]\ntype = \"early\"\nconfig.threshold = 1\n\
         [plugins.alpha]\nconfig.threshold = 1\n\
         [plugins.zeta]\nplugin = \"alpha\"\ntype = \"late\"\nconfig.threshold = 1",
    );
    let order: Vec<&str> = report.plugins.iter().map(|plugin| plugin.id.as_str()).collect();
    assert_eq!(order, ["zeta", "faulty", "alpha", "steady"]);
    assert_eq!(rig.told(&report), "nothing");
    host.stop().wait().unwrap();
}

#[test]
fn load_order_against_a_dependency_loses_and_is_noticed() {
    let rig = Rig::with("faulty");
    rig.add("needy");
    let order = format!("load_order = [\"needy\", \"faulty\"]\n{FAULTY}");
    let (host, report) = rig.start(&order);
    let order: Vec<&str> = report.plugins.iter().map(|plugin| plugin.id.as_str()).collect();
    assert_eq!(order, ["faulty", "steady", "needy"]);
    assert_snapshot!(rig.told(&report), @"notice: the load order puts `needy` before `faulty`, but `needy` depends on it (needy -> faulty); the dependency wins.");
    host.stop().wait().unwrap();
}

#[test]
fn load_order_with_an_unknown_name_is_noticed() {
    let rig = Rig::with("faulty");
    assert_snapshot!(rig.outcome(&format!("load_order = [\"fautly\", \"backup\"]\n{FAULTY}")), @r"
    notice: the load order names `fautly`, but there is no such instance; was `faulty` meant?
    notice: the load order names `backup`, but there is no such instance; remove it.
    ");
}
