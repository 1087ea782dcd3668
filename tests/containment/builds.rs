//! A library that was built as no host can use it.

use hotshoe::Mount;
use insta::assert_snapshot;

use crate::cage::Cage;
use crate::support::zoo;

when_loaded! { with_panics_that_abort, for_another_target }

/// Really compiled so, from sources that say nothing about it.
fn with_panics_that_abort(mount: Mount) {
    let library = zoo::library_built_with("panics_abort", &["-C", "panic=abort"]);
    let cage = Cage::new(mount, "panics_abort");
    cage.add(&library);
    assert_snapshot!(cage.refusal(""), @r#"
    [incompatible, verify] problem: plugin `panics-abort` failed to verify: a plugin whose panics unwind was expected, this one was built with panic = "abort": its first panic would end the host
      help: build it with panic = "unwind" (the default)
    "#);
}

fn for_another_target(mount: Mount) {
    assert_snapshot!(Cage::new(mount, "for_another_target").refusal(""), @r"
    [incompatible, verify] problem: plugin `for-another-target` failed to verify: target <arch>-unknown-linux-gnu was expected, found sparc-sun-solaris
      help: build the plugin for the host's target
    ");
}
