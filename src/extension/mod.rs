//! Extension points and services of an application's own: a trait declared once with
//! [`extension_point!`](crate::extension_point), implemented by one plugin, called by another or
//! by the application, at the cost of a call through a trait object.
//!
//! # How it works
//! The macro writes a `repr(C)` table of functions for the trait, one `extern "C"` function a
//! method, each inside the panic guard. A provider hands out a pointer and the table
//! ([`Contributions::service`](crate::Contributions::service)); a consumer gets a [`Handle`],
//! which implements the trait by calling the table. Arguments and results are types that are
//! [`Crossing`]; anything that serde can carry crosses as [`Json`].
//!
//! A table describes itself: name, version and the signature of every method in terms of what
//! crosses. Both descriptions are compared when a service is looked up, so a mismatch is an error
//! that names the method, never a wild call. Methods may be appended in a later minor version.

mod answer;
mod crossing;
mod direct;
mod handle;
mod macros;
mod pool;

pub use answer::{Answer, Deferred};
pub use crossing::{Crossing, Json};
pub use direct::Direct;
pub use handle::{ExtensionPoint, Handle};
pub use pool::Pool;
#[cfg(feature = "host")]
pub(crate) use pool::all_refused;
#[doc(hidden)]
pub use {
    handle::{Later, Method, Via},
    pool::Spread,
};
