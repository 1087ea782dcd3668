//! A subscriber that remembers everything, and a thread of the host for it.

use std::fmt::Debug;
use std::sync::Arc;
use std::thread;

use hotshoe_abi::{AbiField, AbiLog, AbiMetadata, LogObject};
use parking_lot::Mutex;
use tracing::dispatcher::{Dispatch, with_default};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::load::logging::HostLog;
use crate::sdk::logging::{Bridge, Link};

/// What the recorder saw, in order.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Seen {
    Event { fields: Vec<(String, String)>, parent: Parent, metadata: &'static Metadata<'static> },
    Span { id: u64, name: &'static str, fields: Vec<(String, String)>, parent: Parent },
    Record { id: u64, fields: Vec<(String, String)> },
    Follows { id: u64, cause: u64 },
    Enter(u64),
    Exit(u64),
    Close(u64),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Parent {
    Current,
    Root,
    Explicit(u64),
}

impl Parent {
    fn new(explicit: Option<&Id>, is_root: bool) -> Self {
        match explicit {
            Some(id) => Self::Explicit(id.into_u64()),
            None if is_root => Self::Root,
            None => Self::Current,
        }
    }
}

/// The memory; clones share it.
#[derive(Clone)]
pub(super) struct Recorder {
    seen: Arc<Mutex<Vec<Seen>>>,
    spans: Arc<Mutex<u64>>,
    refused_target: &'static str,
}

impl Recorder {
    pub(super) fn new() -> Self {
        Self::refusing("nothing")
    }

    /// One that does not want what has this target.
    pub(super) fn refusing(refused_target: &'static str) -> Self {
        // Away from 1, where the plugin's numbers start.
        Self { seen: Arc::default(), spans: Arc::new(Mutex::new(1000)), refused_target }
    }

    pub(super) fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.seen.lock())
    }

    /// The fields of all events seen since the last call; nothing else may have been seen.
    pub(super) fn take_events(&self) -> Vec<Vec<(String, String)>> {
        self.take()
            .into_iter()
            .map(|seen| match seen {
                Seen::Event { fields, .. } => fields,
                other => panic!("expected an event, saw {other:?}"),
            })
            .collect()
    }

    fn push(&self, seen: Seen) {
        self.seen.lock().push(seen);
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() != self.refused_target
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let id = {
            let mut last = self.spans.lock();
            *last += 1;
            *last
        };
        self.push(Seen::Span {
            id,
            name: span.metadata().name(),
            fields: fields(|visitor| span.record(visitor)),
            parent: Parent::new(span.parent(), span.is_root()),
        });
        Id::from_u64(id)
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        let fields = fields(|visitor| values.record(visitor));
        self.push(Seen::Record { id: id.into_u64(), fields });
    }

    fn record_follows_from(&self, id: &Id, cause: &Id) {
        self.push(Seen::Follows { id: id.into_u64(), cause: cause.into_u64() });
    }

    fn event(&self, event: &Event<'_>) {
        self.push(Seen::Event {
            fields: fields(|visitor| event.record(visitor)),
            parent: Parent::new(event.parent(), event.is_root()),
            metadata: event.metadata(),
        });
    }

    fn enter(&self, id: &Id) {
        self.push(Seen::Enter(id.into_u64()));
    }

    fn exit(&self, id: &Id) {
        self.push(Seen::Exit(id.into_u64()));
    }

    fn try_close(&self, id: Id) -> bool {
        self.push(Seen::Close(id.into_u64()));
        true
    }
}

