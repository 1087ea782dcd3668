//! The open spans of one plugin, each with the subscriber that it lives in.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;
use tracing::dispatcher::Dispatch;
use tracing::span::Id;

use super::callsites::Site;

/// A span in a subscriber of the host. Dropping it closes it.
pub(super) struct HostSpan {
    dispatch: Dispatch,
    id: Id,
    site: &'static Site,
    handles: AtomicU64,
}

impl HostSpan {
    /// Takes over the one handle that `dispatch` gave out with `id`.
    pub(super) fn new(dispatch: Dispatch, id: Id, site: &'static Site) -> Self {
        Self { dispatch, id, site, handles: AtomicU64::new(1) }
    }

    pub(super) fn dispatch(&self) -> &Dispatch {
        &self.dispatch
    }

    pub(super) fn id(&self) -> &Id {
        &self.id
    }

    pub(super) fn site(&self) -> &'static Site {
        self.site
    }
}

impl Drop for HostSpan {
    fn drop(&mut self) {
        self.dispatch.try_close(self.id.clone());
    }
}

/// Spans by the numbers that the plugin got, none of which is used twice. A number that is not in
/// the table is ignored: the span was not wanted, or is closed.
///
/// The subscriber's code never runs under the lock: it may log, and may call a plugin.
pub(super) struct Spans {
    last: AtomicU64,
    open: RwLock<HashMap<u64, Arc<HostSpan>>>,
}

impl Spans {
    pub(super) fn new() -> Self {
        Self { last: AtomicU64::new(0), open: RwLock::default() }
    }

    pub(super) fn insert(&self, span: HostSpan) -> u64 {
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        self.open.write().insert(number, Arc::new(span));
        number
    }

    pub(super) fn get(&self, number: u64) -> Option<Arc<HostSpan>> {
        if number == super::CONTEXTUAL || number == super::NONE {
            return None;
        }
        self.open.read().get(&number).cloned()
    }

    pub(super) fn add_handle(&self, number: u64) {
        if let Some(span) = self.get(number) {
            span.handles.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes one handle away, and closes the span if that was the last one.
    pub(super) fn take_handle(&self, number: u64) {
        if let Some(span) = self.get(number)
            && span.handles.fetch_sub(1, Ordering::AcqRel) == 1
        {
            // In a statement of its own, so that the lock is free again when `span` is dropped.
            let _closed = self.open.write().remove(&number);
        }
    }
}
