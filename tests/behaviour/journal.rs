//! The suite's journal: plugins note there what happens to them, behaviours wait for it.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

use hotshoe::{Deferred, Result};

/// The journal of one stage. Cloning shares it.
#[derive(Clone, Default)]
pub struct Journal(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    notes: Vec<String>,
    released: BTreeSet<String>,
    waiting: Vec<Waker>,
}

impl Journal {
    /// All notes, each with its instance: `probe: start`.
    pub fn notes(&self) -> Vec<String> {
        self.with(|state| state.notes.clone())
    }

    /// The notes of one instance.
    pub fn of(&self, instance: &str) -> Vec<String> {
        let prefix = format!("{instance}: ");
        let notes = self.notes();
        notes.iter().filter_map(|note| note.strip_prefix(&prefix)).map(Into::into).collect()
    }

    /// How often this was noted.
    pub fn count(&self, note: &str) -> usize {
        self.with(|state| state.notes.iter().filter(|other| *other == note).count())
    }

    /// Waits until this has been noted.
    pub async fn until(&self, note: &str) {
        self.until_count(note, 1).await;
    }

    /// Waits until this has been noted so often.
    pub async fn until_count(&self, note: &str, count: usize) {
        self.wait(|state| state.notes.iter().filter(|other| *other == note).count() >= count).await;
    }

    /// Lets whoever waits for this latch go on, now and later.
    pub fn release(&self, latch: &str) {
        self.change(|state| state.released.insert(latch.to_owned()));
    }

    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn change<T>(&self, f: impl FnOnce(&mut State) -> T) {
        let waiting = self.with(|state| {
            f(state);
            std::mem::take(&mut state.waiting)
        });
        // Not under the lock: waking may poll at once.
        waiting.into_iter().for_each(Waker::wake);
    }

    async fn wait(&self, met: impl Fn(&State) -> bool) {
        poll_fn(|context| {
            self.with(|state| {
                if met(state) {
                    return Poll::Ready(());
                }
                state.waiting.push(context.waker().clone());
                Poll::Pending
            })
        })
        .await;
    }
}

impl probe_api::Journal for Journal {
    fn note(&self, instance: &str, what: &str) -> Result<()> {
        self.change(|state| state.notes.push(format!("{instance}: {what}")));
        Ok(())
    }

    fn released(&self, latch: &str) -> Deferred<()> {
        let (journal, latch) = (self.clone(), latch.to_owned());
        Deferred::new(async move {
            journal.wait(|state| state.released.contains(&latch)).await;
            Ok(())
        })
    }
}
