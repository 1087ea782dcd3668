//! Directories that are followed while the host runs: real files, put there as operators do.
//!
//! Nothing sleeps. That something does not happen is shown by what happens after it: a file that comes
//! later, and is taken in later.

mod support;

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use futures_lite::future::{block_on, or};
use hotshoe::config::Config;
use hotshoe::lifecycle::State;
use hotshoe::monitor::{EventStream, HostEvent, HostEventKind};
use hotshoe::{Call, Handle, PluginHost};
use serde_json::{Value, json};
use support::rig;
use tempfile::TempDir;
use turnstile::builds::{Manner, make};
use turnstile::{GOOD_FOR, Turns};

/// Nobody waits for so long unless the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

const SHORT: Duration = Duration::from_millis(20);

/// A host that follows a directory with the library as Cargo has built it.
struct House {
    host: PluginHost,
    events: EventStream,
    library: Vec<u8>,
    plugins: TempDir,
    _data: TempDir,
    fences: u32,
}

impl House {
    fn new(config: &str) -> Self {
        Self::over(support::stage(&[support::library("turnstile")]), SHORT, config)
    }

    /// `config` continues the table `[plugins]`.
    fn over(plugins: TempDir, debounce: Duration, config: &str) -> Self {
        // Each has its settings, and no file yet.
        let fences =
            "[plugins.fence1]\nconfig.threshold = 1\n[plugins.fence2]\nconfig.threshold = 1\n";
        let config = format!("[plugins]\nwatch = true\n{config}\n{fences}");
        let mut config = Config::from_toml(&config, "watching.toml").unwrap();
        config.plugins.watch_debounce = debounce;
        let data = tempfile::tempdir().unwrap();
        let builder = PluginHost::builder().config(config).data_dir(data.path());
        let host = builder.directory(plugins.path()).build().unwrap();
        host.start().wait().unwrap();
        let events = host.events();
        let library = fs::read(support::library("turnstile")).unwrap();
        Self { host, events, library, plugins, _data: data, fences: 0 }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.plugins.path().join(name)
    }

    /// The file that it runs from.
    fn own(&self) -> PathBuf {
        self.path("libturnstile.so")
    }

    fn build(&self, version: &str, manner: Manner) -> Vec<u8> {
        make(&self.library, version, manner)
    }

    /// Waits for what is told of `turnstile`, and says it all, up to the one that ends it.
    fn until(&mut self, end: impl Fn(&HostEvent) -> bool) -> Vec<HostEventKind> {
        let mut told = Vec::new();
        loop {
            let late = async {
                smol::Timer::after(PATIENCE).await;
                panic!("it was not told; what was: {told:#?}");
            };
            let event = block_on(or(self.events.next(), late)).expect("the host is there");
            let over = end(&event);
            if event.instance.as_deref() == Some("turnstile") {
                told.push(event.kind.clone());
            }
            if over {
                return told;
            }
        }
    }

    fn until_swapped_to(&mut self, version: &str) -> Vec<HostEventKind> {
        self.until(
            |event| matches!(&event.kind, HostEventKind::Swapped { to, .. } if to == version),
        )
    }

    fn until_swap_failed(&mut self) -> String {
        let failed = |event: &HostEvent| matches!(event.kind, HostEventKind::SwapFailed { .. });
        match self.until(failed).pop() {
            Some(HostEventKind::SwapFailed { why, .. }) => why,
            other => panic!("{other:?}"),
        }
    }

    /// All that is told of `turnstile` until everything has been taken in that is there by now.
    fn until_all_is_taken_in(&mut self) -> Vec<HostEventKind> {
        self.fences += 1;
        let id = format!("fence{}", self.fences);
        let file = self.path(&format!("lib{id}.so"));
        rig::change(&support::library("faulty"), &file, &[("id", "faulty", &id)]);
        self.until(|event| is_active(event, &id))
    }

    fn turns(&self) -> Handle<dyn Turns> {
        self.host.service::<dyn Turns>().unwrap()
    }

    fn told(&self) -> Value {
        block_on(self.host.execute("turnstile", &Call::none(), &json!(null))).result
    }

    /// What runs, as the host and as its code has it.
    fn version(&self) -> String {
        let version = self.host.plugin("turnstile").unwrap().version.unwrap().to_string();
        assert_eq!(self.told()["build"], version);
        version
    }

    fn end(self) {
        self.host.stop().wait().unwrap();
    }
}

fn is_active(event: &HostEvent, id: &str) -> bool {
    event.instance.as_deref() == Some(id)
        && matches!(&event.kind, HostEventKind::StateChanged { to: State::Active, .. })
}

/// Puts a file there as it should be done.
fn put(path: &Path, bytes: &[u8]) {
    let beside = path.with_extension("new");
    fs::write(&beside, bytes).unwrap();
    fs::rename(&beside, path).unwrap();
}

