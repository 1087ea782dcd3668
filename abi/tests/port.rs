//! Calls through a port, and what becomes of them, with an object that does what a test tells it.

#![allow(unsafe_code, reason = "a port's object promises a fence")]

use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use hotshoe_abi::__stable::{RString, RVec, WithMetadata, staticref};
use hotshoe_abi::{
    AbiFuture, AbiTurn, Error, ErrorKind, ExtensionInfo, ExtensionInfoRef, ExtensionTable,
    PortObject, PortOwner, PortTarget, QUEUED, Queued, RawExtension, Result, SAMPLE, SECOND, TIMED,
    outcome, release_shared, retain_shared, switch,
};

/// Makes every call ask.
const ASK: u32 = switch::UNFENCED;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Turn {
    Go,
    Wait,
    Over,
}

struct Fake {
    /// What a call that asks gets.
    ticket: AtomicU64,
    turn: Mutex<Turn>,
    waker: Mutex<Option<Waker>>,
    /// Ticket, outcome, and whether it was timed.
    reports: Mutex<Vec<(u64, u32, bool)>>,
}

impl Fake {
    fn new(ticket: u64) -> Self {
        Self {
            ticket: AtomicU64::new(ticket),
            turn: Mutex::new(Turn::Go),
            waker: Mutex::default(),
            reports: Mutex::default(),
        }
    }

    fn reports(&self) -> Vec<(u64, u32, bool)> {
        self.reports.lock().unwrap().clone()
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.lock().unwrap().take() {
            waker.wake();
        }
    }

    /// How calls ended, without those that were only timed.
    fn outcomes(&self) -> Vec<u32> {
        let told = |(ticket, ended, _): &(u64, u32, bool)| *ticket != 0 || *ended != outcome::DONE;
        self.reports().iter().filter(|report| told(report)).map(|(_, ended, _)| *ended).collect()
    }
}

// SAFETY: where threads call while a target is taken, `ASK` is always set. Elsewhere they are joined, or
// pass a barrier or a lock, before.
unsafe impl PortObject for Fake {
    fn fence(&self) {
        std::sync::atomic::fence(Ordering::SeqCst);
    }

    // Closed or not: the port itself lets nobody in then.
    fn admit(&self, _: u32, _: bool) -> Result<u64> {
        Ok(self.ticket.load(Ordering::Relaxed))
    }

    fn leave(&self, ticket: u64, outcome: u32, nanos: u64) {
        self.reports.lock().unwrap().push((ticket, outcome, nanos != u64::MAX));
    }

    fn turn(&self, ticket: &mut u64, waker: &Waker) -> AbiTurn {
        *self.waker.lock().unwrap() = Some(waker.clone());
        match *self.turn.lock().unwrap() {
            Turn::Go => {
                *ticket &= !QUEUED;
                AbiTurn::Go
            }
            Turn::Wait => AbiTurn::Wait,
            Turn::Over => {
                *ticket &= !QUEUED;
                AbiTurn::Over(Error::new(ErrorKind::Timeout, "it is over"))
            }
        }
    }
}

type Port = PortOwner<Fake, Arc<u32>>;

fn port(switch: u32, ticket: u64) -> Port {
    PortOwner::new(Fake::new(ticket), Arc::new(7), switch, None)
}

fn call<R: PortTarget>(port: &PortOwner<Fake, R>) -> Result<()> {
    port.call(|_| (), |()| outcome::DONE)
}

fn poll<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Poll<T> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn answer<'x>(value: u32) -> AbiFuture<'x, u32> {
    AbiFuture::new(async move { Ok(value) })
}

