//! The panic guard: no panic leaves the library in which it started.
//!
//! A panic that unwinds out of an `extern "C"` function aborts the process, and a host cannot
//! catch the panic of another copy of `std`. So every function behind a table, every poll, drop
//! and waker runs inside [`guard`] or [`contain`], compiled into the library whose code it calls.
//!
//! The guard reads a payload that is text and *forgets* any other: dropping an unknown payload
//! may panic once more. Where the panic happened comes from a panic hook, chained once per library
//! in front of whatever hook is there.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Error, ErrorKind};

thread_local! {
    static LOCATION: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Panics caught by [`contain`]: there was no caller to hand the error to.
static CONTAINED: AtomicU64 = AtomicU64::new(0);

/// Runs `f`; a panic in it becomes an error of kind [`ErrorKind::Panic`] that names the message
/// and the source location.
#[inline]
pub fn guard<T>(f: impl FnOnce() -> T) -> Result<T, Error> {
    // Unwind safety: whoever gets the error treats the object behind the call as failed.
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(value) => Ok(value),
        Err(payload) => Err(into_error(payload)),
    }
}

/// [`guard`] for a function that fails in the same type.
#[inline]
pub fn guard_result<T>(f: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    match guard(f) {
        Ok(result) => result,
        Err(panic) => Err(panic),
    }
}

/// Runs `f` where nobody can be told of a failure (a drop, a waker): a panic is counted and ends
/// here.
#[inline]
pub fn contain(f: impl FnOnce()) {
    if guard(f).is_err() {
        CONTAINED.fetch_add(1, Ordering::Relaxed);
    }
}

/// How many panics [`contain`] has caught in this library.
pub fn contained_panics() -> u64 {
    CONTAINED.load(Ordering::Relaxed)
}

/// Chains the hook that remembers where a panic happened. Called at every entry that starts a
/// plugin; only the first call in a library does anything.
pub fn install_hook() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let place = info.location().map(ToString::to_string);
            // The thread may be on its way out: without its locals the location is just unknown.
            let _ = LOCATION.try_with(|slot| *slot.borrow_mut() = place);
            previous(info);
        }));
    });
}

#[cold]
fn into_error(payload: Box<dyn Any + Send>) -> Error {
    let message = if let Some(text) = payload.downcast_ref::<&'static str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        std::mem::forget(payload);
        "a panic whose payload is not text".to_owned()
    };
    let place = LOCATION.try_with(|slot| slot.borrow_mut().take()).ok().flatten();
    let error = Error::new(ErrorKind::Panic, format!("panicked: {message}"));
    match place {
        Some(place) => error.with_location(place),
        None => error,
    }
}
