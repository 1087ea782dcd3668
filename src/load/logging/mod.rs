//! The log records of loaded plugins, in the application's subscriber.
//!
//! The plugin's side (`sdk::logging`) sends what passed the level; here it is made again as if
//! the host had written it: target, level, file, line and fields are the plugin's, and a field
//! `plugin` names the instance (the plugin, if the record was made outside of any instance). A field
//! of that name in the record itself becomes `plugin.plugin`: nobody writes in another's name.
//!
//! Each record goes to the subscriber that is current on the thread, through a callsite of its own
//! kind (`callsites`), so filters by target, level, span or field work as on any other record.
//!
//! A plugin that logs without end is held back by a limit: what it refuses is counted, and told in
//! one warning when the limit lets the next record through.

mod callsites;
mod spans;
#[cfg(test)]
mod tests;
mod values;

use std::sync::atomic::{AtomicU64, Ordering};

use hotshoe_abi::{AbiField, AbiMetadata, LogObject};
use tracing::Event;
use tracing::dispatcher::{Dispatch, get_default};
use tracing::level_filters::{LevelFilter, STATIC_MAX_LEVEL};
use tracing::span::{Attributes, Record};
use tracing_core::Kind;

use self::callsites::Site;
use self::spans::{HostSpan, Spans};
use crate::bridge::level_number;

/// The parent of what happens in the thread's current span.
const CONTEXTUAL: u64 = 0;
/// The parent of what has none; also the number of every span that is not wanted.
const NONE: u64 = u64::MAX;

/// The level up to which the application wants records: what to attach a plugin with, and to push
/// whenever it has changed. Costs one atomic read.
pub(crate) fn current_level() -> u32 {
    // The application may also have removed levels from its own code; plugins follow suit.
    LevelFilter::current().min(STATIC_MAX_LEVEL).into_level().map_or(0, level_number)
}

/// The application's subscriber, as one loaded plugin sees it.
pub(crate) struct HostLog {
    plugin: Box<str>,
    admit: Box<dyn Fn() -> bool + Send + Sync>,
    refused: AtomicU64,
    spans: Spans,
}

impl HostLog {
    /// For the plugin with the id `plugin`. `admit` is asked for each record and each new span
    /// that the subscriber wants; what it refuses is dropped.
    pub(crate) fn new(plugin: &str, admit: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self {
            plugin: plugin.into(),
            admit: Box::new(admit),
            refused: AtomicU64::new(0),
            spans: Spans::new(),
        }
    }

    /// Whom the field `plugin` names.
    fn origin<'a>(&'a self, metadata: &AbiMetadata<'a>) -> &'a str {
        match metadata.instance.as_str() {
            "" => &self.plugin,
            instance => instance,
        }
    }

    /// Calls `emit` with the subscriber that `parent` belongs to (an id means nothing to any
    /// other), or with the thread's current one; if that wants it and the limit allows it.
    fn emit<T>(
        &self,
        site: &'static Site,
        parent: Option<&HostSpan>,
        emit: impl Fn(&Dispatch) -> T,
    ) -> Option<T> {
        let emit = |dispatch: &Dispatch| {
            // The limit comes last: what nobody wants to see does not count.
            (site.enabled(dispatch) && self.admit()).then(|| emit(dispatch))
        };
        let emitted = match parent {
            Some(parent) => emit(parent.dispatch()),
            None => get_default(emit),
        };
        if emitted.is_some() {
            self.report_refused();
        }
        emitted
    }

    fn admit(&self) -> bool {
        let admitted = (self.admit)();
        if !admitted {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        admitted
    }

    /// After a record that was let through, tells how many were not. Not while emitting it: a
    /// record made inside of a subscriber is lost.
    fn report_refused(&self) {
        if self.refused.load(Ordering::Relaxed) == 0 {
            return;
        }
        let dropped = self.refused.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            tracing::warn!(
                plugin = &*self.plugin,
                dropped,
                "log records were dropped: the plugin made more than its limit allows"
            );
        }
    }
}

impl LogObject for HostLog {
    fn event(&self, metadata: &AbiMetadata<'_>, fields: &[AbiField<'_>], parent: u64) {
        let Some(site) = callsites::intern(metadata, Kind::EVENT) else { return };
        let (to, explicit) = (site.metadata(), self.spans.get(parent));
        self.emit(site, explicit.as_deref(), |dispatch| {
            site.with_values(fields, Some(self.origin(metadata)), |values| {
                dispatch.event(&match (&explicit, parent) {
                    (Some(span), _) => Event::new_child_of(span.id().clone(), to, values),
                    (None, CONTEXTUAL) => Event::new(to, values),
                    (None, _) => Event::new_child_of(None, to, values),
                });
            });
        });
    }

    fn new_span(&self, metadata: &AbiMetadata<'_>, fields: &[AbiField<'_>], parent: u64) -> u64 {
        let Some(site) = callsites::intern(metadata, Kind::SPAN) else { return NONE };
        let (to, explicit) = (site.metadata(), self.spans.get(parent));
        let span = self.emit(site, explicit.as_deref(), |dispatch| {
            site.with_values(fields, Some(self.origin(metadata)), |values| {
                let id = dispatch.new_span(&match (&explicit, parent) {
                    (Some(span), _) => Attributes::child_of(span.id().clone(), to, values),
                    (None, CONTEXTUAL) => Attributes::new(to, values),
                    (None, _) => Attributes::new_root(to, values),
                });
                HostSpan::new(dispatch.clone(), id, site)
            })
        });
        span.map_or(NONE, |span| self.spans.insert(span))
    }

    fn record(&self, span: u64, fields: &[AbiField<'_>]) {
        if let Some(span) = self.spans.get(span) {
            span.site().with_values(fields, None, |values| {
                span.dispatch().record(span.id(), &Record::new(values));
            });
        }
    }

    fn follows_from(&self, span: u64, cause: u64) {
        if let (Some(span), Some(cause)) = (self.spans.get(span), self.spans.get(cause)) {
            span.dispatch().record_follows_from(span.id(), cause.id());
        }
    }

    fn enter(&self, span: u64) {
        if let Some(span) = self.spans.get(span) {
            span.dispatch().enter(span.id());
        }
    }

    fn exit(&self, span: u64) {
        if let Some(span) = self.spans.get(span) {
            span.dispatch().exit(span.id());
        }
    }

    fn clone_span(&self, span: u64) {
        self.spans.add_handle(span);
    }

    fn close_span(&self, span: u64) {
        self.spans.take_handle(span);
    }
}