/// An answer that never comes; `dropped` is set when nobody waits for it any more.
fn never<'x>(dropped: &Arc<AtomicBool>) -> AbiFuture<'x, u32> {
    struct Tells(Arc<AtomicBool>);
    impl Drop for Tells {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let tells = Tells(dropped.clone());
    AbiFuture::new(async move {
        let _tells = tells;
        pending::<Result<u32>>().await
    })
}

extern "C" fn one() -> RVec<RString> {
    [RString::from("one()->u32")].into_iter().collect()
}

extern "C" fn two() -> RVec<RString> {
    [RString::from("one()->u64")].into_iter().collect()
}

extern "C" fn more() -> RVec<RString> {
    ["one()->u32", "other()->u32"].map(RString::from).into_iter().collect()
}

struct Infos;

impl Infos {
    staticref! {
        const ONE: WithMetadata<ExtensionInfo> = WithMetadata::new(Self::info("1.0.0", one));
        const TWO: WithMetadata<ExtensionInfo> = WithMetadata::new(Self::info("1.0.0", two));
        const LATER: WithMetadata<ExtensionInfo> = WithMetadata::new(Self::info("1.1.0", more));
        const NEXT: WithMetadata<ExtensionInfo> = WithMetadata::new(Self::info("2.0.0", one));
    }

    const fn info(
        version: &'static str,
        methods: extern "C" fn() -> RVec<RString>,
    ) -> ExtensionInfo {
        ExtensionInfo {
            name: hotshoe_abi::__stable::RStr::from_str("numbers"),
            version: hotshoe_abi::__stable::RStr::from_str(version),
            methods,
            retain: retain_shared::<u32>,
            release: release_shared::<u32>,
        }
    }
}

static TABLES: [ExtensionTable; 4] = [
    ExtensionTable { info: ExtensionInfoRef(Infos::ONE.as_prefix()) },
    ExtensionTable { info: ExtensionInfoRef(Infos::TWO.as_prefix()) },
    ExtensionTable { info: ExtensionInfoRef(Infos::LATER.as_prefix()) },
    ExtensionTable { info: ExtensionInfoRef(Infos::NEXT.as_prefix()) },
];
const OTHER: usize = 1;
const LATER: usize = 2;
const NEXT: usize = 3;

fn numbers(value: u32, table: usize) -> RawExtension {
    // SAFETY: the table is for shared `u32`s; nobody calls its methods.
    unsafe { RawExtension::new(Arc::into_raw(Arc::new(value)).cast(), &raw const TABLES[table]) }
}

fn value(object: &RawExtension) -> u32 {
    // SAFETY: made by `numbers`.
    unsafe { *object.data().cast::<u32>() }
}

#[test]
fn calls_of_all_threads_are_counted_also_when_the_threads_have_ended() {
    let port = port(0, 0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..100).for_each(|_| call(&port).expect("nothing is in the way")));
        }
    });
    assert_eq!(port.counts(), (400, 400));
    call(&port).expect("nothing is in the way");
    assert_eq!(port.counts(), (401, 401));
}

#[test]
fn whoever_takes_the_target_hears_how_many_are_inside() {
    let port = port(0, 0);
    let outer = port.call(
        |_| {
            let inner = port.call(
                |_| {
                    port.set(switch::CLOSED);
                    port.unmount().map(|_| ())
                },
                |_| outcome::DONE,
            );
            (inner.expect("it came in before"), port.unmount().map(|_| ()))
        },
        |_| outcome::DONE,
    );
    assert_eq!(outer.expect("it came in before"), (Err(2), Err(1)));
    assert_eq!(port.unmount().map(|target| target.as_deref().copied()), Ok(Some(7)));
    assert_eq!(port.unmount(), Ok(None));
}

#[test]
#[should_panic(expected = "a port is closed or paused before its target is taken")]
fn a_target_is_not_taken_from_a_port_that_is_open() {
    let _ = port(ASK, 0).unmount();
}

#[test]
fn a_handle_leads_to_the_successor() {
    let owner = PortOwner::new(Fake::new(0), numbers(1, 0), 0, None);
    let handle = owner.port();
    let ask = || handle.call(value, |_| outcome::DONE).map_err(|error| error.kind());
    assert_eq!(ask(), Ok(1));
    owner.set(switch::CLOSED);
    drop(owner.unmount().expect("nobody is inside"));
    assert_eq!(ask(), Err(ErrorKind::Unavailable));
    assert!(owner.mount(numbers(2, 0)).is_ok());
    assert_eq!(ask(), Err(ErrorKind::Unavailable));
    owner.clear(switch::CLOSED);
    assert_eq!(ask(), Ok(2));
    drop(owner);
    assert_eq!(ask(), Ok(2));
}

