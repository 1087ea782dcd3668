//! The plugin's open spans, and which of them each thread is in.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use hotshoe_abi::AbiLog;
use tracing::Metadata;
use tracing::span::Id;
use tracing_core::span::Current;

/// A span of this library.
pub(super) struct OpenSpan {
    /// The log that it was sent to: its number means something only there.
    pub(super) log: Arc<AbiLog>,
    /// Its number there; `u64::MAX` if the host does not want it.
    pub(super) remote: u64,
    metadata: &'static Metadata<'static>,
    handles: AtomicUsize,
}

impl OpenSpan {
    /// Whether the host wants to hear of it.
    pub(super) fn wanted(&self) -> bool {
        self.remote != u64::MAX
    }
}

/// All open spans, by a number that is never used twice.
pub(super) struct Spans {
    last: AtomicU64,
    open: RwLock<BTreeMap<u64, Arc<OpenSpan>>>,
}

thread_local! {
    /// The spans that this thread has entered, innermost last.
    static ENTERED: RefCell<Vec<(u64, &'static Metadata<'static>)>> =
        const { RefCell::new(Vec::new()) };
}

impl Spans {
    pub(super) const fn new() -> Self {
        Self { last: AtomicU64::new(0), open: RwLock::new(BTreeMap::new()) }
    }

    pub(super) fn insert(
        &self,
        log: Arc<AbiLog>,
        remote: u64,
        metadata: &'static Metadata<'static>,
    ) -> Id {
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let span = OpenSpan { log, remote, metadata, handles: AtomicUsize::new(1) };
        self.open.write().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::new(span));
        Id::from_u64(id)
    }

    /// The span itself rather than a lock on it: the host's code runs next, and may come back.
    pub(super) fn get(&self, id: &Id) -> Option<Arc<OpenSpan>> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.get(&id.into_u64()).cloned()
    }

    pub(super) fn add_handle(&self, id: &Id) {
        if let Some(span) = self.get(id) {
            span.handles.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes one handle away; the span, if that was the last one.
    pub(super) fn take_handle(&self, id: &Id) -> Option<Arc<OpenSpan>> {
        let span = self.get(id)?;
        if span.handles.fetch_sub(1, Ordering::AcqRel) > 1 {
            return None;
        }
        self.open.write().unwrap_or_else(PoisonError::into_inner).remove(&id.into_u64())
    }
}

/// The thread is in `span` now.
pub(super) fn enter(id: &Id, span: &OpenSpan) {
    let _ = ENTERED.try_with(|entered| entered.borrow_mut().push((id.into_u64(), span.metadata)));
}

/// The thread has left the span. Guards may be dropped in any order, so it need not be the
/// innermost one.
pub(super) fn exit(id: &Id) {
    let _ = ENTERED.try_with(|entered| {
        let mut entered = entered.borrow_mut();
        if let Some(at) = entered.iter().rposition(|(entered, _)| *entered == id.into_u64()) {
            entered.remove(at);
        }
    });
}

/// The innermost span that the thread is in.
pub(super) fn current() -> Current {
    // Without its locals, the thread is on its way out.
    ENTERED
        .try_with(|entered| entered.borrow().last().copied())
        .ok()
        .flatten()
        .map_or_else(Current::none, |(id, metadata)| Current::new(Id::from_u64(id), metadata))
}
