//! The events that wait for one subscription.

use std::collections::VecDeque;

use event_listener::Event as Sign;
use parking_lot::Mutex;

use crate::contract::Event;

/// How many may wait.
const MOST: usize = 1024;
/// Room that stays for so many; what a burst of events has taken beyond is given back.
const ROOM: usize = 64;

/// Filled by those who publish, emptied by one. Empty it takes a few words: there may be thousands.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    /// There is one, or there will be none.
    changed: Sign,
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<Event>,
    closed: bool,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offered {
    Queued,
    /// Too many wait.
    Full,
    Closed,
}

impl Queue {
    pub(super) fn offer(&self, event: Event) -> Offered {
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            return Offered::Closed;
        }
        if waiting.events.len() >= MOST {
            return Offered::Full;
        }
        waiting.events.push_back(event);
        drop(waiting);
        self.changed.notify(1);
        Offered::Queued
    }

    /// Takes no more. What is in it can still be taken out.
    pub(super) fn close(&self) {
        self.waiting.lock().closed = true;
        self.changed.notify(1);
    }

    /// The next one; none once it is closed and empty. One at a time may ask.
    pub(super) async fn next(&self) -> Option<Event> {
        loop {
            if let Some(next) = self.take() {
                return next;
            }
            let changed = self.changed.listen();
            // It may have changed before anybody listened.
            if let Some(next) = self.take() {
                return next;
            }
            changed.await;
        }
    }

    /// The next one, or that there will be none; nothing if that is not known yet.
    fn take(&self) -> Option<Option<Event>> {
        let mut waiting = self.waiting.lock();
        let next = waiting.events.pop_front();
        if waiting.events.is_empty() && waiting.events.capacity() > ROOM {
            waiting.events = VecDeque::new();
        }
        (next.is_some() || waiting.closed).then_some(next)
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::contract::{Call, EventParts};

    fn event(sequence: u64) -> Event {
        let (topic, source) = ("it".to_owned(), "test".to_owned());
        let (payload, call) = (bytes::Bytes::new(), Call::none());
        Event::from(EventParts { topic, source, sequence, payload, call })
    }

    fn poll<T>(future: impl Future<Output = T>) -> Poll<T> {
        pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn events_come_in_their_order_and_what_is_beyond_the_bound_does_not() {
        let queue = Queue::default();
        assert!(poll(queue.next()).is_pending());
        for sequence in 0..MOST as u64 {
            assert_eq!(queue.offer(event(sequence)), Offered::Queued);
        }
        assert_eq!(queue.offer(event(0)), Offered::Full);
        for sequence in 0..MOST as u64 {
            let Poll::Ready(Some(next)) = poll(queue.next()) else { panic!("there is one") };
            assert_eq!(next.sequence(), sequence);
        }
        assert_eq!(queue.waiting.lock().events.capacity(), 0, "the room is given back");
        assert_eq!(queue.offer(event(0)), Offered::Queued);
    }

    #[test]
    fn what_is_in_a_queue_that_is_closed_still_comes_and_then_its_end() {
        let queue = Queue::default();
        queue.offer(event(7));
        queue.close();
        assert_eq!(queue.offer(event(8)), Offered::Closed);
        assert!(matches!(poll(queue.next()), Poll::Ready(Some(last)) if last.sequence() == 7));
        assert!(matches!(poll(queue.next()), Poll::Ready(None)));
    }

    #[test]
    fn who_waits_is_woken_by_an_event_and_by_the_end() {
        let queue = Queue::default();
        let mut context = Context::from_waker(Waker::noop());
        let mut next = pin!(queue.next());
        assert!(next.as_mut().poll(&mut context).is_pending());
        queue.offer(event(1));
        assert!(matches!(next.poll(&mut context), Poll::Ready(Some(_))));
        let mut end = pin!(queue.next());
        assert!(end.as_mut().poll(&mut context).is_pending());
        queue.close();
        assert!(matches!(end.poll(&mut context), Poll::Ready(None)));
    }
}
