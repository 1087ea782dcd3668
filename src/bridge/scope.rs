//! Which instance's code is running on this thread, for log records.
//!
//! Set while a plugin's future is polled: two thread-local stores a poll. Synchronous calls of
//! extension points do not set it; they are too cheap to carry it.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};

thread_local! {
    static CURRENT: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// The id of the plugin instance whose code runs on this thread, if any.
///
/// In a subscriber or formatter, this tells whose record it is. Inside a loaded plugin it is that
/// library's own answer; the records of loaded plugins reach the host with a field `plugin`.
pub fn current_plugin() -> Option<&'static str> {
    CURRENT.try_with(Cell::get).ok().flatten()
}

/// The id of an instance, kept for the rest of the program. Equal ids share one copy, so restarts
/// and swaps do not grow it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope(&'static str);

impl Scope {
    pub(crate) fn new(instance: &str) -> Self {
        static IDS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
        let mut ids = IDS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(id) = ids.get(instance) {
            return Self(id);
        }
        let id: &'static str = Box::leak(instance.into());
        ids.insert(id);
        Self(id)
    }

    /// Runs `f` as this instance.
    pub(crate) fn run<T>(self, f: impl FnOnce() -> T) -> T {
        // Looked up once: in a loaded library that is a call. It has no destructor, so it is always there.
        CURRENT.with(|current| {
            let _entered = Entered { current, outer: current.replace(Some(self.0)) };
            f()
        })
    }

    /// Polls `future` as this instance.
    pub(crate) fn wrap<F: Future>(self, future: F) -> Scoped<F> {
        Scoped { scope: self, future }
    }
}

/// Puts the outer instance back, also when a panic passes.
struct Entered<'a> {
    current: &'a Cell<Option<&'static str>>,
    outer: Option<&'static str>,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.current.set(self.outer);
    }
}

/// A future of an instance.
pub(crate) struct Scoped<F> {
    scope: Scope,
    future: F,
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let scope = self.scope;
        // SAFETY: `future` is structurally pinned: never moved out, and `Scoped` has no `Drop` and
        // no `Unpin` of its own.
        let future = unsafe { self.map_unchecked_mut(|this| &mut this.future) };
        scope.run(|| future.poll(context))
    }
}
