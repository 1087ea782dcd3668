//! What the benchmarks call. Compiled into the plugin and, once more, into the benchmark: two
//! declarations with the same description are the same extension point.

hotshoe::extension_point! {
    /// Work too small to matter, so that only the call is measured.
    pub trait Adder: "adder", "1.1.0" {
        /// The sum.
        fn add(&self, a: u64, b: u64) -> hotshoe::Result<u64>;
        /// The length of a text.
        fn measure(&self, text: &str) -> hotshoe::Result<u64>;
        /// The sum, in a future that is ready at once.
        fn add_later(&self, a: u64, b: u64) -> hotshoe::Deferred<u64>;
        /// The same bytes.
        fn echo(&self, bytes: hotshoe::Buffer) -> hotshoe::Result<hotshoe::Buffer>;
    }
}

hotshoe::extension_point! {
    /// Uses memory inside the library.
    pub trait Churner: "churner", "1.0.0" {
        /// Allocates and frees so many times; so many blocks are alive at once, one of 64 bytes or more
        /// of various sizes. Whether the allocator counts can be chosen. The sum of the sizes.
        fn churn(&self, counted: bool, live: u64, times: u64) -> hotshoe::Result<u64>;
    }
}
