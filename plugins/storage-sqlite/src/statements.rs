//! The statements, each prepared once per connection. Keys and values are always bound, never text.

use bytes::Bytes;
use hotshoe::{Entry, Page, Record, Scan, Version};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, Transaction, params};

/// A page ends when its values have this many bytes together.
const PAGE_BYTES: usize = 4 << 20;

fn version(number: i64) -> Version {
    Version(number.unsigned_abs())
}

/// The value in this column and the version in the next.
fn record(row: &Row<'_>, value: usize) -> rusqlite::Result<Record> {
    let bytes: Vec<u8> = row.get(value)?;
    Ok(Record { value: Bytes::from(bytes), version: version(row.get(value + 1)?) })
}

/// The version of a key.
pub(crate) fn current(
    transaction: &Transaction<'_>,
    key: &str,
) -> rusqlite::Result<Option<Version>> {
    transaction
        .prepare_cached("SELECT version FROM records WHERE key = ?1")?
        .query_row([key], |row| row.get(0).map(version))
        .optional()
}

/// Takes so many versions; returns the last one that was given before.
pub(crate) fn reserve(transaction: &Transaction<'_>, count: usize) -> rusqlite::Result<i64> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let last: i64 = transaction
        .prepare_cached(
            "UPDATE meta SET value = value + ?1 WHERE name = 'version' RETURNING value",
        )?
        .query_row([count], |row| row.get(0))?;
    Ok(last - count)
}

/// Writes records, whatever is there.
pub(crate) struct Insert<'t>(CachedStatement<'t>);

impl<'t> Insert<'t> {
    pub(crate) fn new(transaction: &'t Transaction<'_>) -> rusqlite::Result<Self> {
        let statement = transaction.prepare_cached(
            "INSERT INTO records (key, value, version) VALUES (?1, ?2, ?3)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value, version = excluded.version",
        )?;
        Ok(Self(statement))
    }

    pub(crate) fn run(
        &mut self,
        key: &str,
        value: &[u8],
        number: i64,
    ) -> rusqlite::Result<Version> {
        self.0.execute(params![key, value, number])?;
        Ok(version(number))
    }
}

/// Deletes a record; returns whether it was there.
pub(crate) fn remove(transaction: &Transaction<'_>, key: &str) -> rusqlite::Result<bool> {
    let rows = transaction.prepare_cached("DELETE FROM records WHERE key = ?1")?.execute([key])?;
    Ok(rows > 0)
}

/// One page of a scan.
pub(crate) fn page(connection: &Connection, scan: &Scan) -> rusqlite::Result<Page> {
    // A range and a comparison here, not `LIKE`: a prefix has no special characters.
    let (sql, start) = match &scan.after {
        Some(after) if *after >= scan.prefix => {
            ("SELECT key, value, version FROM records WHERE key > ?1 ORDER BY key", after)
        }
        _ => ("SELECT key, value, version FROM records WHERE key >= ?1 ORDER BY key", &scan.prefix),
    };
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([start])?;
    let mut found = Page::default();
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        let key: String = row.get(0)?;
        if !key.starts_with(&scan.prefix) {
            break;
        }
        if found.entries.len() >= scan.limit || bytes >= PAGE_BYTES {
            found.next = found.entries.last().map(|entry: &Entry| entry.key.clone());
            break;
        }
        let record = record(row, 1)?;
        bytes += record.value.len();
        found.entries.push(Entry { key, record });
    }
    Ok(found)
}

/// The record of a key.
pub(crate) fn get(connection: &Connection, key: &str) -> rusqlite::Result<Option<Record>> {
    connection
        .prepare_cached("SELECT value, version FROM records WHERE key = ?1")?
        .query_row([key], |row| record(row, 0))
        .optional()
}
