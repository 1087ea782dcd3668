//! Whatever goes wrong before calls are led to the new one: the old one goes on with its state, nothing of the
//! new one is left, and there is one clear message.

use insta::assert_snapshot;
use object::{Object as _, ObjectSection as _};
use turnstile::Turns as _;
use turnstile::builds::Manner;

use super::house::House;
use crate::support;
use crate::support::rig::{Rig, change, get};

/// The old one has counted, and is asked again while and after the swap fails.
fn still_serves(house: &mut House, fails: impl FnOnce(&House) -> String) -> String {
    let turns = house.turns();
    for number in 0..3 {
        assert_eq!(turns.turn(number).unwrap(), number);
    }
    let before = house.host.plugin("turnstile").unwrap();
    let message = fails(house);
    assert_eq!(turns.turn(3).unwrap(), 3);
    assert_eq!(house.now(), ("7.0.100".to_owned(), 4));
    assert_eq!(house.post("/turn").status(), 200);
    let after = house.host.plugin("turnstile").unwrap();
    assert_eq!((after.version, after.state), (before.version, before.state));
    assert_eq!((after.path, after.restarts), (before.path, 0));
    assert_eq!(house.news(), ["failed"]);
    let explained = house.host.explain("turnstile");
    assert!(explained.contains("goes on as it was: it could not be exchanged"), "{explained}");
    // There is nothing to go back to, and the next one is as welcome as it would have been.
    assert!(house.host.promote("turnstile").wait().is_err());
    assert_eq!(house.swap("7.0.199", Manner::Good).unwrap().state, Some(1));
    assert_eq!((turns.turn(5).unwrap(), house.now()), (5, ("7.0.199".to_owned(), 6)));
    house.host.stop().wait().unwrap();
    message
}

