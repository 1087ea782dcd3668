//! Settings that a plugin does not accept.

use insta::assert_snapshot;

use crate::support::rig::Rig;

fn outcome(settings: &str) -> String {
    Rig::with("faulty").outcome(&format!("[plugins.faulty]\n{settings}"))
}

#[test]
fn a_setting_of_the_wrong_type_is_named() {
    assert_snapshot!(outcome("config.threshold = \"high\""), @r#"
    problem: plugin `faulty` failed to initialize: `plugins.faulty.config.threshold`: expected a whole number from 0 to 4294967295, found the text "high"
      at: host.toml:4:8
      help: correct it in the plugin's settings
    "#);
}

#[test]
fn a_setting_out_of_range_is_named() {
    assert_snapshot!(outcome("config.threshold = -5"), @r"
    problem: plugin `faulty` failed to initialize: `plugins.faulty.config.threshold`: expected a whole number from 0 to 4294967295, found the number -5
      at: host.toml:4:8
      help: correct it in the plugin's settings
    ");
}

#[test]
fn a_missing_setting_is_named() {
    assert_snapshot!(outcome("config.start = \"ok\""), @r"
    problem: plugin `faulty` failed to initialize: `plugins.faulty.config`: the key `threshold` is missing
      at: host.toml:4:1
      help: add `threshold`
    ");
}

#[test]
fn an_unknown_setting_is_named_with_the_nearest() {
    assert_snapshot!(outcome("config.threshold = 1\nconfig.treshold = 2"), @r"
    problem: plugin `faulty` failed to initialize: `plugins.faulty.config.treshold`: unknown key
      at: host.toml:5:8
      help: did you mean `threshold`?
    ");
}

#[test]
fn an_unknown_word_is_named_with_those_that_are_known() {
    assert_snapshot!(outcome("config.threshold = 1\nconfig.start = \"explode\""), @r#"
    problem: plugin `faulty` failed to initialize: `plugins.faulty.config.start`: unknown value "explode"
      at: host.toml:5:8
      help: known here: ok, panic, payload, error, hang, pending, abort, babble
    "#);
}

#[test]
fn a_setting_among_the_hosts_keys_is_told_where_it_belongs() {
    let rig = Rig::with("faulty");
    let text = "[plugins]\n[plugins.faulty]\nthreshold = 1\n";
    let error = hotshoe::config::Config::from_toml(text, "host.toml").unwrap_err();
    assert_snapshot!(rig.clean(&error.to_string()), @"host.toml:3:1: plugins.faulty.threshold: unknown key; keys of the plugin itself belong below `config`");
}

#[test]
fn a_reference_to_a_variable_that_is_not_set_is_named() {
    let unset = "{ env = \"HOTSHOE_TEST_NOT_SET\" }";
    assert_snapshot!(outcome(&format!("config.threshold = {unset}")), @r#"
    problem: plugin `faulty` failed to initialize: `plugins.faulty.config.threshold`: the environment variable "HOTSHOE_TEST_NOT_SET" is not set, or is no UTF-8
      at: host.toml:4:8
      help: set it for the host's process, or write the value itself
    "#);
}

#[test]
fn a_reference_to_a_file_that_is_not_there_is_named() {
    assert_snapshot!(outcome("config.threshold = { file = \"secret.txt\" }"), @r#"
    problem: plugin `faulty` failed to initialize: `plugins.faulty.config.threshold`: the file "<folder>/secret.txt" cannot be read: No such file or directory (os error 2)
      at: host.toml:4:8
      help: create it, or give the host's user the right to read it; a relative path starts at the configuration's folder
    "#);
}

/// What came by a reference is a secret, whatever its key is called.
#[test]
fn a_secret_of_the_wrong_type_is_not_repeated() {
    let rig = Rig::with("faulty");
    std::fs::write(rig.path("secret.txt"), "hunter2\n").unwrap();
    let told = rig.outcome("[plugins.faulty]\nconfig.threshold = { file = \"secret.txt\" }");
    assert!(!told.contains("hunter2"), "{told}");
    assert_snapshot!(told, @r"
    problem: plugin `faulty` failed to initialize: `plugins.faulty.config.threshold`: expected a whole number from 0 to 4294967295, found a text (not shown)
      at: host.toml:4:8
      help: correct it in the plugin's settings
    ");
}

#[test]
fn a_secret_that_is_no_known_word_is_not_repeated() {
    let rig = Rig::with("faulty");
    std::fs::write(rig.path("secret.txt"), "hunter2\n").unwrap();
    let told = rig.outcome(
        "[plugins.faulty]\nconfig.threshold = 1\nconfig.start = { file = \"secret.txt\" }",
    );
    assert!(!told.contains("hunter2"), "{told}");
    assert_snapshot!(told, @r"
    problem: plugin `faulty` failed to initialize: `plugins.faulty.config.start`: unknown value (not shown)
      at: host.toml:5:8
      help: known here: ok, panic, payload, error, hang, pending, abort, babble
    ");
}

#[test]
fn settings_for_a_plugin_without_any_are_refused() {
    let rig = Rig::with("faulty");
    rig.add("needy");
    let needy = "[plugins.faulty]\nconfig.threshold = 1\n[plugins.needy]\nconfig.colour = \"red\"";
    assert_snapshot!(rig.outcome(needy), @r"
    problem: plugin `needy` failed to initialize: `plugins.needy.config.colour`: unknown key
      at: host.toml:6:8
      help: remove it
    ");
}
