//! The keys of `[plugins]` and of an instance, read as what they mean.

use std::path::{Path, PathBuf};
use std::time::Duration;

use semver::Version;
use serde_json::json;

use super::config;
use crate::config::{Config, Linked, LoadRule, Mount, Rpath, Signatures};

#[test]
fn nothing_said_is_the_default() {
    assert_eq!(config(""), Config::default());
    assert_eq!(config("[plugins]"), Config::default());
    let plugins = config("").plugins;
    assert!(plugins.enabled && plugins.auto_load && !plugins.strict);
    assert_eq!(plugins.timeouts.load, Duration::from_secs(30));
    assert_eq!(plugins.timeouts.stop, Duration::from_secs(10));
    assert_eq!(plugins.timeouts.call, None);
    assert_eq!(plugins.linked, None);
    assert_eq!(plugins.max_retired, 120);
    assert_eq!(plugins.security.signatures, Signatures::Off);
    assert_eq!(plugins.security.rpath, Rpath::Refuse);
}

#[test]
fn as_many_libraries_may_be_retired_as_is_said_or_none() {
    assert_eq!(config("[plugins]\nmax_retired = 7").plugins.max_retired, 7);
    assert_eq!(config("[plugins]\nmax_retired = 0").plugins.max_retired, 0);
}

#[test]
fn an_instance_with_everything() {
    let config = config(
        r#"
        [plugins.archive]
        plugin = "storage-sqlite"
        enabled = false
        type = "storage"
        version = "^1.2"
        mount = "loaded"
        required = true
        permissions = ["storage", "events.publish:keys.*"]
        deny = ["config.read"]
        priority = 10
        load_timeout = "1m 30s"

        [plugins.archive.limits]
        calls = "1000/s"
        events = "500/min"
        log_lines = "5/day"
        tasks = 32
        subscriptions = 64

        [plugins.archive.load]
        disable_above = 0.9
        enable_below = 0.7

        [plugins.archive.config]
        threshold = 0.85
        since = 2025-11-20
        nested = { list = [1, "two", { three = 3 }] }
        "#,
    );
    let archive = &config.plugins.instances["archive"];
    assert_eq!((archive.id.as_str(), archive.plugin.as_str()), ("archive", "storage-sqlite"));
    assert!(!archive.enabled && archive.required);
    assert_eq!(archive.kind.as_deref(), Some("storage"));
    let version = archive.version.as_ref().unwrap();
    assert!(version.matches(&Version::new(1, 3, 0)) && !version.matches(&Version::new(2, 0, 0)));
    assert_eq!(archive.mount, Some(Mount::Loaded));
    let permissions = archive.permissions.as_deref().unwrap();
    assert_eq!(permissions, ["storage", "events.publish:keys.*"]);
    assert_eq!(archive.deny, ["config.read"]);
    assert_eq!(archive.priority, Some(10));
    assert_eq!(archive.limits.calls, "1000/s".parse().ok());
    assert_eq!(archive.limits.events, "500/min".parse().ok());
    assert_eq!(archive.limits.log_lines, "5/day".parse().ok());
    assert_eq!((archive.limits.tasks, archive.limits.subscriptions), (Some(32), Some(64)));
    assert_eq!(archive.load, LoadRule::new(0.9, 0.7));
    assert_eq!(
        archive.settings,
        json!({
            "threshold": 0.85,
            "since": "2025-11-20",
            "nested": { "list": [1, "two", { "three": 3 }] },
        })
    );
    let timeouts = config.timeouts_of(archive);
    assert_eq!(timeouts.load, Duration::from_secs(90));
    assert_eq!(timeouts.stop, Duration::from_secs(10));
}

#[test]
fn no_permissions_and_an_empty_list_of_them_differ() {
    let config = config("[plugins.a]\n[plugins.b]\npermissions = []");
    assert_eq!(config.plugins.instances["a"].permissions, None);
    assert_eq!(config.plugins.instances["b"].permissions, Some(vec![]));
}

#[test]
fn two_instances_of_one_plugin() {
    let config = config(
        r#"
        [plugins.hot]
        plugin = "storage-sqlite"
        config.path = "hot.db"
        [plugins.cold]
        plugin = "storage-sqlite"
        config.path = "cold.db"
        "#,
    );
    let instances: Vec<_> = config.plugins.instances.values().collect();
    assert_eq!(instances.len(), 2);
    assert!(instances.iter().all(|instance| instance.plugin == "storage-sqlite"));
    assert_eq!(config.plugins.instances["hot"].settings, json!({ "path": "hot.db" }));
    assert_eq!(config.plugins.instances["cold"].settings, json!({ "path": "cold.db" }));
}

#[test]
fn relative_paths_start_at_the_files_folder() {
    let text = "plugins = { directories = ['a', '/b'], data_dir = 'data' }";
    let config = Config::from_toml_in(text, "app.toml", "/etc/app").unwrap();
    assert_eq!(config.plugins.directories, [Path::new("/etc/app/a"), Path::new("/b")]);
    assert_eq!(config.plugins.data_dir, Some(PathBuf::from("/etc/app/data")));
    assert_eq!(config.base_dir, Path::new("/etc/app"));
}

#[test]
fn linked_names_ids_or_all() {
    assert_eq!(config("plugins.linked = 'all'").plugins.linked, Some(Linked::All));
    let some = config("plugins.linked = ['hkp', 'geo']").plugins.linked;
    assert_eq!(some, Some(Linked::Only(vec!["hkp".into(), "geo".into()])));
}

#[test]
fn a_table_that_nearly_is_plugins_is_warned_of() {
    let config = config("[plugin]\nenabled = true");
    insta::assert_snapshot!(config.warnings().join("\n"), @"app.toml:1:2: this table is the application's; did you mean [plugins]?");
    assert!(config.application.contains_key("plugin"));
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_fine() {
    let config = config("\u{feff}[plugins]\r\nstrict = true\r\n");
    assert!(config.plugins.strict);
}
