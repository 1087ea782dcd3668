//! From a verified file to the functions of a plugin. The only place that opens libraries.
//!
//! A library is opened with `RTLD_NOW | RTLD_LOCAL` and never closed: thread-local destructors and
//! `'static` data make unloading native code unsound. So the same library is not opened twice: the
//! system's loader sees to that by name, and this module by digest where each copy has another name.

mod layout;
#[allow(unsafe_code, reason = "opening a library runs its code")]
mod library;
mod logging;
mod mismatch;

pub(crate) use library::open;
pub(crate) use logging::{HostLog, current_level};
