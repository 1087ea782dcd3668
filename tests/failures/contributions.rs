//! Contributions that the host refuses.

use insta::assert_snapshot;

use crate::support::rig::{Rig, get};

fn outcome(contribute: &str) -> String {
    Rig::with("faulty").outcome(&format!(
        "[plugins.faulty]\nconfig.threshold = 1\nconfig.contribute = \"{contribute}\""
    ))
}

#[test]
fn a_panic_in_contribute_is_contained() {
    assert_snapshot!(outcome("panic"), @r"
    problem: plugin `faulty` failed to contribute: panicked: contribute went wrong
      at: tests/plugins/faulty/src/lib.rs:_
      file: <folder>/plugins/libfaulty.so
      help: a panic is a bug of the plugin: tell its author
    ");
}

/// They would start side by side, and who is second would be a matter of luck; so the second
/// requires the first.
#[test]
fn a_route_that_another_plugin_answers_is_refused() {
    let rig = Rig::with("faulty");
    rig.make("waiter", "1.0.0", &["requires|plugin|faulty|^1"]);
    let (host, report) = rig.start(
        "[plugins.faulty]\nconfig.threshold = 1\nconfig.contribute = \"conflict\"\n\
         [plugins.waiter]\nconfig.threshold = 2\nconfig.contribute = \"conflict\"",
    );
    assert_eq!(get(&host, "faulty"), "200 faulty 1");
    assert_eq!(get(&host, "steady"), "200 steady 1");
    assert_snapshot!(rig.told(&report), @r"
    problem: plugin `waiter` failed to contribute: the route GET /taken is answered by `faulty` already
      file: <folder>/plugins/libwaiter-1.0.0.so
      help: disable one of the two plugins
    ");
    host.stop().wait().unwrap();
}

#[test]
fn a_path_that_is_none_is_refused() {
    assert_snapshot!(outcome("path"), @r"
    problem: plugin `faulty` failed to contribute: the route `/{open` cannot be added: Parameters must be registered with a valid name
      file: <folder>/plugins/libfaulty.so
      help: paths are of the form /a/{parameter}/b or /files/{*rest}
    ");
}

#[test]
fn a_service_that_the_manifest_does_not_promise_is_refused() {
    assert_snapshot!(outcome("service"), @r"
    problem: plugin `faulty` failed to contribute: `contribute` provides the service `promise`, its manifest does not
      file: <folder>/plugins/libfaulty.so
      help: the plugin's author has to make `provides` and `contribute` agree
    ");
}

#[test]
fn a_storage_backend_that_the_manifest_does_not_promise_is_refused() {
    assert_snapshot!(outcome("storage"), @r"
    problem: plugin `faulty` failed to contribute: `contribute` provides the storage backend `faulty`, its manifest does not
      file: <folder>/plugins/libfaulty.so
      help: the plugin's author has to make `provides` and `contribute` agree
    ");
}

#[test]
fn a_subscription_without_permission_is_refused() {
    assert_snapshot!(outcome("topic"), @r#"
    problem: plugin `faulty` failed to contribute: the permission `events.subscribe:orders.*` is needed, its manifest does not ask for it
      file: <folder>/plugins/libfaulty.so
      help: the plugin's author has to add "events.subscribe:orders.*" to `permissions`
    "#);
}

#[test]
fn a_job_without_an_interval_is_refused() {
    assert_snapshot!(outcome("job"), @r"
    problem: plugin `faulty` failed to contribute: the job `spin` has an interval of 0ns, at least 1ms is needed
      file: <folder>/plugins/libfaulty.so
    ");
}

#[test]
fn a_service_that_is_promised_and_not_provided_is_noticed() {
    let rig = Rig::new();
    rig.make("boaster", "1.0.0", &["provides|service|quota|1.0.0"]);
    assert_snapshot!(rig.outcome("[plugins.boaster]\nconfig.threshold = 1"), @r"
    problem: plugin `boaster` failed to contribute: its manifest provides the service `quota`, `contribute` did not
      file: <folder>/plugins/libboaster-1.0.0.so
      help: the plugin's author has to make `provides` and `contribute` agree
    ");
}

#[test]
fn a_service_in_another_version_than_promised_is_refused() {
    let rig = Rig::new();
    rig.make("boaster", "1.0.0", &["provides|service|promise|2.0.0"]);
    let text = "[plugins.boaster]\nconfig.threshold = 1\nconfig.contribute = \"service\"";
    assert_snapshot!(rig.outcome(text), @r"
    problem: plugin `boaster` failed to contribute: its manifest provides the service `promise` 2.0.0, `contribute` 1.0.0
      file: <folder>/plugins/libboaster-1.0.0.so
      help: the plugin's author has to make `provides` and `contribute` agree
    ");
}

#[test]
fn a_storage_backend_that_is_promised_and_not_provided_is_noticed() {
    let rig = Rig::new();
    rig.make("boaster", "1.0.0", &["provides|storage|tape"]);
    assert_snapshot!(rig.outcome("[plugins.boaster]\nconfig.threshold = 1"), @r"
    problem: plugin `boaster` failed to contribute: its manifest provides the storage backend `tape`, `contribute` did not
      file: <folder>/plugins/libboaster-1.0.0.so
      help: the plugin's author has to make `provides` and `contribute` agree
    ");
}

#[test]
fn nothing_of_a_refused_plugin_stays_behind() {
    let rig = Rig::with("faulty");
    let (host, _) =
        rig.start("[plugins.faulty]\nconfig.threshold = 1\nconfig.contribute = \"path\"");
    assert_eq!(get(&host, "faulty"), "404 not found");
    host.stop().wait().unwrap();
}
