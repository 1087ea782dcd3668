//! What becomes of a record.

use std::collections::BTreeSet;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::Level;
use tracing::dispatcher::with_default;

use super::recorder::{
    Recorder, Seen, expected, level_of, log_to, log_to_with_limit, plugin, seen_from,
};
use crate::bridge::Scope;

#[test]
fn every_kind_of_value_arrives_in_its_own_type() {
    #[derive(Debug)]
    struct Named;
    let error: Box<dyn StdError + 'static> = "no disk".into();
    let seen = seen_from(|| {
        tracing::info!(
            signed = -7_i64,
            unsigned = u64::MAX,
            float = 0.5,
            yes = true,
            text = "a \"b\"",
            debug = ?Named,
            display = %"plain",
            big = u128::MAX,
            error = &*error,
            "took {} ms",
            12
        );
    });
    let [Seen::Event { fields, .. }] = &seen[..] else { panic!("{seen:?}") };
    let wanted = expected(&[
        ("message", "debug took 12 ms"),
        ("signed", "i64 -7"),
        ("unsigned", "u64 18446744073709551615"),
        ("float", "f64 0.5"),
        ("yes", "bool true"),
        ("text", "str \"a \\\"b\\\"\""),
        ("debug", "debug Named"),
        ("display", "debug plain"),
        ("big", "debug 340282366920938463463374607431768211455"),
        ("error", "debug no disk"),
        ("plugin", "str \"keys\""),
    ]);
    assert_eq!(fields, &wanted);
}

#[test]
fn what_was_formatted_in_the_plugin_begins_no_record() {
    let seen = seen_from(|| {
        tracing::info!(message = "\u{1b}[2J");
        tracing::info!(value = %"a\n\nERROR b\u{202e}", text = "a\nb", "first\n  second");
    });
    let [Seen::Event { fields: first, .. }, Seen::Event { fields: second, .. }] = &seen[..] else {
        panic!("{seen:?}")
    };
    assert_eq!(first[0], ("message".to_owned(), "debug \\u{1b}[2J".to_owned()));
    let wanted = expected(&[
        ("message", "debug first\n    second"),
        ("value", "debug a\n    ERROR b\\u{202e}"),
        // Subscribers quote it.
        ("text", "str \"a\\nb\""),
        ("plugin", "str \"keys\""),
    ]);
    assert_eq!(second, &wanted);
}

#[test]
fn a_record_keeps_the_place_it_was_made_at() {
    let line = line!() + 1;
    let seen = seen_from(|| tracing::warn!(target: "keys::sync", "late"));
    let [Seen::Event { metadata, .. }] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!(metadata.target(), "keys::sync");
    assert_eq!(*metadata.level(), Level::WARN);
    assert_eq!(metadata.file(), Some(file!()));
    assert_eq!(metadata.line(), Some(line));
    assert_eq!(metadata.module_path(), Some(module_path!()));
    assert!(metadata.is_event());
}

#[test]
fn the_running_instance_is_named_rather_than_the_plugin() {
    let seen = seen_from(|| Scope::new("keys-east").run(|| tracing::info!("hello")));
    let [Seen::Event { fields, .. }] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!(fields[1], ("plugin".to_owned(), "str \"keys-east\"".to_owned()));
}

#[test]
fn a_plugin_cannot_write_in_the_name_of_another() {
    let seen = seen_from(|| tracing::info!(plugin = "audit", "hello"));
    let [Seen::Event { fields, .. }] = &seen[..] else { panic!("{seen:?}") };
    let wanted = expected(&[
        ("message", "debug hello"),
        ("plugin.plugin", "str \"audit\""),
        ("plugin", "str \"keys\""),
    ]);
    assert_eq!(fields, &wanted);
}

