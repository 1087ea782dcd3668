use std::future::{pending, poll_fn, ready};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::Waker;
use std::thread;

use super::*;
use crate::runtime::{Timekeeper, nesting::nested, on_own_thread};

/// Long enough for anything that is going to happen.
const LONG: Duration = Duration::from_secs(60);

fn lane(threads: u32, queue: u32, spare: u32) -> Lane {
    Lane::new("blocker", NonZeroU32::new(threads).unwrap(), queue, spare)
}

/// The answer; a call that has none fails the test.
fn answer<T>(call: LaneCall<T>) -> Result<T> {
    let keeper = Timekeeper::new();
    let answer = futures_lite::future::block_on(keeper.timeout(Some(LONG), "an answer", call));
    assert!(!answer.as_ref().is_err_and(Error::is_timeout), "the call has no answer");
    answer
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + LONG;
    while !condition() {
        assert!(Instant::now() < deadline, "it never came to this: {what}");
        thread::yield_now();
    }
}

fn next<T>(receiver: &Receiver<T>) -> T {
    receiver.recv_timeout(LONG).expect("something was expected to be sent")
}

/// A call that is inside of the lane and blocks, until the sender is used or dropped.
fn blocked(lane: &Lane) -> (LaneCall<()>, Sender<()>) {
    let (entered, inside) = channel();
    let (release, released) = channel();
    let call = lane.run(move || async move {
        entered.send(()).unwrap();
        let _: Result<(), _> = released.recv();
        Ok(())
    });
    next(&inside);
    (call, release)
}

fn thread_name() -> String {
    thread::current().name().unwrap_or_default().to_owned()
}

/// Sends the name of the thread that drops it.
struct Dropped(Sender<String>);

impl Drop for Dropped {
    fn drop(&mut self) {
        let _ = self.0.send(thread_name());
    }
}

#[test]
fn a_call_is_made_and_polled_on_the_lane() {
    let lane = lane(1, 0, 0);
    let call = lane.run(|| {
        let begun = thread_name();
        async move { Ok((begun, thread_name(), on_own_thread())) }
    });
    let (begun, polled, own) = answer(call).unwrap();
    assert_eq!(
        (begun.as_str(), polled.as_str(), own),
        ("hotshoe-block-0", "hotshoe-block-0", true)
    );
}

#[test]
fn threads_start_when_they_are_needed() {
    let lane = lane(2, 0, 0);
    assert_eq!(lane.figures().threads, 0);
    let (one, _release_one) = blocked(&lane);
    assert_eq!((lane.figures().threads, lane.figures().busy), (1, 1));
    let (two, _release_two) = blocked(&lane);
    assert_eq!((lane.figures().threads, lane.figures().busy), (2, 2));
    drop((one, two));
}

#[test]
fn a_call_that_is_pending_holds_no_thread() {
    let lane = lane(1, 0, 0);
    let (sender, receiver) = async_channel::bounded(1);
    let pending = lane.run(move || async move { Ok(receiver.recv().await.unwrap()) });
    until("the call is pending", || lane.figures().busy == 0 && lane.figures().queued == 0);
    assert_eq!(answer(lane.run(|| ready(Ok(1)))).unwrap(), 1);
    sender.try_send(2).unwrap();
    assert_eq!(answer(pending).unwrap(), 2);
    assert_eq!(lane.figures().threads, 1);
}

/// A waker that asks the lane again at once, and passes the call on.
struct AsksAgain(Arc<Lane>, Sender<LaneCall<u32>>);

impl Wake for AsksAgain {
    fn wake(self: Arc<Self>) {
        let _ = self.1.send(self.0.run(|| ready(Ok(7))));
    }
}

