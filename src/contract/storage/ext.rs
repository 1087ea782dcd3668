//! [`StorageExt`]: what callers find convenient, the same on every backend.

use std::future::Future;
use std::io::{Read, Seek, Write};

use bytes::Bytes;

use super::limits::{in_time, shown};
use super::{
    BackupSummary, CopySummary, Entries, Precondition, Record, RestoreMode, RestoreSummary,
    StorageBackend, Tx, Version, archive, transaction,
};
use crate::contract::{Call, Error, ErrorKind, Result};

/// How often [`StorageExt::update`] tries before it gives way to faster writers.
const UPDATE_ATTEMPTS: u32 = 64;

/// Create, read, update, remove; transactions; backup, restore and copying.
///
/// Every [`StorageBackend`] has it; nobody implements it.
///
/// ```
/// use hotshoe::{Call, MemoryStore, StorageExt};
/// # use hotshoe::Result;
///
/// # async fn example() -> Result<()> {
/// let store = MemoryStore::new();
/// let call = Call::none();
/// store.create(&call, "visits", "1").await?;
/// assert!(store.create(&call, "visits", "1").await.unwrap_err().is_already_exists());
///
/// let visits = store
///     .transaction(&call, 10, |tx| async move {
///         let visits = tx.get("visits").await?.map_or(0, |value| value.len());
///         tx.put("visits", vec![b'|'; visits + 1]);
///         Ok(visits + 1)
///     })
///     .await?;
/// assert_eq!(visits, 2);
/// # Ok(())
/// # }
/// ```
///
/// # Cancellation
/// A dropped future leaves each single change whole. [`restore`](Self::restore) and
/// [`copy_to`](Self::copy_to) make many changes: those that were acknowledged stay.
///
/// # Errors
/// Those of the backend, and what each method says.
pub trait StorageExt: StorageBackend {
    /// Writes a key that must not exist.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] if it does.
    fn create(
        &self,
        call: &Call,
        key: &str,
        value: impl Into<Bytes>,
    ) -> impl Future<Output = Result<Version>> + Send {
        let value = value.into();
        async move {
            self.put(call, key, value, Precondition::Absent).await.map_err(|error| {
                if !error.is_conflict() {
                    return error;
                }
                let message = format!("the key {} exists already", shown(key));
                Error::new(ErrorKind::AlreadyExists, message)
                    .with_help("change it with `update`, or choose another key")
            })
        }
    }

    /// Reads a key that must exist.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if it does not.
    fn read(&self, call: &Call, key: &str) -> impl Future<Output = Result<Record>> + Send {
        async move { self.get(call, key).await?.ok_or_else(|| absent(key)) }
    }

    /// Writes a key that must exist. Atomic: it does not bring back what somebody deletes at the
    /// same moment.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if it does not; [`ErrorKind::Conflict`] if other writers were
    /// faster 64 times in a row; [`ErrorKind::Timeout`] when the call's deadline has passed.
    fn update(
        &self,
        call: &Call,
        key: &str,
        value: impl Into<Bytes>,
    ) -> impl Future<Output = Result<Version>> + Send {
        let value = value.into();
        async move {
            let mut left = UPDATE_ATTEMPTS;
            loop {
                in_time(call, "updating a key")?;
                left -= 1;
                let at = Precondition::At(self.read(call, key).await?.version);
                match self.put(call, key, value.clone(), at).await {
                    Err(error) if error.is_conflict() && left > 0 => {}
                    outcome => return outcome,
                }
            }
        }
    }

    /// Deletes a key that must exist.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if it does not.
    fn remove(&self, call: &Call, key: &str) -> impl Future<Output = Result<()>> + Send {
        async move {
            match self.delete(call, key, Precondition::Any).await? {
                true => Ok(()),
                false => Err(absent(key)),
            }
        }
    }

    /// Starts an optimistic transaction. Dropped without `commit`, it changes nothing.
    fn begin<'a>(&'a self, call: &'a Call) -> Tx<'a, Self> {
        Tx::new(self, call)
    }

    /// Runs `body` in a transaction and commits it; again from the start after each conflict, at
    /// most `attempts` times (at least once). An error of `body` rolls back.
    ///
    /// `body` may run several times: what it does besides the transaction happens each time.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when every attempt met one; [`ErrorKind::Timeout`] when the call's
    /// deadline passed before an attempt; those of `body` and of [`Tx::commit`].
    fn transaction<'a, T, F, Fut>(
        &'a self,
        call: &'a Call,
        attempts: u32,
        body: F,
    ) -> impl Future<Output = Result<T>> + Send
    where
        T: Send,
        F: FnMut(Tx<'a, Self>) -> Fut + Send,
        Fut: Future<Output = Result<T>> + Send,
    {
        transaction::run(self, call, attempts, body)
    }

    /// All entries whose keys start with `prefix`, in order, read page by page.
    fn scan_all<'a>(&'a self, call: &'a Call, prefix: impl Into<String>) -> Entries<'a, Self> {
        Entries::new(self, call, prefix.into())
    }

    /// Writes every record to `writer`, in a format with checksums that
    /// [`restore`](Self::restore) reads. One page is in memory at a time.
    ///
    /// The backup is of the moment only if nobody writes meanwhile: each record is whole, but two
    /// keys that are changed in one batch during the backup may be caught on either side of it.
    /// It holds all values in clear: encrypt it, and let nobody else read it. `writer` may block;
    /// a file should be synced to disk afterwards, by whoever opened it.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when `writer` fails. What was written then is no backup, and `restore`
    /// refuses it.
    fn backup<W: Write + Send>(
        &self,
        call: &Call,
        writer: W,
    ) -> impl Future<Output = Result<BackupSummary>> + Send {
        archive::backup(self, call, writer)
    }

    /// Writes the records of a backup. `reader` stands at its start; the whole file is checked
    /// before anything is written. One batch is in memory at a time.
    ///
    /// # Errors
    /// Before anything is written: [`ErrorKind::InvalidInput`] for a file that is damaged, cut
    /// short, no backup at all, or holds records beyond the limits of this backend;
    /// [`ErrorKind::Unsupported`] for a newer format; [`ErrorKind::AlreadyExists`] as the mode
    /// says. Later ones say how many records were written; these stay.
    fn restore<R: Read + Seek + Send>(
        &self,
        call: &Call,
        reader: R,
        mode: RestoreMode,
    ) -> impl Future<Output = Result<RestoreSummary>> + Send {
        archive::restore(self, call, reader, mode)
    }

    /// Copies every record to another backend, then reads both and compares. Nothing there is
    /// overwritten or deleted; records that are there already with the same value are fine, so a
    /// copy that failed half-way is simply run again.
    ///
    /// Nobody should write to either of them meanwhile.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] when the target has a key with another value,
    /// [`ErrorKind::Conflict`] when the comparison finds a difference, and those of both backends.
    /// The source is never changed.
    fn copy_to<T: StorageBackend>(
        &self,
        call: &Call,
        target: &T,
    ) -> impl Future<Output = Result<CopySummary>> + Send {
        archive::copy(self, call, target)
    }
}

impl<S: StorageBackend + ?Sized> StorageExt for S {}

fn absent(key: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no key {}", shown(key)))
        .with_help("check the key, or write it with `create`")
}
