//! Other settings, and what is in the same file by now.

use futures_lite::future::block_on;
use hotshoe::{Call, Request};
use insta::assert_snapshot;
use serde_json::{Value, json};
use turnstile::Turns as _;
use turnstile::builds::Manner;

use super::house::House;
use crate::support::said::until;

fn with_diary(house: &House, mut settings: Value) -> Value {
    settings["diary"] = house.path("diary").to_str().into();
    settings
}

fn give(house: &House, settings: Value) {
    house.host.reconfigure("turnstile", with_diary(house, settings)).wait().unwrap();
}

/// What middleware was passed, the last one first.
fn passed(house: &House) -> Vec<String> {
    let response = house.post("/turn");
    assert_eq!(response.status(), 200);
    let own = response.headers().filter(|(name, _)| *name == "x-barrier");
    own.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect()
}

#[test]
fn settings_change_while_calls_go_on_and_hold_after_a_restart() {
    let mut house = House::new("config.greeting = \"good morning\"");
    let turns = house.turns();
    assert_eq!(
        (turns.turn(1).unwrap(), house.told()["greeting"].clone()),
        (1, "good morning".into())
    );
    give(&house, json!({ "greeting": "good evening" }));
    assert_eq!(turns.turn(2).unwrap(), 2);
    let told = house.told();
    assert_eq!((&told["greeting"], &told["count"]), (&json!("good evening"), &json!(2)));
    house.host.promote("turnstile").wait().unwrap();
    house.host.restart("turnstile").wait().unwrap();
    let told = house.told();
    assert_eq!((&told["greeting"], &told["count"]), (&json!("good evening"), &json!(2)));
    give(&house, json!({ "greeting": "good night" }));
    house.host.roll_back("turnstile").wait().unwrap();
    house.host.restart("turnstile").wait().unwrap();
    assert_eq!(house.told()["greeting"], "good evening");
    // The build is not chosen by that: a newer one is taken as it would have been.
    std::fs::rename(house.build("7.0.109", Manner::Good), house.own_file()).unwrap();
    house.host.restart("turnstile").wait().unwrap();
    assert_eq!(
        (house.now().0.as_str(), &house.told()["greeting"]),
        ("7.0.109", &json!("good evening"))
    );
    let news = house.news();
    assert_eq!(news[..2], ["swapped 7.0.100 7.0.100", "promoted 7.0.100"]);
    house.host.stop().wait().unwrap();
}

