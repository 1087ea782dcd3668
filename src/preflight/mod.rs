//! Trying a library in a child process before it is loaded here.
//!
//! With `preflight = true` in `[plugins.security]`, a library that this process does not know yet is
//! first opened, compared and initialised in a short-lived child: with the instance's own settings,
//! against a fake host (storage in memory, an empty folder, no services), then dropped. What crashes,
//! hangs or calls `exit` there is refused here. Errors and panics are not: here they are contained.
//!
//! The child is the host's own program: it calls [`hook`] first thing in `main`, which does nothing
//! in the host and everything in the child. Or it is a program of its own that does no more than
//! that, named by `preflight_helper`; this package has one, `hotshoe-preflight`. It ends with the trial,
//! and so does what the plugin started in it, unless that left the child's process group.
//!
//! ```no_run
//! fn main() -> hotshoe::Result<()> {
//!     hotshoe::preflight::hook();
//!     // What the program does.
//! #   Ok(())
//! }
//! ```
//!
//! What it is not: a sandbox. The child has the rights of the host, and what a plugin does to the
//! world while it is initialised, it does twice. A plugin may tell the two apart, and behave in one
//! only. It finds what is broken, not what is hostile.

mod child;
mod fate;
mod folder;
#[cfg(unix)]
mod kin;
mod parent;
mod program;
mod protocol;
mod refusal;
#[cfg(unix)]
mod talk;
mod words;

use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) use parent::{Preflight, Trial};

/// What the child is called with.
const ARGUMENT: &str = "--hotshoe-preflight";

/// Whether the hook is where it has to be.
static HOOKED: AtomicBool = AtomicBool::new(false);

/// Makes this program able to try libraries in a child of itself: call it first in `main`, before
/// threads are started and anything is opened.
///
/// Returns at once, unless the program was started by a host for this purpose; then it tries the
/// library that it was given and ends the process.
pub fn hook() {
    HOOKED.store(true, Ordering::Relaxed);
    if std::env::args_os().nth(1).is_some_and(|argument| argument == ARGUMENT) {
        child::run();
    }
}
