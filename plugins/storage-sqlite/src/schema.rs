//! The tables, and how a database of an older version of them becomes one of this version.
//!
//! Version 1:
//!
//! - `records`: one row a key. An ordinary table with an index on the key: values may be large, and
//!   rows of a table `WITHOUT ROWID` should not be. Keys are compared by their bytes (`BINARY`).
//! - `meta`: `schema`, the version of the tables, and `version`, the last version that any record
//!   got. It only grows, so a deleted key never gets an old version again.

use std::path::Path;

use hotshoe::{Error, ErrorKind, Result};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use crate::error::describe;

/// Step `n` turns version `n` into `n + 1`; version 0 is an empty database. Steps are never
/// changed once released, only added.
const STEPS: &[&str] = &["
    CREATE TABLE meta (
        name TEXT PRIMARY KEY NOT NULL,
        value INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    INSERT INTO meta VALUES ('schema', 1), ('version', 0);
    CREATE TABLE records (
        key TEXT PRIMARY KEY NOT NULL COLLATE BINARY,
        value BLOB NOT NULL,
        version INTEGER NOT NULL
    ) STRICT;
"];

/// Makes the tables, or brings them up to date, all in one transaction.
pub(crate) fn prepare(connection: &mut Connection, path: &Path) -> Result<()> {
    migrate(connection, path, STEPS)
}

fn migrate(connection: &mut Connection, path: &Path, steps: &[&str]) -> Result<()> {
    let failed = |error| describe(&error, "prepare the database", path);
    let newest = steps.len();
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let found = match version(&transaction).map_err(failed)? {
        Found::Version(found) => found,
        Found::Foreign => {
            return Err(Error::new(
                ErrorKind::InvalidConfig,
                "the file is a database, but of another program",
            )
            .with_path(path)
            .with_help("set `path` to a file of its own; nothing was changed"));
        }
    };
    let Some(missing) = usize::try_from(found).ok().and_then(|found| steps.get(found..)) else {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("the database has schema version {found}, expected at most {newest}"),
        )
        .with_path(path)
        .with_help("use the newer storage-sqlite that wrote it; nothing was changed"));
    };
    if missing.is_empty() {
        return Ok(());
    }
    for step in missing {
        transaction.execute_batch(step).map_err(failed)?;
    }
    let newest = i64::try_from(newest).unwrap_or(i64::MAX);
    transaction
        .execute("UPDATE meta SET value = ?1 WHERE name = 'schema'", [newest])
        .map_err(failed)?;
    transaction.commit().map_err(failed)
}

enum Found {
    Version(i64),
    Foreign,
}

fn version(connection: &Connection) -> rusqlite::Result<Found> {
    let count = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let tables = "SELECT count(*) FROM sqlite_schema";
    if count(tables)? == 0 {
        return Ok(Found::Version(0));
    }
    let ours = "SELECT count(*) FROM sqlite_schema WHERE name IN ('meta', 'records')";
    let utf8 = connection.query_row("PRAGMA encoding", [], |row| row.get::<_, String>(0))?;
    // In UTF-16 the order of keys would be another.
    if count(ours)? != 2 || utf8 != "UTF-8" {
        return Ok(Found::Foreign);
    }
    let schema = connection
        .query_row("SELECT value FROM meta WHERE name = 'schema'", [], |row| row.get(0))
        .optional();
    match schema {
        Ok(found) => Ok(found.map_or(Found::Foreign, Found::Version)),
        // A table of that name with other columns.
        Err(rusqlite::Error::SqlInputError { .. }) => Ok(Found::Foreign),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP_2: &str = "ALTER TABLE records ADD COLUMN note TEXT";

    fn old() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, Path::new("old.db"), STEPS).unwrap();
        let row = "INSERT INTO records VALUES ('a', x'01', 1)";
        connection.execute(row, []).unwrap();
        connection
    }

    fn schema(connection: &Connection) -> i64 {
        let sql = "SELECT value FROM meta WHERE name = 'schema'";
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn an_older_database_is_migrated_and_keeps_its_records() {
        let mut connection = old();
        let steps = [STEPS[0], STEP_2];
        migrate(&mut connection, Path::new("old.db"), &steps).unwrap();
        assert_eq!(schema(&connection), 2);
        let row = connection
            .query_row("SELECT value, version, note FROM records WHERE key = 'a'", [], |row| {
                Ok((
                    row.get::<_, Vec<u8>>(0)?,
                    row.get::<_, i64>(1)?,
                    row.get::<_, Option<String>>(2)?,
                ))
            })
            .unwrap();
        assert_eq!(row, (vec![1], 1, None));
    }

    #[test]
    fn a_migration_that_fails_changes_nothing() {
        let mut connection = old();
        let steps = [STEPS[0], STEP_2, "INSERT INTO nowhere VALUES (1)"];
        assert!(migrate(&mut connection, Path::new("old.db"), &steps).is_err());
        assert_eq!(schema(&connection), 1);
        assert!(connection.execute("INSERT INTO records VALUES ('b', x'', 2)", []).is_ok());
    }

    #[test]
    fn a_newer_database_is_refused_with_both_versions() {
        let mut connection = old();
        migrate(&mut connection, Path::new("new.db"), &[STEPS[0], STEP_2]).unwrap();
        let error = prepare(&mut connection, Path::new("new.db")).unwrap_err();
        assert!(error.is_unsupported());
        assert_eq!(error.path(), Some("new.db"));
        assert!(error.message().contains("version 2, expected at most 1"), "{error}");
    }

    #[test]
    fn a_database_of_another_program_is_left_alone() {
        for sql in ["CREATE TABLE mail (id)", "CREATE TABLE meta (a); CREATE TABLE records (b)"] {
            let mut connection = Connection::open_in_memory().unwrap();
            connection.execute_batch(sql).unwrap();
            let error = prepare(&mut connection, Path::new("mail.db")).unwrap_err();
            assert!(error.is_invalid_config(), "{error:?}");
        }
    }
}
