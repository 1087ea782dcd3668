//! Versioned key-value storage: [`StorageBackend`], its plain types and the handle [`Storage`].

mod backend;
mod handle;
mod limits;
mod memory;
mod namespace;
mod types;

pub use backend::StorageBackend;
pub use handle::Storage;
pub use memory::MemoryStore;
pub use namespace::Namespaced;
pub use types::{Batch, Capabilities, Entry, Operation, Page, Precondition, Record, Scan, Version};
