//! Files that come, go and change while the host runs, and plugins that are switched on and off.

use hotshoe::PluginHost;
use insta::assert_snapshot;

use crate::support;
use crate::support::rig::{Rig, change, get};
use crate::support::said::state;

const FAULTY: &str = "[plugins.faulty]\nconfig.threshold = 1";

#[test]
fn a_plugin_whose_file_is_removed_goes_on_running() {
    let rig = Rig::with("faulty");
    let (host, _) = rig.start(FAULTY);
    std::fs::remove_file(rig.plugin("libfaulty.so")).unwrap();
    assert_eq!(get(&host, "faulty"), "200 faulty 1");
    let report = host.rescan().wait().unwrap();
    assert_eq!(rig.told(&report), "nothing");
    assert_eq!(get(&host, "faulty"), "200 faulty 1");
    // Its code is open, and stays so.
    host.restart("faulty").wait().unwrap();
    assert_eq!(get(&host, "faulty"), "200 faulty 1");
    host.disable("faulty").wait().unwrap();
    host.enable("faulty").wait().unwrap();
    assert_eq!(get(&host, "faulty"), "200 faulty 1");
    host.stop().wait().unwrap();
}

#[test]
fn a_plugin_that_is_only_found_and_whose_file_is_removed_restarts() {
    let rig = Rig::new();
    rig.add("faulty");
    rig.add("needy");
    let (host, _) = rig.start(FAULTY);
    std::fs::remove_file(rig.plugin("libneedy.so")).unwrap();
    host.restart("needy").wait().unwrap();
    assert_eq!(state(&host, "needy"), "active");
    host.stop().wait().unwrap();
}

#[test]
fn a_plugin_that_is_removed_with_its_file_is_gone() {
    let rig = Rig::with("faulty");
    let (host, _) = rig.start(FAULTY);
    std::fs::remove_file(rig.plugin("libfaulty.so")).unwrap();
    host.remove("faulty").wait().unwrap();
    let report = host.rescan().wait().unwrap();
    assert_eq!(rig.told(&report), "nothing");
    assert!(host.plugin("faulty").is_none());
    host.stop().wait().unwrap();
}

#[test]
fn another_version_in_the_same_file_is_taken_by_a_restart_and_not_before() {
    let rig = Rig::with("faulty");
    let (host, _) = rig.start(FAULTY);
    let version = |host: &PluginHost| host.plugin("faulty").unwrap().version.unwrap().to_string();
    let file = rig.plugin("libfaulty.so");
    change(&support::library("faulty"), &file, &[("version", "1.2.0", "1.3.0")]);
    assert_eq!(get(&host, "faulty"), "200 faulty 1");
    let report = host.rescan().wait().unwrap();
    assert_eq!(rig.told(&report), "nothing");
    assert_eq!((get(&host, "faulty"), version(&host)), ("200 faulty 1".into(), "1.2.0".into()));
    host.restart("faulty").wait().unwrap();
    assert_eq!((get(&host, "faulty"), version(&host)), ("200 faulty 1".into(), "1.3.0".into()));
    change(&support::library("faulty"), &file, &[("version", "1.2.0", "1.4.0")]);
    host.restart("faulty").wait().unwrap();
    assert_eq!((get(&host, "faulty"), version(&host)), ("200 faulty 1".into(), "1.4.0".into()));
    host.stop().wait().unwrap();
}

/// The loader knows libraries by name, and nothing but its bytes tells another build of one version.
#[cfg(target_os = "linux")]
#[test]
fn another_build_of_the_same_version_in_the_same_file_is_opened_once_by_restarts() {
    let rig = Rig::new();
    let file = rig.make("rebuilt", "1.0.0", &[]);
    let (host, _) = rig.start("[plugins.rebuilt]\nconfig.threshold = 1");
    let mapped = || {
        let all = std::fs::read_to_string("/proc/self/maps").unwrap();
        let copies = all.lines().filter(|line| line.contains("/memfd:librebuilt-1.0.0.so"));
        // Of each copy one mapping can be executed.
        copies.filter(|line| line.contains(" r-xp ")).count()
    };
    assert_eq!(mapped(), 0, "the first one of the name is mapped from disk");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes.extend(b"another build");
    for copies in [1, 1, 1] {
        rig.write("new", &bytes);
        std::fs::rename(rig.plugin("new"), &file).unwrap();
        assert_eq!(get(&host, "rebuilt"), "200 rebuilt 1");
        host.restart("rebuilt").wait().unwrap();
        assert_eq!(get(&host, "rebuilt"), "200 rebuilt 1");
        assert_eq!(mapped(), copies);
    }
    host.stop().wait().unwrap();
}

