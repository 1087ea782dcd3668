//! X2 and X3: two shapes of an instance, two spellings of a key.

use serde_json::json;

use super::{config, error, problems};

const SNAKE: &str = r#"
[plugins]
enabled = true
directory = "plugins"
load_order = ["b", "a"]
auto_load = false
load_timeout = "5s"
init_timeout = "4s"
start_timeout = "3s"
stop_timeout = "2s"
call_timeout = "1s"
max_plugins = 7
max_retired = 9
strict = true
data_dir = "data"
storage = "a"
linked = ["hkp"]
max_in_flight = 64
queue = 128
rate_limit = "100/s"
on_failure = "open"
circuit_breaker = { failure_threshold = 5, failure_rate = 0.5, window = "10s", min_calls = 9, half_open_limit = 2 }
lane = { threads = 2, queue = 64, spare = 2 }
health_check = { interval = "20s", timeout = "5s", unhealthy_after = 4 }
restart = { max = 6, backoff = "2s", factor = 1.5, max_backoff = "50s", reset_after = "5m" }
feature_flags = { beta-search = true }
watch = true
watch_debounce = "1s"
swap = { drain_timeout = "2s", state_timeout = "6s", max_state_bytes = 9, state_lost = "refuse" }

[plugins.security]
verify_signatures = true
allow_unsigned = true
max_memory_mb = 10
max_cpu_percent = 20
rpath = "allow"
allow_needed = ["libfoo.so.1"]

[plugins.a]
plugin = "storage-sqlite"
type = "storage"
version = "^1.2"
mount = "linked"
required = true
permissions = ["storage"]
deny = ["config.read"]
priority = -5
feature_flag = "beta-search"
route_limits = { "GET /search" = "50/min" }
circuit_breaker.open_for = "9s"
pool = "stores"
swap.canary = { min_calls = 3, max_error_rate_above = 0.1, max_latency_ratio = 3 }
load_timeout = "6s"
limits = { calls = "10/s", events = "20/min", log_lines = "30/h", tasks = 3, subscriptions = 4 }
load = { disable_above = 0.9, enable_below = 0.7 }
config.max_size = 1
"#;

/// Every key of the host in camelCase; what is below `config` stays.
fn camel(text: &str) -> String {
    let mut out = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letters.peek() {
            Some(next) if letter == '_' && next.is_ascii_lowercase() => {
                out.extend(letters.next().map(|next| next.to_ascii_uppercase()));
            }
            _ => out.push(letter),
        }
    }
    out.replace("config.maxSize", "config.max_size")
}

#[test]
fn camel_case_and_snake_case_mean_the_same() {
    let text = camel(SNAKE);
    assert!(text.contains("loadOrder") && text.contains("logLines"), "{text}");
    assert_eq!(config(&text), config(SNAKE));
}

#[test]
fn further_spellings_mean_the_same() {
    let text = SNAKE
        .replace("max_memory_mb", "maxMemoryMB")
        .replace("max_cpu_percent", "maxCPUPercent")
        .replace("call_timeout", "plugin_timeout")
        .replace("open_for", "timeout")
        .replace("circuit_breaker = ", "CircuitBreaker = ")
        .replace("rate_limit = ", "RateLimiting = ")
        .replace("feature_flags = ", "FeatureFlags = ")
        .replace("directory = \"plugins\"", "directories = [\"plugins\"]");
    assert_eq!(config(&text), config(SNAKE));
    assert_eq!(config(&text.replace("plugin_timeout", "pluginTimeout")), config(SNAKE));
}

#[test]
fn two_spellings_at_once_are_one_too_many() {
    let error = error("[plugins]\nloadTimeout = '1s'\nload_timeout = '2s'");
    insta::assert_snapshot!(error, @"app.toml:3:1: plugins.load_timeout: says the same as `loadTimeout` on line 2; keep one of the two");
}

#[test]
fn the_flat_shape_means_the_same() {
    let nested = config("[plugins.geo]\nenabled = false\nconfig.database = 'geo.db'");
    let flat = config("[plugins.config.geo]\nenabled = false\ndatabase = 'geo.db'");
    assert_eq!(nested, flat);
}

#[test]
fn the_flat_shape_lifts_out_enabled_and_nothing_else() {
    let text = "[plugins.config.geo]\ntype = 'x'\nplugin = 3\nconfig.enabled = 1\nload = true";
    let config = config(text);
    let geo = &config.plugins.instances["geo"];
    assert!(geo.enabled);
    assert_eq!((geo.plugin.as_str(), &geo.kind), ("geo", &None));
    let expected = json!({ "type": "x", "plugin": 3, "config": { "enabled": 1 }, "load": true });
    assert_eq!(geo.settings, expected);
}

#[test]
fn one_id_in_both_shapes_names_both_places() {
    let settings = error("[plugins.config.geo]\na = 1\n\n[plugins.geo]\nconfig.b = 2");
    insta::assert_snapshot!(settings, @"app.toml:1:17: plugins.config.geo: the instance is configured twice: here and as `plugins.geo` on line 4; keep `plugins.geo`, and put the plugin's own keys into its `config`");
    // Host keys in one and settings in the other would even be readable; it is refused all the same.
    let split = error("[plugins.geo]\nenabled = true\n\n[plugins.config.geo]\nb = 2");
    insta::assert_snapshot!(split, @"app.toml:4:17: plugins.config.geo: the instance is configured twice: here and as `plugins.geo` on line 1; keep `plugins.geo`, and put the plugin's own keys into its `config`");
}

#[test]
fn an_instance_may_be_called_like_a_key_of_the_host() {
    let config = config("[plugins]\n[plugins.storage]\n[plugins.limits]\nenabled = false");
    assert!(config.plugins.instances.contains_key("storage"));
    assert!(!config.plugins.instances["limits"].enabled);
    assert_eq!(config.plugins.storage, None);
}

#[test]
fn ids_have_a_narrow_alphabet() {
    let long = "x".repeat(65);
    for id in ["a b", "ä", "", "a/b", "..", ".hidden", "a\\n", long.as_str()] {
        for shape in ["plugins", "plugins.config"] {
            let problems = problems(&format!("[{shape}.\"{id}\"]"));
            assert_eq!(problems.len(), 1, "{id}: {problems:?}");
            assert!(problems[0].contains("is no id: "), "{id}: {problems:?}");
        }
    }
    let long = "x".repeat(64);
    for id in ["a", "A-1_b.c", "0", long.as_str()] {
        assert!(config(&format!("[plugins.\"{id}\"]")).plugins.instances.contains_key(id));
    }
}

#[test]
fn reserved_ids_are_refused() {
    let error = error(
        "[plugins.config.config]\n[plugins.config.security]\n[plugins.x]\nplugin = 'security'",
    );
    insta::assert_snapshot!(error, @"
    3 problems in app.toml:
    app.toml:1:17: plugins.config.config: the id `config` is reserved for a table of the host; choose another id
    app.toml:2:17: plugins.config.security: the id `security` is reserved for a table of the host; choose another id
    app.toml:4:10: plugins.x.plugin: the id `security` is reserved for a table of the host; choose another id
    ");
}
