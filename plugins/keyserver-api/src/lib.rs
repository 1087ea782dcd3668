//! What the keyserver's plugins share: the extension point [`KeyDb`], what it answers, and the
//! events that its provider publishes.
//!
//! A plain crate, no plugin: `keydb` provides the service, `hkp` and `keyserver-stats` use it, and
//! each of them has this crate compiled in. Material crosses as bytes, everything else as JSON, so
//! that fields can be added without a new version of the extension point.
//!
//! ```
//! use bytes::Bytes;
//! use hotshoe::{Call, Deferred, Json};
//! use keyserver_api::{KeyDb, Stats, Submission};
//!
//! /// Knows one certificate and takes no other.
//! struct Fixed(Bytes);
//!
//! impl KeyDb for Fixed {
//!     fn submit(&self, _: &Call, _: Bytes) -> Deferred<Json<Submission>> {
//!         Deferred::new(async { Ok(Json(Submission::default())) })
//!     }
//!
//!     fn lookup(&self, _: &Call, _: String) -> Deferred<Vec<Bytes>> {
//!         let certificate = self.0.clone();
//!         Deferred::new(async move { Ok(vec![certificate]) })
//!     }
//!
//!     fn stats(&self, _: &Call) -> Deferred<Json<Stats>> {
//!         Deferred::new(async { Ok(Json(Stats::default())) })
//!     }
//! }
//! ```

mod event;
mod stats;
mod submission;

use bytes::Bytes;
use hotshoe::{Call, Deferred, Json, extension_point};

pub use event::{KEYS_ADDED, KEYS_CHANGED, KeyEvent};
pub use stats::Stats;
pub use submission::{Refusal, Submission};

extension_point! {
    /// A database of OpenPGP certificates.
    ///
    /// # Contract
    /// What [`submit`](Self::submit) reports as added or updated is stored and found by every later
    /// [`lookup`](Self::lookup). Submitting the same material again changes nothing.
    ///
    /// # Threading
    /// Called from any thread, any number of times at once.
    ///
    /// # Cancellation
    /// A dropped submission leaves each of its certificates either stored as a whole, with its
    /// index, or untouched.
    ///
    /// # Panics
    /// Contained: the caller gets [`ErrorKind::Panic`](hotshoe::ErrorKind::Panic).
    ///
    /// # Errors
    /// Messages of the kinds `InvalidInput` and `ResourceLimit` are written for the person who
    /// sent the request, and repeat no key material.
    pub trait KeyDb: "keydb", "1.0.0" {
        /// Stores the certificates in `material`: a binary keyring, or text with armored public
        /// key blocks. What is stored already is merged.
        ///
        /// # Errors
        /// `InvalidInput` if the material cannot be read, `ResourceLimit` if it is too large; then
        /// nothing was stored. A certificate that is refused by itself is no error, see
        /// [`Submission::refused`]. After any other error some of the certificates may be stored;
        /// sending all of them again is safe.
        fn submit(&self, call: &Call, material: Bytes) -> Deferred<Json<Submission>>;

        /// The certificates that a search term of HKP finds, each as one binary certificate; none
        /// if there are none.
        ///
        /// # Errors
        /// `InvalidInput` if the term cannot be searched for, `ResourceLimit` if it finds more than
        /// the database hands out at once.
        fn lookup(&self, call: &Call, term: String) -> Deferred<Vec<Bytes>>;

        /// How much is stored, and what was done since the start.
        ///
        /// # Errors
        /// Whatever the storage reports.
        fn stats(&self, call: &Call) -> Deferred<Json<Stats>>;
    }
}
