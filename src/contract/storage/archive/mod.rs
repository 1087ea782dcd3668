//! Whole stores: backup, restore, and copying from one backend to another.

mod backup;
mod bulk;
mod copy;
mod crc32;
mod format;
mod restore;

pub use backup::BackupSummary;
pub(super) use backup::backup;
pub use copy::CopySummary;
pub(super) use copy::copy;
pub(super) use restore::restore;
pub use restore::{RestoreMode, RestoreSummary};
