//! Whatever leads to an instance leads to its next generation by itself.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_lite::future::block_on;
use hotshoe::monitor::{HostEventKind, Refusal};
use hotshoe::{Call, Plugin, Request};
use insta::assert_snapshot;
use serde_json::{Value, json};
use turnstile::builds::Manner;
use turnstile::{AT_THE_GATE, MoreTurns, Turns};

use super::house::{House, pipe};
use crate::support::said::until;

/// Polls a future once.
fn poll<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Poll<T> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn handles_lead_to_the_next_generation_which_has_the_state_of_the_one_before() {
    let mut house = House::new("");
    let turns = house.turns();
    for number in 0..10 {
        assert_eq!(turns.turn(number).unwrap(), number);
    }
    let report = house.swap("7.0.101", Manner::Good).unwrap();
    assert_eq!((report.from.as_str(), report.to.as_str()), ("7.0.100", "7.0.101"));
    assert_eq!((report.left_behind, report.state), (0, Some(2)));
    assert!(report.probation.is_some() && report.took >= report.pause);
    assert_eq!(turns.turn(7).unwrap(), 7);
    assert_eq!((house.now(), &*house.version()), (("7.0.101".to_owned(), 11), "7.0.101"));
    assert_eq!(block_on(turns.turn_slowly(8, 3)).unwrap(), 8);
    let explained = house.host.explain("turnstile");
    assert!(explained.contains("is 7.0.101, it was 7.0.100: calls were held for"), "{explained}");
    house.host.promote("turnstile").wait().unwrap();
    house.wait_for_the_end_of("7.0.100");
    assert_eq!((turns.turn(9).unwrap(), turns.count().unwrap()), (9, 13));
    assert_eq!(house.news(), ["swapped 7.0.100 7.0.101", "promoted 7.0.101"]);
    house.host.stop().wait().unwrap();
    // It is in nobody's way, and nothing of it was called twice.
    let life = ["initialized", "started", "asked", "restored", "stopped", "dropped"];
    assert_eq!(house.diary("7.0.101"), life);
    assert_eq!(house.diary("7.0.100"), ["initialized", "started", "saved", "stopped", "dropped"]);
}

#[test]
fn one_after_the_other_follows_and_each_is_retired() {
    let house = House::new("");
    let turns = house.turns();
    for (number, version) in ["7.0.101", "7.0.102", "7.0.103"].into_iter().enumerate() {
        assert_eq!(turns.turn(1).unwrap(), 1);
        house.swap(version, Manner::Good).unwrap();
        house.host.promote("turnstile").wait().unwrap();
        assert_eq!(house.now(), (version.to_owned(), number as u64 + 1));
    }
    house.wait_for_the_end_of("7.0.102");
    until("three retired", || house.host.retired().len() == 3);
    house.host.stop().wait().unwrap();
}

/// Calls come from all sides while it is swapped again and again, and each is counted once.
#[test]
fn no_call_is_lost_and_none_is_made_twice_while_they_come_all_the_time() {
    const CALLERS: u64 = 3;
    let house = House::new("");
    let (turns, over) = (house.turns(), std::sync::atomic::AtomicBool::new(false));
    let over = &over;
    let going_on = || !over.load(std::sync::atomic::Ordering::SeqCst);
    let calls: u64 = std::thread::scope(|scope| {
        let callers = (0..CALLERS).map(|caller| {
            let (turns, host) = (turns.clone(), house.host.clone());
            scope.spawn(move || {
                let mut calls = 0;
                while going_on() {
                    let number = caller << 32 | calls;
                    match caller {
                        0 => assert_eq!(turns.turn(number).unwrap(), number),
                        1 => assert_eq!(block_on(turns.turn_slowly(number, 2)).unwrap(), number),
                        _ => {
                            let request = Request::builder("POST", "/turn").build();
                            assert_eq!(host.respond_blocking(request).status(), 200);
                        }
                    }
                    calls += 1;
                }
                calls
            })
        });
        let callers: Vec<_> = callers.collect();
        for at in 101..105 {
            let report = house.swap(&format!("7.0.{at}"), Manner::Good).unwrap();
            assert_eq!(report.left_behind, 0, "{report}");
            let end = if at % 2 == 0 {
                house.host.roll_back("turnstile")
            } else {
                house.host.promote("turnstile")
            };
            end.wait().unwrap();
        }
        over.store(true, std::sync::atomic::Ordering::SeqCst);
        callers.into_iter().map(|caller| caller.join().unwrap()).sum()
    });
    assert_eq!(house.now(), ("7.0.103".to_owned(), calls));
    house.host.stop().wait().unwrap();
}

