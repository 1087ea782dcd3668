//! [`Monitor`]: takes events in, keeps the latest of them, and hands them to whoever listens.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use async_channel::{Receiver, Sender};
use parking_lot::Mutex;

use super::event::{HostEvent, HostEventKind};
use super::stream::EventStream;

/// So many events may wait for one listener: a start of some hundred plugins.
const QUEUE: usize = 1024;
/// So many events are kept for `explain`, and so many of one instance, so that one that is restarted
/// all the time leaves room for the others.
const KEPT: usize = 256;
const KEPT_OF_ONE: usize = 16;

/// Where everything that happens in one host is told. Cloning shares it; streams end with the last
/// clone.
#[derive(Clone, Default)]
pub(crate) struct Monitor(Arc<Board>);

#[derive(Default)]
pub(super) struct Board {
    inner: Mutex<Inner>,
    /// As in `inner`, for those who have not locked it.
    listeners: AtomicUsize,
    /// Somebody may wait for what has come.
    news: AtomicBool,
}

#[derive(Default)]
struct Inner {
    kept: VecDeque<Arc<HostEvent>>,
    listeners: Vec<Listener>,
    closed: bool,
}

struct Listener {
    queue: Arc<Queue>,
    bell: Sender<()>,
}

/// What waits for one listener.
#[derive(Default)]
pub(super) struct Queue(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    events: VecDeque<Arc<HostEvent>>,
    missed: u64,
}

impl std::fmt::Debug for Monitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Monitor")
    }
}

impl Monitor {
    /// Tells of something.
    pub(crate) fn emit(&self, event: HostEvent) {
        self.note(event);
        self.wake();
    }

    /// The same for those who hold a lock: nobody hears of it before [`wake`](Self::wake). Runs nothing
    /// that is not the host's.
    pub(crate) fn note(&self, event: HostEvent) {
        let kept = event.kind.is_kept();
        if !kept && !self.is_heard() {
            return;
        }
        let event = Arc::new(event);
        let mut inner = self.0.inner.lock();
        for listener in &inner.listeners {
            listener.queue.push(event.clone());
        }
        if kept {
            inner.keep(event);
        }
        drop(inner);
        self.0.news.store(true, Ordering::Release);
    }

    /// Wakes whoever waits for what was noted. Runs wakers, which are not the host's.
    pub(crate) fn wake(&self) {
        if !self.is_heard() || !self.0.news.swap(false, Ordering::AcqRel) {
            return;
        }
        let bells: Vec<Sender<()>> =
            self.0.inner.lock().listeners.iter().map(|listener| listener.bell.clone()).collect();
        for bell in bells {
            // One that is full was rung already.
            hotshoe_abi::guard::contain(move || _ = bell.try_send(()));
        }
    }

    /// Whether anybody listens. Without, most events need not even be made.
    pub(crate) fn is_heard(&self) -> bool {
        self.0.listeners.load(Ordering::Relaxed) > 0
    }

    /// All that is told from now on.
    pub(crate) fn listen(&self) -> EventStream {
        let (bell, rung) = async_channel::bounded(1);
        let queue = Arc::new(Queue::default());
        let mut inner = self.0.inner.lock();
        if !inner.closed {
            inner.listeners.push(Listener { queue: queue.clone(), bell });
            self.0.listeners.store(inner.listeners.len(), Ordering::Relaxed);
        }
        drop(inner);
        EventStream::new(queue, rung, Arc::downgrade(&self.0))
    }

    /// The latest that `explain` may tell of an instance, oldest first.
    pub(crate) fn latest(&self, instance: &str, most: usize) -> Vec<Arc<HostEvent>> {
        let inner = self.0.inner.lock();
        let of_it = inner.kept.iter().rev().filter(|event| is_of(event, instance));
        let mut latest: Vec<Arc<HostEvent>> = of_it.take(most).cloned().collect();
        latest.reverse();
        latest
    }

    /// Nothing will happen any more: streams end when they are read to their end.
    pub(crate) fn close(&self) {
        let mut inner = self.0.inner.lock();
        inner.closed = true;
        let listeners = std::mem::take(&mut inner.listeners);
        self.0.listeners.store(0, Ordering::Relaxed);
        drop(inner);
        // Wakes them, so not under the lock.
        hotshoe_abi::guard::contain(move || drop(listeners));
    }
}

impl Inner {
    fn keep(&mut self, event: Arc<HostEvent>) {
        let of_it = |other: &&Arc<HostEvent>| other.instance == event.instance;
        let oldest = if self.kept.iter().filter(of_it).count() >= KEPT_OF_ONE {
            self.kept.iter().position(|other| of_it(&other))
        } else {
            (self.kept.len() >= KEPT).then_some(0)
        };
        if let Some(oldest) = oldest {
            self.kept.remove(oldest);
        }
        self.kept.push_back(event);
    }
}

fn is_of(event: &HostEvent, instance: &str) -> bool {
    event.instance.as_deref() == Some(instance)
}

impl Board {
    /// Forgets whoever read from this queue.
    pub(super) fn forget(board: &Weak<Self>, queue: &Arc<Queue>) {
        let Some(board) = board.upgrade() else { return };
        let mut inner = board.inner.lock();
        let at = inner.listeners.iter().position(|other| Arc::ptr_eq(&other.queue, queue));
        let gone = at.map(|at| inner.listeners.swap_remove(at));
        board.listeners.store(inner.listeners.len(), Ordering::Relaxed);
        drop(inner);
        drop(gone);
    }
}

impl Queue {
    fn push(&self, event: Arc<HostEvent>) {
        let mut waiting = self.0.lock();
        if waiting.events.len() >= QUEUE {
            waiting.events.pop_front();
            waiting.missed += 1;
        }
        waiting.events.push_back(event);
    }