#[test]
fn what_cannot_be_called_like_its_predecessor_is_not_mounted() {
    let port = PortOwner::new(Fake::new(0), numbers(1, 0), switch::CLOSED, None);
    // There is one.
    assert_eq!(port.mount(numbers(2, 0)).map_err(|refused| value(&refused)), Err(2));
    drop(port.unmount());
    for other in [OTHER, NEXT] {
        assert_eq!(port.mount(numbers(3, other)).map_err(|refused| value(&refused)), Err(3));
    }
    assert!(port.mount(numbers(4, LATER)).is_ok());
}

#[test]
fn callers_rely_on_what_is_new_only_when_it_stays() {
    let port = PortOwner::new(Fake::new(0), numbers(1, 0), 0, None);
    let version = || port.port().info().version();
    let mut spare = port.prepare(numbers(2, LATER)).map_err(|_| ()).expect("it has more");
    spare.put().expect("there is something to be exchanged");
    assert_eq!(version(), "1.0.0");
    // And back again, which nobody needs to be told of.
    spare.put().expect("there is something to be exchanged");
    spare.put().expect("there is something to be exchanged");
    port.settle();
    assert_eq!(version(), "1.1.0");
    assert!(port.prepare(numbers(3, 0)).is_err(), "what callers rely on now is not there");
}

#[test]
fn who_is_inside_goes_on_with_what_was_there_and_who_comes_has_what_is_new() {
    let port = port(0, 0);
    let ask = || port.call(|target| **target, |_| outcome::DONE).expect("it is open");
    let mut spare = port.prepare(Arc::new(8)).expect("it can be called like that");
    let (before, after, taken) = port
        .call(
            |target| {
                spare.put().expect("there is something to be exchanged");
                (**target, ask(), spare.take().map(drop))
            },
            |_| outcome::DONE,
        )
        .expect("it is open");
    assert_eq!((before, after, taken), (7, 8, Err(1)));
    assert_eq!(spare.take().map(|object| object.map(|object| **object)), Ok(Some(7)));
    assert_eq!(ask(), 8);
}

#[test]
fn what_was_put_aside_while_nobody_was_inside_can_be_taken_whoever_comes_later() {
    let port = port(0, 0);
    let mut spare = port.prepare(Arc::new(8)).expect("it can be called like that");
    spare.put().expect("there is something to be exchanged");
    let taken = port.call(|_| spare.take().map(|object| object.map(|object| **object)), |_| 0);
    assert_eq!(taken.expect("it is open"), Ok(Some(7)));
}

#[test]
fn what_somebody_may_be_inside_of_is_not_dropped() {
    let port = port(0, 0);
    let kept = Arc::new(8);
    let mut spare = port.prepare(kept.clone()).expect("it can be called like that");
    spare.put().expect("there is something to be exchanged");
    let inside = port.call(
        |target| {
            spare.put().expect("there is something to be exchanged");
            drop(spare);
            **target
        },
        |_| outcome::DONE,
    );
    assert_eq!(inside.expect("it is open"), 8);
    assert_eq!(Arc::strong_count(&kept), 2, "it stays for good");
}

#[test]
fn whose_ticket_says_so_calls_the_second_until_it_is_withdrawn() {
    let port = port(ASK, 0);
    let mut spare = port.prepare(Arc::new(8)).expect("it can be called like that");
    let ask = |ticket| {
        port.ticket.store(ticket, Ordering::Relaxed);
        let at_once = port.call(|target| **target, |_| outcome::DONE).expect("it is open");
        let mut awaited =
            port.start(|target, _| answer(**target), outcome::of).expect("it is open");
        assert!(matches!(poll(&mut awaited), Poll::Ready(Ok(value)) if value == at_once));
        at_once
    };
    assert_eq!((ask(0), ask(SECOND)), (7, 7));
    spare.share();
    assert_eq!((ask(0), ask(TIMED), ask(SECOND), ask(0)), (7, 7, 8, 7));
    port.ticket.store(SECOND, Ordering::Relaxed);
    let (inside, after, taken) = port
        .call(
            |target| {
                spare.withdraw();
                (**target, ask(SECOND), spare.take().map(drop))
            },
            |_| outcome::DONE,
        )
        .expect("it is open");
    assert_eq!((inside, after, taken), (8, 7, Err(1)));
    assert_eq!(spare.take().map(|object| object.map(|object| **object)), Ok(Some(8)));
}

