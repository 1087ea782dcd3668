//! The application's own tables, and settings read as types.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::config;
use crate::config::{Config, ConfigError, ProblemKind};
use crate::settings::{Interval, Quota};

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Server {
    bind: String,
    #[serde(default)]
    ports: Vec<u16>,
    #[serde(default)]
    mode: Mode,
    keep_alive: Option<Interval>,
    limit: Option<Quota>,
    #[serde(default)]
    routes: BTreeMap<u16, Route>,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Mode {
    #[default]
    Plain,
    Tls {
        certificate: String,
    },
    Proxy(String),
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(untagged)]
enum Route {
    Name(String),
    Weight(u32),
}

fn server(lines: &str) -> Result<Server, ConfigError> {
    config(&format!("[server]\n{lines}")).application("server")
}

#[test]
fn tables_are_kept_as_written() {
    let config = config("title = 'x'\n[server]\nb = 2\na = [1, { c = 1979-05-27T07:32:00Z }]");
    assert_eq!(config.application["title"], json!("x"));
    let expected = json!({ "b": 2, "a": [1, { "c": "1979-05-27T07:32:00Z" }] });
    assert_eq!(config.application["server"], expected);
}

#[test]
fn they_are_read_as_types() {
    let server = server(
        "bind = ':80'\nports = [1, 2]\nmode.tls.certificate = 'x.pem'\nkeep_alive = '30s'\n\
         limit = '5/s'\nroutes = { 80 = 'a', 81 = 7 }",
    )
    .unwrap();
    assert_eq!(server.mode, Mode::Tls { certificate: "x.pem".into() });
    assert_eq!(server.ports, [1, 2]);
    assert_eq!(server.keep_alive, "30s".parse().ok());
    assert_eq!(server.limit, "5/s".parse().ok());
    let routes = BTreeMap::from([(80, Route::Name("a".into())), (81, Route::Weight(7))]);
    assert_eq!(server.routes, routes);
    assert_eq!(self::server("bind = ''\nmode = 'plain'").unwrap().mode, Mode::Plain);
    assert_eq!(
        self::server("bind = ''\nmode = { proxy = 'p' }").unwrap().mode,
        Mode::Proxy("p".into())
    );
}

#[test]
fn a_table_that_is_not_there_reads_as_an_empty_one() {
    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default)]
    struct Cache {
        size: u32,
    }
    assert_eq!(config("").application::<Cache>("cache").unwrap(), Cache::default());
    let error = config("").application::<Server>("server").unwrap_err();
    assert!(error.has(ProblemKind::Missing));
    insta::assert_snapshot!(error, @"app.toml: server: the key `bind` is missing; add `bind`");
}

#[test]
fn what_does_not_fit_is_named_with_its_place() {
    let errors: Vec<_> = [
        "bind = 80",
        "bind = ''\nbnid = ''",
        "bind = ''\nports = [80, 70000]",
        "bind = ''\nports = 80",
        "bind = ''\nmode = 'plian'",
        "bind = ''\nmode = 3",
        "bind = ''\nmode = { tls = {}, proxy = '' }",
        "bind = ''\nmode.tls.certificate = true",
        "bind = ''\nmode = 'proxy'",
        "bind = ''\nkeep_alive = 30",
        "bind = ''\nlimit = 'lots'",
        "bind = ''\nroutes = { x = 'a' }",
        "bind = ''\nroutes = { 80 = [] }",
    ]
    .into_iter()
    .map(|lines| server(lines).unwrap_err().to_string())
    .collect();
    insta::assert_snapshot!(errors.join("\n"), @r#"
    app.toml:2:1: server.bind: expected a text in quotes, found the number 80
    app.toml:3:1: server.bnid: unknown key; did you mean `bind`?
    app.toml:3:14: server.ports[1]: expected a whole number from 0 to 65535, found the number 70000
    app.toml:3:1: server.ports: expected a list, found the number 80
    app.toml:3:1: server.mode: unknown value "plian"; did you mean `plain`?
    app.toml:3:1: server.mode: expected a text or a table with one key, found the number 3
    app.toml:3:1: server.mode: expected a table with exactly one key, found a table
    app.toml:3:10: server.mode.tls.certificate: expected a text in quotes, found the boolean true
    app.toml:3:1: server.mode: expected a table with one key, found the text "proxy"
    app.toml:3:1: server.keep_alive: a bare number has no unit; write a unit, e.g. "30s"
    app.toml:3:1: server.limit: a quota has a slash; write how many in how long, e.g. "100/min"
    app.toml:3:1: server.routes: expected a whole number from 0 to 65535, found the text "x"
    app.toml:3:12: server.routes.80: data did not match any variant of untagged enum Route
    "#);
}

#[test]
fn a_plugins_settings_are_named_with_their_place_in_either_shape() {
    for (text, expected) in [
        ("[plugins.web.config]\nbind = 80", "app.toml:2:1: plugins.web.config.bind: "),
        ("[plugins.config.web]\nbind = 80", "app.toml:2:1: plugins.config.web.bind: "),
    ] {
        let config = config(text);
        let web = &config.plugins.instances["web"];
        let error = web.read_settings::<Server>(&web.settings).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn made_in_code_there_are_no_lines() {
    let mut config = Config::default();
    config.application.insert("server".into(), json!({ "bind": 80 }));
    let error = config.application::<Server>("server").unwrap_err();
    insta::assert_snapshot!(error, @"configuration: server.bind: expected a text in quotes, found the number 80");
}