#[test]
fn settings_that_the_plugin_does_not_take_are_refused_and_the_old_ones_hold() {
    let mut house = House::new("config.greeting = \"good morning\"");
    let turns = house.turns();
    turns.turn(1).unwrap();
    let given = json!({ "greeting": 7 });
    let error = house.host.reconfigure("turnstile", given).wait().unwrap_err();
    assert_snapshot!(house.clean(&format!("{error:#}")), @"
    plugin `turnstile` failed to initialize: `plugins.turnstile.config.greeting`: expected a text in quotes, found the number 7
      help: correct it in the plugin's settings
    ");
    let error = house.host.reconfigure("turnstile", json!({ "greting": "" })).wait().unwrap_err();
    assert_snapshot!(house.clean(&format!("{error:#}")), @"
    plugin `turnstile` failed to initialize: `plugins.turnstile.config.greting`: unknown key
      help: did you mean `greeting`?
    ");
    assert!(
        house
            .host
            .reconfigure("turnstile", json!({ "greeting": { "env": "NOT_THERE_AT_ALL" } }))
            .wait()
            .is_err()
    );
    let told = house.told();
    assert_eq!((&told["greeting"], &told["count"]), (&json!("good morning"), &json!(1)));
    house.host.restart("turnstile").wait().unwrap();
    assert_eq!(house.told()["greeting"], "good morning");
    assert_eq!(house.news(), ["failed", "failed", "failed"]);
    house.host.stop().wait().unwrap();
}

#[test]
fn routes_come_and_go_with_the_generation_that_has_them() {
    let house = House::new("config.routes = [\"POST /one\"]");
    let all = || ["/turn", "/one", "/two"].map(|path| house.post(path).status());
    assert_eq!(all(), [200, 200, 404]);
    give(&house, json!({ "routes": ["POST /two"] }));
    assert_eq!(all(), [200, 404, 200]);
    house.host.roll_back("turnstile").wait().unwrap();
    assert_eq!(all(), [200, 200, 404]);
    give(&house, json!({ "routes": ["POST /one", "POST /two"] }));
    house.host.promote("turnstile").wait().unwrap();
    assert_eq!(all(), [200, 200, 200]);
    give(&house, json!({}));
    house.host.promote("turnstile").wait().unwrap();
    assert_eq!(all(), [200, 404, 404]);
    house.wait_for_the_end_of("7.0.100");
    // A port that has led nowhere for a while.
    give(&house, json!({ "routes": ["POST /two"] }));
    assert_eq!(all(), [200, 404, 200]);
    house.host.restart("turnstile").wait().unwrap();
    assert_eq!(all(), [200, 404, 200]);
    house.host.stop().wait().unwrap();
}

#[test]
fn middleware_stands_where_its_generation_wants_it() {
    let house = House::new("config.middleware = [1, 5]");
    assert_eq!(passed(&house), ["5", "1"]);
    give(&house, json!({ "middleware": [7, 3, 5] }));
    assert_eq!(passed(&house), ["7", "5", "3"]);
    house.host.roll_back("turnstile").wait().unwrap();
    assert_eq!(passed(&house), ["5", "1"]);
    give(&house, json!({}));
    assert!(passed(&house).is_empty());
    house.host.promote("turnstile").wait().unwrap();
    give(&house, json!({ "middleware": [2] }));
    assert_eq!(passed(&house), ["2"]);
    house.host.stop().wait().unwrap();
}

#[test]
fn topics_come_and_go_and_nothing_is_counted_twice() {
    let house = House::new("config.topics = [\"turns.one\"]");
    let counted = || {
        let publish = |topic| house.host.publish(&Call::none(), topic, Vec::new());
        let (before, queued) = (house.now().1, (publish("turns.one"), publish("turns.two")));
        until("all are counted", || house.now().1 == before + queued.0 + queued.1);
        queued
    };
    assert_eq!(counted(), (2, 1));
    give(&house, json!({ "topics": ["turns.two"] }));
    assert_eq!(counted(), (1, 2));
    house.host.roll_back("turnstile").wait().unwrap();
    assert_eq!(counted(), (2, 1));
    house.host.stop().wait().unwrap();
}

#[test]
fn jobs_go_on_with_the_next_generation_and_end_with_the_last_that_has_them() {
    let house = House::new("config.jobs = { round = 1 }");
    let jobs = || {
        let tasks = house.host.plugin("turnstile").unwrap().tasks;
        tasks.iter().map(|task| (task.name.clone(), task.interval.as_millis())).collect::<Vec<_>>()
    };
    let goes_on = || {
        let before = house.now().1;
        until("a round", || house.now().1 > before);
    };
    goes_on();
    house.swap("7.0.101", Manner::Good).unwrap();
    goes_on();
    house.host.roll_back("turnstile").wait().unwrap();
    goes_on();
    assert_eq!(jobs(), [("round".to_owned(), 1)]);
    give(&house, json!({ "jobs": { "round": 2, "other": 1 } }));
    goes_on();
    assert_eq!(jobs(), [("other".to_owned(), 1), ("round".to_owned(), 2)]);
    house.host.promote("turnstile").wait().unwrap();
    give(&house, json!({}));
    assert!(jobs().is_empty());
    house.host.promote("turnstile").wait().unwrap();
    let last = house.now().1;
    house.wait_for_the_end_of("7.0.100");
    assert_eq!(house.now().1, last);
    house.host.stop().wait().unwrap();
}

#[test]
fn what_is_in_the_same_file_by_now_is_loaded_however_it_came_there() {
    let mut house = House::new("");
    let turns = house.turns();
    turns.turn(1).unwrap();
    let error = house.host.reload("turnstile").wait().unwrap_err();
    assert_eq!(error.kind(), hotshoe::ErrorKind::AlreadyExists);
    std::fs::rename(house.build("7.0.101", Manner::Good), house.own_file()).unwrap();
    house.host.reload("turnstile").wait().unwrap();
    assert_eq!(house.now(), ("7.0.101".to_owned(), 1));
    house.host.promote("turnstile").wait().unwrap();
    for version in ["7.0.102", "7.0.103"] {
        // As `cp` does it: the file is the same one, and nothing that runs is in it any more.
        std::fs::copy(house.build(version, Manner::Good), house.own_file()).unwrap();
        assert_eq!(turns.turn(2).unwrap(), 2);
        house.host.reload("turnstile").wait().unwrap();
        assert_eq!((house.now().0, house.version()), (version.to_owned(), version.to_owned()));
        house.host.promote("turnstile").wait().unwrap();
    }
    assert_eq!(turns.count().unwrap(), 3);
    // Half a file is none.
    let whole = house.bytes("7.0.104", Manner::Good);
    std::fs::write(house.own_file(), &whole[..whole.len() / 2]).unwrap();
    let error = house.host.reload("turnstile").wait().unwrap_err();
    assert_snapshot!(house.clean(&format!("{error:#}")), @"
    a whole library was expected, this one of _ bytes is damaged or cut off
      because: Invalid ELF section header offset/size/alignment
      file: <folder>/plugins/libturnstile.so
      help: copy or build the file again
    ");
    assert_eq!(house.now(), ("7.0.103".to_owned(), 3));
    house.host.restart("turnstile").wait().unwrap();
    assert_eq!(house.now(), ("7.0.103".to_owned(), 3));
    let _ = (house.news(), block_on(house.host.respond(Request::builder("POST", "/turn").build())));
    house.host.stop().wait().unwrap();
}