/// Until the program ends, and told until it is used again.
#[test]
fn a_build_that_a_restart_leaves_behind_is_retired_with_its_memory() {
    let rig = Rig::new();
    let file = rig.make("outdated", "1.0.0", &[]);
    let first = std::fs::read(&file).unwrap();
    let replace = |bytes: &[u8]| {
        rig.write("new", bytes);
        std::fs::rename(rig.plugin("new"), &file).unwrap();
    };
    let (host, _) = rig.start("[plugins.outdated]\nconfig.threshold = 1");
    host.restart("outdated").wait().unwrap();
    assert_eq!(host.retired(), [], "it goes on with the same build");
    for build in ["second", "third"] {
        replace(&[&first, build.as_bytes()].concat());
        host.restart("outdated").wait().unwrap();
    }
    let retired = host.retired();
    assert_eq!(retired.len(), 2);
    for (library, copied) in retired.iter().zip([false, true]) {
        assert_eq!((library.plugin.as_str(), &library.path), ("outdated", &file));
        assert_eq!(library.version.to_string(), "1.0.0");
        assert_eq!(library.instances, ["outdated"]);
        assert_eq!(
            library.digest.is_some(),
            copied,
            "the first one of the name is mapped from disk"
        );
        let length = (first.len() + "second".len()) as u64;
        assert_eq!(library.copy, copied.then_some(length));
        if cfg!(target_os = "linux") {
            let memory = library.memory.expect("Linux tells");
            assert!(memory.resident >= memory.private && memory.private > 0, "{memory:?}");
        }
    }
    replace(&[&first[..], b"second"].concat());
    host.restart("outdated").wait().unwrap();
    let now: Vec<_> = host.retired().into_iter().map(|library| library.digest).collect();
    assert_eq!(now.len(), 2);
    assert!(!now.contains(&retired[1].digest), "what is used again is not retired");
    host.stop().wait().unwrap();
}

#[test]
fn another_version_in_another_file_is_taken_by_a_restart() {
    let rig = Rig::with("faulty");
    let (host, _) = rig.start(FAULTY);
    rig.change("faulty", "libfaulty-1.3.so", &[("version", "1.2.0", "1.3.0")]);
    let report = host.rescan().wait().unwrap();
    assert_eq!(rig.told(&report), "nothing");
    let version = |host: &PluginHost| host.plugin("faulty").unwrap().version.unwrap();
    assert_eq!(version(&host).to_string(), "1.2.0");
    host.restart("faulty").wait().unwrap();
    assert_eq!(version(&host).to_string(), "1.3.0");
    assert_eq!(get(&host, "faulty"), "200 faulty 1");
    host.stop().wait().unwrap();
}