/// A swap that waits for whoever is inside holds calls; the first of them, and how many went through before.
fn held_call<F: Future>(call: impl Fn() -> F) -> (Pin<Box<F>>, u64) {
    let mut through = 0;
    loop {
        let mut call = Box::pin(call());
        if poll(&mut call).is_pending() {
            return (call, through);
        }
        through += 1;
        std::thread::yield_now();
    }
}

#[test]
fn a_call_that_is_inside_at_the_switch_ends_well_and_counts_and_those_that_were_held_go_on() {
    let house = House::new("swap.drain_timeout = \"60s\"");
    let turns = house.turns();
    let mut inside = Box::pin(turns.turn_slowly(1, 1));
    assert!(poll(&mut inside).is_pending());
    let swapping = house.host.swap("turnstile", house.build("7.0.101", Manner::Good));
    let (held, through) = held_call(|| turns.turn_slowly(2, 0));
    // One that blocks its thread, and one of each other kind.
    let (call, null) = (Call::none(), json!(null));
    let mut told = Box::pin(house.host.execute("turnstile", &call, &null));
    assert!(poll(&mut told).is_pending());
    let mut posted = Box::pin(house.host.respond(Request::builder("POST", "/turn").build()));
    assert!(poll(&mut posted).is_pending());
    let blocked = std::thread::spawn({
        let turns = turns.clone();
        move || turns.turn(3)
    });
    assert_eq!(block_on(inside).unwrap(), 1);
    let report = swapping.wait().unwrap();
    assert_eq!((report.left_behind, block_on(held).unwrap()), (0, 2));
    assert_eq!(blocked.join().unwrap().unwrap(), 3);
    assert_eq!(block_on(told).result["build"], "7.0.101");
    assert_eq!(block_on(posted).status(), 200);
    assert_eq!(house.now(), ("7.0.101".to_owned(), 1 + through + 3));
    house.host.stop().wait().unwrap();
}

#[test]
fn arguments_that_are_lent_reach_the_next_generation_when_the_call_was_held() {
    let house = House::new("swap.drain_timeout = \"60s\"\nconfig.methods = \"more\"");
    let turns = house.host.service::<dyn MoreTurns>().unwrap();
    let mut inside = Box::pin(turns.named("first", 1));
    assert!(poll(&mut inside).is_pending());
    let swapping = house.host.swap("turnstile", house.build("7.0.101", Manner::Good));
    let name = "second".to_owned();
    let (held, through) = held_call(|| turns.named(&name, 0));
    assert_eq!(block_on(inside).unwrap(), "first");
    assert_eq!(block_on(held).unwrap(), "second");
    swapping.wait().unwrap();
    assert_eq!(house.now(), ("7.0.101".to_owned(), through + 2));
    house.host.stop().wait().unwrap();
}

