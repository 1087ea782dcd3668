//! Notes in the suite's journal.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake};
use std::thread::Thread;

use hotshoe::{Handle, Result};
use probe_api::Journal;

/// Notes of one instance.
#[derive(Clone)]
pub(crate) struct Notes {
    journal: Handle<dyn Journal>,
    instance: Arc<str>,
    ticks: Arc<AtomicUsize>,
}

impl Notes {
    pub(crate) fn new(journal: Handle<dyn Journal>, instance: &str) -> Self {
        Self { journal, instance: instance.into(), ticks: Arc::default() }
    }

    pub(crate) fn instance(&self) -> &str {
        &self.instance
    }

    /// A note. It is no concern of the probe's if nobody takes it.
    pub(crate) fn add(&self, what: &str) {
        let _ = self.journal.note(&self.instance, what);
    }

    /// Counts up, from one.
    pub(crate) fn tick(&self) -> usize {
        self.ticks.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Waits until the suite releases the latch.
    pub(crate) async fn released(&self, latch: &str) -> Result<()> {
        self.journal.released(latch).await
    }

    /// The same, and nobody else gets the thread meanwhile.
    pub(crate) fn blocked_until(&self, latch: &str) -> Result<()> {
        let mut released = pin!(self.journal.released(latch));
        let waker = Arc::new(Unpark(std::thread::current())).into();
        loop {
            if let Poll::Ready(outcome) = released.as_mut().poll(&mut Context::from_waker(&waker)) {
                return outcome;
            }
            std::thread::park();
        }
    }

    /// Never done; notes when it is waited for, and when whoever waits loses patience.
    pub(crate) async fn never<T>(&self, what: &'static str) -> T {
        self.add(&format!("{what} waits"));
        let _note = NoteOnDrop { notes: self.clone(), what };
        std::future::pending().await
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

struct NoteOnDrop {
    notes: Notes,
    what: &'static str,
}

impl Drop for NoteOnDrop {
    fn drop(&mut self) {
        self.notes.add(&format!("{} dropped", self.what));
    }
}

/// Panics when dropped.
pub(crate) struct PanicOnDrop(pub(crate) &'static str);

impl Drop for PanicOnDrop {
    fn drop(&mut self) {
        // While unwinding already this would end the process, guard or not.
        if !std::thread::panicking() {
            panic!("{} was told to panic when dropped", self.0);
        }
    }
}

/// Pending once.
pub(crate) async fn once_pending() {
    let mut pending = true;
    std::future::poll_fn(|context| {
        if std::mem::take(&mut pending) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
}
