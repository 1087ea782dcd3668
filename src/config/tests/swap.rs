//! How instances are exchanged: read, inherited, and what each mistake says.

use std::num::NonZeroU32;
use std::time::Duration;

use super::{config, problems};
use crate::config::{
    CanaryPolicy, Config, InstanceConfig, Override, ReplayPolicy, StateLost, SwapPolicy,
};
use crate::manifest::SwapMode;

/// What holds for the instance `a`.
fn of_a(text: &str) -> SwapPolicy {
    let config = config(text);
    config.swap_of(&config.plugins.instances["a"])
}

#[test]
fn nothing_said_is_the_default() {
    assert_eq!(of_a("[plugins.a]"), SwapPolicy::default());
    let config = config("[plugins]");
    assert!(!config.plugins.watch);
    assert_eq!(config.plugins.watch_debounce, Duration::from_millis(500));
}

#[test]
fn an_instance_with_everything() {
    let text = r#"
        [plugins]
        watch = true
        watch_debounce = "2s"
        [plugins.a.swap]
        mode = "overlap"
        drain_timeout = "2s"
        state_timeout = "3s"
        max_state_bytes = 1024
        state_lost = "start_afresh"
        probation = "1m"
        canary = { share = "5%", window = "10s", min_calls = 7, max_error_rate_above = 0, max_latency_ratio = 1.5 }
        replay = "a.rec"
        "#;
    let read = Config::from_toml_in(text, "app.toml", "/srv").unwrap();
    read.check().unwrap();
    assert!(read.plugins.watch);
    assert_eq!(read.plugins.watch_debounce, Duration::from_secs(2));
    let expected = SwapPolicy {
        mode: SwapMode::Overlap,
        drain_timeout: Duration::from_secs(2),
        state_timeout: Duration::from_secs(3),
        max_state_bytes: 1024,
        state_lost: StateLost::StartAfresh,
        probation: Duration::from_secs(60),
        canary: Some(CanaryPolicy {
            share: 0.05,
            window: Duration::from_secs(10),
            min_calls: NonZeroU32::new(7).unwrap(),
            max_error_rate_above: 0.0,
            max_latency_ratio: 1.5,
        }),
        replay: Some(ReplayPolicy::new("/srv/a.rec")),
    };
    assert_eq!(read.swap_of(&read.plugins.instances["a"]), expected);
}

#[test]
fn an_instance_has_what_all_have_key_by_key_and_can_be_without_a_canary() {
    let all = "plugins.swap = { probation = '1m', drain_timeout = '2s', canary = true }\n";
    let own = of_a(&format!("{all}plugins.a.swap = {{ drain_timeout = '3s' }}"));
    assert_eq!(own.probation, Duration::from_secs(60));
    assert_eq!(own.drain_timeout, Duration::from_secs(3));
    assert_eq!(own.canary, Some(CanaryPolicy::default()));
    assert_eq!(of_a(&format!("{all}plugins.a.swap.canary = false")).canary, None);
}

#[test]
fn a_recording_that_is_required_can_have_parts_that_do_not_count() {
    let text = r#"
        [plugins.a.swap.replay]
        file = "a.rec"
        ignore = ["/uptime"]
        skip = ["POST /orders", "execute"]
        timeout = "2s"
        "#;
    let read = Config::from_toml_in(text, "app.toml", "/srv").unwrap();
    read.check().unwrap();
    let expected = ReplayPolicy {
        file: "/srv/a.rec".into(),
        ignore: vec!["/uptime".into()],
        skip: vec!["POST /orders".into(), "execute".into()],
        timeout: Duration::from_secs(2),
    };
    assert_eq!(read.swap_of(&read.plugins.instances["a"]).replay, Some(expected));
}

#[test]
fn only_exclusive_overrides_a_manifest() {
    let modes = [SwapMode::Overlap, SwapMode::Exclusive];
    let mut policy = SwapPolicy::default();
    assert_eq!(modes.map(|said| policy.mode_of(said)), modes);
    policy.mode = SwapMode::Exclusive;
    assert_eq!(modes.map(|said| policy.mode_of(said)), [SwapMode::Exclusive; 2]);
}