#[test]
fn the_deadline_of_a_call_holds_while_it_is_held() {
    let mut house = House::new("swap.drain_timeout = \"60s\"\ncall_timeout = \"100ms\"");
    let turns = house.turns();
    // Nobody asks for its answer, so nobody ends it.
    let mut inside = Box::pin(turns.turn_slowly(1, 1));
    assert!(poll(&mut inside).is_pending());
    let swapping = house.host.swap("turnstile", house.build("7.0.101", Manner::Good));
    let (held, through) = held_call(|| turns.turn_slowly(2, 0));
    let (held, blocked) = (block_on(held).unwrap_err(), turns.turn(3).unwrap_err());
    assert!(held.is_timeout(), "{held:#}");
    assert_eq!(held.to_string(), blocked.to_string());
    assert_snapshot!(house.clean(&format!("{held:#}")), @"
    plugin `turnstile`: service turns was expected to begin within 100ms, it was being exchanged all the time
      help: try again, or raise `call_timeout` in its configuration
    ");
    let told = house.wait_for(|kind| matches!(kind, HostEventKind::Refused { .. }));
    assert!(matches!(told.kind, HostEventKind::Refused { by: Refusal::Held, .. }), "{told}");
    drop(inside);
    assert_eq!(swapping.wait().unwrap().left_behind, 0);
    assert_eq!(house.now(), ("7.0.101".to_owned(), 1 + through));
    house.host.stop().wait().unwrap();
}

#[test]
fn calls_in_line_for_a_place_are_held_in_line() {
    let house = House::new("swap.drain_timeout = \"60s\"\nmax_in_flight = 2\nqueue = 8");
    let turns = house.turns();
    let mut calls: Vec<_> = (0..6).map(|number| Box::pin(turns.turn_slowly(number, 1))).collect();
    for call in &mut calls {
        assert!(poll(call).is_pending());
    }
    let swapping = house.host.swap("turnstile", house.build("7.0.101", Manner::Good));
    until("the new one is asked", || house.diary("7.0.101").contains(&"asked".to_owned()));
    for (number, call) in calls.into_iter().enumerate() {
        assert_eq!(block_on(call).unwrap(), number as u64);
    }
    assert_eq!(swapping.wait().unwrap().left_behind, 0);
    assert_eq!(house.now(), ("7.0.101".to_owned(), 6));
    let stats = house.host.metrics_of("turnstile").unwrap().calls;
    assert_eq!((stats.places, stats.waiting, stats.pending), (0, 0, 0));
    house.host.stop().wait().unwrap();
}

#[test]
fn calls_on_own_threads_go_on_there() {
    let house = House::new("lane = { threads = 2 }");
    let turns = house.turns();
    assert_eq!(block_on(turns.turn_slowly(1, 2)).unwrap(), 1);
    house.swap("7.0.101", Manner::Good).unwrap();
    assert_eq!(block_on(turns.turn_slowly(2, 2)).unwrap(), 2);
    assert_eq!((house.post("/turn").status(), house.now()), (200, ("7.0.101".to_owned(), 3)));
    house.host.promote("turnstile").wait().unwrap();
    house.wait_for_the_end_of("7.0.100");
    assert_eq!((house.post("/turn").status(), house.now().1), (200, 4));
    assert_ne!(house.host.metrics_of("turnstile").unwrap().calls.threads, 0);
    house.host.roll_back("turnstile").wait().unwrap_err();
    house.host.stop().wait().unwrap();
}

#[test]
fn a_call_that_does_not_leave_in_time_is_counted_and_ends_in_the_old_one_which_stays_until_then() {
    let mut house = House::new("swap.drain_timeout = \"20ms\"\nstop_timeout = \"60s\"");
    let gate = house.path("gate");
    pipe(&gate);
    let settings = json!({ "gate": gate.to_str(), "diary": house.path("diary").to_str() });
    house.host.reconfigure("turnstile", settings).wait().unwrap();
    house.host.promote("turnstile").wait().unwrap();
    house.wait_for_the_end_of("7.0.100");
    let turns = house.turns();
    let mut awaited = Box::pin(turns.turn_slowly(1, 1));
    assert!(poll(&mut awaited).is_pending());
    let blocked = std::thread::spawn({
        let turns = turns.clone();
        move || turns.turn(AT_THE_GATE)
    });
    // Opened when the other side is.
    let gate = std::fs::File::options().write(true).open(&gate).unwrap();
    let report = house.swap("7.0.101", Manner::Good).unwrap();
    assert_eq!(report.left_behind, 2);
    let told =
        house.wait_for(|kind| matches!(kind, HostEventKind::Swapped { to, .. } if to == "7.0.101"));
    assert!(told.to_string().ends_with(", 2 calls ended in the old one"), "{told}");
    house.host.promote("turnstile").wait().unwrap();
    for number in 10..14 {
        assert_eq!(turns.turn(number).unwrap(), number);
    }
    // Asked for its state while they were inside: the one had counted, the other one had not.
    assert_eq!(house.now(), ("7.0.101".to_owned(), 5));
    drop(gate);
    assert_eq!(blocked.join().unwrap().unwrap(), AT_THE_GATE);
    assert_eq!(house.diary("7.0.100").iter().filter(|step| *step == "stopped").count(), 1);
    assert_eq!(block_on(awaited).unwrap(), 1);
    until("the old one goes", || {
        let steps = house.diary("7.0.100");
        steps.iter().filter(|step| *step == "dropped").count() == 2
    });
    assert_eq!(house.now().1, 5);
    house.host.stop().wait().unwrap();
}

#[test]
fn a_pool_leads_to_the_next_generation_of_one_of_its_instances() {
    let other = "pool = \"gates\"\n[plugins.other]\nplugin = \"turnstile\"\npool = \"gates\"";
    let house = House::new(other);
    let pool = house.host.pool::<dyn Turns>("gates").unwrap();
    house.swap("7.0.101", Manner::Good).unwrap();
    house.host.disable("other").wait().unwrap();
    for number in 0..4 {
        assert_eq!(pool.turn(number).unwrap(), number);
    }
    assert_eq!(house.post("/turn").status(), 200);
    assert_eq!(house.now(), ("7.0.101".to_owned(), 5));
    house.host.enable("other").wait().unwrap();
    house.host.disable("turnstile").wait().unwrap();
    assert_eq!(pool.turn(9).unwrap(), 9);
    house.host.stop().wait().unwrap();
}

/// How many events of this topic are counted, for each that is published.
fn counted(house: &House, topic: &str, expected: u64) {
    let before = house.now().1;
    for _ in 0..3 {
        house.host.publish(&Call::none(), topic, Vec::new());
    }
    until("all events are counted", || house.now().1 >= before + 3 * expected);
    assert_eq!(house.now().1, before + 3 * expected);
}

#[test]
fn events_reach_each_handler_of_the_next_generation_once() {
    // One of them twice, and one that takes some of what the others take.
    let house = House::new("config.topics = [\"turns.*\", \"turns.more\"]");
    counted(&house, "turns.some", 2);
    counted(&house, "turns.more", 3);
    house.swap("7.0.101", Manner::Good).unwrap();
    counted(&house, "turns.some", 2);
    counted(&house, "turns.more", 3);
    house.host.roll_back("turnstile").wait().unwrap();
    assert_eq!(house.now().0, "7.0.100");
    counted(&house, "turns.some", 2);
    counted(&house, "turns.more", 3);
    house.swap("7.0.102", Manner::Good).unwrap();
    house.host.promote("turnstile").wait().unwrap();
    house.wait_for_the_end_of("7.0.100");
    counted(&house, "turns.more", 3);
    house.host.stop().wait().unwrap();
}

/// A plugin without a state, and calls of it that wait for somebody.
struct Stateless(u64);

#[derive(serde::Deserialize)]
struct Number {
    number: u64,
}

impl Plugin for Stateless {
    type Config = Number;

    async fn initialize(_: hotshoe::Context, config: Number) -> hotshoe::Result<Self> {
        Ok(Self(config.number))
    }

    async fn execute(&self, _: &Call, input: Value) -> hotshoe::Result<Value> {
        if input == "wait" {
            futures_lite::future::yield_now().await;
        }
        Ok(json!(self.0))
    }

    async fn save_state(&self) -> hotshoe::Result<Option<bytes::Bytes>> {
        panic!("it has none by its manifest")
    }
}

#[test]
fn where_there_is_no_state_nobody_is_held_or_waited_for() {
    for mode in ["overlap", "exclusive"] {
        let text = format!("[plugins.stateless]\nconfig.number = 1\nswap.mode = \"{mode}\"");
        let config = hotshoe::config::Config::from_toml(&text, "swap.toml").unwrap();
        let plugin = hotshoe::plugin!(Stateless, id = "stateless", state = "none");
        let host = hotshoe::PluginHost::builder().config(config).register_plugin(plugin);
        let host = host.build().unwrap();
        host.start().wait().unwrap();
        let (call, wait, go) = (Call::none(), json!("wait"), json!("go"));
        let mut inside = Box::pin(host.execute("stateless", &call, &wait));
        if mode == "overlap" {
            assert!(poll(&mut inside).is_pending());
        }
        let report = host.reconfigure("stateless", json!({ "number": 2 })).wait().unwrap();
        assert_eq!(report.state, None);
        assert_eq!(report.pause.is_zero(), mode == "overlap");
        assert_eq!(report.left_behind, u64::from(mode == "overlap"));
        assert_eq!(block_on(host.execute("stateless", &call, &go)).result, 2);
        let answered = if mode == "overlap" { 1 } else { 2 };
        assert_eq!(block_on(inside).result, answered);
        host.roll_back("stateless").wait().unwrap();
        assert_eq!(block_on(host.execute("stateless", &call, &go)).result, 1);
        host.stop().wait().unwrap();
    }
}
