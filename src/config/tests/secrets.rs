//! What looks like a secret is shown nowhere.

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{config, error};
use crate::config::{Config, redact};
use crate::settings::Secret;

/// Long enough not to turn up by accident.
const PASSWORD: &str = "hunter2hunter2";

const KEYS: [&str; 14] = [
    "password",
    "dbPassword",
    "PASSWORD",
    "secret",
    "client_secret",
    "token",
    "api_key",
    "apiKey",
    "API-Key",
    "private_key",
    "privateKey",
    "access_key",
    "passphrase",
    "credentials",
];

#[test]
fn values_of_secret_keys_are_replaced_at_any_depth() {
    for key in KEYS {
        for secret in [json!(PASSWORD), json!([PASSWORD]), json!({ "x": PASSWORD }), json!(12345)] {
            let shown = redact(&json!({ "a": [{ "b": { key: secret } }] }));
            assert_eq!(shown, json!({ "a": [{ "b": { key: "[redacted]" } }] }), "{key}");
        }
    }
}

#[test]
fn what_is_no_secret_stays() {
    let json = json!({
        "path": "a", "threshold": 0.85, "endpoint": "https://host:8080/x?y=z", "key": "k",
        "list": [1, null, true], "password": null, "user": "u@example.org",
        "token": { "env": "TOKEN" }, "secret": { "file": "/run/secret" },
    });
    assert_eq!(redact(&json), json);
}

#[test]
fn only_the_password_of_a_url_is_replaced() {
    for (text, expected) in [
        ("postgres://user:pass@localhost:26257/db", "postgres://user:***@localhost:26257/db"),
        ("redis://:pass@host", "redis://:***@host"),
        ("amqp://u:pa:ss@host", "amqp://u:***@host"),
        // Not valid, but common: what looks like path or host is still the password.
        ("postgres://user:pa/ss@host/db", "postgres://user:***@host/db"),
        ("postgres://user:pa@ss@host/db", "postgres://user:***@host/db"),
        ("postgres://user:pa#s?s@host/db", "postgres://user:***@host/db"),
        ("postgres://user@host:5432/db", "postgres://user@host:5432/db"),
        ("https://host/x?a=1&token=abc&b=2", "https://host/x?a=1&token=***&b=2"),
        ("jdbc:postgresql://u:p@h/db?password=q", "jdbc:postgresql://u:***@h/db?password=***"),
    ] {
        for key in ["connectionString", "connection_string", "dsn", "endpoint"] {
            assert_eq!(redact(&json!({ key: text })), json!({ key: expected }));
        }
    }
}

#[test]
fn connection_strings_that_are_no_urls_are_replaced_as_a_whole() {
    for text in ["host=h password=p", "Server=tcp://h;Password=p", "user:p@tcp(h)/db"] {
        let shown = redact(&json!({ "connectionString": text }));
        assert_eq!(shown, json!({ "connectionString": "[redacted]" }));
    }
}

/// A configuration with the password in every place of the plugins' and the application's own.
fn everywhere() -> Config {
    let mut text = String::new();
    for table in ["server", "plugins.a.config", "plugins.config.b", "plugins.a.config.deep.er"] {
        text.push_str(&format!("[{table}]\n"));
        for key in KEYS {
            text.push_str(&format!("{key} = '{PASSWORD}'\n"));
        }
        text.push_str(&format!(
            "url = 'x://u:{PASSWORD}@h'\nlist = [{{ token = '{PASSWORD}' }}]\n"
        ));
    }
    config(&text)
}

#[test]
fn debug_does_not_show_them() {
    let config = everywhere();
    let shown = format!("{config:?} {config:#?} {:?}", config.plugins.instances["a"]);
    assert!(!shown.contains(PASSWORD));
}