#[test]
fn a_build_that_is_renamed_into_place_takes_over_with_the_state_and_stays() {
    let mut house = House::new("");
    let turns = house.turns();
    for number in 0..10 {
        turns.turn(number).unwrap();
    }
    put(&house.own(), &house.build("7.0.101", Manner::Good));
    assert_eq!(house.until_swapped_to("7.0.101").len(), 1, "it is told once");
    assert_eq!((turns.turn(7).unwrap(), house.told()["count"].as_u64()), (7, Some(11)));
    house.host.promote("turnstile").wait().unwrap();
    // What was swapped in does not stand in the way of what comes after it.
    put(&house.own(), &house.build("7.0.102", Manner::Good));
    house.until_swapped_to("7.0.102");
    house.host.restart("turnstile").wait().unwrap();
    assert_eq!(house.version(), "7.0.102");
    house.end();
}

/// `cp` writes into the file that is there: code that is mapped from it would change, or be gone.
#[test]
fn a_file_that_is_overwritten_in_place_while_calls_go_on_loses_none_of_them() {
    let mut house = House::new("");
    let (over, made) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let callers: Vec<_> = (0..2)
        .map(|_| {
            let (turns, over, made) = (house.turns(), over.clone(), made.clone());
            std::thread::spawn(move || {
                while !over.load(SeqCst) {
                    let number = made.fetch_add(1, SeqCst);
                    assert_eq!(turns.turn(number).unwrap(), number);
                }
            })
        })
        .collect();
    for version in ["7.0.101", "7.0.102"] {
        fs::write(house.own(), house.build(version, Manner::Good)).unwrap();
        house.until_swapped_to(version);
        house.host.promote("turnstile").wait().unwrap();
    }
    over.store(true, SeqCst);
    callers.into_iter().for_each(|caller| caller.join().unwrap());
    assert_eq!(house.told()["count"], made.load(SeqCst));
    assert_eq!(house.version(), "7.0.102");
    house.end();
}

/// It has its length, its beginning and its end long before it is whole.
#[test]
fn a_file_that_is_being_written_is_left_alone_until_it_is_whole() {
    let mut house = House::over(
        support::stage(&[support::library("turnstile")]),
        // Longer than it takes until whoever writes has its turn again.
        Duration::from_millis(500),
        "",
    );
    let build = house.build("7.0.101", Manner::Good);
    let hole = build.len() / 3..build.len() / 3 + 4096;
    let mut file = File::create(house.own()).unwrap();
    file.write_all(&build[..hole.start]).unwrap();
    file.seek(SeekFrom::Start(hole.end as u64)).unwrap();
    file.write_all(&build[hole.end..]).unwrap();
    let whole = AtomicBool::new(false);
    let told = std::thread::scope(|scope| {
        let (file, whole) = (&mut file, &whole);
        let (end, last) = (build.len() - 1, &build[build.len() - 1..]);
        scope.spawn(move || {
            // Somebody still writes.
            while !whole.load(SeqCst) {
                file.seek(SeekFrom::Start(end as u64)).unwrap();
                file.write_all(last).unwrap();
            }
        });
        let told = house.until_all_is_taken_in();
        whole.store(true, SeqCst);
        told
    });
    assert_eq!(told, [], "what is not whole is nobody's business");
    file.seek(SeekFrom::Start(hole.start as u64)).unwrap();
    file.write_all(&build[hole]).unwrap();
    assert_eq!(house.until_swapped_to("7.0.101").len(), 1);
    assert_eq!(house.version(), "7.0.101");
    house.end();
}

#[test]
fn a_broken_file_is_told_once_and_what_runs_goes_on() {
    let mut house = House::new("");
    put(&house.own(), b"not a library");
    let why = house.until_swap_failed();
    assert!(why.contains("a plugin was expected"), "{why}");
    assert_eq!(house.until_all_is_taken_in(), [], "once");
    house.host.restart("turnstile").wait().unwrap();
    assert_eq!(house.version(), "7.0.100");
    put(&house.own(), &house.build("7.0.101", Manner::Good));
    house.until_swapped_to("7.0.101");
    house.end();
}

#[test]
fn a_plugin_that_is_dropped_in_starts_and_one_with_a_dot_before_its_name_does_not() {
    let mut house = House::new("");
    fs::copy(support::library("tally"), house.path(".libtally.so")).unwrap();
    house.until_all_is_taken_in();
    assert!(house.host.plugin("tally").is_none());
    house.host.rescan().wait().unwrap();
    assert!(house.host.plugin("tally").is_none());
    fs::rename(house.path(".libtally.so"), house.path("libtally.so")).unwrap();
    house.until(|event| is_active(event, "tally"));
    house.end();
}

#[test]
fn what_runs_from_a_file_that_is_removed_goes_on_and_can_be_restarted() {
    let mut house = House::new("");
    fs::remove_file(house.own()).unwrap();
    assert_eq!(house.until_all_is_taken_in(), []);
    assert_eq!(house.version(), "7.0.100");
    house.host.restart("turnstile").wait().unwrap();
    assert_eq!(house.version(), "7.0.100");
    put(&house.own(), &house.build("7.0.101", Manner::Good));
    house.until_swapped_to("7.0.101");
    house.end();
}

