//! From one backend to another, checked.

use super::bulk::{Bulk, Present};
use crate::contract::storage::limits::shown;
use crate::contract::storage::{StorageBackend, StorageExt};
use crate::contract::{Call, Error, ErrorKind, Result};

/// What a copy did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CopySummary {
    /// Records that were written.
    pub copied: u64,
    /// Records that the target had already, with the same value.
    pub present: u64,
    /// Records that were read back from the target and found to be equal.
    pub verified: u64,
}

pub(in crate::contract::storage) async fn copy<S, T>(
    source: &S,
    call: &Call,
    target: &T,
) -> Result<CopySummary>
where
    S: StorageBackend + ?Sized,
    T: StorageBackend + ?Sized,
{
    let mut bulk = Bulk::new(target, call, Present::KeepIfEqual);
    let mut entries = source.scan_all(call, "");
    while let Some(entry) = entries.next().await? {
        bulk.add(entry.key, entry.record.value).await?;
    }
    bulk.flush().await?;
    let verified = verify(source, call, target).await?;
    Ok(CopySummary { copied: bulk.written(), present: bulk.kept(), verified })
}

/// Walks through both in step; whatever else the target has is passed over.
async fn verify<S, T>(source: &S, call: &Call, target: &T) -> Result<u64>
where
    S: StorageBackend + ?Sized,
    T: StorageBackend + ?Sized,
{
    let mut verified = 0;
    let mut ours = source.scan_all(call, "");
    let mut theirs = target.scan_all(call, "");
    let mut candidate = theirs.next().await?;
    while let Some(entry) = ours.next().await? {
        while candidate.as_ref().is_some_and(|found| found.key < entry.key) {
            candidate = theirs.next().await?;
        }
        let equal = candidate.as_ref().is_some_and(|found| {
            found.key == entry.key && found.record.value == entry.record.value
        });
        if !equal {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!("the copy differs from its source at the key {}", shown(&entry.key)),
            )
            .with_help("stop whatever writes to the two, empty the target, and copy again"));
        }
        verified += 1;
    }
    Ok(verified)
}