    /// The next one; what was dropped comes before what is left.
    pub(super) fn take(&self) -> Option<Arc<HostEvent>> {
        let mut waiting = self.0.lock();
        match std::mem::take(&mut waiting.missed) {
            0 => waiting.events.pop_front(),
            count => Some(Arc::new(HostEvent::now("", HostEventKind::Missed { count }))),
        }
    }
}

/// Rung when something has come; closed when nothing will.
pub(super) type Rung = Receiver<()>;

#[cfg(test)]
mod tests {
    use std::task::{Context, Wake, Waker};

    use futures_lite::Stream;
    use futures_lite::future::block_on;

    use super::*;

    fn gave_up(instance: &str, after: u32) -> HostEvent {
        HostEvent::now(instance, HostEventKind::GaveUp { after })
    }

    /// The numbers of those that wait, and how many were missed.
    fn read(stream: &mut EventStream) -> (Vec<u32>, u64) {
        let (mut numbers, mut missed) = (Vec::new(), 0);
        while let Some(event) = stream.try_next() {
            match event.kind {
                HostEventKind::GaveUp { after } => numbers.push(after),
                HostEventKind::Missed { count } => missed += count,
                _ => panic!("{event}"),
            }
        }
        (numbers, missed)
    }

    #[test]
    fn every_listener_hears_all_that_happens_from_its_beginning_on_in_order() {
        let monitor = Monitor::default();
        monitor.emit(gave_up("it", 0));
        let mut first = monitor.listen();
        monitor.emit(gave_up("it", 1));
        let mut second = monitor.listen();
        monitor.emit(gave_up("it", 2));
        assert_eq!(read(&mut first), (vec![1, 2], 0));
        assert_eq!(read(&mut second), (vec![2], 0));
    }

    #[test]
    fn a_listener_that_is_slow_loses_the_oldest_and_is_told_how_many() {
        let monitor = Monitor::default();
        let (mut slow, mut quick) = (monitor.listen(), monitor.listen());
        let all = QUEUE as u32 + 5;
        for number in 0..all {
            monitor.emit(gave_up("it", number));
            assert_eq!(read(&mut quick), (vec![number], 0));
        }
        let first = block_on(slow.next()).unwrap();
        assert_eq!(first.kind, HostEventKind::Missed { count: 5 });
        assert_eq!(read(&mut slow), ((5..all).collect(), 0));
        // That was told, and is not told again.
        monitor.emit(gave_up("it", all));
        assert_eq!(read(&mut slow), (vec![all], 0));
    }

    #[test]
    fn a_stream_ends_when_all_was_read_and_nothing_will_come() {
        let monitor = Monitor::default();
        let (mut stopped, mut waiting) = (monitor.listen(), monitor.listen());
        monitor.emit(gave_up("it", 1));
        monitor.close();
        assert!(stopped.recv().is_some() && stopped.recv().is_none());
        assert!(monitor.listen().recv().is_none(), "nothing comes after the end");

        let thread = std::thread::spawn(move || (waiting.recv().is_some(), waiting.recv()));
        assert_eq!(thread.join().unwrap(), (true, None));

        let other = Monitor::default();
        let mut stream = other.listen();
        drop(other);
        assert!(stream.recv().is_none());
    }

    #[test]
    fn a_listener_that_is_gone_is_forgotten() {
        let monitor = Monitor::default();
        let streams = [monitor.listen(), monitor.listen()];
        assert!(monitor.is_heard());
        drop(streams);
        assert!(!monitor.is_heard());
        assert!(monitor.0.inner.lock().listeners.is_empty());
    }

    #[test]
    fn without_listeners_what_nobody_asks_for_later_is_not_kept() {
        let monitor = Monitor::default();
        let (from, to) = (&crate::lifecycle::State::Active, &crate::lifecycle::State::Degraded);
        monitor.emit(HostEvent::now("it", HostEventKind::state_changed(from, to)));
        assert!(monitor.latest("it", 9).is_empty());
        assert!(monitor.0.inner.lock().kept.is_empty());
    }

    #[test]
    fn one_instance_does_not_push_out_the_latest_of_another() {
        let monitor = Monitor::default();
        monitor.emit(gave_up("quiet", 7));
        for number in 0..10_000 {
            monitor.emit(gave_up("loud", number));
        }
        assert_eq!(monitor.latest("quiet", 5).len(), 1);
        let loud: Vec<String> =
            monitor.latest("loud", 2).iter().map(|event| event.to_string()).collect();
        assert!(loud[0].contains("9998") && loud[1].contains("9999"), "{loud:?}");
        for id in 0..10_000 {
            monitor.emit(gave_up(&id.to_string(), 1));
        }
        assert_eq!(monitor.0.inner.lock().kept.len(), KEPT);
    }

    /// Tells of something more when it is woken, as a logger may.
    struct Teller(Monitor);

    impl Wake for Teller {
        fn wake(self: Arc<Self>) {
            self.0.emit(gave_up("it", 2));
            drop(self.0.listen());
        }
    }

    #[test]
    fn whoever_is_woken_may_ask_and_tell() {
        let monitor = Monitor::default();
        let mut stream = monitor.listen();
        let waker: Waker = Arc::new(Teller(monitor.clone())).into();
        let mut context = Context::from_waker(&waker);
        assert!(std::pin::Pin::new(&mut stream).poll_next(&mut context).is_pending());
        monitor.emit(gave_up("it", 1));
        assert_eq!(read(&mut stream), (vec![1, 2], 0));
    }
}
