//! What a library would bring along.

use insta::assert_snapshot;

use super::elf;
use crate::support::rig::Rig;

const FAULTY: &str = "[plugins.faulty]\nconfig.threshold = 1\n";

/// `faulty` under the name of a library that it needs and the system does not have.
fn needing(name: &str) -> Rig {
    let rig = Rig::with("faulty");
    let path = rig.plugin("libfaulty.so");
    let mut bytes = std::fs::read(&path).unwrap();
    let old = b"\0libgcc_s.so.1\0";
    assert_eq!(name.len(), old.len() - 2);
    let at = bytes.windows(old.len()).position(|found| found == old).expect("it needs libgcc_s");
    bytes[at + 1..at + 1 + name.len()].copy_from_slice(name.as_bytes());
    std::fs::write(&path, bytes).unwrap();
    rig
}

#[test]
fn a_library_that_needs_another_one_is_refused() {
    assert_snapshot!(needing("libother.so.1").outcome(FAULTY), @r#"
    problem: plugin `faulty` failed to verify: a library that needs only the system's own was expected, this one needs `libother.so.1`, whose code would run unverified
      file: <folder>/plugins/libfaulty.so
      help: link that library statically, or add "libother.so.1" to `allow_needed` in [plugins.security]
    "#);
}

/// With a slash in its name a library is loaded from there, whatever the system has.
#[test]
fn a_library_that_needs_another_one_by_its_path_is_refused() {
    assert_snapshot!(needing("./libc.so.6.x").outcome(FAULTY), @r#"
    problem: plugin `faulty` failed to verify: a library that needs only the system's own was expected, this one needs `./libc.so.6.x`, whose code would run unverified
      file: <folder>/plugins/libfaulty.so
      help: link that library statically, or add "./libc.so.6.x" to `allow_needed` in [plugins.security]
    "#);
}

/// The loader looks for it then, and does not find it: the check was passed.
#[test]
fn a_library_that_the_operator_allows_may_be_needed() {
    let rig = needing("libother.so.1");
    let outcome =
        rig.outcome(&format!("{FAULTY}[plugins.security]\nallow_needed = [\"libother.so.*\"]"));
    assert!(outcome.contains("libother.so.1: cannot open shared object file"), "{outcome}");
}

#[test]
fn a_library_with_a_search_path_of_its_own_is_refused() {
    for (tag, name) in [(15, "RPATH"), (29, "RUNPATH")] {
        let rig = Rig::with("faulty");
        elf::with_dynamic(&rig.plugin("libfaulty.so"), tag);
        let outcome = rig.outcome(FAULTY);
        insta::allow_duplicates! {
            assert_snapshot!(outcome, @r#"
            problem: plugin `faulty` failed to verify: a library without search paths of its own was expected, this one has `libgcc_s.so.1` (RPATH or RUNPATH): whatever lies there would be loaded unverified
              file: <folder>/plugins/libfaulty.so
              help: link it without `-rpath`, or set `rpath = "allow"` in [plugins.security]
            "#);
        }
        let allowed = rig.outcome(&format!("{FAULTY}[plugins.security]\nrpath = \"allow\""));
        assert_eq!(allowed, "nothing", "{name}");
    }
}

#[test]
fn a_library_that_names_filters_or_auditors_is_refused() {
    for (tag, kind) in [
        (0x7fff_ffff, "filter"),
        (0x7fff_fffd, "auxiliary"),
        (0x6fff_fefc, "audit"),
        (0x6fff_fefb, "audit"),
    ] {
        let rig = Rig::with("faulty");
        elf::with_dynamic(&rig.plugin("libfaulty.so"), tag);
        let outcome = rig.outcome(&format!("{FAULTY}[plugins.security]\nrpath = \"allow\""));
        assert!(outcome.contains(&format!("as its {kind}")), "{outcome}");
    }
}

#[test]
fn a_library_that_wants_executable_stacks_is_refused() {
    let rig = Rig::with("faulty");
    elf::with_executable_stack(&rig.plugin("libfaulty.so"));
    assert_snapshot!(rig.outcome(FAULTY), @"
    problem: plugin `faulty` failed to verify: a library for stacks that are data was expected, this one makes every stack of the program executable
      file: <folder>/plugins/libfaulty.so
      help: link it with `-z noexecstack`
    ");
}

/// The loader takes it that it wants them.
#[test]
fn a_library_that_says_nothing_about_stacks_is_refused() {
    let rig = Rig::with("faulty");
    elf::without_stack(&rig.plugin("libfaulty.so"));
    let outcome = rig.outcome(FAULTY);
    assert!(outcome.contains("makes every stack of the program executable"), "{outcome}");
}
