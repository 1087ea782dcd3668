//! Several versions of one plugin, and several instances of one version.

use insta::assert_snapshot;

use crate::support::rig::{Rig, get};

fn version(host: &hotshoe::PluginHost, instance: &str) -> String {
    let info = host.plugin(instance).unwrap();
    info.version.map_or_else(String::new, |version| version.to_string())
}

const FAULTY: &str = "[plugins.faulty]\nconfig.threshold = 7";

#[test]
fn of_two_versions_the_higher_runs() {
    let rig = Rig::with("faulty");
    rig.change("faulty", "libfaulty-2.so", &[("version", "1.2.0", "2.0.0")]);
    let (host, report) = rig.start(FAULTY);
    assert_eq!(version(&host, "faulty"), "2.0.0");
    assert_eq!(get(&host, "faulty"), "200 faulty 7");
    assert_eq!(rig.told(&report), "nothing");
    host.stop().wait().unwrap();
}

#[test]
fn a_requirement_forces_the_lower_of_two_versions() {
    let rig = Rig::with("faulty");
    rig.change("faulty", "libfaulty-2.so", &[("version", "1.2.0", "2.0.0")]);
    rig.add("needy");
    let (host, report) = rig.start(FAULTY);
    assert_eq!(version(&host, "faulty"), "1.2.0");
    assert_eq!(get(&host, "faulty"), "200 faulty 7");
    assert!(host.plugin("needy").unwrap().state.is_serving());
    assert_snapshot!(rig.told(&report), @"notice: `faulty` runs faulty 1.2.0 instead of 2.0.0, because `needy` requires plugin `faulty` ^1.1.");
    host.stop().wait().unwrap();
}

#[test]
fn a_pin_chooses_the_lower_of_two_versions() {
    let rig = Rig::with("faulty");
    rig.change("faulty", "libfaulty-2.so", &[("version", "1.2.0", "2.0.0")]);
    let (host, report) = rig.start(&format!("{FAULTY}\nversion = \"<2\""));
    assert_eq!(version(&host, "faulty"), "1.2.0");
    assert_eq!(rig.told(&report), "nothing");
    host.stop().wait().unwrap();
}

#[test]
fn a_pin_to_what_is_not_there_names_what_is() {
    let rig = Rig::with("faulty");
    assert_snapshot!(rig.outcome(&format!("{FAULTY}\nversion = \"^3\"")), @r"
    problem: `faulty` pins plugin `faulty` to ^3, which is not there.
      found: faulty 1.2.0 (<folder>/plugins/libfaulty.so)
      help: install plugin `faulty` ^3, or change the pin.
    ");
}

#[test]
fn two_instances_of_one_plugin_have_settings_of_their_own() {
    let rig = Rig::with("faulty");
    let (host, report) = rig.start(
        "[plugins.first]\nplugin = \"faulty\"\nconfig.threshold = 1\n\
         [plugins.second]\nplugin = \"faulty\"\nconfig.threshold = 2",
    );
    assert_eq!(get(&host, "first"), "200 first 1");
    assert_eq!(get(&host, "second"), "200 second 2");
    assert_eq!(rig.told(&report), "nothing");
    host.disable("first").wait().unwrap();
    assert_eq!(get(&host, "second"), "200 second 2");
    host.stop().wait().unwrap();
}

#[test]
fn of_two_instances_only_the_one_with_wrong_settings_fails() {
    let rig = Rig::with("faulty");
    let (host, report) = rig.start(
        "[plugins.first]\nplugin = \"faulty\"\nconfig.threshold = 1\n\
         [plugins.second]\nplugin = \"faulty\"\nconfig.threshold = 2\nconfig.start = \"error\"",
    );
    assert_eq!(get(&host, "first"), "200 first 1");
    assert_snapshot!(rig.told(&report), @r"
    problem: plugin `second` failed to start: a database was expected, nobody listens (start)
      file: <folder>/plugins/libfaulty.so
      help: start the database
    ");
    host.stop().wait().unwrap();
}