#[test]
fn many_records_of_one_line_share_one_metadata_across_reloads() {
    let recorder = Recorder::new();
    let (link, bridge) = plugin(log_to(&recorder, "keys"), 5);
    with_default(&bridge, || {
        for round in 0..10_000 {
            if round == 5_000 {
                link.attach(log_to(&recorder, "keys"), 5);
            }
            tracing::info!(round, "again");
        }
    });
    let seen = recorder.take();
    assert_eq!(seen.len(), 10_000);
    let places: BTreeSet<usize> = seen
        .iter()
        .map(|seen| match seen {
            Seen::Event { metadata, .. } => std::ptr::from_ref(*metadata).addr(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(places.len(), 1);
}

#[test]
fn equal_names_on_different_lines_stay_different_callsites() {
    let seen = seen_from(|| {
        tracing::info!(name: "tick", target: "clock", a = 1);
        tracing::info!(name: "tick", target: "clock", a = 1);
        tracing::info!(name: "tick", target: "clock", b = 1);
    });
    let callsites: Vec<_> = seen
        .iter()
        .map(|seen| match seen {
            Seen::Event { metadata, .. } => metadata.callsite(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(callsites[0] != callsites[1] && callsites[1] != callsites[2]);
}

#[test]
fn fields_beyond_the_limit_are_dropped_and_the_plugin_still_named() {
    macro_rules! event_with {
        ($($name:ident)*) => { tracing::info!($($name = 1_u64,)*) };
    }
    let seen = seen_from(|| {
        event_with!(
            f01 f02 f03 f04 f05 f06 f07 f08 f09 f10 f11 f12 f13 f14 f15 f16 f17 f18 f19 f20
            f21 f22 f23 f24 f25 f26 f27 f28 f29 f30 f31 f32 f33 f34 f35 f36 f37 f38 f39 f40
        );
    });
    let [Seen::Event { fields, .. }] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!(fields.len(), 32);
    assert_eq!(fields[30].0, "f31");
    assert_eq!(fields[31], ("plugin".to_owned(), "str \"keys\"".to_owned()));
}

#[test]
fn a_panic_while_formatting_is_contained_and_told() {
    struct Bad;
    impl fmt::Debug for Bad {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("half")?;
            panic!("no Debug today")
        }
    }
    let seen = seen_from(|| tracing::info!(bad = ?Bad, after = 1_u64));
    let [Seen::Event { fields, .. }] = &seen[..] else { panic!("{seen:?}") };
    assert!(fields[0].1.starts_with("debug half<not formatted: "), "{fields:?}");
    assert!(fields[0].1.contains("no Debug today"), "{fields:?}");
    assert_eq!(fields[1], ("after".to_owned(), "u64 1".to_owned()));
}

#[test]
fn what_the_limit_refuses_is_told_once_when_it_recovers() {
    let recorder = Recorder::refusing("unwanted");
    let open = Arc::new(AtomicBool::new(true));
    let admit = open.clone();
    let log = log_to_with_limit(&recorder, "keys", move || admit.load(Ordering::Relaxed));
    let (_, bridge) = plugin(log, 5);
    with_default(&bridge, || {
        open.store(false, Ordering::Relaxed);
        for _ in 0..3 {
            tracing::info!("too much");
            // Not wanted by anybody, so not counted.
            tracing::info!(target: "unwanted", "unseen");
        }
        drop(tracing::info_span!("too_much"));
        assert!(recorder.take().is_empty());

        open.store(true, Ordering::Relaxed);
        tracing::info!("first");
        tracing::info!("second");
    });
    let seen = recorder.take();
    assert_eq!(
        seen.iter().map(level_of).collect::<Vec<_>>(),
        [Level::INFO, Level::WARN, Level::INFO]
    );
    let Seen::Event { fields, .. } = &seen[1] else { unreachable!() };
    assert!(fields.contains(&("dropped".to_owned(), "u64 4".to_owned())), "{fields:?}");
    assert!(fields.contains(&("plugin".to_owned(), "str \"keys\"".to_owned())), "{fields:?}");
}
