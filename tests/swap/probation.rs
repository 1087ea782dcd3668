//! The time after a switch: the way back is taken by itself, by hand, or given up.

use futures_lite::future::block_on;
use hotshoe::monitor::HostEventKind;
use insta::assert_snapshot;
use turnstile::builds::Manner;
use turnstile::{GOOD_FOR, MoreTurns, Turns as _};

use super::house::House;
use crate::support::said::until;

const BREAKER: &str = "circuit_breaker = { failure_threshold = 5, open_for = \"1h\" }";

fn rolled_back(kind: &HostEventKind) -> bool {
    matches!(kind, HostEventKind::RolledBack { .. })
}

/// A house in which one more generation serves, on probation: 3 calls before and 4 after the switch.
fn on_probation(config: &str, manner: Manner) -> House {
    let house = House::new(config);
    let turns = house.turns();
    for number in 0..3 {
        turns.turn(number).unwrap();
    }
    house.swap("7.0.101", manner).unwrap();
    for number in 0..4 {
        turns.turn(number).unwrap();
    }
    assert_eq!(house.now(), ("7.0.101".to_owned(), 7));
    house
}

#[test]
fn one_that_fails_is_rolled_back_by_itself_and_the_count_goes_on() {
    let mut house = House::new(BREAKER);
    let turns = house.turns();
    turns.turn(0).unwrap();
    house.swap("7.0.101", Manner::FailsLater).unwrap();
    let mut failed = 0;
    for number in 0..GOOD_FOR + 20 {
        match turns.turn(number) {
            Ok(answer) => assert_eq!(answer, number),
            Err(error) => {
                assert_eq!(error.message(), "it is one of the bad ones");
                failed += 1;
            }
        }
    }
    assert_eq!(failed, 5, "those that the breaker needs, and nobody else");
    let told = house.wait_for(rolled_back);
    assert!(told.to_string().ends_with(": too many of its calls failed"), "{told}");
    assert_eq!(house.now(), ("7.0.100".to_owned(), 1 + GOOD_FOR + 15));
    assert_eq!(house.version(), "7.0.100");
    house.wait_for_the_end_of("7.0.101");
    let explained = house.host.explain("turnstile");
    assert!(explained.contains("is 7.0.100 again, it was 7.0.101"), "{explained}");
    assert!(explained.contains("too many of its calls failed"), "{explained}");
    // Its breaker is closed, and it can be swapped anew.
    house.swap("7.0.102", Manner::Good).unwrap();
    assert_eq!(turns.turn(3).unwrap(), 3);
    house.host.stop().wait().unwrap();
}

#[test]
fn calls_from_all_sides_fail_no_more_often_than_the_breaker_allows_and_those_inside() {
    const CALLERS: u64 = 3;
    let mut house = House::new(BREAKER);
    let turns = house.turns();
    house.swap("7.0.101", Manner::FailsLater).unwrap();
    let (answered, failed) = std::thread::scope(|scope| {
        let callers = (0..CALLERS).map(|_| {
            let turns = turns.clone();
            scope.spawn(move || {
                let calls = (0..GOOD_FOR).map(|number| block_on(turns.turn_slowly(number, 1)));
                let failed = calls.filter(|answer| answer.is_err()).count() as u64;
                (GOOD_FOR - failed, failed)
            })
        });
        let callers: Vec<_> = callers.collect();
        let sums = callers.into_iter().map(|caller| caller.join().unwrap());
        sums.fold((0, 0), |sum, own| (sum.0 + own.0, sum.1 + own.1))
    });
    assert!((5..5 + CALLERS).contains(&failed), "{failed}");
    house.wait_for(rolled_back);
    assert_eq!(house.now(), ("7.0.100".to_owned(), answered));
    house.host.stop().wait().unwrap();
}

#[test]
fn what_it_has_counted_is_handed_back() {
    let mut house = on_probation("", Manner::Good);
    house.host.roll_back("turnstile").wait().unwrap();
    assert_eq!(house.now(), ("7.0.100".to_owned(), 7));
    house.wait_for_the_end_of("7.0.101");
    assert_eq!(house.news(), ["swapped 7.0.100 7.0.101", "rolled back 7.0.101 7.0.100"]);
    house.host.stop().wait().unwrap();
    let life = ["initialized", "started", "saved", "restored", "stopped", "dropped"];
    assert_eq!(house.diary("7.0.100"), life);
}

#[test]
fn one_that_does_not_give_it_back_is_followed_by_what_was_before_the_switch() {
    for manner in [Manner::FailsToSave, Manner::PanicsInSave, Manner::HangsInSave] {
        let config = "swap.state_timeout = \"100ms\"\nstop_timeout = \"2s\"";
        let house = on_probation(config, manner);
        house.host.roll_back("turnstile").wait().unwrap();
        assert_eq!(house.now(), ("7.0.100".to_owned(), 3), "{manner:?}");
        house.host.stop().wait().unwrap();
    }
}

