//! [`SqliteBackend`]: the storage contract on SQLite.
//!
//! One connection writes, under a mutex; each write is one `BEGIN IMMEDIATE … COMMIT`. Reads take the
//! first of a few connections that is free and, in WAL mode, neither wait for the writer nor hold it up. Every
//! call does all its work in one poll, so a dropped future leaves all or nothing.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use bytes::Bytes;
use hotshoe::{
    Batch, Call, Capabilities, Error, ErrorKind, Health, Operation, Page, Precondition, Record,
    Result, Scan, StorageBackend, Version,
};
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use crate::config::Config;
use crate::error::{describe, is_damage};
use crate::statements::Insert;
use crate::{file, schema, statements};

/// Connections that are kept for reading. More are opened when more threads read at once.
const READERS: usize = 4;

/// A storage backend in one SQLite file.
///
/// Calls block their thread while the disk works, and say so in the capabilities.
pub struct SqliteBackend {
    writer: Mutex<Connection>,
    /// Opened when first needed.
    readers: [Mutex<Option<Connection>>; READERS],
    path: PathBuf,
    config: Config,
    /// SQLite has found damage since the file was opened.
    damaged: AtomicBool,
    /// Last, so that it is released after all connections are closed.
    _claim: File,
}

/// Why work in a transaction came to nothing.
enum Failure {
    Refused(Error),
    Sqlite(rusqlite::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl SqliteBackend {
    /// Opens the database in this file; makes it (for its owner only) if it is not there, and
    /// brings one with older tables up to date. `config.path` is not looked at.
    ///
    /// The file belongs to this object until it is dropped: a second one, in this process or in
    /// another, is refused.
    ///
    /// # Errors
    /// All of them name the file. [`ErrorKind::Unavailable`] when it is in use,
    /// [`ErrorKind::Io`] when it cannot be opened, is damaged or no database,
    /// [`ErrorKind::InvalidConfig`] when it is one of another program,
    /// [`ErrorKind::Unsupported`] when a newer version of this plugin has written it, or when it
    /// is on a file system without shared memory (some network file systems).
    pub fn open(path: &Path, config: &Config) -> Result<Self> {
        file::make(path)?;
        let claim = file::claim(path)?;
        let failed = |error| describe(&error, "open the database", path);
        let mut writer = connect(path, config).map_err(failed)?;
        // First, so that a database of another program is left as it is.
        schema::prepare(&mut writer, path)?;
        let mode: String =
            writer.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(failed)?;
        if mode != "wal" {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("SQLite uses the journal mode {mode:?} here, expected \"wal\""),
            )
            .with_path(path)
            .with_help("keep the file on a local file system"));
        }
        Ok(Self {
            writer: Mutex::new(writer),
            readers: Default::default(),
            path: path.to_owned(),
            config: config.clone(),
            damaged: AtomicBool::new(false),
            _claim: claim,
        })
    }

    /// Moves what is in the write-ahead log into the database file. Nothing is lost without it.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn checkpoint(&self) -> Result<()> {
        self.readers.iter().filter_map(free).for_each(|mut reader| *reader = None);
        lock(&self.writer)
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .map_err(|error| self.describe(&error, "write the log into the database"))
    }

    /// Runs `work` in a transaction and commits it, if it succeeds.
    fn write<T>(
        &self,
        call: &Call,
        doing: &str,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure>,
    ) -> Result<T> {
        let timeout = self.config.busy_timeout;
        let timeout = call.remaining().map_or(timeout, |left| left.min(timeout));
        in_time(call, doing)?;
        let mut writer = lock(&self.writer);
        // Waiting for the lock may have taken what was left.
        in_time(call, doing)?;
        let outcome = (|| {
            writer.busy_timeout(timeout)?;
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let output = work(&transaction)?;
            transaction.commit()?;
            Ok(output)
        })();
        outcome.map_err(|failure| match failure {
            Failure::Refused(error) => error,
            Failure::Sqlite(error) => self.describe(&error, doing),
        })
    }

    /// Runs `work` on a connection for reading.
    fn read<T>(
        &self,
        call: &Call,
        doing: &str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        in_time(call, doing)?;
        let (mut kept, mut another) = (self.readers.iter().find_map(free), None);
        let place = kept.as_deref_mut().unwrap_or(&mut another);
        let outcome = match &mut *place {
            Some(reader) => work(reader),
            none => self.reader().and_then(|reader| work(none.insert(reader))),
        };
        if outcome.is_err() {
            *place = None;
        }
        outcome.map_err(|error| self.describe(&error, doing))
    }

    fn reader(&self) -> rusqlite::Result<Connection> {
        let reader = connect(&self.path, &self.config)?;
        reader.execute_batch("PRAGMA query_only = ON")?;
        Ok(reader)
    }

    fn describe(&self, error: &rusqlite::Error, doing: &str) -> Error {
        if is_damage(error) {
            self.damaged.store(true, Ordering::Relaxed);
        }
        describe(error, doing, &self.path)
    }
}

