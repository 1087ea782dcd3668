//! What no process survives, whichever way the plugin came into it: each is shown, with how the process
//! ends.

use hotshoe::Mount;

use crate::cage::{Cage, get, is_well};
use crate::child::{self, Death};

/// Said when everything went well so far.
const ABOUT_TO: &str = "it is about to happen";

/// The numbers of signals, which no system of today has otherwise.
const SIGABRT: i32 = 6;
const SIGSEGV: i32 = 11;

macro_rules! killers {
    ($($specimen:ident: $death:expr,)*) => {
        $(mod $specimen {
            use super::*;

            #[test]
            fn linked() {
                dies(module_path!(), Mount::Linked, super::$specimen, $death);
            }

            #[test]
            fn loaded() {
                dies(module_path!(), Mount::Loaded, super::$specimen, $death);
            }
        }

        fn $specimen(mount: Mount, when: &str) {
            play(mount, stringify!($specimen), when);
        })*
    };
}

killers! {
    segfaults: Death::Signal(SIGSEGV),
    aborts: Death::Signal(SIGABRT),
    exits: Death::Code(0),
    overflows_the_stack: Death::Signal(SIGABRT),
    panics_while_unwinding: Death::Signal(SIGABRT),
    panics_in_a_thread_local: Death::Signal(SIGABRT),
}

/// Shows that a process dies of it, while a plugin is initialised and while it answers a request.
fn dies(module: &str, mount: Mount, case: fn(Mount, &str), how: Death) {
    for when in ["initialize", "request"] {
        if let Some(outcome) = child::play_to_the_death(module, mount, when, case) {
            assert!(outcome.died(how, ABOUT_TO), "{when}: {outcome}");
        }
    }
}

fn play(mount: Mount, specimen: &'static str, when: &str) {
    let cage = Cage::new(mount, specimen);
    let config = format!("config.when = \"{when}\"");
    if when == "initialize" {
        println!("{ABOUT_TO}");
        cage.start(&config);
        return await_death();
    }
    let host = cage.running(&config);
    is_well(&host);
    println!("{ABOUT_TO}");
    // In a thread that ends, as those of a server do.
    let thread = std::thread::spawn(move || get(&host, "/fault").map(drop));
    let _ = thread.join();
    await_death();
}

/// A thread may have handed over its answer and end only now, and the process with it.
fn await_death() {
    let (_open, never) = std::sync::mpsc::channel::<()>();
    let _ = never.recv_timeout(std::time::Duration::from_secs(10));
}
