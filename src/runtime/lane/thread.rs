//! What a thread of a lane does.

use std::io;
use std::sync::Arc;
use std::task::Context;

use hotshoe_abi::guard::{contain, guard};

use super::Shared;
use super::books::{Next, Refusal, Then, Turn};
use super::clock::Clock;
use crate::runtime::{become_own_thread, nesting};

/// Linux shows so many bytes of a thread's name.
const SHOWN: usize = 15;

/// `hotshoe-<instance>-<number>`, as far as it is shown: what tells two threads apart stays.
fn name(instance: &str, seat: u32) -> String {
    let number = format!("-{seat}");
    let room = SHOWN.saturating_sub("hotshoe-".len() + number.len());
    format!("hotshoe-{}{number}", &instance[..instance.floor_char_boundary(room)])
}

impl Shared {
    /// Starts the thread of a seat that was taken for it, or gives the seat back.
    pub(super) fn start(self: &Arc<Self>, seat: u32) -> io::Result<()> {
        let shared = self.clone();
        let thread = std::thread::Builder::new().name(name(&self.instance, seat));
        let started = thread.spawn(move || {
            become_own_thread();
            shared.books.lock().sit(seat, Clock::of_this_thread());
            while let Some(turn) = shared.next(seat) {
                shared.take(seat, turn);
            }
        });
        if started.is_err() {
            self.books.lock().leave(seat);
            self.ended.notify_all();
        }
        started.map(drop)
    }

    /// The next turn of a thread; none if it is to end.
    fn next(&self, seat: u32) -> Option<Turn> {
        let mut books = self.books.lock();
        if books.free(seat) {
            drop(books);
            contain(|| {
                tracing::info!(
                    instance = &*self.instance,
                    "a thread of a lane that was stuck has come back"
                );
            });
            books = self.books.lock();
        }
        loop {
            match books.next(seat) {
                Next::Turn(turn) => return Some(turn),
                Next::Wait => self.due.wait(&mut books),
                Next::End => {
                    books.leave(seat);
                    drop(books);
                    self.ended.notify_all();
                    // If this one was woken for something, it is another one's now.
                    self.due.notify_one();
                    return None;
                }
            }
        }
    }

    fn take(&self, seat: u32, turn: Turn) {
        let (number, mut work, waker, answer, depth) = match turn {
            Turn::Poll { number, work, waker, answer, depth } => {
                (number, work, waker, answer, depth)
            }
            Turn::Drop(entry) => return entry.dispose(),
        };
        let polled = nesting::at(depth, || {
            guard(|| work.as_mut().poll(&mut Context::from_waker(&waker)).is_ready())
        });
        let done = match polled {
            Ok(done) => done,
            Err(panic) => {
                answer.fail(panic.with_plugin(&*self.instance));
                true
            }
        };
        let then = self.books.lock().polled(seat, number, work, done);
        match then {
            Then::Later => {}
            Then::Answer(entry) => {
                answer.announce();
                entry.dispose();
            }
            Then::Refuse(entry) => {
                answer.fail(self.refused(Refusal::Closed));
                answer.announce();
                entry.dispose();
            }
            Then::Drop(entry) => entry.dispose(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_as_long_as_it_is_shown_and_keeps_its_number() {
        assert_eq!(name("hkp", 0), "hotshoe-hkp-0");
        assert_eq!(name("storage-sqlite", 0), "hotshoe-stora-0");
        assert_eq!(name("storage-sqlite", 123), "hotshoe-sto-123");
        assert_eq!(name("x", u32::MAX), "hotshoe--4294967295");
    }
}
