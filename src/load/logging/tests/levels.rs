//! What is not sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hotshoe_abi::__stable::RStr;
use hotshoe_abi::{AbiField, AbiLog, AbiMetadata, LogObject};
use tracing::dispatcher::{Dispatch, with_default};

use super::recorder::{Recorder, log_to, plugin};
use crate::load::logging::HostLog;

/// Counts what crosses.
#[derive(Default)]
struct Counter(AtomicUsize);

impl LogObject for Counter {
    fn event(&self, _: &AbiMetadata<'_>, _: &[AbiField<'_>], _: u64) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    fn new_span(&self, _: &AbiMetadata<'_>, _: &[AbiField<'_>], _: u64) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed);
        1
    }
    fn record(&self, _: u64, _: &[AbiField<'_>]) {}
    fn follows_from(&self, _: u64, _: u64) {}
    fn enter(&self, _: u64) {}
    fn exit(&self, _: u64) {}
    fn clone_span(&self, _: u64) {}
    fn close_span(&self, _: u64) {}
}

fn at_each_level() {
    tracing::error!("1");
    tracing::warn!("2");
    tracing::info!("3");
    tracing::debug!("4");
    tracing::trace!("5");
    drop(tracing::trace_span!("5"));
}

#[test]
fn nothing_crosses_when_the_level_is_off() {
    let counter = Arc::new(Counter::default());
    let (_, bridge) = plugin(AbiLog::new(counter.clone()), 0);
    with_default(&bridge, || {
        at_each_level();
        tracing::error!(value = ?NeverFormatted, "off");
    });
    assert_eq!(counter.0.load(Ordering::Relaxed), 0);
}

struct NeverFormatted;

impl std::fmt::Debug for NeverFormatted {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("formatted although the level is off")
    }
}

#[test]
fn a_change_of_level_takes_effect_on_callsites_already_used() {
    let counter = Arc::new(Counter::default());
    let (link, bridge) = plugin(AbiLog::new(counter.clone()), 0);
    let crossed = |level| {
        link.set_level(level);
        let before = counter.0.load(Ordering::Relaxed);
        at_each_level();
        counter.0.load(Ordering::Relaxed) - before
    };
    with_default(&bridge, || {
        assert_eq!([0, 1, 2, 3, 4, 5, 9, 2, 0].map(crossed), [0, 1, 2, 3, 4, 6, 6, 2, 0]);
    });
}

#[test]
fn the_filter_of_the_hosts_subscriber_decides_too() {
    let recorder = Recorder::refusing("noisy");
    let (_, bridge) = plugin(log_to(&recorder, "keys"), 5);
    with_default(&bridge, || {
        tracing::info!(target: "noisy", "dropped");
        tracing::info!(target: "quiet", "kept");
    });
    assert_eq!(recorder.take_events().len(), 1);
}

#[test]
fn metadata_from_a_foreign_plugin_is_taken_as_it_comes() {
    let recorder = Recorder::new();
    let host = HostLog::new("keys", || true);
    let names = [RStr::from_str("x")];
    let metadata = AbiMetadata {
        name: "".into(),
        target: "".into(),
        file: "".into(),
        module: "".into(),
        line: 0,
        level: 77,
        fields: names[..].into(),
        instance: "".into(),
        reserved: [0; 2],
    };
    let field = |index, kind| AbiField { index, kind, bits: 1, text: "text".into() };
    with_default(&Dispatch::new(recorder.clone()), || {
        host.event(&metadata, &[field(0, 99), field(1, 0), field(u32::MAX, 1)], 12345);
        host.event(&metadata, &[field(0, 5); 100], 0);
        for number in [0, 1, u64::MAX] {
            host.enter(number);
            host.record(number, &[field(0, 1)]);
            host.follows_from(number, number);
            host.exit(number);
            host.clone_span(number);
            host.close_span(number);
        }
    });
    let events = recorder.take_events();
    assert_eq!(
        events[0],
        [
            ("x".to_owned(), "debug text".to_owned()),
            ("plugin".to_owned(), "str \"keys\"".to_owned())
        ]
    );
    assert_eq!(events[1].len(), 32);
}
