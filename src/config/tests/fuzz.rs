//! Any text gives a configuration or an error, never a panic.

use proptest::prelude::*;

use crate::config::Config;

/// Whatever comes of `text`, showing it is safe too.
fn survives(text: &str) {
    match Config::from_toml(text, "fuzz.toml") {
        Ok(config) => {
            let _ = format!("{config:?}");
            assert!(config.check().is_ok(), "what was read passes the check: {text}");
            for instance in config.plugins.instances.values() {
                let _ = instance.settings_resolved_with("/nonexistent", |_| None);
            }
        }
        Err(error) => assert!(!error.problems().is_empty() && !error.to_string().is_empty()),
    }
}

/// Every nesting that the parser lets through: brackets times dotted keys. Without the large stack
/// this overflows in a debug build.
#[test]
fn the_deepest_text_that_parses() {
    let dots = "a.".repeat(78);
    for levels in [1, 40, 78, 200] {
        let text = format!("x={}1{}", format!("{{{dots}a=").repeat(levels), "}".repeat(levels));
        survives(&text);
        survives(&format!("[{dots}b]\n{dots}{text}"));
        survives(&format!("[plugins.x.config]\n{text}"));
        survives(&format!("plugins.{text}"));
    }
    for opening in ["[", "{", "[[", "a.", "{a=", "[{a=["] {
        survives(&format!("x={}", opening.repeat(50_000)));
        survives(&opening.repeat(50_000));
    }
}

#[test]
fn one_endless_line_takes_no_endless_time() {
    let keys: Vec<_> = (0..20_000).map(|at| format!("k{at} = 'ä'")).collect();
    survives(&format!("x = {{ {} }}", keys.join(", ")));
    survives(&format!("plugins = {{ {} }}", keys.join(", ")));
}

const WORDS: &[&str] = &[
    "plugins",
    "security",
    "config",
    "enabled",
    "directory",
    "directories",
    "load_order",
    "loadTimeout",
    "load_timeout",
    "max_plugins",
    "max_retired",
    "linked",
    "limits",
    "calls",
    "tasks",
    "load",
    "disable_above",
    "enable_below",
    "signatures",
    "verifySignatures",
    "allowUnsigned",
    "version",
    "type",
    "plugin",
    "permissions",
    "priority",
    "mount",
    "max_in_flight",
    "queue",
    "rate_limit",
    "circuit_breaker",
    "failure_threshold",
    "failure_rate",
    "timeout",
    "health_check",
    "interval",
    "restart",
    "max_backoff",
    "backoff",
    "lane",
    "threads",
    "pool",
    "faults",
    "route_limits",
    "feature_flags",
    "feature_flag",
    "swap",
    "mode",
    "probation",
    "max_state_bytes",
    "canary",
    "share",
    "replay",
    "watch",
    "a",
    "b",
    "\"\"",
    "'x y'",
    "env",
    "file",
];

const VALUES: &[&str] = &[
    "true",
    "false",
    "0",
    "1",
    "-1",
    "9223372036854775808",
    "0xFFFFFFFFFFFFFFFFFFFFFFFF",
    "1.5",
    "nan",
    "inf",
    "1e400",
    "''",
    "'30s'",
    "'0s'",
    "'100/min'",
    "'require'",
    "'off'",
    "'linked'",
    "'^1.2'",
    "'all'",
    "[]",
    "['a', 'b']",
    "['a', 'a']",
    "[1, [2]]",
    "{}",
    "{ env = 'X' }",
    "{ file = '/nonexistent' }",
    "'exclusive'",
    "'10%'",
    "{ disable_above = 1, enable_below = 0.5 }",
    "[{ fault = 'fail', probability = 0.5, seed = 1 }]",
    "{ 'GET /a' = '1/s' }",
    "2025-11-20",
    "{ a = { b = 1 } }",
    "'\\u0000'",
    "\"\\u0000\"",
    "'x://u:p@h'",
    "plain",
];

fn line() -> impl Strategy<Value = String> {
    let key = prop::collection::vec(prop::sample::select(WORDS), 1..4).prop_map(|k| k.join("."));
    let value = prop::sample::select(VALUES);
    prop_oneof![
        3 => (key.clone(), value).prop_map(|(key, value)| format!("{key} = {value}\n")),
        1 => key.clone().prop_map(|key| format!("[{key}]\n")),
        2 => key.clone().prop_map(|key| format!("[plugins.{key}]\n")),
        1 => key.prop_map(|key| format!("[[{key}]]\n")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in "(?s).{0,200}") {
        survives(&text);
    }

    #[test]
    fn any_text_of_toml_signs(text in "[\\[\\]{}=.,'\"#a-c0-9\n \\\\_-]{0,100}") {
        survives(&text);
    }

    #[test]
    fn any_lines_of_known_words(lines in prop::collection::vec(line(), 0..8)) {
        survives(&lines.concat());
    }
}
