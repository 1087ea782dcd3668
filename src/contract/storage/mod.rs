//! Versioned key-value storage: [`StorageBackend`], its plain types and the handle [`Storage`];
//! [`StorageExt`] for callers; [`MemoryStore`] and [`Namespaced`].

mod archive;
mod backend;
mod cursor;
mod ext;
mod handle;
mod limits;
mod memory;
mod namespace;
mod transaction;
mod types;

pub use archive::{BackupSummary, CopySummary, RestoreMode, RestoreSummary};
pub use backend::StorageBackend;
pub use cursor::Entries;
pub use ext::StorageExt;
pub use handle::Storage;
pub use memory::MemoryStore;
pub use namespace::Namespaced;
pub use transaction::Tx;
pub use types::{Batch, Capabilities, Entry, Operation, Page, Precondition, Record, Scan, Version};