#[test]
fn a_file_that_is_no_plugin_is_refused() {
    let mut house = House::new("");
    let file = house.path("libnotes.so");
    std::fs::write(&file, "To do: write a plugin.\n").unwrap();
    let message = still_serves(&mut house, |house| {
        house.clean(&format!("{:#}", house.host.swap("turnstile", &file).wait().unwrap_err()))
    });
    assert_snapshot!(message, @"
    a plugin was expected: it is no ELF library
      file: <folder>/libnotes.so
      help: swap in a library that was built from a plugin crate
    ");
}

#[test]
fn a_file_that_is_not_there_is_refused() {
    let mut house = House::new("");
    let message = still_serves(&mut house, |house| {
        let file = house.path("libgone.so");
        house.clean(&format!("{:#}", house.host.swap("turnstile", file).wait().unwrap_err()))
    });
    assert_snapshot!(message, @"
    the file cannot be opened
      because: No such file or directory (os error 2)
      file: <folder>/libgone.so
      help: correct the path
    ");
}

#[test]
fn another_plugin_is_refused() {
    let mut house = House::new("");
    let message = still_serves(&mut house, |house| {
        let file = support::add(&house.path(""), &support::library("tally"));
        house.clean(&format!("{:#}", house.host.swap("turnstile", file).wait().unwrap_err()))
    });
    assert_snapshot!(message, @"
    plugin `turnstile`: a build of the plugin `turnstile` was expected, found `tally`
      file: <folder>/libtally.so
      help: swap in another build of the same plugin, or `add` this one
    ");
}

#[test]
fn the_build_that_runs_is_refused_under_whatever_name_it_comes() {
    let mut house = House::new("");
    let message = still_serves(&mut house, |house| {
        let file = house.path("libanother.so");
        std::fs::copy(house.own_file(), &file).unwrap();
        house.clean(&format!("{:#}", house.host.swap("turnstile", file).wait().unwrap_err()))
    });
    assert_snapshot!(message, @"
    plugin `turnstile`: another build of `turnstile` 7.0.100 was expected, this one runs already
      file: <folder>/libanother.so
      help: to start it anew, restart the instance
    ");
}

#[test]
fn a_file_whose_manifest_is_not_that_of_its_code_is_refused() {
    let mut house = House::new("");
    let message = still_serves(&mut house, |house| {
        let mut bytes = house.bytes("7.0.101", Manner::Good);
        // The manifest that is read from the file, not the one that the code gives, of which the compiler
        // makes as many copies as it likes.
        let library = object::File::parse(&*bytes).unwrap();
        let (start, size) =
            library.section_by_name(".hotshoe").and_then(|it| it.file_range()).unwrap();
        let (start, end) = (start as usize, (start + size) as usize);
        let record = b"version\x1f7.0.101\x1e";
        let at = bytes[start..end].windows(record.len()).position(|here| here == record).unwrap();
        bytes[start + at + record.len() - 2] = b'2';
        let file = house.path("libtorn.so");
        std::fs::write(&file, bytes).unwrap();
        house.clean(&format!("{:#}", house.host.swap("turnstile", file).wait().unwrap_err()))
    });
    assert_snapshot!(message, @"
    plugin `turnstile` failed to load: a manifest that the code agrees with was expected, the file says version 7.0.102, its code says version 7.0.101
      file: <folder>/libtorn.so
      help: the file was put together from two builds: build it again
    ");
}

#[test]
fn one_that_fails_to_initialize_is_dropped() {
    let mut house = House::new("");
    let message =
        still_serves(&mut house, |house| house.refused("7.0.101", Manner::FailsToInitialize));
    assert_snapshot!(message, @"plugin `turnstile` failed to initialize: it is one of the bad ones");
    assert_eq!(house.diary("7.0.101"), ["initialized", "dropped"]);
}

#[test]
fn one_that_hangs_in_its_initialisation_is_abandoned() {
    let mut house = House::new("init_timeout = \"50ms\"");
    let message =
        still_serves(&mut house, |house| house.refused("7.0.101", Manner::HangsInInitialize));
    assert_snapshot!(message, @"
    plugin `turnstile` failed to initialize: it was expected to initialize within 50ms, it did not come back
      help: its thread was abandoned and may still run; raise `init_timeout` in [plugins.turnstile] if the work needs longer
    ");
}

#[test]
fn one_that_fails_to_start_is_dropped() {
    let mut house = House::new("");
    let message = still_serves(&mut house, |house| house.refused("7.0.101", Manner::FailsToStart));
    assert_snapshot!(message, @"plugin `turnstile` failed to start: it is one of the bad ones");
    assert_eq!(house.diary("7.0.101"), ["initialized", "started", "dropped"]);
}

#[test]
fn one_that_panics_when_it_starts_is_dropped() {
    let mut house = House::new("");
    let message = still_serves(&mut house, |house| house.refused("7.0.101", Manner::PanicsInStart));
    assert_snapshot!(message, @"
    plugin `turnstile` failed to start: panicked: it is one of the bad ones
      at: examples/hotswap/turnstile/src/lib.rs:_
      help: a panic is a bug of the plugin: tell its author
    ");
    assert_eq!(house.diary("7.0.101"), ["initialized", "started", "dropped"]);
}

#[test]
fn one_that_is_not_well_is_stopped() {
    let mut house = House::new("");
    let message = still_serves(&mut house, |house| house.refused("7.0.101", Manner::Unwell));
    assert_snapshot!(message, @"plugin `turnstile`: it says that it is not well: it is one of the bad ones");
    house.wait_for_the_end_of("7.0.101");
    assert_eq!(house.diary("7.0.101")[..3], ["initialized", "started", "asked"]);
}

#[test]
fn one_that_panics_when_it_is_asked_how_it_is_is_stopped() {
    let mut house = House::new("");
    let message =
        still_serves(&mut house, |house| house.refused("7.0.101", Manner::PanicsInHealth));
    assert_snapshot!(message, @"
    plugin `turnstile` failed to say how it is: panicked: it is one of the bad ones
      at: examples/hotswap/turnstile/src/lib.rs:_
      help: a panic is a bug of the plugin: tell its author
    ");
    house.wait_for_the_end_of("7.0.101");
}

#[test]
fn one_that_does_not_take_the_state_is_stopped() {
    let mut house = House::new("");
    let message = still_serves(&mut house, |house| house.refused("7.0.101", Manner::RefusesState));
    assert_snapshot!(message, @"plugin `turnstile` failed to restore the state: this count is of another time");
    house.wait_for_the_end_of("7.0.101");
}

#[test]
fn one_that_panics_when_it_is_handed_the_state_is_stopped() {
    let mut house = House::new("");
    let message =
        still_serves(&mut house, |house| house.refused("7.0.101", Manner::PanicsInRestore));
    assert_snapshot!(message, @"
    plugin `turnstile` failed to restore the state: panicked: it is one of the bad ones
      at: examples/hotswap/turnstile/src/lib.rs:_
      help: a panic is a bug of the plugin: tell its author
    ");
    house.wait_for_the_end_of("7.0.101");
}

#[test]
fn one_that_hangs_when_it_is_handed_the_state_is_stopped() {
    let mut house = House::new("swap.state_timeout = \"50ms\"");
    let message =
        still_serves(&mut house, |house| house.refused("7.0.101", Manner::HangsInRestore));
    assert_snapshot!(message, @"
    plugin `turnstile`: it was expected to restore the state within 50ms, it did not
      help: its thread was abandoned and may still run; raise `swap.state_timeout` if that needs longer
    ");
    // Its own thread has it still.
    let stopped = || house.diary("7.0.101").contains(&"stopped".to_owned());
    support::said::until("its end", stopped);
}

/// An old one that does not give its state, however that goes wrong, is left as it is.
fn keeps_what_it_does_not_give(manner: Manner) -> String {
    let mut house = House::new("");
    let turns = house.turns();
    turns.turn(0).unwrap();
    house.swap("7.0.101", manner).unwrap();
    house.host.promote("turnstile").wait().unwrap();
    house.wait_for_the_end_of("7.0.100");
    let message = house.refused("7.0.102", Manner::Good);
    assert_eq!((turns.turn(1).unwrap(), house.now()), (1, ("7.0.101".to_owned(), 2)));
    assert_eq!(house.news(), ["swapped 7.0.100 7.0.101", "promoted 7.0.101", "failed"]);
    house.wait_for_the_end_of("7.0.102");
    // It can still be restarted, and without a state.
    house.host.restart("turnstile").wait().unwrap();
    assert_eq!(house.now(), ("7.0.101".to_owned(), 0));
    house.host.stop().wait().unwrap();
    message
}

#[test]
fn an_old_one_that_does_not_give_its_state_stays() {
    assert_snapshot!(keeps_what_it_does_not_give(Manner::FailsToSave), @"plugin `turnstile` failed to save its state: it is one of the bad ones");
}

#[test]
fn an_old_one_that_panics_when_it_is_asked_for_its_state_stays() {
    assert_snapshot!(keeps_what_it_does_not_give(Manner::PanicsInSave), @"
    plugin `turnstile` failed to save its state: panicked: it is one of the bad ones
      at: examples/hotswap/turnstile/src/lib.rs:_
      help: a panic is a bug of the plugin: tell its author
    ");
}

#[test]
fn an_old_one_that_hangs_when_it_is_asked_for_its_state_stays() {
    let mut house = House::new("swap.state_timeout = \"50ms\"\nstop_timeout = \"200ms\"");
    let turns = house.turns();
    house.swap("7.0.101", Manner::HangsInSave).unwrap();
    house.host.promote("turnstile").wait().unwrap();
    let message = house.refused("7.0.102", Manner::Good);
    assert_eq!((turns.turn(1).unwrap(), house.now()), (1, ("7.0.101".to_owned(), 1)));
    assert_snapshot!(message, @"
    plugin `turnstile`: it was expected to save its state within 50ms, it did not
      help: its thread was abandoned and may still run; raise `swap.state_timeout` if that needs longer
    ");
    assert_eq!(house.news(), ["swapped 7.0.100 7.0.101", "promoted 7.0.101", "failed"]);
    house.wait_for_the_end_of("7.0.102");
}

#[test]
fn more_state_than_the_configuration_takes_is_refused() {
    let mut house = House::new("swap.max_state_bytes = 1");
    let turns = house.turns();
    for number in 0..10 {
        turns.turn(number).unwrap();
    }
    let message = house.refused("7.0.101", Manner::Good);
    assert_eq!(house.now(), ("7.0.100".to_owned(), 10));
    assert_eq!(house.news(), ["failed"]);
    assert_snapshot!(message, @"
    plugin `turnstile`: at most _ bytes of state were expected, found 2
      help: raise `swap.max_state_bytes`
    ");
    house.wait_for_the_end_of("7.0.101");
    house.host.stop().wait().unwrap();
}

/// One that brings what cannot take the place of what is there, by its settings.
fn cannot_be_given(settings: serde_json::Value, others: &[&str], config: &str) -> String {
    let mut house = House::with(config, others);
    let turns = house.turns();
    turns.turn(0).unwrap();
    let mut settings = settings;
    settings["diary"] = house.path("diary").to_str().unwrap().into();
    let message = house.host.reconfigure("turnstile", settings).wait().unwrap_err();
    let message = house.clean(&format!("{message:#}"));
    turns.turn(1).unwrap();
    assert_eq!(house.now(), ("7.0.100".to_owned(), 2));
    assert_eq!(house.post("/turn").status(), 200);
    assert_eq!(house.news(), ["failed"]);
    house.wait_for_the_end_of("7.0.100");
    house.host.stop().wait().unwrap();
    message
}

#[test]
fn a_service_that_cannot_be_called_like_the_one_before_is_refused() {
    let message = cannot_be_given(serde_json::json!({ "methods": "fewer" }), &[], "");
    assert_snapshot!(message, @"
    service turns was expected to have all methods that it has now, at their places
      help: restart the instance instead: then those that use it are started anew
    ");
}

#[test]
fn a_route_of_another_instance_is_refused() {
    let settings = serde_json::json!({ "routes": ["GET /own", "GET /faulty/faulty"] });
    let config = "[plugins.faulty]\nconfig.threshold = 1";
    assert_snapshot!(cannot_be_given(settings, &["faulty"], config), @"
    plugin `turnstile`: the route GET /faulty/faulty is answered by `faulty` already
      help: disable one of the two plugins
    ");
}

#[test]
fn a_build_that_would_be_one_more_than_may_be_retired_is_refused() {
    let mut house = House::of("max_retired = 0", "", &[]);
    let message = house.refused("7.0.101", Manner::Good);
    assert_eq!(house.now(), ("7.0.100".to_owned(), 0));
    assert_eq!(house.news(), ["failed"]);
    assert!(house.diary("7.0.101").is_empty());
    assert_snapshot!(message, @"
    plugin `turnstile`: at most 0 retired libraries were expected (`max_retired`); there are 0, of 0 KiB, and this would be one more
      help: restart the program when it suits, which gives their memory back; or raise `max_retired` in [plugins], if there is enough
    ");
    house.host.stop().wait().unwrap();
}

#[test]
fn a_build_that_another_instance_does_not_go_on_with_is_refused() {
    let rig = Rig::with("needy");
    rig.add("faulty");
    let (host, _) = rig.start("[plugins.faulty]\nconfig.threshold = 1");
    let file = rig.path("libfaulty.so");
    change(&support::library("faulty"), &file, &[("version", "1.2.0", "2.2.0")]);
    let error = host.swap("faulty", &file).wait().unwrap_err();
    assert_snapshot!(rig.error(&error), @"
    plugin `faulty`: it cannot be exchanged for `faulty` 2.2.0:
    `needy` (needy 1.0.0) requires plugin `faulty` ^1.1, which is not there.
      found: faulty 2.2.0 (<folder>/libfaulty.so) is out of range
      help: install plugin `faulty` ^1.1 and enable it, or a version of `needy` that accepts what is there.
    ");
    assert_eq!(get(&host, "faulty"), "200 faulty 1");
    assert_eq!(host.plugin("faulty").unwrap().version.unwrap().to_string(), "1.2.0");
    // What it can go on with is taken, and it is not started anew for that.
    change(&support::library("faulty"), &file, &[("version", "1.2.0", "1.9.0")]);
    host.swap("faulty", &file).wait().unwrap();
    assert_eq!(get(&host, "faulty"), "200 faulty 1");
    let needy = host.plugin("needy").unwrap();
    assert_eq!((needy.state.as_str(), needy.restarts), ("active", 0));
    assert_eq!(needy.depends_on, ["faulty"]);
    host.stop().wait().unwrap();
}