#[test]
fn the_second_that_takes_the_place_of_the_first_is_no_second_any_more() {
    let port = port(ASK, 0);
    let mut spare = port.prepare(Arc::new(8)).expect("it can be called like that");
    spare.share();
    spare.put().expect("there is something to be exchanged");
    for ticket in [0, SECOND] {
        port.ticket.store(ticket, Ordering::Relaxed);
        let found = port.call(|target| **target, |_| outcome::DONE);
        assert_eq!(found.expect("it is open"), 8);
    }
    assert_eq!(spare.take().map(|object| object.map(|object| **object)), Ok(Some(7)));
}

#[test]
fn a_second_that_is_taken_or_dropped_is_withdrawn_before() {
    let port = port(ASK, SECOND);
    let ask = || port.call(|target| **target, |_| outcome::DONE).expect("it is open");
    let mut spare = port.prepare(Arc::new(8)).expect("it can be called like that");
    spare.share();
    assert!(spare.take().is_ok());
    assert_eq!(ask(), 7);
    let mut spare = port.prepare(Arc::new(9)).expect("it can be called like that");
    spare.share();
    assert_eq!(ask(), 9);
    drop(spare);
    assert_eq!(ask(), 7);
}

#[test]
fn who_waits_looks_for_the_second_when_it_is_its_turn() {
    let owner = PortOwner::new(Fake::new(SECOND | QUEUED), numbers(7, 0), ASK, None);
    let mut spare = owner.prepare(numbers(8, 0)).map_err(|_| ()).expect("it can be called");
    let (handle, mut context) = (owner.port(), Context::from_waker(Waker::noop()));
    spare.share();
    let mut ask = |meanwhile: &mut dyn FnMut()| {
        *owner.turn.lock().unwrap() = Turn::Wait;
        let Err(mut queued) = handle.begin().expect("it is open").inside() else {
            panic!("it was to wait")
        };
        assert!(queued.poll_turn(&mut context).is_pending());
        meanwhile();
        *owner.turn.lock().unwrap() = Turn::Go;
        assert!(matches!(queued.poll_turn(&mut context), Poll::Ready(Ok(()))));
        queued.call(value).0
    };
    assert_eq!(ask(&mut || {}), 8);
    // Nobody is inside while it waits.
    assert_eq!(ask(&mut || assert!(spare.take().is_ok())), 7);
}

#[test]
fn a_call_whose_ticket_says_so_is_timed() {
    let port = port(ASK, TIMED);
    for _ in 0..3 {
        call(&port).expect("it is open");
        drop(port.start(|target, _| answer(**target), outcome::of).expect("it is open"));
    }
    assert!(port.reports().iter().all(|(ticket, _, timed)| (*ticket, *timed) == (TIMED, true)));
    assert_eq!(port.reports().len(), 6);
}

