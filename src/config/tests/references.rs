//! `{ env = … }` and `{ file = … }` in a plugin's own settings.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::config;
use crate::config::{Config, ConfigError, ProblemKind};

/// A folder of this test's own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("hotshoe-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn env(name: &str) -> Option<String> {
    (name == "PASSWORD").then(|| "hunter2".to_owned())
}

fn resolve(config: &Config) -> Result<Value, ConfigError> {
    config.plugins.instances["db"].settings_resolved_with(&config.base_dir, env)
}

#[test]
fn references_are_followed_and_the_configuration_keeps_them() {
    let folder = Folder::new("references");
    fs::write(folder.0.join("token"), "abc\n").unwrap();
    fs::write(folder.0.join("windows"), "abc\r\n").unwrap();
    fs::write(folder.0.join("lines"), "abc\n\n").unwrap();
    let text = "
        [plugins.db.config]
        password = { env = 'PASSWORD' }
        list = [{ file = 'token' }, { deep = { file = 'windows' } }]
        lines.file = 'lines'
    ";
    let config = Config::from_toml_in(text, "app.toml", &folder.0).unwrap();
    let resolved = resolve(&config).unwrap();
    let expected =
        json!({ "password": "hunter2", "list": ["abc", { "deep": "abc" }], "lines": "abc\n" });
    assert_eq!(resolved, expected);
    assert!(!format!("{config:?}").contains("hunter2"));
    let kept = &config.plugins.instances["db"].settings["password"];
    assert_eq!(*kept, json!({ "env": "PASSWORD" }));
}

#[test]
fn what_only_resembles_a_reference_stays() {
    let text = "
        [plugins.db.config]
        file = 'data.db'
        env = 'production'
        both = { env = 'A', file = 'b' }
        more = { env = 'A', default = 'b' }
        map = { env = { A = '1' } }
    ";
    let config = config(text);
    assert_eq!(resolve(&config).unwrap(), config.plugins.instances["db"].settings);
}

#[test]
fn the_settings_as_a_whole_are_no_reference() {
    for text in ["[plugins.db]\nconfig.file = 'data.db'", "[plugins.config.db]\nfile = 'data.db'"] {
        assert_eq!(resolve(&config(text)).unwrap(), json!({ "file": "data.db" }));
    }
}

#[test]
fn what_a_reference_yields_is_not_looked_at_again() {
    let config = config("[plugins.db.config]\nx = { env = 'X' }");
    let db = &config.plugins.instances["db"];
    let resolved = db.settings_resolved_with("", |_| Some("{ env = \"Y\" }".into())).unwrap();
    assert_eq!(resolved, json!({ "x": "{ env = \"Y\" }" }));
}

#[test]
fn references_that_lead_nowhere_are_all_named() {
    let config = config(
        "[plugins.db.config]\npassword = { env = 'DB_PASSWORD' }\nlist = [{ file = '/nonexistent/token' }]",
    );
    let error = resolve(&config).unwrap_err();
    assert!(error.has(ProblemKind::Reference));
    insta::assert_snapshot!(error, @r#"
    2 problems in app.toml:
    app.toml:2:1: plugins.db.config.password: the environment variable "DB_PASSWORD" is not set, or is no UTF-8; set it for the host's process, or write the value itself
    app.toml:3:9: plugins.db.config.list[0]: the file "/nonexistent/token" cannot be read: No such file or directory (os error 2); create it, or give the host's user the right to read it; a relative path starts at the configuration's folder
    "#);
}

#[test]
fn a_large_file_is_refused() {
    let folder = Folder::new("large");
    fs::write(folder.0.join("large"), vec![b'x'; 1024 * 1024 + 1]).unwrap();
    let text = "[plugins.db.config]\nx = { file = 'large' }";
    let config = Config::from_toml_in(text, "app.toml", &folder.0).unwrap();
    assert!(resolve(&config).unwrap_err().to_string().contains("larger than 1 MiB"));
}

#[test]
fn a_file_starts_at_its_own_folder() {
    let folder = Folder::new("folder");
    fs::write(folder.0.join("token"), "abc").unwrap();
    let file = folder.0.join("app.toml");
    fs::write(&file, "[plugins]\ndirectory = 'p'\n[plugins.config.db]\nx.file = 'token'").unwrap();
    let config = Config::from_file(&file).unwrap();
    assert_eq!(config.plugins.directories, [folder.0.join("p")]);
    assert_eq!(resolve(&config).unwrap(), json!({ "x": "abc" }));
    fs::write(&file, b"\xff").unwrap();
    assert!(Config::from_file(&file).unwrap_err().to_string().contains("UTF-8"));
}