fn connect(path: &Path, config: &Config) -> rusqlite::Result<Connection> {
    // No `CREATE`: the file was made with the right permissions. No `URI`: a path is a path.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(config.busy_timeout)?;
    // What is deleted is overwritten; a damaged or hostile file is met with distrust.
    connection.execute_batch(&format!(
        "PRAGMA synchronous = {};
         PRAGMA secure_delete = ON;
         PRAGMA cell_size_check = ON;
         PRAGMA trusted_schema = OFF;",
        config.synchronous.pragma()
    ))?;
    Ok(connection)
}

/// Nothing panics between two steps that belong together but what a rollback takes back.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The same, if nobody else has it.
fn free<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(free) => Some(free),
        Err(TryLockError::Poisoned(free)) => Some(free.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

fn in_time(call: &Call, doing: &str) -> Result<()> {
    if call.remaining().is_some_and(|left| left == Duration::ZERO) {
        let message = format!("cannot {doing}: the deadline of the call has passed");
        return Err(Error::new(ErrorKind::Timeout, message)
            .with_help("nothing was changed; give the call more time"));
    }
    Ok(())
}

impl StorageBackend for SqliteBackend {
    async fn get(&self, call: &Call, key: &str) -> Result<Option<Record>> {
        self.capabilities().check_key(key)?;
        self.read(call, "read a record", |connection| statements::get(connection, key))
    }

    async fn put(
        &self,
        call: &Call,
        key: &str,
        value: Bytes,
        when: Precondition,
    ) -> Result<Version> {
        self.capabilities().check_key(key)?;
        self.capabilities().check_value(key, &value)?;
        self.write(call, "write a record", |transaction| {
            if when != Precondition::Any {
                when.check(key, statements::current(transaction, key)?)?;
            }
            let last = statements::reserve(transaction, 1)?;
            Ok(Insert::new(transaction)?.run(key, &value, last + 1)?)
        })
    }

    async fn delete(&self, call: &Call, key: &str, when: Precondition) -> Result<bool> {
        self.capabilities().check_key(key)?;
        self.write(call, "delete a record", |transaction| {
            when.check(key, statements::current(transaction, key)?)?;
            Ok(statements::remove(transaction, key)?)
        })
    }

    async fn scan(&self, call: &Call, scan: Scan) -> Result<Page> {
        self.capabilities().check_scan(&scan)?;
        self.read(call, "scan records", |connection| statements::page(connection, &scan))
    }

    async fn commit(&self, call: &Call, batch: Batch) -> Result<Vec<Option<Version>>> {
        self.capabilities().check_batch(&batch)?;
        let puts = |operation: &&Operation| matches!(operation, Operation::Put { .. });
        let puts = batch.operations.iter().filter(puts).count();
        self.write(call, "commit a batch", |transaction| {
            for operation in &batch.operations {
                if operation.when() != Precondition::Any {
                    let current = statements::current(transaction, operation.key())?;
                    operation.when().check(operation.key(), current)?;
                }
            }
            let mut last = statements::reserve(transaction, puts)?;
            let mut insert = Insert::new(transaction)?;
            let mut versions = Vec::with_capacity(batch.operations.len());
            for operation in &batch.operations {
                versions.push(match operation {
                    Operation::Put { key, value, .. } => {
                        last += 1;
                        Some(insert.run(key, value, last)?)
                    }
                    Operation::Delete { key, .. } => {
                        statements::remove(transaction, key)?;
                        None
                    }
                    Operation::Check { .. } => None,
                });
            }
            Ok(versions)
        })
    }

    async fn health(&self) -> Result<Health> {
        let both_tables = "SELECT value, (SELECT count(*) FROM (SELECT 1 FROM records LIMIT 1))
                           FROM meta WHERE name = 'version'";
        let answer = self.read(&Call::none(), "read the database", |connection| {
            connection.prepare_cached(both_tables)?.query_row([], |row| row.get::<_, i64>(0))
        });
        Ok(match answer {
            Err(error) => Health::unhealthy(format!("{error:#}")),
            Ok(_) if self.damaged.load(Ordering::Relaxed) => Health::unhealthy(
                "a part of the database is damaged: stop, and restore the last backup",
            ),
            Ok(_) => Health::healthy(),
        })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
            .durable(true)
            .blocking(true)
            .max_value_bytes(self.config.max_value_bytes)
    }
}

impl std::fmt::Debug for SqliteBackend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteBackend").field("path", &self.path).finish_non_exhaustive()
    }
}