#[test]
fn seconds_come_and_go_while_others_call() {
    let new = || Alive(AtomicBool::new(true));
    let port = PortOwner::new(Fake::new(SECOND), new(), ASK, None);
    let (done, got_in) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let inside = |target: &Alive| assert!(target.0.load(Ordering::SeqCst));
                    port.call(inside, |()| outcome::DONE).expect("it is open");
                    got_in.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for round in 0..200 {
            let mut spare = port.prepare(new()).map_err(|_| ()).expect("it can be called");
            spare.share();
            let before = got_in.load(Ordering::Relaxed);
            while got_in.load(Ordering::Relaxed) == before {
                thread::yield_now();
            }
            if round % 2 == 0 {
                spare.put().expect("there is something to be exchanged");
            }
            while spare.take().is_err() {
                thread::yield_now();
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    let (entered, left) = port.counts();
    assert_eq!(entered, left);
}

#[test]
fn calls_that_are_held_wait_and_are_not_inside() {
    let port = port(0, QUEUED);
    port.pause();
    let ask = || port.start(|target, _| answer(**target), outcome::of).expect("it may wait");
    let mut waits = ask();
    assert!(poll(&mut waits).is_pending());
    let mut gives_up = ask();
    assert!(poll(&mut gives_up).is_pending());
    assert_eq!((port.inside(), port.counts()), (0, (2, 0)));
    drop(gives_up);
    assert_eq!((port.inside(), port.counts()), (0, (2, 1)));
    // What was there is taken, and something else comes.
    assert_eq!(port.unmount().map(|target| target.as_deref().copied()), Ok(Some(7)));
    assert!(poll(&mut waits).is_pending());
    port.mount(Arc::new(8)).expect("there is nothing");
    port.resume();
    assert!(matches!(poll(&mut waits), Poll::Ready(Ok(8))));
    assert_eq!((port.inside(), port.counts()), (0, (2, 2)));
}

#[test]
fn a_thread_that_is_held_goes_on_when_calls_are_held_no_more() {
    let port = port(0, QUEUED);
    port.pause();
    let (asked, held) = std::sync::mpsc::channel();
    thread::scope(|scope| {
        let asks = scope.spawn(|| {
            asked.send(()).expect("somebody waits");
            port.call(|target| **target, |_| outcome::DONE)
        });
        held.recv().expect("it asks");
        let mut spare = port.prepare(Arc::new(8)).expect("it can be called like that");
        while port.inside() > 0 || port.counts().0 == 0 {
            thread::yield_now();
        }
        spare.put().expect("there is something to be exchanged");
        port.resume();
        port.wake();
        assert_eq!(asks.join().expect("it answers").expect("it is open"), 8);
    });
}

#[test]
fn a_call_that_waits_where_nothing_comes_any_more_is_over() {
    let port = port(0, QUEUED);
    port.pause();
    let mut waits = port.start(|_, _| answer(1), outcome::of).expect("it may wait");
    assert!(poll(&mut waits).is_pending());
    drop(port.unmount());
    port.set(switch::CLOSED);
    port.resume();
    let Poll::Ready(Err(error)) = poll(&mut waits) else { panic!("it was to be over") };
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!((port.inside(), port.counts()), (0, (1, 1)));
}

#[test]
fn a_port_that_is_paused_lets_nobody_in_that_does_not_wait() {
    let port = port(0, 2);
    port.pause();
    assert_eq!(call(&port).map_err(|error| error.kind()), Err(ErrorKind::Unavailable));
    assert_eq!(port.outcomes(), [outcome::DROPPED]);
}

#[test]
fn a_port_without_a_target_stays_closed() {
    let port = port(0, 2);
    port.set(switch::CLOSED);
    drop(port.unmount());
    port.clear(switch::CLOSED | ASK);
    assert_eq!(port.switch(), switch::CLOSED);
    assert_eq!(call(&port).map_err(|error| error.kind()), Err(ErrorKind::Unavailable));
    // The ticket is given back.
    assert_eq!(port.outcomes(), [outcome::DROPPED]);
    assert_eq!(port.counts(), (1, 1));
}

#[test]
fn a_port_whose_target_was_taken_while_calls_were_held_is_closed_when_they_are_no_more() {
    let port = port(0, 0);
    port.pause();
    drop(port.unmount());
    port.resume();
    assert_eq!(port.switch(), switch::CLOSED);
    assert_eq!(call(&port).map_err(|error| error.kind()), Err(ErrorKind::Unavailable));
    assert!(port.mount(Arc::new(8)).is_ok());
    port.clear(switch::CLOSED);
    assert_eq!(port.call(|target| **target, |_| outcome::DONE).ok(), Some(8));
}

#[test]
fn a_call_that_panics_has_left() {
    let port = port(0, 0);
    let called = || port.call(|_| panic!("on purpose"), |()| outcome::DONE);
    assert!(catch_unwind(AssertUnwindSafe(called)).is_err());
    assert_eq!(port.counts(), (1, 1));
    assert_eq!(port.outcomes(), [outcome::DROPPED]);
}

#[test]
fn one_of_so_many_calls_of_a_thread_is_timed() {
    let port = port(0, 0);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| (0..10 * SAMPLE).for_each(|_| call(&port).expect("it is open")));
        }
    });
    assert_eq!(port.reports(), [(0, outcome::DONE, true); 30]);
}

