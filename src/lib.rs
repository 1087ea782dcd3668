//! draft
pub mod contract;
pub use contract::*;
pub mod testing {
    /// x
    pub fn storage_backend() {}
}
/// x
pub trait StorageExt {}
