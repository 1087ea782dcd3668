//! What the plugins of the behaviour suite and the suite itself share: the service that the probe
//! provides, the one that the suite provides to it, and a few declarations that do not fit.
//!
//! A plain crate, as the documentation asks: a plugin that depended on another plugin's crate
//! would carry two manifests.

use bytes::Bytes;
use hotshoe::{Buffer, Call, Deferred, Json, Result};
use serde::{Deserialize, Serialize};

/// A type that only serde can carry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    /// Text.
    pub name: String,
    /// Numbers in a tuple in a list.
    pub corners: Vec<(i32, i32)>,
    /// Absent when an older side wrote it.
    #[serde(default)]
    pub colour: Option<String>,
}

hotshoe::extension_point! {
    /// Every kind of argument and answer that crosses.
    pub trait Probe: "probe", "1.2.0" {
        /// The instance that provides it.
        fn who(&self) -> Result<String>;
        /// Nothing both ways.
        fn nothing(&self) -> Result<()>;
        /// The sum.
        fn unsigned(&self, a: u8, b: u16, c: u32, d: u64, e: usize) -> Result<u64>;
        /// The sum.
        fn signed(&self, a: i8, b: i16, c: i32, d: i64, e: isize) -> Result<i64>;
        /// The sum.
        fn floats(&self, a: f32, b: f64) -> Result<f64>;
        /// The opposite.
        fn not(&self, flag: bool) -> Result<bool>;
        /// The next character.
        fn next_letter(&self, letter: char) -> Result<char>;
        /// One after the other.
        fn joined(&self, lent: &str, owned: String) -> Result<String>;
        /// Backwards.
        fn reversed(&self, bytes: &[u8]) -> Result<Vec<u8>>;
        /// The very same bytes.
        fn same(&self, bytes: Bytes) -> Result<Bytes>;
        /// The number as text, `None` for `None`.
        fn perhaps(&self, number: Option<u32>, suffix: Option<&str>) -> Result<Option<String>>;
        /// The length of each; `None` for an empty one.
        fn lengths(&self, words: Vec<String>) -> Result<Vec<Option<u64>>>;
        /// Mirrored.
        fn mirrored(&self, shape: Json<Shape>) -> Result<Json<Shape>>;
        /// Who calls, in words.
        fn caller(&self, call: &Call) -> Result<String>;
        /// Fails, with every field of an error.
        fn fail(&self) -> Result<()>;
        /// Panics with this text; without one, with a payload that is no text.
        fn panic(&self, text: Option<String>) -> Result<u64>;
        /// Doubles after having been pending once.
        fn later(&self, number: u64) -> Deferred<u64>;
        /// Panics after having been pending once.
        fn panic_later(&self) -> Deferred<()>;
        /// Pending until it is dropped, which it notes as `never dropped`.
        fn never(&self) -> Deferred<()>;
        /// Panics before there is a future.
        fn panic_before(&self) -> Deferred<u64>;
        /// Notes `told` at once; the answer is all of that in words.
        fn told(
            &self,
            call: &Call,
            lent: &str,
            bytes: &[u8],
            words: Vec<&str>,
            perhaps: Option<&str>,
            shape: Json<Shape>,
        ) -> Deferred<String>;
        /// The very same buffer.
        fn same_buffer(&self, buffer: Buffer) -> Result<Buffer>;
        /// The numbers backwards.
        fn backwards(&self, numbers: Vec<u64>) -> Result<Vec<u64>>;
    }
}

hotshoe::extension_point! {
    /// Where plugins note what happens to them, and wait until the suite lets them go on. Provided
    /// by the suite as a service of the application.
    pub trait Journal: "journal", "1.0.0" {
        /// Notes what happened to an instance.
        fn note(&self, instance: &str, what: &str) -> Result<()>;
        /// Done when the suite releases this latch.
        fn released(&self, latch: &str) -> Deferred<()>;
    }
}

/// The probe's service as declared by people who were not at the meeting.
pub mod other {
    use hotshoe::Result;

    hotshoe::extension_point! {
        /// An early declaration: the first methods only.
        pub trait Early: "probe", "1.0.0" {
            /// The instance that provides it.
            fn who(&self) -> Result<String>;
            /// Nothing both ways.
            fn nothing(&self) -> Result<()>;
        }
    }

    hotshoe::extension_point! {
        /// The second method has another signature.
        pub trait Differing: "probe", "1.1.0" {
            /// The instance that provides it.
            fn who(&self) -> Result<String>;
            /// Something one way.
            fn nothing(&self, something: u32) -> Result<()>;
        }
    }

    hotshoe::extension_point! {
        /// A version that nobody provides.
        pub trait Future: "probe", "2.0.0" {
            /// The instance that provides it.
            fn who(&self) -> Result<String>;
        }
    }

    hotshoe::extension_point! {
        /// A service that no manifest mentions.
        pub trait Unheard: "unheard", "1.0.0" {
            /// Nothing.
            fn nothing(&self) -> Result<()>;
        }
    }
}