#[test]
fn an_awaited_call_may_begin_go_on_and_end_on_different_threads() {
    let port = port(0, 0);
    let dropped = Arc::new(AtomicBool::new(false));
    let answer = thread::scope(|scope| {
        let begins = || port.start(|_, _| never(&dropped), outcome::of).expect("it is open");
        scope.spawn(begins).join().expect("a call")
    });
    let answer = thread::scope(|scope| {
        let goes_on = move || {
            let mut answer = answer;
            assert!(poll(&mut answer).is_pending());
            answer
        };
        scope.spawn(goes_on).join().expect("a call")
    });
    assert_eq!(port.counts(), (1, 0));
    port.set(switch::CLOSED);
    assert_eq!(port.unmount().map(|_| ()), Err(1));
    assert!(!dropped.load(Ordering::SeqCst));
    thread::scope(|scope| scope.spawn(move || drop(answer)).join()).expect("it is dropped");
    assert!(dropped.load(Ordering::SeqCst));
    assert_eq!(port.counts(), (1, 1));
    assert_eq!(port.outcomes(), [outcome::DROPPED]);
    assert!(port.unmount().is_ok());
}

#[test]
fn an_answer_ends_the_call_before_whoever_waits_has_it() {
    let port = port(0, 0);
    let fails = || AbiFuture::new(async { Err::<u32, _>(Error::new(ErrorKind::NotFound, "no")) });
    let mut answer = port.start(|_, _| fails(), outcome::of).expect("it is open");
    assert!(poll(&mut answer).is_ready());
    assert_eq!(port.counts(), (1, 1));
    assert_eq!(port.outcomes(), [outcome::failed(ErrorKind::NotFound)]);
    // Polled again it says so, and dropped it does not leave twice.
    assert!(matches!(poll(&mut answer), Poll::Ready(Err(_))));
    drop(answer);
    assert_eq!(port.counts(), (1, 1));
}

#[test]
fn a_call_in_line_begins_when_it_is_its_turn() {
    let port = port(ASK, 2 | QUEUED);
    *port.turn.lock().unwrap() = Turn::Wait;
    let begun = AtomicBool::new(false);
    let call = |answer| {
        begun.store(true, Ordering::Relaxed);
        AbiFuture::ready(Ok(answer))
    };
    let mut answer = port.start(|target, _| call(**target), outcome::of).expect("it is open");
    assert!(answer.is_queued() && poll(&mut answer).is_pending());
    assert!(!begun.load(Ordering::Relaxed));
    assert!(port.waker.lock().unwrap().is_some(), "somebody is to be woken");
    *port.turn.lock().unwrap() = Turn::Go;
    assert!(matches!(poll(&mut answer), Poll::Ready(Ok(7))));
    assert!(begun.load(Ordering::Relaxed));
    assert_eq!(port.outcomes(), [outcome::DONE]);
}

#[test]
fn a_call_whose_time_is_over_before_its_turn_never_begins() {
    let port = port(ASK, 2 | QUEUED);
    *port.turn.lock().unwrap() = Turn::Over;
    let call = || -> AbiFuture<'_, u32> { unreachable!("it was over before it began") };
    let mut answer = port.start(|_, _| call(), outcome::of).expect("it is open");
    assert!(
        matches!(poll(&mut answer), Poll::Ready(Err(error)) if error.kind() == ErrorKind::Timeout)
    );
    assert_eq!(port.counts(), (1, 1));
    assert_eq!(port.outcomes(), [outcome::failed(ErrorKind::Timeout)]);
}

