//! From a verified file to the functions of a plugin. The only place that opens libraries.
//!
//! A library is opened with `RTLD_NOW | RTLD_LOCAL` and never closed: thread-local destructors and
//! `'static` data make unloading native code unsound. So the same library is not opened twice: the
//! system's loader sees to that by name, and this module by digest where each copy has another name.
//!
//! Any build can be opened beside any other. The first file of a name is mapped from disk; what is
//! under that name later, with other bytes, is loaded from a sealed copy. The same bytes as those of a
//! copy that is open are not opened again: whoever uses them shares its statics.

mod layout;
#[allow(unsafe_code, reason = "opening a library runs its code")]
mod library;
mod logging;
mod mismatch;

pub(crate) use library::open;
pub(crate) use logging::{HostLog, current_level};