#[test]
fn errors_of_types_do_not_show_them() {
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only its errors are looked at")]
    struct Settings {
        password: Option<u64>,
        url: Option<std::net::IpAddr>,
        token: Option<bool>,
        secret: Option<Choice>,
        pin: Option<Secret>,
        #[serde(flatten)]
        rest: Option<Rest>,
        nested: Option<Nested>,
    }
    #[derive(Debug, Deserialize)]
    enum Choice {}
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only its errors are looked at")]
    struct Rest {
        api_key: Option<u64>,
    }
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only its errors are looked at")]
    struct Nested {
        #[serde(flatten)]
        rest: Rest,
        plain: Option<u64>,
    }

    let lines = [
        format!("password = '{PASSWORD}'"),
        format!("url = 'x://u:{PASSWORD}@h'"),
        format!("token = '{PASSWORD}'"),
        format!("secret = '{PASSWORD}'"),
        "pin = 5550123".to_owned(),
        format!("nested = {{ api_key = '{PASSWORD}' }}"),
        "nested = { plain = 'x' }".to_owned(),
    ];
    let mut errors = Vec::new();
    for line in &lines {
        let config = config(&format!("[server]\n{line}"));
        let error = config.application::<Settings>("server").unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(PASSWORD) && !shown.contains("5550123"), "{shown}");
        errors.push(error.to_string());
    }
    insta::assert_snapshot!(errors.join("\n"), @r#"
    app.toml:2:1: server.password: expected a whole number from 0 to 18446744073709551615, found a text (not shown)
    app.toml:2:1: server.url: this value does not fit (the reason is not shown: it may repeat a secret)
    app.toml:2:1: server.token: expected true or false, found a text (not shown)
    app.toml:2:1: server.secret: unknown value (not shown); remove it
    app.toml:2:1: server.pin: expected a text in quotes, found a number (not shown: it is a secret)
    app.toml:2:1: server.nested: expected a whole number from 0 to 18446744073709551615, found a text (not shown)
    app.toml:2:12: server.nested.plain: expected a whole number from 0 to 18446744073709551615, found the text "x"
    "#);
}

#[test]
fn errors_do_not_show_what_came_by_a_reference() {
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only its errors are looked at")]
    struct Settings {
        size: u64,
    }
    let config = config("[plugins.a.config]\nsize = { env = 'X' }");
    let instance = &config.plugins.instances["a"];
    let resolved = instance.settings_resolved_with("", |_| Some(PASSWORD.into())).unwrap();
    let error = instance.read_settings::<Settings>(&resolved).unwrap_err();
    insta::assert_snapshot!(error, @"app.toml:2:1: plugins.a.config.size: expected a whole number from 0 to 18446744073709551615, found a text (not shown)");
}

#[test]
fn errors_of_reading_do_not_show_them() {
    for text in [
        format!("[plugins]\npassword = '{PASSWORD}'"),
        format!("[plugins.a]\napi_key = '{PASSWORD}'"),
        format!("[plugins.a]\nconfig.password = {PASSWORD}"),
        format!("[plugins.a]\nconfig.password = \"{PASSWORD}"),
        format!("[plugins.a]\nconfig.password = '{PASSWORD}' x"),
        format!("[plugins.a]\nconfig.password = '{PASSWORD}'\nconfig.password = '{PASSWORD}'"),
        format!("[plugins.a]\nconfig.password = \"\\q{PASSWORD}\""),
        format!("[plugins]\nstorage = ['x://u:{PASSWORD}@h']\nlinked = 'x://u:{PASSWORD}@h'"),
        format!("[plugins]\nload_timeout = 'x://u:{PASSWORD}@h'"),
        format!("[plugins.a.limits]\ncalls = 'x://u:{PASSWORD}@h'"),
        format!("[plugins.a]\nversion = 'x://u:{PASSWORD}@h'"),
    ] {
        let error = error(&text);
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(PASSWORD), "{shown}");
    }
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(PASSWORD)),
        Just(json!(format!("db://u:{PASSWORD}@h/x"))),
        Just(json!(format!("password={PASSWORD}"))),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        let key = prop::sample::select(&KEYS[..]).prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(key, inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn below_a_secret_key_nothing_shows(json in json(), key in prop::sample::select(&KEYS[..])) {
        let shown = redact(&json!({ "list": [{ key: json }] })).to_string();
        prop_assert!(!shown.contains(PASSWORD), "{}", shown);
    }

    #[test]
    fn the_password_of_a_url_does_not_show(before in "[a-z:/@?#&= ]{0,12}", after in ".{0,12}") {
        let text = format!("db://user:{before}{PASSWORD}@{after}");
        let shown = redact(&json!({ "endpoint": text })).to_string();
        prop_assert!(!shown.contains(PASSWORD), "{}", shown);
    }
}