#[test]
fn a_caller_that_asks_again_as_soon_as_it_was_answered_is_not_refused() {
    let lane = Arc::new(lane(1, 0, 0));
    let (sender, again) = channel();
    let waker: Waker = Arc::new(AsksAgain(lane.clone(), sender)).into();
    let (call, release) = blocked(&lane);
    let mut call = Box::pin(call);
    assert!(call.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    drop(release);
    assert_eq!(answer(next(&again)).unwrap(), 7);
}

#[test]
fn so_many_calls_wait_and_one_more_is_refused() {
    let lane = lane(1, 2, 3);
    let (call, release) = blocked(&lane);
    let waiting = [1, 2].map(|number| lane.run(move || ready(Ok(number))));
    assert_eq!(lane.figures().queued, 2);
    let error = answer(lane.run(|| ready(Ok(3)))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceLimit);
    assert_eq!(error.plugin(), Some("blocker"));
    assert_eq!(
        error.message(),
        "at most 2 calls of `blocker` were expected to wait for one of its 1 threads, this is one more"
    );
    drop(release);
    answer(call).unwrap();
    assert_eq!(waiting.map(|call| answer(call).unwrap()), [1, 2]);
}

#[test]
fn when_a_call_that_blocks_is_given_up_another_thread_serves_the_next() {
    let lane = lane(1, 1, 1);
    let (call, release) = blocked(&lane);
    assert_eq!(lane.figures().stuck, 0);
    drop(call);
    assert_eq!((lane.figures().stuck, lane.figures().busy), (1, 0));
    assert_eq!(answer(lane.run(|| ready(Ok(thread_name())))).unwrap(), "hotshoe-block-1");
    assert_eq!(lane.figures().threads, 2);
    drop(release);
    until("the surplus has ended", || lane.figures().threads == 1 && lane.figures().stuck == 0);
    answer(lane.run(|| ready(Ok(())))).unwrap();
}

#[test]
fn a_call_that_waits_already_is_served_by_the_thread_that_takes_the_place_of_a_stuck_one() {
    let lane = lane(1, 1, 1);
    let (call, _release) = blocked(&lane);
    let waiting = lane.run(|| ready(Ok(7)));
    drop(call);
    assert_eq!(answer(waiting).unwrap(), 7);
}

#[test]
fn once_all_threads_are_stuck_calls_wait_and_then_are_refused_and_told_why() {
    let lane = lane(1, 1, 1);
    let (first, release) = blocked(&lane);
    drop(first);
    let (second, _release) = blocked(&lane);
    drop(second);
    let waiting = lane.run(|| ready(Ok(7)));
    let error = answer(lane.run(|| ready(Ok(8)))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceLimit);
    assert_eq!(
        error.message(),
        "at most 1 calls of `blocker` were expected to wait for one of its 1 threads, this is one more, \
         and 2 of the threads that it was given do not come back from calls that were given up"
    );
    assert_eq!((lane.figures().threads, lane.figures().stuck), (2, 2));
    // One that comes back goes on.
    drop(release);
    assert_eq!(answer(waiting).unwrap(), 7);
    assert_eq!(answer(lane.run(|| ready(Ok(9)))).unwrap(), 9);
}

#[test]
fn what_nobody_can_drop_keeps_its_place_in_the_queue() {
    let lane = lane(1, 1, 0);
    let (call, release) = blocked(&lane);
    drop(call);
    drop(lane.run(|| ready(Ok(()))));
    let error = answer(lane.run(|| ready(Ok(())))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceLimit);
    drop(release);
    until("the place is free", || lane.figures().queued == 0);
    answer(lane.run(|| ready(Ok(())))).unwrap();
}

#[test]
fn a_call_that_is_given_up_is_dropped_on_the_lane_whether_it_waits_is_pending_or_is_polled() {
    let lane = lane(1, 1, 0);
    let (dropped, drops) = channel();

    let (begun, begins) = channel();
    let mine = Dropped(dropped.clone());
    let call = lane.run::<(), _>(move || async move {
        let _mine = mine;
        begun.send(()).unwrap();
        pending().await
    });
    next(&begins);
    until("it is pending", || lane.figures().busy == 0);
    drop(call);
    assert_eq!(next(&drops), "hotshoe-block-0");

    let (call, release) = blocked(&lane);
    let mine = Dropped(dropped.clone());
    let waiting = lane.run(move || {
        drop(mine);
        ready(Ok(()))
    });
    drop(waiting);
    assert!(drops.try_recv().is_err(), "it was dropped on a thread that is blocked?");
    drop(release);
    answer(call).unwrap();
    assert_eq!(next(&drops), "hotshoe-block-0");

    // What it answers, too.
    let (entered, inside) = channel();
    let (release, released) = channel::<()>();
    let mine = Dropped(dropped);
    let call = lane.run(move || async move {
        entered.send(()).unwrap();
        let _ = released.recv();
        Ok(mine)
    });
    next(&inside);
    drop(call);
    drop(release);
    assert_eq!(next(&drops), "hotshoe-block-0");
}

/// Blocks the thread that drops it, until the sender is used or dropped.
struct BlocksInDrop(Sender<()>, Receiver<()>);

impl Drop for BlocksInDrop {
    fn drop(&mut self) {
        let _ = self.0.send(());
        let _ = self.1.recv();
    }
}

#[test]
fn a_drop_that_blocks_costs_one_call_that_waits_in_vain_and_then_another_thread_serves() {
    let lane = lane(1, 2, 1);
    let (entered, inside) = channel();
    let (release, released) = channel();
    let blocks = BlocksInDrop(entered, released);
    let call = lane.run::<(), _>(move || async move {
        let _blocks = blocks;
        pending().await
    });
    until("it is pending", || lane.figures().busy == 0 && lane.figures().queued == 0);
    drop(call);
    next(&inside);
    drop(lane.run(|| ready(Ok(()))));
    assert_eq!(lane.figures().stuck, 1);
    assert_eq!(answer(lane.run(|| ready(Ok(7)))).unwrap(), 7);
    drop(release);
    until("the surplus has ended", || lane.figures().threads == 1 && lane.figures().stuck == 0);
}

/// A waker that blocks the thread that wakes it.
struct BlocksInWake(Mutex<BlocksInWakeInner>);
struct BlocksInWakeInner(Sender<()>, Receiver<()>);

impl Wake for BlocksInWake {
    fn wake(self: Arc<Self>) {
        let inner = self.0.lock();
        let _ = inner.0.send(());
        let _ = inner.1.recv();
    }
}

#[test]
fn a_callers_waker_that_blocks_costs_one_call_and_then_another_thread_serves() {
    let lane = lane(1, 1, 1);
    let (entered, inside) = channel();
    let (release, released) = channel();
    let waker: Waker =
        Arc::new(BlocksInWake(Mutex::new(BlocksInWakeInner(entered, released)))).into();
    let (call, go_on) = blocked(&lane);
    let mut call = Box::pin(call);
    assert!(call.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    drop(go_on);
    next(&inside);
    drop(lane.run(|| ready(Ok(()))));
    assert_eq!(lane.figures().stuck, 1);
    assert_eq!(answer(lane.run(|| ready(Ok(7)))).unwrap(), 7);
    drop(release);
    assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
}

#[test]
fn a_thread_that_polls_for_somebody_is_not_stuck_because_others_give_up() {
    let lane = lane(1, 1, 1);
    let (call, release) = blocked(&lane);
    drop(lane.run(|| ready(Ok(()))));
    assert_eq!((lane.figures().stuck, lane.figures().threads), (0, 1));
    drop(release);
    answer(call).unwrap();
}

#[test]
fn a_wake_during_a_poll_is_not_lost() {
    let lane = lane(1, 0, 0);
    let (waker, wakers) = channel::<Waker>();
    let (woken, goes_on) = channel::<()>();
    let mut polls = 0;
    let call = lane.run(move || {
        poll_fn(move |context| {
            polls += 1;
            if polls == 1 {
                waker.send(context.waker().clone()).unwrap();
                // It is pending only after it was woken.
                next(&goes_on);
                return Poll::Pending;
            }
            Poll::Ready(Ok(polls))
        })
    });
    next(&wakers).wake();
    woken.send(()).unwrap();
    assert_eq!(answer(call).unwrap(), 2);
}

#[test]
fn a_waker_may_outlive_its_call_and_its_lane() {
    let lane = lane(1, 0, 0);
    let call = lane.run(|| poll_fn(|context| Poll::Ready(Ok(context.waker().clone()))));
    let waker = answer(call).unwrap();
    waker.wake_by_ref();
    assert_eq!(lane.close(Instant::now() + LONG), 0);
    drop(lane);
    waker.wake();
}

#[test]
fn a_panic_is_the_answer_of_its_call_alone() {
    let lane = lane(1, 2, 0);
    let in_poll = lane.run::<(), _>(|| async { panic!("in a poll") });
    let error = answer(in_poll).unwrap_err();
    assert_eq!((error.kind(), error.plugin()), (ErrorKind::Panic, Some("blocker")));
    assert!(error.message().contains("in a poll"), "{error}");
    let at_once = lane.run(|| -> std::future::Ready<Result<()>> { panic!("before the future") });
    assert_eq!(answer(at_once).unwrap_err().kind(), ErrorKind::Panic);

    struct PanicsInDrop;
    impl Drop for PanicsInDrop {
        fn drop(&mut self) {
            panic!("in a drop");
        }
    }
    let (dropped, drops) = channel();
    let call = lane.run::<(), _>(move || async move {
        let _dropped = Dropped(dropped);
        let _panics = PanicsInDrop;
        pending().await
    });
    until("it is pending", || lane.figures().busy == 0 && lane.figures().queued == 0);
    drop(call);
    assert_eq!(next(&drops), "hotshoe-block-0");
    assert_eq!(answer(lane.run(|| ready(Ok(7)))).unwrap(), 7);
    assert_eq!((lane.figures().threads, lane.figures().stuck), (1, 0));
}

#[test]
fn a_lane_that_is_closed_drops_what_waits_and_what_is_pending_and_says_so() {
    let lane = lane(2, 1, 0);
    let (dropped, drops) = channel();
    let mine = Dropped(dropped);
    let unfinished = lane.run::<(), _>(move || async move {
        let _mine = mine;
        pending().await
    });
    until("it is pending", || lane.figures().busy == 0 && lane.figures().queued == 0);
    let (first, release_first) = blocked(&lane);
    let (second, release_second) = blocked(&lane);
    let waiting = lane.run(|| ready(Ok(())));
    thread::scope(|scope| {
        let closing = scope.spawn(|| lane.close(Instant::now() + LONG));
        for call in [waiting, unfinished] {
            assert_eq!(answer(call).unwrap_err().kind(), ErrorKind::Unavailable);
        }
        let late = answer(lane.run(|| ready(Ok(())))).unwrap_err();
        assert_eq!((late.kind(), late.plugin()), (ErrorKind::Unavailable, Some("blocker")));
        // What is being polled may end.
        drop((release_first, release_second));
        assert!(answer(first).is_ok() && answer(second).is_ok());
        assert_eq!(closing.join().unwrap(), 0);
    });
    assert!(next(&drops).starts_with("hotshoe-block-"));
    assert_eq!(lane.figures().threads, 0);
}

#[test]
fn closing_leaves_a_stuck_thread_behind_and_says_how_many() {
    let lane = lane(2, 1, 0);
    let (given_up, release_one) = blocked(&lane);
    drop(given_up);
    let (waited_for, release_two) = blocked(&lane);
    assert_eq!(lane.close(Instant::now()), 2);
    assert_eq!(answer(waited_for).unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!((lane.figures().threads, lane.figures().stuck), (2, 2));
    drop((release_one, release_two));
    until("they have come back and ended", || lane.figures().threads == 0);
}

#[test]
fn what_is_pending_when_the_lane_closes_during_its_poll_is_dropped_and_refused() {
    let lane = lane(1, 0, 0);
    let (entered, inside) = channel();
    let (release, released) = channel::<()>();
    let (dropped, drops) = channel();
    let call = lane.run::<(), _>(move || async move {
        let _dropped = Dropped(dropped);
        entered.send(()).unwrap();
        let _ = released.recv();
        pending().await
    });
    next(&inside);
    thread::scope(|scope| {
        let closing = scope.spawn(|| lane.close(Instant::now() + LONG));
        until("it is closed", || {
            let late = lane.run(|| ready(Ok(())));
            answer(late).unwrap_err().kind() == ErrorKind::Unavailable
        });
        drop(release);
        assert_eq!(closing.join().unwrap(), 0);
    });
    assert_eq!(next(&drops), "hotshoe-block-0");
    assert_eq!(answer(call).unwrap_err().kind(), ErrorKind::Unavailable);
}

#[test]
fn dropping_the_lane_ends_its_threads_and_answers_what_is_unfinished() {
    let lane = lane(2, 1, 0);
    let shared = lane.0.clone();
    let unfinished = lane.run::<(), _>(pending);
    until("it is pending", || lane.figures().busy == 0 && lane.figures().queued == 0);
    drop(lane);
    assert_eq!(answer(unfinished).unwrap_err().kind(), ErrorKind::Unavailable);
    until("the threads have ended", || shared.books.lock().figures().threads == 0);
}

#[test]
fn calls_inside_of_calls_are_counted_over_lanes() {
    fn deeper(lane: Arc<Lane>) -> Pin<Box<dyn Future<Output = Result<u32>> + Send>> {
        Box::pin(nested(async move {
            let inner = lane.clone();
            match lane.run(move || deeper(inner)).await {
                Ok(depth) => Ok(depth + 1),
                Err(error) if error.kind() == ErrorKind::ResourceLimit => Ok(1),
                Err(error) => Err(error),
            }
        }))
    }
    // Each waits without a thread for the one inside of it.
    let lane = Arc::new(lane(1, 1, 0));
    let inner = lane.clone();
    assert_eq!(answer(lane.run(move || deeper(inner))).unwrap(), 32);
}

#[cfg(target_os = "linux")]
#[test]
fn processor_time_is_that_of_the_lanes_threads_even_while_one_is_stuck_and_after_their_end() {
    let (busy, idle) = (lane(1, 0, 0), lane(1, 0, 0));
    let time = |lane: &Lane| lane.figures().cpu_time.expect("Linux tells");
    assert_eq!(time(&busy), Duration::ZERO);
    answer(idle.run(|| ready(Ok(())))).unwrap();

    let end = Arc::new(AtomicBool::new(false));
    let ends = end.clone();
    let (entered, inside) = channel();
    let call = busy.run(move || async move {
        entered.send(()).unwrap();
        while !ends.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
        Ok(())
    });
    next(&inside);
    drop(call);
    // However long it takes: while one thread works, the other one's time stands still.
    until("an idle lane's time stands still", || {
        let (busy_before, idle_before) = (time(&busy), time(&idle));
        until("a busy lane's time grows", || time(&busy) > busy_before + Duration::from_millis(5));
        time(&idle) == idle_before
    });
    let before = time(&busy);
    end.store(true, Ordering::Relaxed);
    assert_eq!(busy.close(Instant::now() + LONG), 0);
    assert!(time(&busy) >= before, "what a thread used is forgotten when it ends");
}

/// Counts what is made of it, and dropped.
struct Counted(Arc<AtomicU64>);

impl Counted {
    fn new(counts: &[Arc<AtomicU64>; 2]) -> Self {
        counts[0].fetch_add(1, Ordering::SeqCst);
        Self(counts[1].clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// xorshift: the same turns in each run, as far as threads allow.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

#[test]
fn whatever_happens_each_call_has_one_answer_and_nothing_is_left() {
    const CALLERS: u64 = 6;
    const CALLS: u64 = 500;
    let lane = lane(3, 4, 2);
    let counts: [Arc<AtomicU64>; 2] = Default::default();
    let (wakers, to_wake) = channel::<(Arc<AtomicBool>, Waker)>();
    // Wakes whom it is told to, and others whose calls may be over.
    let waking = thread::spawn(move || {
        let mut earlier = Vec::new();
        let mut chance = Chance(77);
        for (flag, waker) in to_wake {
            flag.store(true, Ordering::SeqCst);
            waker.wake_by_ref();
            earlier.push(waker);
            if chance.below(3) == 0 {
                earlier.swap_remove(chance.below(earlier.len() as u64) as usize).wake();
            }
        }
    });
    thread::scope(|scope| {
        for caller in 0..CALLERS {
            let (lane, counts, wakers) = (&lane, &counts, wakers.clone());
            scope.spawn(move || {
                let mut chance = Chance(caller + 1);
                for number in 0..CALLS {
                    one_of_many(lane, counts, &wakers, &mut chance, number);
                }
            });
        }
    });
    drop(wakers);
    waking.join().unwrap();
    assert_eq!(lane.close(Instant::now() + LONG), 0);
    let figures = lane.figures();
    assert_eq!((figures.threads, figures.busy, figures.stuck, figures.queued), (0, 0, 0, 0));
    assert!(lane.0.books.lock().is_empty(), "a call is left in the books");
    let [made, dropped] = counts.map(|count| count.load(Ordering::SeqCst));
    assert_eq!((made, dropped), (CALLERS * CALLS, CALLERS * CALLS));
}

fn one_of_many(
    lane: &Lane,
    counts: &[Arc<AtomicU64>; 2],
    wakers: &Sender<(Arc<AtomicBool>, Waker)>,
    chance: &mut Chance,
    number: u64,
) {
    let counted = Counted::new(counts);
    let kind = chance.below(6);
    let mut rounds = chance.below(4);
    let wakers = wakers.clone();
    let (release, released) = channel::<()>();
    let call = lane.run(move || async move {
        let _counted = counted;
        match kind {
            0 => {}
            // Wakes itself.
            1 | 2 => {
                poll_fn(|context| {
                    if rounds == 0 {
                        return Poll::Ready(());
                    }
                    rounds -= 1;
                    context.waker().wake_by_ref();
                    Poll::Pending
                })
                .await;
            }
            // Somebody else wakes it, during the poll or later.
            3 => {
                for _ in 0..rounds {
                    let flag = Arc::new(AtomicBool::new(false));
                    let mut sent = false;
                    poll_fn(|context| {
                        if flag.load(Ordering::SeqCst) {
                            return Poll::Ready(());
                        }
                        if !std::mem::replace(&mut sent, true) {
                            wakers.send((flag.clone(), context.waker().clone())).unwrap();
                        }
                        Poll::Pending
                    })
                    .await;
                }
            }
            4 => std::panic::resume_unwind(Box::new("one of many")),
            // Blocks until it was given up.
            _ => {
                let _ = released.recv();
            }
        }
        Ok(number)
    });
    let mut call = Box::pin(call);
    if chance.below(2) == 0 {
        let answer = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if answer.is_ready() {
            return;
        }
    }
    if kind == 5 || chance.below(4) == 0 {
        drop(call);
        drop(release);
        return;
    }
    match answer(*Pin::into_inner(call)) {
        Ok(answer) => assert!(answer == number && kind != 4),
        Err(error) => match error.kind() {
            ErrorKind::ResourceLimit => {}
            found => assert_eq!((found, kind), (ErrorKind::Panic, 4), "{error}"),
        },
    }
}
