//! The subscriber of a loaded plugin: everything goes to the host.

use std::sync::Arc;

use hotshoe_abi::AbiLog;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_core::span::Current;

use super::values::{Values, with_metadata};
use super::{Link, spans};

/// The parent of what happens in the thread's current span. Which one that is, the host knows: it
/// is told of every enter and exit, and may be inside spans of its own.
const CONTEXTUAL: u64 = 0;
/// The parent of what has none.
const ROOT: u64 = u64::MAX;

/// Sends events and spans through a [`Link`].
pub(crate) struct Bridge {
    link: &'static Link,
}

impl Bridge {
    pub(crate) fn new(link: &'static Link) -> Self {
        Self { link }
    }

    /// How `log` calls the parent that an event or a span was given.
    fn parent(&self, log: &Arc<AbiLog>, explicit: Option<&Id>, is_root: bool) -> u64 {
        match explicit {
            // A span that this log has never heard of is as good as none.
            Some(id) => self
                .link
                .spans
                .get(id)
                .filter(|span| Arc::ptr_eq(&span.log, log))
                .map_or(ROOT, |span| span.remote),
            None if is_root => ROOT,
            None => CONTEXTUAL,
        }
    }
}

impl Subscriber for Bridge {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        // Until the level changes, which has every callsite registered again.
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.link.level()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.link.level())
    }

    fn event(&self, event: &Event<'_>) {
        let Some(log) = self.link.log() else { return };
        let parent = self.parent(&log, event.parent(), event.is_root());
        let values = Values::collect(|visitor| event.record(visitor));
        with_metadata(event.metadata(), |metadata| {
            values.send(|fields| log.event(metadata, fields, parent));
        });
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let metadata = span.metadata();
        // Nothing reaches a subscriber before it is installed, and that is after attaching. Should
        // it ever, then an id that is in no table: ignored wherever it turns up.
        let Some(log) = self.link.log() else { return Id::from_u64(u64::MAX) };
        let parent = self.parent(&log, span.parent(), span.is_root());
        let values = Values::collect(|visitor| span.record(visitor));
        let remote = with_metadata(metadata, |metadata| {
            values.send(|fields| log.new_span(metadata, fields, parent))
        });
        self.link.spans.insert(log, remote, metadata)
    }

    fn record(&self, id: &Id, record: &Record<'_>) {
        if let Some(span) = self.link.spans.get(id).filter(|span| span.wanted()) {
            Values::collect(|visitor| record.record(visitor))
                .send(|fields| span.log.record(span.remote, fields));
        }
    }

    fn record_follows_from(&self, id: &Id, follows: &Id) {
        let (Some(span), Some(cause)) = (self.link.spans.get(id), self.link.spans.get(follows))
        else {
            return;
        };
        if span.wanted() && cause.wanted() && Arc::ptr_eq(&span.log, &cause.log) {
            span.log.follows_from(span.remote, cause.remote);
        }
    }

    fn enter(&self, id: &Id) {
        if let Some(span) = self.link.spans.get(id) {
            spans::enter(id, &span);
            if span.wanted() {
                span.log.enter(span.remote);
            }
        }
    }

    fn exit(&self, id: &Id) {
        if let Some(span) = self.link.spans.get(id) {
            spans::exit(id);
            if span.wanted() {
                span.log.exit(span.remote);
            }
        }
    }

    // Handles are counted on this side: the host hears of a span's first and of its last.
    fn clone_span(&self, id: &Id) -> Id {
        self.link.spans.add_handle(id);
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let Some(span) = self.link.spans.take_handle(&id) else { return false };
        if span.wanted() {
            span.log.close_span(span.remote);
        }
        true
    }

    fn current_span(&self) -> Current {
        spans::current()
    }
}
