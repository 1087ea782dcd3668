//! Any text is a configuration or an error, and so is all that is done with it without a host.
//! Secrets show nowhere.

use std::collections::BTreeMap;

use hotshoe::config::{Config, ConfigError, InstanceConfig, ProblemKind};
use hotshoe::settings::{Interval, Quota, Secret};
use serde::Deserialize;
use serde_json::Value;

use crate::shown;

/// Stands for a secret in a text. It is in the dictionary and in the corpus.
const SECRET: &str = "5ecr3t";

/// Stands for a secret of the environment; no text contains it.
const FROM_ENVIRONMENT: &str = "fr0m-the-env1ronment";

/// Reads `bytes` as a configuration.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let found = Config::from_toml(text, "fuzz.toml");
    let is_syntax = found.as_ref().is_err_and(ConfigError::is_syntax);
    let mut output = String::new();
    match &found {
        Ok(config) => {
            config.check().expect("what was read passes the check");
            use_it(config, &mut output);
        }
        Err(error) => tell(error, &mut output),
    }
    assert!(!output.contains(FROM_ENVIRONMENT), "a secret shows:\n{output}");
    // Of a broken text nobody knows what is a secret, so nothing of it may show.
    if output.contains(SECRET) && (is_syntax || only_secrets(text)) {
        panic!("a secret shows:\n{output}");
    }
}

fn tell(error: &ConfigError, output: &mut String) {
    assert!(!error.problems().is_empty());
    let text = error.to_string();
    // Fifty problems are listed, between a line that counts them and one for the rest.
    assert!(text.lines().count() <= 52, "too many lines:\n{text}");
    shown::harmless(&text);
    output.push_str(&text);
}

/// What a host and an application do with it.
fn use_it(config: &Config, output: &mut String) {
    output.push_str(&format!("{config:?}"));
    output.push_str(&config.warnings().join("\n"));
    assert_eq!(config, &config.clone());

    let instances = config.plugins.instances.values();
    let named: Vec<_> = instances
        .clone()
        .map(|instance| (instance.id.as_str(), instance.kind.as_deref()))
        .chain([("elsewhere", Some("storage"))])
        .collect();
    let (order, unknown) = config.resolve_load_order(&named);
    assert!(order.iter().all(|id| named.iter().any(|(known, _)| known == id)));
    assert!(order.len() <= named.len());
    assert!(unknown.iter().all(|name| config.plugins.load_order.contains(name)));

    for instance in instances {
        let _ = (config.timeouts_of(instance), config.supervision_of(instance));
        let _ = config.plugins.enables(instance);
        settings(instance, output);
    }
    for key in config.application.keys() {
        read::<Strict>(|| config.application(key), output);
        read::<BTreeMap<String, u8>>(|| config.application(key), output);
        read::<Value>(|| config.application(key), output);
    }
}

fn settings(instance: &InstanceConfig, output: &mut String) {
    // What is on this machine is none of the fuzzer's business, and a named pipe would hang it.
    if refers_to_a_file(&instance.settings) {
        return;
    }
    let environment = |name: &str| (!name.starts_with('!')).then(|| FROM_ENVIRONMENT.to_owned());
    match instance.settings_resolved_with("/nonexistent", environment) {
        Ok(resolved) => {
            read::<Strict>(|| instance.read_settings(&resolved), output);
            read::<BTreeMap<String, u8>>(|| instance.read_settings(&resolved), output);
            read::<BTreeMap<String, Vec<bool>>>(|| instance.read_settings(&resolved), output);
            read::<Either>(|| instance.read_settings(&resolved), output);
            instance.read_settings::<Value>(&resolved).expect("any value is a value");
        }
        Err(error) => {
            assert!(error.problems().iter().all(|it| it.kind() == ProblemKind::Reference));
            tell(&error, output);
        }
    }
}

/// The settings of a plugin that wants something of every kind.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
#[allow(dead_code, reason = "only read")]
struct Strict {
    password: Option<Secret>,
    interval: Option<Interval>,
    quota: Option<Quota>,
    number: Option<i32>,
    mode: Option<Mode>,
    #[serde(default)]
    list: Vec<(String, f32)>,
    within: Option<Box<Strict>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    Off,
    Only(#[allow(dead_code, reason = "only read")] Vec<String>),
    Full {
        #[allow(dead_code, reason = "only read")]
        depth: u8,
    },
}

/// Buffered by serde before it is read.
#[derive(Deserialize)]
#[serde(untagged)]
#[allow(dead_code, reason = "only read")]
enum Either {
    Short { password: u8 },
    Long { number: u64, mode: Mode },
}

fn read<T>(read: impl FnOnce() -> Result<T, ConfigError>, output: &mut String) {
    if let Err(error) = read() {
        tell(&error, output);
    }
}

fn refers_to_a_file(value: &Value) -> bool {
    match value {
        Value::Object(map) if map.len() == 1 && map.contains_key("file") => true,
        Value::Object(map) => map.values().any(refers_to_a_file),
        Value::Array(items) => items.iter().any(refers_to_a_file),
        _ => false,
    }
}

/// Whether [`SECRET`] stands in values below keys that name a secret, and nowhere else that could be
/// shown.
fn only_secrets(text: &str) -> bool {
    // Deep tables overflow the stack of whoever drops them.
    if text.matches(['{', '[', '.']).count() > 256 {
        return false;
    }
    let Ok(table) = text.parse::<toml::Table>() else { return false };
    let own = |(key, value): (&String, &toml::Value)| is_secret(key, value);
    table.iter().filter(|(key, _)| *key != "plugins").all(own)
        && match table.get("plugins") {
            Some(toml::Value::Table(plugins)) => plugins.iter().all(|(id, instance)| {
                let settings = instance.get("config");
                match settings {
                    _ if id == "config" => is_secret("", instance),
                    Some(settings) if instance.is_table() => {
                        let mut rest = instance.clone();
                        rest.as_table_mut().expect("a table").remove("config");
                        !id.contains(SECRET) && !anywhere(&rest) && is_secret("", settings)
                    }
                    _ => !id.contains(SECRET) && !anywhere(instance),
                }
            }),
            Some(other) => !anywhere(other),
            None => true,
        }
}

fn is_secret(key: &str, value: &toml::Value) -> bool {
    if key.contains(SECRET) {
        return false;
    }
    // A reference only says where a secret is.
    let reference = |table: &toml::Table| {
        table.len() == 1 && (table.contains_key("env") || table.contains_key("file"))
    };
    match value {
        toml::Value::Table(table) if reference(table) => !anywhere(value),
        _ if ["password", "token", "api_key", "privateKey"].contains(&key) => {
            !matches!(value, toml::Value::Table(_)) || !keys_contain(value)
        }
        toml::Value::Table(table) => table.iter().all(|(key, value)| is_secret(key, value)),
        toml::Value::Array(items) => items.iter().all(|item| is_secret("", item)),
        _ => !anywhere(value),
    }
}

/// Keys are shown.
fn keys_contain(value: &toml::Value) -> bool {
    match value {
        toml::Value::Table(table) => {
            table.iter().any(|(key, value)| key.contains(SECRET) || keys_contain(value))
        }
        toml::Value::Array(items) => items.iter().any(keys_contain),
        _ => false,
    }
}

fn anywhere(value: &toml::Value) -> bool {
    match value {
        toml::Value::String(text) => text.contains(SECRET),
        toml::Value::Table(table) => {
            table.iter().any(|(key, value)| key.contains(SECRET) || anywhere(value))
        }
        toml::Value::Array(items) => items.iter().any(anywhere),
        _ => false,
    }
}