#[test]
fn what_comes_during_a_probation_waits_for_its_end_and_only_the_last_of_it_is_swapped_in() {
    let mut house = House::new("");
    put(&house.own(), &house.build("7.0.101", Manner::Good));
    house.until_swapped_to("7.0.101");
    put(&house.own(), &house.build("7.0.102", Manner::Good));
    assert_eq!(house.until_all_is_taken_in(), [], "it waits");
    put(&house.own(), &house.build("7.0.103", Manner::Good));
    assert_eq!(house.until_all_is_taken_in(), [], "so does the one after it");
    assert_eq!(house.version(), "7.0.101");
    house.host.promote("turnstile").wait().unwrap();
    let told = house.until_swapped_to("7.0.103");
    assert!(matches!(&told[..], [HostEventKind::Promoted { .. }, _]), "{told:#?}");
    house.end();
}

#[test]
fn a_build_that_was_rolled_back_is_not_tried_again_before_its_file_holds_another_one() {
    let mut house = House::new(
        "[plugins.turnstile]\ncircuit_breaker = { failure_threshold = 5, timeout = \"1h\" }",
    );
    let bad = house.build("7.0.101", Manner::FailsLater);
    put(&house.own(), &bad);
    house.until_swapped_to("7.0.101");
    let turns = house.turns();
    let failed = (0..GOOD_FOR + 6).filter(|number| turns.turn(*number).is_err()).count();
    assert_eq!(failed, 5, "the next one waited, and was answered");
    house.until(|event| matches!(event.kind, HostEventKind::RolledBack { .. }));
    // Another file with the same bytes.
    put(&house.own(), &bad);
    assert_eq!(house.until_all_is_taken_in(), []);
    assert_eq!(house.version(), "7.0.100");
    put(&house.own(), &house.build("7.0.102", Manner::Good));
    house.until_swapped_to("7.0.102");
    house.end();
}

#[test]
fn a_build_that_does_not_come_up_is_told_once_and_no_restart_brings_it_in() {
    let mut house = House::new("");
    let bad = house.build("7.0.100", Manner::FailsToInitialize);
    put(&house.own(), &bad);
    let why = house.until_swap_failed();
    assert!(why.contains("one of the bad ones"), "{why}");
    put(&house.own(), &bad);
    assert_eq!(house.until_all_is_taken_in(), [], "once");
    house.host.restart("turnstile").wait().unwrap();
    assert_eq!(house.version(), "7.0.100");
    put(&house.own(), &house.build("7.0.101", Manner::Good));
    house.until_swapped_to("7.0.101");
    // What is there again is tried again.
    house.host.promote("turnstile").wait().unwrap();
    put(&house.own(), &bad);
    house.until_swap_failed();
    house.end();
}

#[test]
fn a_lower_version_takes_over_in_the_same_file_only_and_a_higher_one_if_it_is_wanted() {
    let mut house = House::new("[plugins.turnstile]\nversion = \"<7.0.104\"");
    put(&house.path("libother.so"), &house.build("7.0.103", Manner::Good));
    house.until_swapped_to("7.0.103");
    house.host.promote("turnstile").wait().unwrap();
    house.until(|event| matches!(event.kind, HostEventKind::Promoted { .. }));
    put(&house.own(), &house.build("7.0.102", Manner::Good));
    assert_eq!(house.until_all_is_taken_in(), [], "a lower one in another file");
    put(&house.own(), &house.build("7.0.105", Manner::Good));
    assert_eq!(house.until_all_is_taken_in(), [], "a higher one that is not wanted");
    put(&house.path("libother.so"), &house.build("7.0.101", Manner::Good));
    house.until_swapped_to("7.0.101");
    assert_eq!(house.version(), "7.0.101");
    house.end();
}

#[test]
fn a_file_that_the_policy_refuses_is_not_swapped_in() {
    let mut house = House::new("[plugins.security]\nminimum.turnstile = \"7.0.100\"");
    put(&house.own(), &house.build("6.9.100", Manner::Good));
    let why = house.until_swap_failed();
    assert!(why.contains("7.0.100 or later"), "{why}");
    assert_eq!(house.version(), "7.0.100");
    house.end();
}

#[test]
fn a_plugin_that_failed_to_start_is_tried_again_when_its_file_holds_another_build() {
    let library = fs::read(support::library("turnstile")).unwrap();
    let plugins = tempfile::tempdir().unwrap();
    let bad = make(&library, "7.0.100", Manner::FailsToInitialize);
    put(&plugins.path().join("libturnstile.so"), &bad);
    let mut house = House::over(plugins, SHORT, "");
    assert!(!house.host.plugin("turnstile").unwrap().state.is_serving());
    put(&house.own(), &library);
    house.until(|event| is_active(event, "turnstile"));
    // It is told before the way there is open; what starts it is over before anything else begins.
    house.host.rescan().wait().unwrap();
    assert_eq!(house.version(), "7.0.100");
    house.end();
}
