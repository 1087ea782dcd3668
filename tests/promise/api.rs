//! What the kept plugin and the host that is tried with it agreed on, on the day it was built. Never changed:
//! whoever changes it tries something else.

use bytes::Bytes;
use hotshoe::{Buffer, Call, Deferred, Json, Result};

hotshoe::extension_point! {
    /// Every kind of argument and answer, provided by the plugin.
    pub trait Keepsake: "keepsake", "1.0.0" {
        /// The sum.
        fn sum(&self, a: u8, b: u32, c: u64, d: i64, e: f64) -> Result<f64>;
        /// All of it in words.
        fn words(&self, call: &Call, lent: &str, owned: String, bytes: &[u8], letter: char) -> Result<String>;
        /// Backwards.
        fn backwards(&self, list: Vec<u64>, perhaps: Option<String>) -> Result<Vec<u64>>;
        /// The very same bytes.
        fn same(&self, bytes: Bytes) -> Result<Bytes>;
        /// The very same buffer.
        fn same_buffer(&self, buffer: Buffer) -> Result<Buffer>;
        /// One more.
        fn json(&self, numbers: Json<Vec<i64>>) -> Result<Json<Vec<i64>>>;
        /// Doubled, after having been pending.
        fn later(&self, number: u64) -> Deferred<u64>;
        /// Never done.
        fn never(&self) -> Deferred<()>;
        /// An error with every field.
        fn fails(&self) -> Result<()>;
        /// A panic.
        fn panics(&self) -> Result<()>;
        /// What the application's service answers to this.
        fn asks(&self, question: &str) -> Deferred<String>;
    }
}

hotshoe::extension_point! {
    /// Provided by the application.
    pub trait Oracle: "oracle", "1.0.0" {
        /// An answer.
        fn answer(&self, question: &str) -> Deferred<String>;
    }
}