#[test]
fn a_broken_file_in_place_of_a_running_one_is_reported_and_harms_nobody() {
    let rig = Rig::with("faulty");
    let (host, _) = rig.start(FAULTY);
    let bytes = std::fs::read(support::library("faulty")).unwrap();
    rig.write("new", &bytes[..9000]);
    std::fs::rename(rig.plugin("new"), rig.plugin("libfaulty.so")).unwrap();
    let report = host.rescan().wait().unwrap();
    assert_eq!(get(&host, "faulty"), "200 faulty 1");
    assert_snapshot!(rig.told(&report), @r"
    problem: a whole library was expected, this one of _ bytes is damaged or cut off
      because: Invalid ELF section header offset/size/alignment
      file: <folder>/plugins/libfaulty.so
      help: copy or build the file again
    ");
    host.stop().wait().unwrap();
}

#[test]
fn a_new_file_starts_with_the_next_look() {
    let rig = Rig::new();
    let (host, _) = rig.start(FAULTY);
    assert_eq!(state(&host, "faulty"), "failed");
    rig.add("faulty");
    let report = host.rescan().wait().unwrap();
    assert_eq!(rig.told(&report), "nothing");
    assert_eq!(get(&host, "faulty"), "200 faulty 1");
    host.stop().wait().unwrap();
}

#[test]
fn a_plugin_that_failed_is_tried_again_only_when_somebody_asks() {
    let rig = Rig::with("faulty");
    let gone = rig.path("secret");
    let text =
        format!("[plugins.faulty]\nconfig.threshold = 1\nconfig.start = {{ file = {gone:?} }}");
    let (host, _) = rig.start(&text);
    assert_eq!(state(&host, "faulty"), "failed");
    std::fs::write(&gone, "ok").unwrap();
    host.rescan().wait().unwrap();
    assert_eq!(state(&host, "faulty"), "failed");
    host.enable("faulty").wait().unwrap();
    assert_eq!(get(&host, "faulty"), "200 faulty 1");
    host.stop().wait().unwrap();
}

#[test]
fn adding_a_file_that_is_broken_says_how() {
    let rig = Rig::new();
    let (host, _) = rig.start(FAULTY);
    let outside = |name: &str, bytes: &[u8]| {
        std::fs::write(rig.path(name), bytes).unwrap();
        rig.path(name)
    };
    let whole = std::fs::read(support::library("faulty")).unwrap();
    let mut told = Vec::new();
    for file in
        [rig.path("none.so"), outside("text.so", b"To do."), outside("cut.so", &whole[..20000])]
    {
        let error = host.add(file).wait().unwrap_err();
        told.push(format!("[{}] {}", error.kind().as_str(), rig.error(&error)));
    }
    assert_eq!(get(&host, "steady"), "200 steady 1");
    assert_snapshot!(told.join("\n"), @r"
    [io] the file cannot be opened
      because: No such file or directory (os error 2)
      file: <folder>/none.so
      help: correct the path
    [invalid_plugin] a plugin was expected: it is no ELF library
      file: <folder>/text.so
      help: add a library that was built from a plugin crate
    [invalid_plugin] a whole library was expected, this one of _ bytes is damaged or cut off
      because: Invalid ELF section header offset/size/alignment
      file: <folder>/cut.so
      help: copy or build the file again
    ");
    // What was refused left nothing behind.
    let report = host.report();
    assert_eq!(report.plugins.len(), 2, "{report}");
    host.stop().wait().unwrap();
}

#[test]
fn adding_a_file_twice_or_a_second_copy_of_it_is_refused() {
    let rig = Rig::with("faulty");
    let (host, _) = rig.start(FAULTY);
    std::fs::copy(support::library("faulty"), rig.path("copy.so")).unwrap();
    let error = host.add(rig.path("copy.so")).wait().unwrap_err();
    assert_eq!(get(&host, "faulty"), "200 faulty 1");
    assert_snapshot!(rig.error(&error), @r"
    plugin `faulty` failed to discover: one file for version 1.2.0 was expected, there are 2; also <folder>/copy.so
      file: <folder>/plugins/libfaulty.so
      help: keep one of them; to run it twice, name two instances in the configuration
    ");
    // It is as if it had not been added: the one that runs is added already, and can be restarted.
    assert_eq!(rig.told(&host.report()), "nothing");
    host.add(rig.plugin("libfaulty.so")).wait().unwrap();
    host.restart("faulty").wait().unwrap();
    assert_eq!(get(&host, "faulty"), "200 faulty 1");
    host.stop().wait().unwrap();
}

#[test]
fn an_add_that_fails_does_not_take_back_the_one_before() {
    let rig = Rig::with("faulty");
    let file = rig.path("needy.so");
    std::fs::copy(support::library("needy"), &file).unwrap();
    let (host, _) = rig.start(&format!("auto_load = false\n{FAULTY}"));
    host.add(&file).wait().unwrap();
    host.disable("needy").wait().unwrap();
    let error = host.add(&file).wait().unwrap_err();
    assert_snapshot!(rig.error(&error), @r#"
    `needy` was disabled while the host ran; `enable("needy")` starts it
      file: <folder>/needy.so
    "#);
    host.enable("needy").wait().unwrap();
    assert_eq!(state(&host, "needy"), "active");
    host.stop().wait().unwrap();
}

/// What runs is the old one: that it may go on does not mean that the new one was added.
#[test]
fn adding_a_file_that_is_no_longer_what_runs_is_refused() {
    let rig = Rig::with("faulty");
    let (host, _) = rig.start(&format!("{FAULTY}\n[plugins.security.minimum]\nfaulty = \"1.2.0\""));
    let file = rig.plugin("libfaulty.so");
    let mut told = Vec::new();
    for version in ["1.1.0", "1.3.0"] {
        change(&support::library("faulty"), &file, &[("version", "1.2.0", version)]);
        told.push(rig.error(&host.add(&file).wait().unwrap_err()));
        assert_eq!(get(&host, "faulty"), "200 faulty 1");
    }
    assert_snapshot!(told.join("\n"), @"
    plugin `faulty` failed to verify: version 1.2.0 or later was expected, this is version 1.1.0
      file: <folder>/plugins/libfaulty.so
      help: update the plugin, or lower `faulty` in [plugins.security.minimum]
    plugin `faulty` 1.3.0 is not used: another version, file or mount of it is in use
      file: <folder>/plugins/libfaulty.so
      help: restart the instance to use a higher version, or configure another one
    ");
    host.stop().wait().unwrap();
}

#[test]
fn what_was_removed_does_not_come_back_with_a_file_that_may_not_be_loaded() {
    let rig = Rig::with("faulty");
    let (host, _) = rig.start(&format!("{FAULTY}\n[plugins.security.minimum]\nfaulty = \"1.2.0\""));
    host.remove("faulty").wait().unwrap();
    let file = rig.path("older.so");
    change(&support::library("faulty"), &file, &[("version", "1.2.0", "1.1.0")]);
    let error = host.add(&file).wait().unwrap_err();
    assert_snapshot!(rig.error(&error), @"
    plugin `faulty` failed to verify: version 1.2.0 or later was expected, this is version 1.1.0
      file: <folder>/older.so
      help: update the plugin, or lower `faulty` in [plugins.security.minimum]
    ");
    assert!(host.plugin("faulty").is_none());
    assert_eq!(get(&host, "faulty"), "404 not found");
    host.stop().wait().unwrap();
}

#[test]
fn what_was_removed_does_not_come_back_in_place_of_a_version_that_fails() {
    let rig = Rig::new();
    rig.make("victim", "1.0.0", &[]);
    let newer = rig.make("victim", "2.0.0", &["requires|plugin|absent|^1"]);
    let file = rig.path("newer.so");
    std::fs::rename(newer, &file).unwrap();
    let (host, _) = rig.start("[plugins.victim]\nconfig.threshold = 1");
    assert_eq!(get(&host, "victim"), "200 victim 1");
    host.remove("victim").wait().unwrap();
    host.add(&file).wait().unwrap_err();
    assert!(host.plugin("victim").is_none());
    assert_eq!(get(&host, "victim"), "404 not found");
    host.rescan().wait().unwrap();
    assert!(host.plugin("victim").is_none());
    host.stop().wait().unwrap();
}

#[cfg(unix)]
#[test]
fn a_file_in_a_directory_that_has_two_names_is_added_once() {
    let rig = Rig::new();
    std::os::unix::fs::symlink(rig.path("plugins"), rig.path("link")).unwrap();
    let mut config = rig.config(FAULTY);
    config.plugins.directories = vec![rig.path("link")];
    let host = PluginHost::builder().config(config).data_dir(rig.path("data")).build().unwrap();
    host.start().wait().unwrap();
    host.add(rig.add("faulty")).wait().unwrap();
    assert_eq!(get(&host, "faulty"), "200 faulty 1");
    host.restart("faulty").wait().unwrap();
    assert_eq!(get(&host, "faulty"), "200 faulty 1");
    host.stop().wait().unwrap();
}

/// Its storage, its grants and its settings are kept by this id.
#[test]
fn a_plugin_named_like_an_instance_of_another_one_does_not_take_its_place() {
    let rig = Rig::with("faulty");
    let (host, _) = rig.start("[plugins.own]\nplugin = \"faulty\"\nconfig.threshold = 2");
    rig.make("own", "9.0.0", &[]);
    let report = host.rescan().wait().unwrap();
    assert_snapshot!(rig.told(&report), @r#"
    problem: plugin `own` failed to resolve: a free id was expected, `own` is configured as an instance of the plugin `faulty`
      file: <folder>/plugins/libown-9.0.0.so
      help: to run it, configure it under another id: plugin = "own" in [plugins.<id>]
    "#);
    host.restart("own").wait().unwrap();
    assert_eq!(get(&host, "own"), "200 own 2");
    host.stop().wait().unwrap();
    let (host, _) = rig.start("[plugins.own]\nplugin = \"faulty\"\nconfig.threshold = 2");
    assert_eq!(get(&host, "own"), "200 own 2");
    host.stop().wait().unwrap();
}

#[test]
fn adding_a_plugin_that_fails_or_lacks_something_says_why() {
    let rig = Rig::new();
    let (host, _) = rig.start("[plugins.faulty]\nconfig.threshold = 1\nconfig.start = \"panic\"");
    let place = |package: &str| {
        let to = rig.path(&format!("{package}.so"));
        std::fs::copy(support::library(package), &to).unwrap();
        to
    };
    let needy = host.add(place("needy")).wait().unwrap_err();
    assert_snapshot!(rig.error(&needy), @r"
    `needy` waits for `faulty`
    `faulty` is an instance of plugin `faulty`, which is not there.
      help: put its library into a plugin directory (or name it in `linked`, if it is compiled in), correct its id, or disable `faulty`.
      looked in: <folder>/plugins
      file: <folder>/needy.so
    ");
    let faulty = host.add(place("faulty")).wait().unwrap_err();
    assert_snapshot!(rig.error(&faulty), @r"
    plugin `faulty` failed to start: panicked: start went wrong
      at: tests/plugins/faulty/src/lib.rs:_
      file: <folder>/faulty.so
      help: a panic is a bug of the plugin: tell its author
    ");
    assert_eq!(get(&host, "steady"), "200 steady 1");
    host.stop().wait().unwrap();
}

#[test]
fn what_depends_on_a_disabled_plugin_is_blocked_until_it_is_enabled() {
    let rig = Rig::with("faulty");
    rig.add("needy");
    let (host, _) = rig.start(FAULTY);
    assert_eq!(state(&host, "needy"), "active");
    host.disable("faulty").wait().unwrap();
    assert_eq!((state(&host, "faulty"), state(&host, "needy")), ("disabled", "blocked"));
    assert_eq!(get(&host, "faulty"), "404 not found");
    assert_eq!(get(&host, "steady"), "200 steady 1");
    assert_snapshot!(rig.told(&host.report()), @"problem: plugin `needy` is not started: it needs `faulty` (disabled)");
    assert_snapshot!(rig.clean(&host.explain("needy")), @r#"
    `needy` waits for `faulty`
    `faulty` was disabled while the host ran; `enable("faulty")` starts it
    "#);
    host.enable("faulty").wait().unwrap();
    assert_eq!((state(&host, "faulty"), state(&host, "needy")), ("active", "active"));
    assert_eq!(get(&host, "faulty"), "200 faulty 1");
    assert_eq!(rig.told(&host.report()), "nothing");
    host.stop().wait().unwrap();
}

#[test]
fn what_depends_on_a_disabled_plugin_is_explained_after_a_rescan_too() {
    let rig = Rig::with("faulty");
    rig.add("needy");
    let (host, _) = rig.start(FAULTY);
    host.disable("faulty").wait().unwrap();
    let report = host.rescan().wait().unwrap();
    assert_snapshot!(rig.told(&report), @r"
    problem: `needy` (needy 1.0.0) requires plugin `faulty` ^1.1, which is not there.
      found: instance `faulty` of plugin `faulty` is present but disabled
      help: enable `faulty`, or disable `needy`.
    ");
    host.stop().wait().unwrap();
}

#[test]
fn a_plugin_yields_to_load_and_comes_back() {
    let rig = Rig::with("faulty");
    let (host, _) =
        rig.start(&format!("{FAULTY}\nload = {{ disable_above = 0.9, enable_below = 0.5 }}"));
    for (load, expected) in
        [(0.7, "active"), (0.95, "disabled"), (0.7, "disabled"), (0.4, "active"), (0.9, "active")]
    {
        host.report_load(load).wait().unwrap();
        assert_eq!(state(&host, "faulty"), expected, "at load {load}");
        assert_eq!(get(&host, "steady"), "200 steady 1");
        if expected == "disabled" {
            assert_eq!(get(&host, "faulty"), "404 not found");
        }
    }
    host.report_load(2.0).wait().unwrap();
    assert_snapshot!(host.explain("faulty"), @r#"`faulty` was disabled while the host ran, by `disable` or because of the load (`load` in [plugins.faulty]); `enable("faulty")` starts it"#);
    host.stop().wait().unwrap();
}

#[test]
fn what_an_operator_disabled_does_not_come_back_when_the_load_falls() {
    let rig = Rig::with("faulty");
    let (host, _) =
        rig.start(&format!("{FAULTY}\nload = {{ disable_above = 0.9, enable_below = 0.5 }}"));
    host.disable("faulty").wait().unwrap();
    host.report_load(0.1).wait().unwrap();
    assert_eq!(state(&host, "faulty"), "disabled");
    host.stop().wait().unwrap();
}

#[test]
fn a_host_that_was_stopped_says_so() {
    let rig = Rig::with("faulty");
    let (host, _) = rig.start(FAULTY);
    host.stop().wait().unwrap();
    let error = host.start().wait().unwrap_err();
    assert_snapshot!(rig.error(&error), @r"
    the host was stopped
      help: build another one
    ");
    assert_eq!(get(&host, "faulty"), "404 not found");
}

#[test]
fn an_operation_on_an_unknown_instance_names_those_there_are() {
    let rig = Rig::with("faulty");
    let (host, _) = rig.start(FAULTY);
    let error = host.restart("fautly").wait().unwrap_err();
    assert_snapshot!(rig.error(&error), @r"
    no plugin instance is called `fautly`
      help: instances: faulty, steady
    ");
    host.stop().wait().unwrap();
}