#[test]
fn while_there_is_a_way_back_there_is_no_other_exchange() {
    let mut house = on_probation("", Manner::Good);
    let message = house.refused("7.0.102", Manner::Good);
    assert_snapshot!(message, @"
    plugin `turnstile`: its last exchange is on probation: there would be two generations to go back to
      help: wait for its end, or end it with `promote` or `roll_back`
    ");
    let settings = serde_json::json!({});
    assert!(house.host.reconfigure("turnstile", settings).wait().is_err());
    assert!(house.host.reload("turnstile").wait().is_err());
    assert_eq!(house.now(), ("7.0.101".to_owned(), 7));
    house.host.roll_back("turnstile").wait().unwrap();
    assert_eq!(
        house.news(),
        ["swapped 7.0.100 7.0.101", "failed", "failed", "failed", "rolled back 7.0.101 7.0.100"]
    );
    house.host.stop().wait().unwrap();
}

#[test]
fn after_its_end_there_is_no_way_back() {
    let mut house = on_probation("", Manner::Good);
    house.host.promote("turnstile").wait().unwrap();
    let error = house.host.roll_back("turnstile").wait().unwrap_err();
    assert_eq!(error.to_string(), house.host.promote("turnstile").wait().unwrap_err().to_string());
    assert_snapshot!(house.clean(&format!("{error:#}")), @"
    plugin `turnstile`: it is not on probation: there is no way back
      help: swap the build in that is to serve
    ");
    house.wait_for_the_end_of("7.0.100");
    assert_eq!(house.news(), ["swapped 7.0.100 7.0.101", "promoted 7.0.101"]);
    house.host.stop().wait().unwrap();
}

#[test]
fn it_ends_by_time() {
    let mut house = on_probation("swap.probation = \"200ms\"", Manner::Good);
    let told = house.wait_for(|kind| matches!(kind, HostEventKind::Promoted { .. }));
    assert_eq!(told.to_string(), "`turnstile` stays with 7.0.101: its probation is over");
    house.wait_for_the_end_of("7.0.100");
    assert!(house.host.roll_back("turnstile").wait().is_err());
    assert_eq!(house.now(), ("7.0.101".to_owned(), 7));
    house.host.stop().wait().unwrap();
}

/// After it has ended a breaker does what breakers do.
#[test]
fn a_breaker_that_opens_after_its_end_refuses_calls() {
    let house = House::new(BREAKER);
    let turns = house.turns();
    house.swap("7.0.101", Manner::FailsLater).unwrap();
    house.host.promote("turnstile").wait().unwrap();
    let answers = (0..GOOD_FOR + 10).map(|number| turns.turn(number));
    let failed: Vec<_> = answers.filter_map(Result::err).collect();
    assert_eq!(failed.len(), 10);
    assert!(failed[5..].iter().all(|error| error.kind() == hotshoe::ErrorKind::Unavailable));
    assert_eq!(house.version(), "7.0.101");
    house.host.stop().wait().unwrap();
}

#[test]
fn a_restart_ends_it_and_stays_with_the_new_one() {
    let house = on_probation("", Manner::Good);
    house.host.restart("turnstile").wait().unwrap();
    house.wait_for_the_end_of("7.0.100");
    assert_eq!(house.now(), ("7.0.101".to_owned(), 7));
    assert_eq!(house.turns().turn(1).unwrap(), 1);
    assert!(house.host.roll_back("turnstile").wait().is_err());
    house.host.stop().wait().unwrap();
}

#[test]
fn a_host_that_stops_waits_for_the_end_of_what_is_retired() {
    for end in ["promote", "roll_back", "refused"] {
        let house = on_probation("", Manner::Good);
        match end {
            "promote" => house.host.promote("turnstile").wait().unwrap(),
            "roll_back" => house.host.roll_back("turnstile").wait().unwrap(),
            _ => {
                house.host.promote("turnstile").wait().unwrap();
                house.swap("7.0.102", Manner::RefusesState).unwrap_err();
            }
        }
        house.host.stop().wait().unwrap();
        for version in ["7.0.100", "7.0.101", "7.0.102"] {
            let life = house.diary(version);
            let ended = life.ends_with(&["stopped".into(), "dropped".into()]);
            assert!(life.is_empty() || ended, "{end}: {version} {life:?}");
        }
    }
}

#[test]
fn the_end_of_the_instance_ends_both() {
    let ends: [fn(&mut House); 4] = [
        |house| house.host.stop().wait().unwrap(),
        |house| house.host = hotshoe::PluginHost::builder().build().unwrap(),
        |house| house.host.disable("turnstile").wait().unwrap(),
        |house| house.host.remove("turnstile").wait().unwrap(),
    ];
    for end in ends {
        let mut house = on_probation("", Manner::Good);
        let turns = house.turns();
        end(&mut house);
        for version in ["7.0.100", "7.0.101"] {
            assert!(house.diary(version).ends_with(&["stopped".into(), "dropped".into()]));
        }
        assert!(turns.turn(1).is_err());
        assert_eq!(house.news(), ["swapped 7.0.100 7.0.101"]);
    }
}

#[test]
fn one_that_is_enabled_again_is_the_one_that_was_swapped_in() {
    let house = on_probation("", Manner::Good);
    house.host.disable("turnstile").wait().unwrap();
    house.host.enable("turnstile").wait().unwrap();
    assert_eq!((house.now().0.as_str(), &*house.version()), ("7.0.101", "7.0.101"));
    house.host.remove("turnstile").wait().unwrap();
    house.host.add(house.own_file()).wait().unwrap();
    assert_eq!(house.now(), ("7.0.100".to_owned(), 0));
    house.host.stop().wait().unwrap();
}

#[test]
fn one_that_was_rolled_back_does_not_come_back_by_a_restart_or_a_look_at_the_directory() {
    let house = House::new("");
    std::fs::rename(house.build("7.0.105", Manner::Good), house.own_file()).unwrap();
    house.host.reload("turnstile").wait().unwrap();
    assert_eq!(house.now().0, "7.0.105");
    house.host.roll_back("turnstile").wait().unwrap();
    for _ in 0..2 {
        assert_eq!((house.now().0.as_str(), &*house.version()), ("7.0.100", "7.0.100"));
        house.host.rescan().wait().unwrap();
        house.host.restart("turnstile").wait().unwrap();
    }
    house.host.disable("turnstile").wait().unwrap();
    house.host.enable("turnstile").wait().unwrap();
    assert_eq!(house.now().0, "7.0.100");
    house.host.stop().wait().unwrap();
}

/// What cannot take over again must not be lost sight of, either.
#[test]
fn where_the_way_back_is_blocked_the_new_one_goes_on_and_the_old_one_ends() {
    let config = "config.routes = [\"GET /faulty/faulty\"]\n\
                  [plugins.faulty]\nenabled = false\nconfig.threshold = 1";
    let mut house = House::with(config, &["faulty"]);
    let settings = serde_json::json!({ "diary": house.path("diary").to_str() });
    house.host.reconfigure("turnstile", settings).wait().unwrap();
    // Its route is somebody else's from now on.
    house.host.enable("faulty").wait().unwrap();
    let turns = house.turns();
    turns.turn(1).unwrap();
    let error = house.host.roll_back("turnstile").wait().unwrap_err();
    assert_snapshot!(house.clean(&format!("{error:#}")), @"
    plugin `turnstile`: the route GET /faulty/faulty is answered by `faulty` already
      help: disable one of the two plugins
    ");
    assert_eq!(turns.turn(2).unwrap(), 2);
    assert_eq!((house.post("/turn").status(), house.now().1), (200, 3));
    until("the old one ends", || {
        house.diary("7.0.100").ends_with(&["stopped".into(), "dropped".into()])
    });
    let swapped = house.swap("7.0.101", Manner::Good).unwrap();
    assert_eq!((swapped.state, house.now()), (Some(1), ("7.0.101".to_owned(), 3)));
    let _ = house.news();
    house.host.stop().wait().unwrap();
}

/// Who asks while there is a way back gets what both have.
#[test]
fn a_service_with_more_methods_is_found_by_those_who_need_less_at_all_times() {
    let house = House::new("");
    let turns = house.turns();
    let settings = serde_json::json!({ "methods": "more", "diary": house.path("diary").to_str() });
    house.host.reconfigure("turnstile", settings).wait().unwrap();
    let more = || house.host.service::<dyn MoreTurns>();
    assert!(more().is_err());
    assert_eq!(house.turns().turn(1).unwrap(), 1);
    house.host.roll_back("turnstile").wait().unwrap();
    assert!(more().is_err());
    assert_eq!(turns.turn(2).unwrap(), 2);
    let settings = serde_json::json!({ "methods": "more", "diary": house.path("diary").to_str() });
    house.host.reconfigure("turnstile", settings).wait().unwrap();
    house.host.promote("turnstile").wait().unwrap();
    assert_eq!(block_on(more().unwrap().named("it", 2)).unwrap(), "it");
    assert_eq!((turns.turn(3).unwrap(), house.now().1), (3, 4));
    house.host.stop().wait().unwrap();
}
