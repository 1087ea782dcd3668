//! Configurations that are made in code.

use std::time::Duration;

use serde_json::json;

use super::config;
use crate::config::{Config, InstanceConfig, Linked, LoadRule};

#[test]
fn code_and_file_give_the_same() {
    let mut archive = InstanceConfig::new("archive")
        .with_plugin("storage-sqlite")
        .with_settings(json!({ "path": "a.db" }));
    archive.required = true;
    let mut made = Config::default().with_directory("plugins").with_instance(archive);
    made.plugins.strict = true;
    made.check().unwrap();
    let read = config(
        "[plugins]\ndirectory = 'plugins'\nstrict = true\n[plugins.archive]\n\
         plugin = 'storage-sqlite'\nrequired = true\nconfig.path = 'a.db'",
    );
    assert_eq!(made, read);
}

#[test]
fn check_finds_what_a_file_could_not_say() {
    let mut bad = InstanceConfig::new("security").with_plugin("").with_settings(json!(3));
    bad.timeouts.load = Some(Duration::ZERO);
    let mut rule = LoadRule::new(0.9, 0.7).unwrap();
    rule.enable_below = f64::NAN;
    bad.load = Some(rule);
    let mut config = Config::default().with_instance(bad);
    let moved = InstanceConfig::new("a");
    config.plugins.instances.insert("b".into(), moved);
    config.plugins.timeouts.stop = Duration::ZERO;
    config.plugins.linked = Some(Linked::Only(vec!["a b".into()]));
    insta::assert_snapshot!(config.check().unwrap_err(), @r#"
    8 problems in configuration:
    configuration: plugins.stop_timeout: expected a time above zero; give it more, or leave the default
    configuration: plugins.linked[0]: "a b" is no id: 1 to 64 letters a to z or A to Z, digits, `-`, `_` or `.`; choose another id
    configuration: plugins.b: the instance has another id than the key of the map; add instances with Config::with_instance
    configuration: plugins.security: the id `security` is reserved for a table of the host; choose another id
    configuration: plugins.security.plugin: "" is no id: 1 to 64 letters a to z or A to Z, digits, `-`, `_` or `.`; choose another id
    configuration: plugins.security.load_timeout: expected a time above zero; give it more, or leave the default
    configuration: plugins.security.load: `enable_below` must be above zero and less than `disable_above`; leave a gap
    configuration: plugins.security.config: the settings are no object; use json!({ … })
    "#);
}

#[test]
fn what_was_read_passes_the_check() {
    config("[plugins.a]\nload = { disable_above = 2, enable_below = 1 }").check().unwrap();
}

#[test]
fn load_rules_need_a_gap() {
    assert!(LoadRule::new(0.9, 0.7).is_some());
    for (above, below) in
        [(0.7, 0.9), (0.7, 0.7), (f64::NAN, 0.5), (f64::INFINITY, 0.5), (1.0, 0.0)]
    {
        assert!(LoadRule::new(above, below).is_none(), "{above} {below}");
    }
}