#[test]
fn a_service_in_whose_line_a_call_stands_is_called_when_it_is_its_turn() {
    let owner = PortOwner::new(Fake::new(2 | QUEUED), numbers(1, 0), ASK, None);
    *owner.turn.lock().unwrap() = Turn::Wait;
    let (handle, mut context) = (owner.port(), Context::from_waker(Waker::noop()));
    let begin = || match handle.begin().expect("it is open").inside() {
        Ok(_) => panic!("it is not its turn"),
        Err(queued) => queued,
    };
    let called = AtomicBool::new(false);
    let is_called = |queued: Queued| {
        let call = || drop(queued.call(|_| called.store(true, Ordering::Relaxed)));
        catch_unwind(AssertUnwindSafe(call)).is_ok() || called.load(Ordering::Relaxed)
    };
    assert!(!is_called(begin()), "it was not its turn");
    let mut queued = begin();
    assert!(queued.poll_turn(&mut context).is_pending());
    *owner.turn.lock().unwrap() = Turn::Go;
    assert!(matches!(queued.poll_turn(&mut context), Poll::Ready(Ok(()))));
    assert_eq!(queued.call(value).0, 1);
    *owner.turn.lock().unwrap() = Turn::Over;
    let mut over = begin();
    assert!(matches!(over.poll_turn(&mut context), Poll::Ready(Err(_))));
    assert!(!is_called(over), "it was over");
    assert_eq!(owner.counts(), (3, 3));
}

#[test]
fn a_call_with_a_limit_is_dropped_when_it_is_over() {
    let limit = Some(Duration::from_secs(3600));
    let port = PortOwner::new(Fake::new(0), Arc::new(7_u32), 0, limit);
    let dropped = Arc::new(AtomicBool::new(false));
    let mut answer = port.start(|_, _| never(&dropped), outcome::of).expect("it is open");
    assert!(port.waker.lock().unwrap().is_none());
    assert!(poll(&mut answer).is_pending());
    assert!(port.waker.lock().unwrap().is_some(), "somebody keeps the time");
    *port.turn.lock().unwrap() = Turn::Over;
    assert!(matches!(poll(&mut answer), Poll::Ready(Err(_))));
    assert!(dropped.load(Ordering::SeqCst));
    assert_eq!(port.outcomes(), [outcome::failed(ErrorKind::Timeout)]);
}

#[test]
fn a_call_that_is_given_up_ends_as_it_is_told() {
    let port = port(0, 0);
    let dropped = Arc::new(AtomicBool::new(false));
    let mut answer = port.start(|_, _| never(&dropped), outcome::of).expect("it is open");
    assert!(poll(&mut answer).is_pending());
    answer.give_up(outcome::failed(ErrorKind::Timeout));
    assert!(dropped.load(Ordering::SeqCst));
    assert_eq!(port.counts(), (1, 1));
    drop(answer);
    assert_eq!(port.outcomes(), [outcome::failed(ErrorKind::Timeout)]);
}

/// Calls or leaves when its thread ends.
struct Last(Box<dyn FnOnce()>);

thread_local! {
    static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
}

impl Drop for Last {
    fn drop(&mut self) {
        std::mem::replace(&mut self.0, Box::new(|| ()))();
    }
}

/// On a thread, whose own calls begin before or after its local is there: locals are destroyed in an order
/// that follows from that.
fn at_the_end_of_a_thread(port: &Port, calls_first: bool, last: impl FnOnce() + Send + 'static) {
    let port = port.clone();
    let ends = thread::spawn(move || {
        if calls_first {
            call(&port).expect("it is open");
        }
        LAST.set(Some(Last(Box::new(last))));
        if !calls_first {
            call(&port).expect("it is open");
        }
    });
    ends.join().expect("its locals are destroyed");
}

#[test]
fn a_call_from_the_destructor_of_a_local_goes_in_or_is_refused() {
    for calls_first in [true, false] {
        let port = port(0, 0);
        let (own, answer) = (port.clone(), Arc::new(Mutex::new(None)));
        let told = answer.clone();
        at_the_end_of_a_thread(&port, calls_first, move || {
            *told.lock().unwrap() = Some(call(&own).map_err(|error| error.kind()));
        });
        let answer = answer.lock().unwrap().take().expect("it was called");
        let calls = match answer {
            Ok(()) => 2,
            Err(kind) => {
                assert_eq!(kind, ErrorKind::Unavailable);
                1
            }
        };
        assert_eq!(port.counts(), (calls, calls));
    }
}

