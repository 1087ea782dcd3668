//! Writing a backup.

use std::io::Write;

use super::format::{Encoder, Totals};
use crate::contract::storage::{StorageBackend, StorageExt};
use crate::contract::{Call, Result};

/// What a backup holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupSummary {
    /// How many records.
    pub records: u64,
    /// How many bytes were written.
    pub bytes: u64,
    /// The checksum at the end of the file (CRC-32).
    pub crc32: u32,
}

pub(in crate::contract::storage) async fn backup<S, W>(
    store: &S,
    call: &Call,
    writer: W,
) -> Result<BackupSummary>
where
    S: StorageBackend + ?Sized,
    W: Write,
{
    let mut encoder = Encoder::new(writer)?;
    let mut entries = store.scan_all(call, "");
    while let Some(entry) = entries.next().await? {
        encoder.record(&entry.key, &entry.record.value)?;
    }
    let Totals { records, bytes, crc32 } = encoder.finish()?;
    Ok(BackupSummary { records, bytes, crc32 })
}