/// Each value as text, after the type that the visitor was shown.
fn fields(record: impl FnOnce(&mut dyn Visit)) -> Vec<(String, String)> {
    struct Fields(Vec<(String, String)>);
    impl Fields {
        fn push(&mut self, field: &Field, kind: &str, value: impl Debug) {
            self.0.push((field.name().to_owned(), format!("{kind} {value:?}")));
        }
    }
    impl Visit for Fields {
        fn record_f64(&mut self, field: &Field, value: f64) {
            self.push(field, "f64", value);
        }
        fn record_i64(&mut self, field: &Field, value: i64) {
            self.push(field, "i64", value);
        }
        fn record_u64(&mut self, field: &Field, value: u64) {
            self.push(field, "u64", value);
        }
        fn record_bool(&mut self, field: &Field, value: bool) {
            self.push(field, "bool", value);
        }
        fn record_str(&mut self, field: &Field, value: &str) {
            self.push(field, "str", value);
        }
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            self.push(field, "debug", value);
        }
    }
    let mut fields = Fields(Vec::new());
    record(&mut fields);
    fields.0
}

/// A host's log whose calls arrive on a thread of the host.
///
/// A plugin and a host that are really two libraries have two copies of `tracing`. Here they share
/// one, and it does not let a subscriber emit records on the thread that it is called on.
pub(super) struct OnHostThread {
    pub(super) log: HostLog,
    pub(super) subscriber: Dispatch,
}

impl OnHostThread {
    fn run<T: Send>(&self, call: impl FnOnce(&HostLog) -> T + Send) -> T {
        thread::scope(|scope| {
            let host = || with_default(&self.subscriber, || call(&self.log));
            scope.spawn(host).join().expect("the host's side does not panic")
        })
    }
}

impl LogObject for OnHostThread {
    fn event(&self, metadata: &AbiMetadata<'_>, fields: &[AbiField<'_>], parent: u64) {
        self.run(|log| log.event(metadata, fields, parent));
    }
    fn new_span(&self, metadata: &AbiMetadata<'_>, fields: &[AbiField<'_>], parent: u64) -> u64 {
        self.run(|log| log.new_span(metadata, fields, parent))
    }
    fn record(&self, span: u64, fields: &[AbiField<'_>]) {
        self.run(|log| log.record(span, fields));
    }
    fn follows_from(&self, span: u64, cause: u64) {
        self.run(|log| log.follows_from(span, cause));
    }
    fn enter(&self, span: u64) {
        self.run(|log| log.enter(span));
    }
    fn exit(&self, span: u64) {
        self.run(|log| log.exit(span));
    }
    fn clone_span(&self, span: u64) {
        self.run(|log| log.clone_span(span));
    }
    fn close_span(&self, span: u64) {
        self.run(|log| log.close_span(span));
    }
}

/// A log that ends in `recorder`.
pub(super) fn log_to(recorder: &Recorder, plugin: &str) -> AbiLog {
    log_to_with_limit(recorder, plugin, || true)
}

pub(super) fn log_to_with_limit(
    recorder: &Recorder,
    plugin: &str,
    admit: impl Fn() -> bool + Send + Sync + 'static,
) -> AbiLog {
    AbiLog::new(Arc::new(OnHostThread {
        log: HostLog::new(plugin, admit),
        subscriber: Dispatch::new(recorder.clone()),
    }))
}

/// A plugin's side: its connection, and the subscriber of its copy of `tracing`.
pub(super) fn plugin(log: AbiLog, level: u32) -> (&'static Link, Dispatch) {
    let link: &'static Link = Box::leak(Box::new(Link::new()));
    link.attach(log, level);
    (link, Dispatch::new(Bridge::new(link)))
}

/// Runs `code` as a plugin's that sends everything to a host, and returns what the host saw.
pub(super) fn seen_from(code: impl FnOnce()) -> Vec<Seen> {
    let recorder = Recorder::new();
    let (_, bridge) = plugin(log_to(&recorder, "keys"), 5);
    with_default(&bridge, code);
    recorder.take()
}

/// `pairs` as the recorder keeps fields.
pub(super) fn expected(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The level of the one event in `seen`.
pub(super) fn level_of(seen: &Seen) -> Level {
    match seen {
        Seen::Event { metadata, .. } => *metadata.level(),
        other => panic!("expected an event, saw {other:?}"),
    }
}
