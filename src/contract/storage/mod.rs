//! Versioned key-value storage: [`StorageBackend`], its plain types and the handle [`Storage`].

mod backend;
mod handle;
mod types;

pub use backend::StorageBackend;
pub use handle::Storage;
pub use types::{Batch, Capabilities, Entry, Operation, Page, Precondition, Record, Scan, Version};
