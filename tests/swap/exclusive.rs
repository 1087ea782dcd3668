//! Instances that cannot be up twice: the old one ends before the new one begins, and calls wait for that.

use futures_lite::future::block_on;
use hotshoe::{Call, Precondition, StorageBackend};
use insta::assert_snapshot;
use serde_json::json;
use turnstile::builds::Manner;
use turnstile::{GOOD_FOR, Turns as _};

use super::house::House;
use crate::support;
use crate::support::said::state;

const EXCLUSIVE: &str = "swap.mode = \"exclusive\"\nswap.drain_timeout = \"60s\"\n\
                         circuit_breaker = { failure_threshold = 5, open_for = \"1h\" }";

/// What all builds went through, in order.
fn life(house: &House) -> Vec<String> {
    let diary = std::fs::read_to_string(house.path("diary")).unwrap();
    diary.lines().map(|line| line.trim_start_matches("7.0.").to_owned()).collect()
}

#[test]
fn the_old_one_has_ended_before_the_new_one_begins_and_calls_that_waited_are_answered_by_that() {
    let mut house = House::new(EXCLUSIVE);
    let turns = house.turns();
    turns.turn(1).unwrap();
    let over = std::sync::atomic::AtomicBool::new(false);
    let calls = std::thread::scope(|scope| {
        let caller = scope.spawn(|| {
            let mut calls = 0;
            while !over.load(std::sync::atomic::Ordering::SeqCst) {
                assert_eq!(block_on(turns.turn_slowly(calls, 1)).unwrap(), calls);
                assert_eq!(turns.turn(calls).unwrap(), calls);
                calls += 1;
            }
            calls
        });
        let report = house.swap("7.0.101", Manner::Good).unwrap();
        assert_eq!(report.left_behind, 0);
        assert!(!report.pause.is_zero());
        over.store(true, std::sync::atomic::Ordering::SeqCst);
        caller.join().unwrap()
    });
    assert_eq!(house.now(), ("7.0.101".to_owned(), 1 + 2 * calls));
    assert_eq!((house.post("/turn").status(), &*house.version()), (200, "7.0.101"));
    house.host.publish(&Call::none(), "turns.some", Vec::new());
    support::said::until("the event", || house.now().1 == 3 + 2 * calls);
    assert_eq!(
        life(&house),
        [
            "100 initialized",
            "100 started",
            "100 saved",
            "100 stopped",
            "100 dropped",
            "101 initialized",
            "101 started",
            "101 asked",
            "101 restored",
        ]
    );
    house.host.promote("turnstile").wait().unwrap();
    assert_eq!(turns.turn(3).unwrap(), 3);
    assert_eq!(house.news(), ["swapped 7.0.100 7.0.101", "promoted 7.0.101"]);
    house.host.stop().wait().unwrap();
}

#[test]
fn one_that_does_not_come_up_is_followed_by_the_old_one_with_its_state() {
    for manner in [
        Manner::FailsToInitialize,
        Manner::FailsToStart,
        Manner::PanicsInStart,
        Manner::Unwell,
        Manner::RefusesState,
        Manner::PanicsInRestore,
    ] {
        let mut house = House::new(EXCLUSIVE);
        let turns = house.turns();
        turns.turn(1).unwrap();
        house.swap("7.0.101", manner).unwrap_err();
        assert_eq!(turns.turn(2).unwrap(), 2);
        assert_eq!(house.now(), ("7.0.100".to_owned(), 2), "{manner:?}");
        assert_eq!((house.post("/turn").status(), &*house.version()), (200, "7.0.100"));
        house.host.publish(&Call::none(), "turns.some", Vec::new());
        support::said::until("the event", || house.now().1 == 4);
        assert_eq!(house.news(), ["failed"]);
        house.swap("7.0.102", Manner::Good).unwrap();
        assert_eq!((turns.turn(3).unwrap(), house.now()), (3, ("7.0.102".to_owned(), 5)));
        house.host.stop().wait().unwrap();
    }
}

/// It was behind the ports already, with more methods than the old one has.
#[test]
fn one_that_is_given_up_late_leaves_handles_as_they_were() {
    let config = format!("{EXCLUSIVE}\n[plugins.faulty]\nconfig.threshold = 1");
    let house = House::with(&config, &["faulty"]);
    let turns = house.turns();
    turns.turn(1).unwrap();
    let settings = |methods, routes: &[&str]| json!({ "methods": methods, "routes": routes, "diary": house.path("diary").to_str() });
    let refused = [settings("more", &["GET /faulty/faulty"]), settings("fewer", &[])];
    for settings in refused {
        house.host.reconfigure("turnstile", settings).wait().unwrap_err();
        assert_eq!(turns.turn(2).unwrap(), 2);
    }
    assert_eq!(house.now(), ("7.0.100".to_owned(), 3));
    house.host.reconfigure("turnstile", settings("more", &[])).wait().unwrap();
    house.host.roll_back("turnstile").wait().unwrap();
    assert_eq!((turns.turn(2).unwrap(), house.now().1), (2, 4));
    house.host.stop().wait().unwrap();
}