#[test]
fn an_awaited_call_that_is_dropped_with_a_local_has_left() {
    for calls_first in [true, false] {
        let port = port(0, 0);
        let owner = PortOwner::new(Fake::new(0), numbers(1, 0), 0, None);
        let handle = owner.port();
        at_the_end_of_a_thread(&port, calls_first, {
            let (_, awaited) = handle.enter().expect("it is open").call_awaited(|_| ());
            move || drop(awaited)
        });
        assert_eq!(owner.counts(), (1, 1));
        owner.set(switch::CLOSED);
        assert!(owner.unmount().is_ok());
    }
}

#[test]
fn a_target_goes_with_the_last_share_of_its_port() {
    let target = Arc::new(7);
    let port = PortOwner::new(Fake::new(0), target.clone(), 0, None);
    // Also if that goes in a call of its own.
    let shares = Mutex::new(vec![port.clone(), port.clone()]);
    port.call(|_| shares.lock().unwrap().clear(), |()| outcome::DONE).expect("it is open");
    assert_eq!(Arc::strong_count(&target), 2);
    drop(port);
    assert_eq!(Arc::strong_count(&target), 1);
}

#[test]
fn a_port_whose_shares_have_gone_stays_for_the_call_inside() {
    let owner = PortOwner::new(Fake::new(0), numbers(5, 0), 0, None);
    let handle = owner.port();
    let (seen, mut awaited) = handle.enter().expect("it is open").call_awaited(|object| {
        let object = object.data() as usize;
        AbiFuture::new(poll_fn(move |_| {
            // SAFETY: what is called stays until the call has left.
            Poll::Ready(Ok(unsafe { *(object as *const u32) }))
        }))
    });
    drop((owner, handle));
    let answer = awaited.poll(
        &mut Context::from_waker(Waker::noop()),
        &mut Some(seen),
        &mut None::<fn(&Result<u32>) -> u32>,
    );
    assert!(matches!(answer, Poll::Ready(Ok(5))));
}

#[test]
fn threads_that_stay_find_their_own_count_of_each_port_that_comes_and_goes() {
    const THREADS: usize = 3;
    let ports: Mutex<Vec<Port>> = Mutex::default();
    let step = Barrier::new(THREADS + 1);
    let mut found = Vec::new();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for round in 0..50 {
                    step.wait();
                    let mine = ports.lock().unwrap().clone();
                    // Not all threads call all ports.
                    mine.iter().skip(round % 3).for_each(|port| call(port).expect("it is open"));
                    drop(mine);
                    step.wait();
                }
            });
        }
        for round in 0..50 {
            let fresh: Vec<Port> = (0..1 + round % 7).map(|_| port(0, 0)).collect();
            *ports.lock().unwrap() = fresh.clone();
            step.wait();
            step.wait();
            for (at, port) in fresh.iter().enumerate() {
                let calls = if at < round % 3 { 0 } else { THREADS as u64 };
                found.push((port.counts(), (calls, calls)));
            }
        }
    });
    // Not in between: others would wait for whoever panics.
    found.into_iter().for_each(|(counts, calls)| assert_eq!(counts, calls));
}

/// A target that knows whether it is still there.
struct Alive(AtomicBool);

impl PortTarget for Alive {}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

#[test]
fn targets_come_and_go_while_others_call() {
    let new = || Alive(AtomicBool::new(true));
    let port = PortOwner::new(Fake::new(0), new(), ASK, None);
    let (done, got_in) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let inside = |target: &Alive| assert!(target.0.load(Ordering::SeqCst));
                    if port.call(inside, |()| outcome::DONE).is_ok() {
                        got_in.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        for _ in 0..200 {
            let before = got_in.load(Ordering::Relaxed);
            while got_in.load(Ordering::Relaxed) == before {
                thread::yield_now();
            }
            port.set(switch::CLOSED);
            while port.unmount().is_err() {
                thread::yield_now();
            }
            assert!(port.mount(new()).is_ok());
            port.clear(switch::CLOSED);
        }
        done.store(true, Ordering::Relaxed);
    });
    let (entered, left) = port.counts();
    assert_eq!(entered, left);
}
