//! What kills a host, tried in a child process first: there it kills the child, and is refused here.

use hotshoe::Mount;
use insta::assert_snapshot;

use crate::cage::{Cage, is_well};

const HELPER: &str = env!("CARGO_BIN_EXE_hotshoe-preflight");

when_loaded! {
    segfaults,
    aborts,
    exits,
    overflows_the_stack,
    panics_while_unwinding,
    panics_in_a_thread_local,
    blocks_in_initialize,
    harmless_until_a_request,
}

/// What a host that tries libraries first says of one that does its worst in `initialize`.
fn refusal(mount: Mount, specimen: &'static str) -> String {
    let cage = Cage::new(mount, specimen);
    cage.refusal_with(&format!("security = {}", policy()), "config.when = \"initialize\"")
}

fn policy() -> String {
    format!("{{ preflight = true, preflight_helper = {HELPER:?} }}")
}

fn segfaults(mount: Mount) {
    assert_snapshot!(refusal(mount, "segfaults"), @"
    [invalid_plugin, load] problem: plugin `segfaults` failed to load: a plugin that survives a trial was expected: in `initialize` it died of signal 11 (SIGSEGV: a bad access to memory)
      help: it was tried in a child process, the host is unharmed: tell the plugin's author
    ");
}

fn aborts(mount: Mount) {
    assert_snapshot!(refusal(mount, "aborts"), @"
    [invalid_plugin, load] problem: plugin `aborts` failed to load: a plugin that survives a trial was expected: in `initialize` it died of signal 6 (SIGABRT: it aborted)
      help: it was tried in a child process, the host is unharmed: tell the plugin's author
    ");
}

fn exits(mount: Mount) {
    assert_snapshot!(refusal(mount, "exits"), @"
    [invalid_plugin, load] problem: plugin `exits` failed to load: a plugin that survives a trial was expected: in `initialize` it ended the process with code 0
      help: it was tried in a child process, the host is unharmed: tell the plugin's author
    ");
}

fn overflows_the_stack(mount: Mount) {
    assert_snapshot!(refusal(mount, "overflows_the_stack"), @"
    [invalid_plugin, load] problem: plugin `overflows-the-stack` failed to load: a plugin that survives a trial was expected: in `initialize` it died of signal 6 (SIGABRT: it aborted)
      because: fatal runtime error: stack overflow, aborting
      help: it was tried in a child process, the host is unharmed: tell the plugin's author
    ");
}

fn panics_while_unwinding(mount: Mount) {
    assert_snapshot!(refusal(mount, "panics_while_unwinding"), @"
    [invalid_plugin, load] problem: plugin `panics-while-unwinding` failed to load: a plugin that survives a trial was expected: in `initialize` it died of signal 6 (SIGABRT: it aborted)
      because: thread caused non-unwinding panic. aborting.
      help: it was tried in a child process, the host is unharmed: tell the plugin's author
    ");
}

fn panics_in_a_thread_local(mount: Mount) {
    assert_snapshot!(refusal(mount, "panics_in_a_thread_local"), @"
    [invalid_plugin, load] problem: plugin `panics-in-a-thread-local` failed to load: a plugin that survives a trial was expected: while its instance was dropped it died of signal 6 (SIGABRT: it aborted)
      because: fatal runtime error: thread local panicked on drop, aborting
      help: it was tried in a child process, the host is unharmed: tell the plugin's author
    ");
}

fn blocks_in_initialize(mount: Mount) {
    let cage = Cage::new(mount, "blocks_in_initialize");
    let told = cage.refusal_with(&format!("load_timeout = \"2s\"\nsecurity = {}", policy()), "");
    assert_snapshot!(told, @"
    [timeout, load] problem: plugin `blocks-in-initialize` failed to load: a plugin that can be tried within 2s was expected: in `initialize` it did not come back
      help: it was tried in a child process, which was killed; raise `load_timeout` if it needs longer
    ");
}

/// It cannot see what has not happened yet.
fn harmless_until_a_request(mount: Mount) {
    let cage = Cage::new(mount, "exits");
    let host = cage.host_with(&format!("security = {}", policy()), "config.when = \"request\"");
    host.start().wait().expect("nothing is required");
    cage.is_active(&host);
    is_well(&host);
    cage.ends(&host);
}