#[test]
fn where_none_of_both_comes_up_calls_are_refused_until_a_restart_which_finds_the_state() {
    let mut house = House::new(EXCLUSIVE);
    let secret = house.path("secret");
    std::fs::write(&secret, "what both need").unwrap();
    let (greeting, diary) = (json!({ "file": secret.to_str() }), house.path("diary"));
    let settings = json!({ "greeting": greeting, "diary": diary.to_str() });
    house.host.reconfigure("turnstile", settings).wait().unwrap();
    house.host.promote("turnstile").wait().unwrap();
    let turns = house.turns();
    turns.turn(1).unwrap();
    std::fs::remove_file(&secret).unwrap();
    let error = house.swap("7.0.101", Manner::Good).unwrap_err();
    assert_snapshot!(house.clean(&format!("{error:#}")), @r#"
    plugin `turnstile` failed to initialize: `plugins.turnstile.config.greeting`: the file "<folder>/secret" cannot be read: No such file or directory (os error 2)
      help: it does not run any more: what ran before did not come up again either; `explain("turnstile")` tells why
    "#);
    assert_eq!(state(&house.host, "turnstile"), "failed");
    let refused = turns.turn(2).unwrap_err();
    assert_snapshot!(house.clean(&format!("{refused:#}")), @"
    plugin `turnstile`: service turns is being stopped or replaced and takes no calls now
      help: try again when the plugin is active; `PluginHost::explain` says why it is not
    ");
    assert_eq!(house.post("/turn").status(), 503);
    assert_snapshot!(house.clean(&house.host.explain("turnstile")).lines().next().unwrap(), @r#"plugin `turnstile` failed to initialize: `plugins.turnstile.config.greeting`: the file "<folder>/secret" cannot be read: No such file or directory (os error 2)"#);
    std::fs::write(&secret, "what both need").unwrap();
    house.host.restart("turnstile").wait().unwrap();
    assert_eq!(turns.turn(3).unwrap(), 3);
    assert_eq!(house.now(), ("7.0.100".to_owned(), 2));
    assert_eq!(house.post("/turn").status(), 200);
    let _ = house.news();
    house.host.stop().wait().unwrap();
}

#[test]
fn a_call_that_does_not_leave_in_time_keeps_the_old_one() {
    let house = House::new("swap.mode = \"exclusive\"\nswap.drain_timeout = \"50ms\"");
    let turns = house.turns();
    let mut inside = Box::pin(turns.turn_slowly(1, 1));
    assert!(block_on(futures_lite::future::poll_once(&mut inside)).is_none());
    let message = house.refused("7.0.101", Manner::Good);
    assert_snapshot!(message, @"
    plugin `turnstile`: all calls were expected to leave within 50ms, 1 are still inside
      help: raise `drain_timeout` in its `swap` table, or restart it
    ");
    assert_eq!((turns.turn(2).unwrap(), block_on(inside).unwrap()), (2, 1));
    assert_eq!(house.now(), ("7.0.100".to_owned(), 2));
    assert!(house.diary("7.0.101").is_empty());
    house.host.stop().wait().unwrap();
}

#[test]
fn the_way_back_is_to_start_the_old_one_anew() {
    let mut house = House::new(EXCLUSIVE);
    let turns = house.turns();
    turns.turn(1).unwrap();
    house.swap("7.0.101", Manner::Good).unwrap();
    turns.turn(2).unwrap();
    house.host.roll_back("turnstile").wait().unwrap();
    assert_eq!((turns.turn(3).unwrap(), house.now()), (3, ("7.0.100".to_owned(), 3)));
    house.swap("7.0.102", Manner::FailsToSave).unwrap();
    turns.turn(4).unwrap();
    house.host.roll_back("turnstile").wait().unwrap();
    assert_eq!(house.now(), ("7.0.100".to_owned(), 3), "what it had before the exchange");
    house.host.restart("turnstile").wait().unwrap();
    assert_eq!(house.now(), ("7.0.100".to_owned(), 3));
    let _ = house.news();
    house.host.stop().wait().unwrap();
}

#[test]
fn one_that_fails_is_rolled_back_by_itself() {
    let mut house = House::new(EXCLUSIVE);
    let turns = house.turns();
    house.swap("7.0.101", Manner::FailsLater).unwrap();
    let answers = (0..GOOD_FOR + 20).map(|number| turns.turn(number));
    assert_eq!(answers.filter(Result::is_err).count(), 5);
    house.wait_for(|kind| matches!(kind, hotshoe::monitor::HostEventKind::RolledBack { .. }));
    assert_eq!(house.now(), ("7.0.100".to_owned(), GOOD_FOR + 15));
    house.host.stop().wait().unwrap();
}

/// The one for which it is there: a database that one process opens once.
#[test]
fn a_storage_goes_on_with_what_was_written_before() {
    let house = House::with("", &["storage-sqlite"]);
    let storage = house.host.storage("storage-sqlite").unwrap();
    let call = Call::none();
    block_on(storage.put(&call, "key", "before".into(), Precondition::Any)).unwrap();
    let mut build = std::fs::read(support::library("storage-sqlite")).unwrap();
    build.extend(b"another build");
    let file = house.path("libstorage-sqlite.so");
    std::fs::write(&file, build).unwrap();
    let report = house.host.swap("storage-sqlite", file).wait().unwrap();
    assert_eq!((report.left_behind, report.state), (0, None));
    let record = block_on(storage.get(&call, "key")).unwrap().unwrap();
    assert_eq!(record.value, b"before".as_slice());
    block_on(storage.put(&call, "key", "after".into(), Precondition::Any)).unwrap();
    house.host.roll_back("storage-sqlite").wait().unwrap();
    let record = block_on(storage.get(&call, "key")).unwrap().unwrap();
    assert_eq!(record.value, b"after".as_slice());
    house.host.stop().wait().unwrap();
}