#[test]
fn each_mistake_is_named() {
    insta::assert_snapshot!(problems(
        r#"
[plugins]
swap = { replay = "x.rec", mode = "sideways" }
watch = "yes"
watch_debounce = 500
[plugins.a.swap]
probation = "0s"
max_state_bytes = 0
state_lost = "shrug"
[plugins.b]
swap = true
[plugins.c.swap]
mode = "exclusive"
canary = true
[plugins.d.swap.canary]
share = "200%"
max_error_rate_above = 2
max_latency_ratio = 0.5
min_calls = 0
[plugins.e.swap]
replay = 7
[plugins.f.swap.replay]
ignore = ["uptime"]
skip = ["/orders"]
[plugins.g.swap.replay]
file = ""
timeout = "0s"
speed = 2
"#,
    )
    .join("\n"), @r#"
    3:10: plugins.swap.replay: unknown key; known here: mode, drain_timeout, state_timeout, max_state_bytes, state_lost, probation, canary
    3:35: plugins.swap.mode: expected one of "overlap", "exclusive", found the text "sideways"
    4:9: plugins.watch: expected true or false, found the text "yes"; write it without quotes
    5:18: plugins.watch_debounce: expected a time with its unit, such as "30s", found the number 500; write a unit, e.g. "500s"
    7:13: plugins.a.swap.probation: expected a time above zero, found the text "0s"; leave the key out instead
    8:19: plugins.a.swap.max_state_bytes: expected a whole number of bytes, at least 1, found the number 0
    9:14: plugins.a.swap.state_lost: expected one of "refuse", "start_afresh", found the text "shrug"
    11:8: plugins.b.swap: expected a table, such as { probation = "1m" }, found the boolean true
    14:10: plugins.c.swap.canary: `mode` is "exclusive": there is nobody to share the calls with; leave out one of the two
    16:9: plugins.d.swap.canary.share: expected a number above 0 and at most 1, or "10%", found the text "200%"
    17:24: plugins.d.swap.canary.max_error_rate_above: expected a number from 0 to 1, found the number 2
    18:21: plugins.d.swap.canary.max_latency_ratio: expected a number of at least 1, found the number 0.5
    19:13: plugins.d.swap.canary.min_calls: expected a whole number from 1 to 4294967295, found the number 0
    21:10: plugins.e.swap.replay: expected the path of a recording, or a table, such as { file = "calls.jsonl" }, found the number 7
    22:17: plugins.f.swap.replay: expected the path of a recording, found none; record one with `PluginHost::record`
    23:10: plugins.f.swap.replay.ignore: expected JSON pointers, found "uptime"; a pointer begins with a slash: "/uptime", "/jobs/*/begun"
    24:8: plugins.f.swap.replay.skip: "/orders": this is no route: expected a method in capitals and a path; write "execute", or a route as the plugin registers it
    26:8: plugins.g.swap.replay.file: expected the path of a recording, found an empty text
    27:11: plugins.g.swap.replay.timeout: expected a time above zero, found the text "0s"; leave the key out instead
    28:1: plugins.g.swap.replay.speed: unknown key; known here: file, ignore, skip, timeout
    "#);
}

#[test]
fn check_finds_what_a_file_could_not_say() {
    let mut made = InstanceConfig::new("a");
    made.swap.probation = Some(Duration::ZERO);
    made.swap.max_state_bytes = Some(0);
    let canary =
        CanaryPolicy { share: f64::NAN, max_latency_ratio: f64::NAN, ..CanaryPolicy::default() };
    made.swap.canary = Override::Own(canary);
    made.swap.mode = Some(SwapMode::Exclusive);
    made.swap.replay = Some(ReplayPolicy { timeout: Duration::ZERO, ..ReplayPolicy::new("") });
    let mut config = Config::default().with_instance(made);
    config.plugins.swap.replay = Some(ReplayPolicy::new("x.rec"));
    config.plugins.watch_debounce = Duration::ZERO;
    insta::assert_snapshot!(config.check().unwrap_err(), @r#"
    9 problems in configuration:
    configuration: plugins.swap.replay: this belongs to a single instance; put it into the `swap` of that instance
    configuration: plugins.watch_debounce: expected a time above zero; give it more, or leave the default
    configuration: plugins.a.swap.probation: expected a time above zero; give it more, or leave the default
    configuration: plugins.a.swap.max_state_bytes: expected a whole number of bytes, at least 1, found 0
    configuration: plugins.a.swap.canary: `mode` is "exclusive": there is nobody to share the calls with; leave out one of the two
    configuration: plugins.a.swap.canary.share: expected a number above 0 and at most 1, found NaN
    configuration: plugins.a.swap.canary.max_latency_ratio: expected a number of at least 1, found NaN
    configuration: plugins.a.swap.replay.timeout: expected a time above zero; give it more, or leave the default
    configuration: plugins.a.swap.replay.file: expected the path of a recording, found none; record one with `PluginHost::record`
    "#);
}
