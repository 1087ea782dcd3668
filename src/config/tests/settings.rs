//! The value types of `settings`: texts that read back as they were.

use std::num::NonZeroU32;
use std::time::Duration;

use proptest::prelude::*;

use crate::settings::{Interval, Quota, Secret};

fn interval(text: &str) -> Result<Interval, String> {
    text.parse().map_err(|error: crate::settings::IntervalError| error.to_string())
}

fn quota(text: &str) -> Result<Quota, String> {
    text.parse().map_err(|error: crate::settings::QuotaError| error.to_string())
}

#[test]
fn intervals_as_people_write_them() {
    for (text, millis) in [
        ("30s", 30_000),
        ("1h", 3_600_000),
        ("250ms", 250),
        ("1h 30m", 5_400_000),
        ("1h30m", 5_400_000),
        (" 2 min ", 120_000),
        ("1.5s", 1_500),
        ("1 day", 86_400_000),
        ("0s", 0),
    ] {
        assert_eq!(interval(text).unwrap().as_millis(), millis, "{text}");
    }
}

#[test]
fn what_is_no_interval() {
    let texts = [
        "",
        "  ",
        "30",
        "1.5",
        "-3",
        "1e9",
        "inf",
        "s",
        "30 parsecs",
        "-3s",
        "0.1ns",
        "1h x",
        "99999999999999999999s",
        "600000000000y",
    ];
    let errors: Vec<_> =
        texts.iter().map(|text| format!("{text:?}: {}", interval(text).unwrap_err())).collect();
    insta::assert_snapshot!(errors.join("\n"), @r#"
    "": an empty text is no time; write for example "30s"
    "  ": an empty text is no time; write for example "30s"
    "30": a bare number has no unit; write a unit, e.g. "30s"
    "1.5": a bare number has no unit; write a unit, e.g. "30s"
    "-3": a bare number has no unit; write a unit, e.g. "30s"
    "1e9": a bare number has no unit; write a unit, e.g. "30s"
    "inf": a bare number has no unit; write a unit, e.g. "30s"
    "s": a time is numbers with units; write for example "1h 30m"
    "30 parsecs": "parsecs" is no unit of time; use ms, s, min, h or days
    "-3s": a time is numbers with units; write for example "1h 30m"
    "0.1ns": this time is too long, or finer than a nanosecond
    "1h x": a time is numbers with units; write for example "1h 30m"
    "99999999999999999999s": this time is too long, or finer than a nanosecond
    "600000000000y": this time is too long, or finer than a nanosecond
    "#);
}

/// The sum of both parts is one nanosecond step beyond a `Duration`, where humantime 2.4 panics.
#[test]
fn an_interval_beyond_a_duration_is_an_error() {
    assert!(interval("18446744073709551615s 1000000000ns").is_err());
    assert!(interval("18446744073709551615s 999999999ns").is_ok());
}

#[test]
fn quotas_as_people_write_them() {
    for (text, count, seconds, canonical) in [
        ("100/min", 100, 60, "100/min"),
        ("50/s", 50, 1, "50/s"),
        ("50/sec", 50, 1, "50/s"),
        ("50/second", 50, 1, "50/s"),
        ("7/minute", 7, 60, "7/min"),
        ("1000/h", 1000, 3600, "1000/h"),
        ("1000/hour", 1000, 3600, "1000/h"),
        ("5/day", 5, 86_400, "5/day"),
        ("5/d", 5, 86_400, "5/day"),
        (" 3 / 10s ", 3, 10, "3/10s"),
    ] {
        let quota = quota(text).unwrap();
        assert_eq!((quota.count().get(), quota.per().as_secs()), (count, seconds), "{text}");
        assert_eq!(quota.to_string(), canonical);
    }
}

#[test]
fn what_is_no_quota() {
    let texts = [
        "",
        "100",
        "/min",
        "0/s",
        "-1/s",
        "1.5/s",
        "9999999999/s",
        "1/",
        "1/0s",
        "1/week/2",
        "1/moon",
    ];
    let errors: Vec<_> =
        texts.iter().map(|text| format!("{text:?}: {}", quota(text).unwrap_err())).collect();
    insta::assert_snapshot!(errors.join("\n"), @r#"
    "": a quota has a slash; write how many in how long, e.g. "100/min"
    "100": a quota has a slash; write how many in how long, e.g. "100/min"
    "/min": before the slash of a quota stands a whole number from 1 to 4294967295, not ""
    "0/s": a quota of 0 allows nothing; leave the key out for no limit, or write a count from 1
    "-1/s": before the slash of a quota stands a whole number from 1 to 4294967295, not "-1"
    "1.5/s": before the slash of a quota stands a whole number from 1 to 4294967295, not "1.5"
    "9999999999/s": before the slash of a quota stands a whole number from 1 to 4294967295, not "9999999999"
    "1/": after the slash of a quota stands s, min, h, day or a time such as "10s", not ""
    "1/0s": after the slash of a quota stands s, min, h, day or a time such as "10s", not "0s"
    "1/week/2": after the slash of a quota stands s, min, h, day or a time such as "10s", not "week/2"
    "1/moon": after the slash of a quota stands s, min, h, day or a time such as "10s", not "moon"
    "#);
}

#[test]
fn numbers_are_refused_with_what_to_write() {
    let error = |json: &str| serde_json::from_str::<Interval>(json).unwrap_err().to_string();
    assert!(error("30").contains(r#"write a unit, e.g. "30s""#), "{}", error("30"));
    assert!(error("-1").contains(r#"e.g. "30s""#));
    assert!(error("1.5").contains("write a unit"));
    assert!(error("true").contains("a time with its unit"));
    let error = serde_json::from_str::<Quota>("100").unwrap_err().to_string();
    assert!(error.contains("how many in how long"), "{error}");
}

#[test]
fn a_secret_shows_itself_to_nobody() {
    let secret: Secret = serde_json::from_str("\"hunter2\"").unwrap();
    assert_eq!(secret.expose(), "hunter2");
    assert_eq!(serde_json::to_string(&secret).unwrap(), "\"[redacted]\"");
    assert_eq!(
        format!("{secret} {secret:?} {:?}", Some(&secret)),
        "[redacted] [redacted] Some([redacted])"
    );
    for json in ["5550123", "-5550123", "5550123.5", "true"] {
        let error = serde_json::from_str::<Secret>(json).unwrap_err().to_string();
        assert!(error.contains("expected a text in quotes") && !error.contains(json), "{error}");
    }
}

proptest! {
    #[test]
    fn an_interval_reads_back(seconds: u64, nanos in 0..1_000_000_000u32) {
        let interval = Interval::new(Duration::new(seconds, nanos));
        prop_assert_eq!(interval.to_string().parse::<Interval>().unwrap(), interval);
        let json = serde_json::to_string(&interval).unwrap();
        prop_assert_eq!(serde_json::from_str::<Interval>(&json).unwrap(), interval);
    }

    #[test]
    fn a_quota_reads_back(count in 1..=u32::MAX, seconds in 0..10_000_000u64, nanos in 0..1_000_000_000u32) {
        let count = NonZeroU32::new(count).unwrap();
        if let Some(quota) = Quota::new(count, Duration::new(seconds, nanos)) {
            prop_assert_eq!(quota.to_string().parse::<Quota>().unwrap(), quota);
            let json = serde_json::to_string(&quota).unwrap();
            prop_assert_eq!(serde_json::from_str::<Quota>(&json).unwrap(), quota);
        }
    }

    #[test]
    fn any_text_is_an_interval_or_not(text in ".{0,40}") {
        let _ = interval(&text);
        let _ = quota(&text);
    }

    #[test]
    fn any_text_of_parts_is_an_interval_or_not(
        text in "([0-9]{1,20}(\\.[0-9]{0,20})? ?(s|ms|ns|us|µs|h|y|M|d|w|m)? ?){1,4}",
    ) {
        let _ = interval(&text);
        let _ = quota(&format!("{text}/{text}"));
    }
}
