//! What the program calls. Compiled into the plugin and, once more, into the program: two declarations with
//! the same description are the same extension point.

use hotshoe::Buffer;

hotshoe::extension_point! {
    /// The works.
    pub trait Contract: "peers", "1.0.0" {
        /// The sum.
        fn add(&self, a: u64, b: u64) -> hotshoe::Result<u64>;
        /// The same bytes.
        fn echo(&self, bytes: Buffer) -> hotshoe::Result<Buffer>;
        /// The document, counted up.
        fn json(&self, document: &[u8]) -> hotshoe::Result<Buffer>;
    }
}
