//! What each mistake says.

use super::{error, problems};
use crate::config::{Config, ProblemKind};

#[test]
fn syntax() {
    let error =
        error("[plugins]\nstorage = sqlite\nload_timeout = \"30s\nstrict = true\nstrict = true");
    assert!(error.is_syntax());
    insta::assert_snapshot!(error, @r#"
    3 problems in app.toml:
    app.toml:2:11: this is no valid TOML: string values must be quoted, expected literal string; put the text into quotes
    app.toml:3:20: this is no valid TOML: invalid basic string, expected `"`
    app.toml:5:1: this is no valid TOML: duplicate key; a key or table is written once: merge the two
    "#);
}

#[test]
fn unknown_keys() {
    insta::assert_snapshot!(
        error(
            "
[plugins]
directry = 'x'
loadTimout = '30s'
colour = 'red'
[plugins.security]
signature = 'off'
[plugins.geo]
enabeld = true
database = 'geo.db'
[plugins.geo.limits]
log_line = '1/s'
[plugins.geo.load]
disabled_above = 0.9
enable_below = 0.7
[[plugins.list]]
"
        ),
        @"
    10 problems in app.toml:
    app.toml:3:1: plugins.directry: unknown key; did you mean `directory`?
    app.toml:4:1: plugins.loadTimout: unknown key; did you mean `loadTimeout`?
    app.toml:5:1: plugins.colour: unknown key; an instance of a plugin is a table, [plugins.<id>]
    app.toml:7:1: plugins.security.signature: unknown key; did you mean `signatures`?
    app.toml:9:1: plugins.geo.enabeld: unknown key; did you mean `enabled`?
    app.toml:10:1: plugins.geo.database: unknown key; keys of the plugin itself belong below `config`
    app.toml:12:1: plugins.geo.limits.log_line: unknown key; did you mean `log_lines`?
    app.toml:13:14: plugins.geo.load: `disable_above` is missing; write both, e.g. disable_above = 0.9 and enable_below = 0.7
    app.toml:14:1: plugins.geo.load.disabled_above: unknown key; did you mean `disable_above`?
    app.toml:16:11: plugins.list: unknown key; an instance of a plugin is a table, [plugins.<id>]
    "
    );
}

#[test]
fn types_and_values_of_the_hosts_keys() {
    insta::assert_snapshot!(
        error(
            "
[plugins]
enabled = 'yes'
directory = 5
load_order = 'a'
load_timeout = 30
stop_timeout = '10'
call_timeout = '0s'
init_timeout = ''
start_timeout = '5 parsecs'
max_plugins = 0
strict = 1
data_dir = ''
storage = ['x']
linked = 'some'
max_retired = -1
"
        ),
        @r#"
    14 problems in app.toml:
    app.toml:3:11: plugins.enabled: expected true or false, found the text "yes"; write it without quotes
    app.toml:4:13: plugins.directory: expected the path of a folder, found the number 5
    app.toml:5:14: plugins.load_order: expected a list of ids or types, found the text "a"; write it as ["a", "b"]
    app.toml:6:16: plugins.load_timeout: expected a time with its unit, such as "30s", found the number 30; write a unit, e.g. "30s"
    app.toml:7:16: plugins.stop_timeout: expected a time with its unit, such as "30s", found the text "10": a bare number has no unit; write a unit, e.g. "10s"
    app.toml:8:16: plugins.call_timeout: expected a time above zero, found the text "0s"; leave the key out instead
    app.toml:9:16: plugins.init_timeout: expected a time with its unit, such as "30s", found an empty text: an empty text is no time; write for example "30s"
    app.toml:10:17: plugins.start_timeout: expected a time with its unit, such as "30s", found the text "5 parsecs": "parsecs" is no unit of time; use ms, s, min, h or days
    app.toml:11:15: plugins.max_plugins: expected a whole number from 1 to 4294967295, found the number 0; to start no plugin at all write enabled = false
    app.toml:12:10: plugins.strict: expected true or false, found the number 1; write it without quotes
    app.toml:13:12: plugins.data_dir: expected the path of a folder, found an empty text
    app.toml:14:11: plugins.storage: expected the id of an instance, or its type, found a list
    app.toml:15:10: plugins.linked: expected "all" or a list of plugin ids, found the text "some"
    app.toml:16:15: plugins.max_retired: expected a whole number from 0 to 4294967295, found the number -1
    "#
    );
}

#[test]
fn types_and_values_of_an_instances_keys() {
    insta::assert_snapshot!(
        error(
            "
[plugins.geo]
plugin = 'a b'
type = 7
version = 'newest'
mount = 'isolated'
required = 'no'
permissions = 'storage'
deny = ['ok', 3, '']
priority = 9999999999
limits = { calls = 100, events = '100', log_lines = '0/s', tasks = -1, subscriptions = 1.5 }
load = { disable_above = 0.7, enable_below = 0.9 }
config = 'x'
[plugins.web]
load = { disable_above = 0.7 }
limits = 3
[plugins.net]
load = { disable_above = nan, enable_below = -1 }
limits.calls = 'many/s'
limits.events = '5/fortnight'
"
        ),
        @r#"
    22 problems in app.toml:
    app.toml:3:10: plugins.geo.plugin: "a b" is no id: 1 to 64 letters a to z or A to Z, digits, `-`, `_` or `.`; choose another id
    app.toml:4:8: plugins.geo.type: expected a text, such as "storage", found the number 7
    app.toml:5:11: plugins.geo.version: expected the accepted versions, such as "^1.2", found the text "newest": unexpected character 'n' while parsing major version number
    app.toml:6:9: plugins.geo.mount: expected one of "linked", "loaded", found the text "isolated"
    app.toml:7:12: plugins.geo.required: expected true or false, found the text "no"; write it without quotes
    app.toml:8:15: plugins.geo.permissions: expected a list of permissions, found the text "storage"; write it as ["a", "b"]
    app.toml:9:15: plugins.geo.deny[1]: expected a text that is not empty, found the number 3
    app.toml:9:18: plugins.geo.deny[2]: expected a text that is not empty, found an empty text
    app.toml:10:12: plugins.geo.priority: expected a whole number from -2147483648 to 2147483647, found the number 9999999999
    app.toml:11:20: plugins.geo.limits.calls: expected how many in how long, such as "1000/s", found the number 100
    app.toml:11:34: plugins.geo.limits.events: expected how many in how long, such as "1000/s", found the text "100": a quota has a slash; write how many in how long, e.g. "100/min"
    app.toml:11:53: plugins.geo.limits.log_lines: expected how many in how long, such as "1000/s", found the text "0/s": a quota of 0 allows nothing; leave the key out for no limit, or write a count from 1
    app.toml:11:68: plugins.geo.limits.tasks: expected a whole number from 0 to 4294967295, found the number -1
    app.toml:11:88: plugins.geo.limits.subscriptions: expected a whole number from 0 to 4294967295, found the number 1.5
    app.toml:12:46: plugins.geo.load.enable_below: 0.9 is not less than `disable_above`, which is 0.7; leave a gap, e.g. disable_above = 0.9 and enable_below = 0.7
    app.toml:13:10: plugins.geo.config: expected a table with the plugin's own settings, found the text "x"
    app.toml:15:1: plugins.web.load: `enable_below` is missing; write both, e.g. disable_above = 0.9 and enable_below = 0.7
    app.toml:16:10: plugins.web.limits: expected a table of limits, such as { tasks = 32 }, found the number 3
    app.toml:18:26: plugins.net.load.disable_above: expected a number above zero, found the number nan
    app.toml:18:46: plugins.net.load.enable_below: expected a number above zero, found the number -1
    app.toml:19:16: plugins.net.limits.calls: expected how many in how long, such as "1000/s", found the text "many/s": before the slash of a quota stands a whole number from 1 to 4294967295, not "many"
    app.toml:20:17: plugins.net.limits.events: expected how many in how long, such as "1000/s", found the text "5/fortnight": after the slash of a quota stands s, min, h, day or a time such as "10s", not "fortnight"
    "#
    );
}

#[test]
fn types_and_values_of_the_policy() {
    insta::assert_snapshot!(
        error(
            "
[plugins.security]
signatures = 'always'
verify_signatures = 'yes'
max_memory_mb = '256'
max_cpu_percent = 0.5
rpath = true
allow_needed = [1]
"
        ),
        @r#"
    6 problems in app.toml:
    app.toml:3:14: plugins.security.signatures: expected one of "off", "warn", "require", found the text "always"
    app.toml:4:21: plugins.security.verify_signatures: expected true or false, found the text "yes"; write it without quotes
    app.toml:5:17: plugins.security.max_memory_mb: expected a whole number from 1 to 4294967295, found the text "256"
    app.toml:6:19: plugins.security.max_cpu_percent: expected a whole number from 1 to 4294967295, found the number 0.5
    app.toml:7:9: plugins.security.rpath: expected one of "refuse", "allow", found the boolean true
    app.toml:8:17: plugins.security.allow_needed[0]: expected a text that is not empty, found the number 1
    "#
    );
}

#[test]
fn tables_that_are_none() {
    insta::assert_snapshot!(error("plugins = true"), @"app.toml:1:11: plugins: expected a table, [plugins], found the boolean true");
    insta::assert_snapshot!(error("[plugins]\nconfig = 1\nsecurity = 'off'"), @r#"
    2 problems in app.toml:
    app.toml:2:10: plugins.config: expected a table, found the number 1
    app.toml:3:12: plugins.security: expected a table, found the text "off"
    "#);
    insta::assert_snapshot!(error("[plugins.config]\nenabled = true"), @"app.toml:2:11: plugins.config.enabled: expected a table, [plugins.config.<id>], found the boolean true");
}

#[test]
fn things_said_twice() {
    insta::assert_snapshot!(
        error("[plugins]\ndirectory = 'a'\ndirectories = ['b']\nload_order = ['x', 'y', 'x']"),
        @"
    2 problems in app.toml:
    app.toml:3:1: plugins.directories: says the same as `directory` on line 2; keep one of the two
    app.toml:4:25: plugins.load_order[2]: it stands in the list more than once; keep the first
    "
    );
}

#[test]
fn settings_that_have_no_json_shape() {
    insta::assert_snapshot!(
        error("[plugins.x.config]\na = inf\nb = [1, nan]\nc = 0xFFFFFFFFFFFFFFFFFF\nd = 1e999"),
        @"
    4 problems in app.toml:
    app.toml:2:5: plugins.x.config.a: this is infinite, or no number, or out of range; settings hold finite numbers only
    app.toml:3:9: plugins.x.config.b[1]: this is infinite, or no number, or out of range; settings hold finite numbers only
    app.toml:4:5: plugins.x.config.c: this is an integer of more than 64 bits; write it as a text, in quotes
    app.toml:5:5: plugins.x.config.d: this is infinite, or no number, or out of range; settings hold finite numbers only
    "
    );
    let deep = format!("x = {}1{}", "[".repeat(70), "]".repeat(70));
    assert!(problems(&deep)[0].contains("nested more than 64 levels deep"));
}

#[test]
fn files_that_cannot_be_read() {
    let error = Config::from_file("/nonexistent/app.toml").unwrap_err();
    assert!(error.is_unreadable());
    insta::assert_snapshot!(error, @"/nonexistent/app.toml: cannot be read: No such file or directory (os error 2); create it, or give the path of another one");
}

#[test]
fn all_problems_are_there_and_display_stops_somewhere() {
    let text: String = (0..60).map(|at| format!("nothing{at} = 1\n")).collect();
    let error = error(&format!("[plugins]\n{text}"));
    assert_eq!(error.problems().len(), 60);
    let shown = error.to_string();
    assert!(shown.starts_with("60 problems in app.toml:\napp.toml:2:1: "), "{shown}");
    assert!(shown.ends_with("… and 10 more"), "{shown}");
}

#[test]
fn a_problem_can_be_taken_apart() {
    let error = error("[plugins]\nstrict = 1");
    let [problem] = error.problems() else { panic!("{error}") };
    assert_eq!(error.origin(), "app.toml");
    assert_eq!(problem.kind(), ProblemKind::Value);
    assert_eq!(problem.key(), Some("plugins.strict"));
    let position = problem.position().unwrap();
    assert_eq!((position.line, position.column), (2, 10));
    assert_eq!(problem.message(), "expected true or false, found the number 1");
    assert_eq!(problem.help(), Some("write it without quotes"));
}

#[test]
fn columns_are_counted_in_characters() {
    let error = error("plugins = { storage = \"äöü\", strict = 1 }");
    let position = error.problems()[0].position().unwrap();
    assert_eq!((position.line, position.column), (1, 39));
}

#[test]
fn a_line_break_in_a_key_stays_out_of_the_log() {
    let error = error("[plugins]\n\"a\\nb\" = 1");
    assert!(!error.to_string().contains('\n'), "{error}");
}

#[test]
fn a_main_that_returns_it_shows_the_list() {
    let error = error("[plugins]\nfoo = 1\nstrict = 2");
    assert_eq!(format!("{error:?}"), error.to_string());
}
