//! What becomes of spans.

use hotshoe_abi::{AbiMetadata, LogObject};
use tracing::dispatcher::{Dispatch, with_default};
use tracing::field::Empty;

use super::recorder::{Recorder, Seen, expected, log_to, plugin, seen_from};
use crate::load::logging::HostLog;

/// What was seen without fields: enough to follow spans.
fn outline(seen: &[Seen]) -> Vec<String> {
    seen.iter()
        .map(|seen| match seen {
            Seen::Span { id, name, parent, .. } => format!("{name}={id} in {parent:?}"),
            Seen::Event { parent, .. } => format!("event in {parent:?}"),
            Seen::Record { id, .. } => format!("record {id}"),
            Seen::Follows { id, cause } => format!("{id} follows {cause}"),
            Seen::Enter(id) => format!("enter {id}"),
            Seen::Exit(id) => format!("exit {id}"),
            Seen::Close(id) => format!("close {id}"),
        })
        .collect()
}

#[test]
fn spans_nest_and_close_exactly_once() {
    let seen = seen_from(|| {
        let outer = tracing::info_span!("outer");
        let another = outer.clone();
        outer.in_scope(|| {
            let _inner = tracing::info_span!("inner").entered();
            tracing::info!("hello");
        });
        drop(outer);
        drop(another);
    });
    assert_eq!(
        outline(&seen),
        [
            "outer=1001 in Current",
            "enter 1001",
            "inner=1002 in Current",
            "enter 1002",
            "event in Current",
            "exit 1002",
            "close 1002",
            "exit 1001",
            "close 1001",
        ]
    );
}

#[test]
fn parents_that_are_named_arrive() {
    let seen = seen_from(|| {
        let span = tracing::info_span!("span");
        let _child = tracing::info_span!(parent: &span, "child");
        let _root = tracing::info_span!(parent: None, "root");
        tracing::info!(parent: &span, "inside");
        tracing::info!(parent: None, "outside");
    });
    assert_eq!(
        outline(&seen)[..5],
        [
            "span=1001 in Current",
            "child=1002 in Explicit(1001)",
            "root=1003 in Root",
            "event in Explicit(1001)",
            "event in Root",
        ]
    );
}

#[test]
fn values_recorded_later_and_causes_arrive() {
    let seen = seen_from(|| {
        let cause = tracing::info_span!("cause");
        let span = tracing::info_span!("span", found = Empty, size = 3_u64);
        span.record("found", true);
        span.record("no such field", 1);
        span.follows_from(&cause);
    });
    let Seen::Span { fields, .. } = &seen[1] else { panic!("{seen:?}") };
    assert_eq!(fields, &expected(&[("size", "u64 3"), ("plugin", "str \"keys\"")]));
    assert_eq!(seen[2], Seen::Record { id: 1002, fields: expected(&[("found", "bool true")]) });
    assert_eq!(
        outline(&seen)[2..],
        ["record 1002", "1002 follows 1001", "close 1002", "close 1001"]
    );
}

#[test]
fn the_plugin_knows_its_current_span() {
    seen_from(|| {
        assert!(tracing::Span::current().is_none());
        let outer = tracing::info_span!("outer").entered();
        let inner = tracing::info_span!("inner").entered();
        assert_eq!(tracing::Span::current().id(), inner.id());
        // Not in order, as guards of a future that is dropped may be.
        drop(outer);
        assert_eq!(tracing::Span::current().metadata().unwrap().name(), "inner");
        drop(inner);
        assert!(tracing::Span::current().is_none());
    });
}

#[test]
fn a_handle_taken_from_the_current_span_keeps_it_open() {
    let seen = seen_from(|| {
        let current = tracing::info_span!("span").in_scope(tracing::Span::current);
        tracing::info!("still open");
        drop(current);
    });
    assert_eq!(
        outline(&seen),
        ["span=1001 in Current", "enter 1001", "exit 1001", "event in Current", "close 1001",]
    );
}

#[test]
fn a_span_that_the_host_does_not_want_stays_out_of_sight() {
    let recorder = Recorder::refusing("noisy");
    let (_, bridge) = plugin(log_to(&recorder, "keys"), 5);
    with_default(&bridge, || {
        let span = tracing::info_span!(target: "noisy", "span", late = Empty);
        span.record("late", 1);
        span.in_scope(|| tracing::info!("inside"));
        tracing::info!(parent: &span, "below");
        let child = tracing::info_span!(parent: &span, "child");
        child.follows_from(&span);
    });
    assert_eq!(
        outline(&recorder.take()),
        ["event in Current", "event in Root", "child=1001 in Root", "close 1001",]
    );
}

#[test]
fn an_open_span_stays_with_the_log_it_began_in() {
    let (old, new) = (Recorder::new(), Recorder::new());
    let (link, bridge) = plugin(log_to(&old, "keys"), 5);
    with_default(&bridge, || {
        let span = tracing::info_span!("span");
        link.attach(log_to(&new, "keys"), 5);
        span.in_scope(|| tracing::info!(parent: &span, "hello"));
        let other = tracing::info_span!("other");
        other.follows_from(&span);
    });
    assert_eq!(
        outline(&old.take()),
        ["span=1001 in Current", "enter 1001", "exit 1001", "close 1001"]
    );
    assert_eq!(outline(&new.take()), ["event in Root", "other=1001 in Current", "close 1001"]);
}

#[test]
fn a_level_that_falls_still_closes_open_spans() {
    let recorder = Recorder::new();
    let (link, bridge) = plugin(log_to(&recorder, "keys"), 5);
    with_default(&bridge, || {
        let span = tracing::info_span!("span").entered();
        link.set_level(0);
        tracing::info!("not sent");
        drop(span);
    });
    assert_eq!(outline(&recorder.take())[1..], ["enter 1001", "exit 1001", "close 1001"]);
}

#[test]
fn spans_left_open_end_with_the_log() {
    let recorder = Recorder::new();
    let host = HostLog::new("keys", || true);
    let metadata = AbiMetadata {
        name: "left open".into(),
        target: "keys".into(),
        file: "".into(),
        module: "".into(),
        line: 1,
        level: 3,
        fields: (&[][..]).into(),
        instance: "".into(),
        reserved: [0; 2],
    };
    let subscriber = Dispatch::new(recorder.clone());
    with_default(&subscriber, || {
        let span = host.new_span(&metadata, &[], 0);
        host.clone_span(span);
        host.close_span(span);
    });
    assert_eq!(outline(&recorder.take()), ["left open=1001 in Current"]);
    drop(host);
    assert_eq!(outline(&recorder.take()), ["close 1001"]);
}
