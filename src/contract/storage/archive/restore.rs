//! Reading a backup back into a store.
//!
//! Three passes over the file at most, none of which holds more than a batch in memory: the first
//! checks all of it, the second (only where nothing may be overwritten and the store is not empty)
//! looks for keys that exist, the last writes.

use std::io::{Read, Seek, SeekFrom};

use bytes::Bytes;

use super::bulk::{Bulk, Present, exists};
use super::format::Decoder;
use crate::contract::storage::limits::in_time;
use crate::contract::storage::{Scan, StorageBackend};
use crate::contract::{Call, Error, ErrorKind, Result, ResultExt};

/// What a restore does about keys that exist already. Keys that are not in the backup are never
/// touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RestoreMode {
    /// Nothing is written if any key of the backup exists.
    #[default]
    Refuse,
    /// They get the value of the backup.
    Overwrite,
    /// They keep the value that they have.
    Skip,
}

/// What a restore did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RestoreSummary {
    /// Records that were written.
    pub written: u64,
    /// Records that were left out because their key exists ([`RestoreMode::Skip`]).
    pub skipped: u64,
}

pub(in crate::contract::storage) async fn restore<S, R>(
    store: &S,
    call: &Call,
    mut reader: R,
    mode: RestoreMode,
) -> Result<RestoreSummary>
where
    S: StorageBackend + ?Sized,
    R: Read + Seek,
{
    let limits = store.capabilities();
    let start = reader.stream_position().describe_as(ErrorKind::Io, CANNOT_SEEK)?;

    let mut decoder = Decoder::new(&mut reader, limits)?;
    while decoder.next(None)?.is_some() {
        in_time(call, "checking a backup")?;
    }
    let total = decoder.records();

    if mode == RestoreMode::Refuse && !is_empty(store, call).await? {
        rewind(&mut reader, start)?;
        let mut decoder = Decoder::new(&mut reader, limits)?;
        while let Some(key) = decoder.next(None)? {
            in_time(call, "looking for keys that exist")?;
            if store.get(call, &key).await?.is_some() {
                return Err(exists(&key));
            }
        }
    }

    rewind(&mut reader, start)?;
    let present = match mode {
        RestoreMode::Refuse => Present::Refuse,
        RestoreMode::Overwrite => Present::Overwrite,
        RestoreMode::Skip => Present::Keep,
    };
    let mut bulk = Bulk::new(store, call, present);
    match write(&mut bulk, Decoder::new(&mut reader, limits)?).await {
        Ok(()) => Ok(RestoreSummary { written: bulk.written(), skipped: bulk.kept() }),
        Err(error) => Err(stopped(&error, bulk.written(), total)),
    }
}

async fn write<S, R>(bulk: &mut Bulk<'_, S>, mut decoder: Decoder<R>) -> Result<()>
where
    S: StorageBackend + ?Sized,
    R: Read,
{
    let mut value = Vec::new();
    while let Some(key) = decoder.next(Some(&mut value))? {
        bulk.add(key, Bytes::from(std::mem::take(&mut value))).await?;
    }
    bulk.flush().await
}

async fn is_empty<S: StorageBackend + ?Sized>(store: &S, call: &Call) -> Result<bool> {
    let page = store.scan(call, Scan::prefix("").limit(1)).await?;
    Ok(page.entries.is_empty() && page.next.is_none())
}

fn rewind(reader: &mut impl Seek, start: u64) -> Result<()> {
    reader.seek(SeekFrom::Start(start)).describe_as(ErrorKind::Io, CANNOT_SEEK)?;
    Ok(())
}

const CANNOT_SEEK: &str = "cannot find the start of the backup again";

/// The error of the last pass, with what it left behind.
fn stopped(error: &Error, written: u64, total: u64) -> Error {
    let message = format!("the restore stopped after {written} of {total} records: {error}");
    Error::new(error.kind(), message).caused_by(error).with_help(
        "remove the cause and restore again, with overwrite or skip: what was written stays",
    )
}
