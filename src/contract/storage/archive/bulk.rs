//! Writing many records in batches of bounded size.

use bytes::Bytes;

use crate::contract::storage::limits::{in_time, shown};
use crate::contract::storage::{Batch, Precondition, StorageBackend};
use crate::contract::{Call, Error, ErrorKind, Result};

/// The most bytes of values in one batch, unless one value alone is larger.
const BATCH_BYTES: usize = 4 << 20;
/// The most steps in one batch, if the backend takes as many.
const BATCH_STEPS: usize = 256;

/// What to do about a key that is there already.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Present {
    /// Fail.
    Refuse,
    /// Replace its value.
    Overwrite,
    /// Leave it.
    Keep,
    /// Leave it if it has the same value, fail if it has another.
    KeepIfEqual,
}

/// Collects records and writes them.
pub(super) struct Bulk<'a, S: ?Sized> {
    target: &'a S,
    call: &'a Call,
    present: Present,
    max_steps: usize,
    pending: Vec<(String, Bytes)>,
    pending_bytes: usize,
    written: u64,
    kept: u64,
}

impl<'a, S: StorageBackend + ?Sized> Bulk<'a, S> {
    pub(super) fn new(target: &'a S, call: &'a Call, present: Present) -> Self {
        let max_steps = target.capabilities().max_batch.clamp(1, BATCH_STEPS);
        let pending = Vec::with_capacity(max_steps);
        Self { target, call, present, max_steps, pending, pending_bytes: 0, written: 0, kept: 0 }
    }

    /// Records that were written.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Records that were there and left alone.
    pub(super) fn kept(&self) -> u64 {
        self.kept
    }

    /// Takes one record, and writes what was collected when it is enough.
    pub(super) async fn add(&mut self, key: String, value: Bytes) -> Result<()> {
        if self.pending_bytes + value.len() > BATCH_BYTES {
            self.flush().await?;
        }
        self.pending_bytes += value.len();
        self.pending.push((key, value));
        if self.pending.len() >= self.max_steps {
            self.flush().await?;
        }
        Ok(())
    }

    /// Writes what is left.
    pub(super) async fn flush(&mut self) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        in_time(self.call, "writing records")?;
        let when = match self.present {
            Present::Overwrite => Precondition::Any,
            Present::Refuse | Present::Keep | Present::KeepIfEqual => Precondition::Absent,
        };
        self.pending_bytes = 0;
        let pending = std::mem::take(&mut self.pending);
        let batch = pending
            .iter()
            .fold(Batch::new(), |batch, (key, value)| batch.put(key.clone(), value.clone(), when));
        match self.target.commit(self.call, batch).await {
            Ok(_) => self.written += pending.len() as u64,
            Err(error) if error.is_conflict() => self.one_by_one(pending).await?,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Some key of the batch is there already: finds out which.
    async fn one_by_one(&mut self, records: Vec<(String, Bytes)>) -> Result<()> {
        for (key, value) in records {
            let put = self.target.put(self.call, &key, value.clone(), Precondition::Absent).await;
            match (put, self.present) {
                (Ok(_), _) => self.written += 1,
                (Err(error), Present::Keep) if error.is_conflict() => self.kept += 1,
                (Err(error), Present::KeepIfEqual) if error.is_conflict() => {
                    self.same(&key, &value).await?;
                    self.kept += 1;
                }
                (Err(error), _) if error.is_conflict() => return Err(exists(&key)),
                (Err(error), _) => return Err(error),
            }
        }
        Ok(())
    }

    async fn same(&self, key: &str, value: &Bytes) -> Result<()> {
        match self.target.get(self.call, key).await? {
            Some(record) if record.value == *value => Ok(()),
            _ => Err(Error::new(
                ErrorKind::AlreadyExists,
                format!("the key {} exists already and has another value", shown(key)),
            )
            .with_help("nothing was overwritten; delete it there, or write to an empty store")),
        }
    }
}

/// A key is there that should not be.
pub(super) fn exists(key: &str) -> Error {
    Error::new(ErrorKind::AlreadyExists, format!("the key {} exists already", shown(key)))
        .with_help("restore into an empty store, or say that what exists be overwritten or kept")
}
