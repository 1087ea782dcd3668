//! The file: existing data keeps working, what is no database of ours is refused, nobody else reads
//! it.

use std::path::Path;
use std::time::Duration;

use hotshoe::testing::block_on;
use hotshoe::{Call, ErrorKind, HealthStatus, Precondition, StorageBackend, StorageExt, Version};
use rusqlite::Connection;
use storage_sqlite::{Config, SqliteBackend};

const NOBODY: &Call = &Call::none();

fn open(path: &Path) -> hotshoe::Result<SqliteBackend> {
    SqliteBackend::open(path, &Config::default())
}

/// A database as version 0.1.0 wrote it. Never change this: people have such files.
const SCHEMA_1: &str = "
    CREATE TABLE meta (
        name TEXT PRIMARY KEY NOT NULL,
        value INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE records (
        key TEXT PRIMARY KEY NOT NULL COLLATE BINARY,
        value BLOB NOT NULL,
        version INTEGER NOT NULL
    ) STRICT;
    INSERT INTO meta VALUES ('schema', 1), ('version', 41);
    INSERT INTO records VALUES ('api/key', x'00FF10', 7), ('api/user', CAST('ada' AS BLOB), 41);
";

#[test]
fn a_database_of_schema_version_1_keeps_working() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("storage.db");
    Connection::open(&path).unwrap().execute_batch(SCHEMA_1).unwrap();

    let store = open(&path).unwrap();
    block_on(async {
        let record = store.read(NOBODY, "api/key").await.unwrap();
        assert_eq!((&record.value[..], record.version), (&[0, 255, 16][..], Version(7)));
        assert_eq!(store.read(NOBODY, "api/user").await.unwrap().value, "ada");
        assert_eq!(store.create(NOBODY, "new", "x").await.unwrap(), Version(42));
        store.put(NOBODY, "api/key", "y".into(), Precondition::At(record.version)).await.unwrap();
        assert_eq!(store.scan_all(NOBODY, "api/").collect().await.unwrap().len(), 2);
    });
}

#[test]
fn a_new_database_has_the_tables_of_schema_version_1() {
    let tables = |connection: &Connection| -> Vec<(String, String)> {
        let sql = "SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY name";
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| {
            let sql: String = row.get(1)?;
            Ok((row.get(0)?, sql.split_whitespace().collect::<Vec<_>>().join(" ")))
        });
        rows.unwrap().collect::<Result<_, _>>().unwrap()
    };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("storage.db");
    drop(open(&path).unwrap());
    let old = Connection::open_in_memory().unwrap();
    old.execute_batch(SCHEMA_1).unwrap();
    assert_eq!(tables(&Connection::open(&path).unwrap()), tables(&old));
}

#[test]
fn a_newer_database_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("storage.db");
    let newer = Connection::open(&path).unwrap();
    newer.execute_batch(SCHEMA_1).unwrap();
    newer.execute("UPDATE meta SET value = 9 WHERE name = 'schema'", []).unwrap();
    drop(newer);
    let before = std::fs::read(&path).unwrap();

    let error = open(&path).unwrap_err();
    assert!(error.is_unsupported(), "{error:?}");
    assert!(error.message().contains("schema version 9"), "{error}");
    assert_eq!(error.path(), path.to_str());
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_file_that_is_no_database_is_refused_by_name_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("letter.txt");
    let letter = "Dear Ada, this is no database.\n".repeat(200);
    std::fs::write(&path, &letter).unwrap();
    let error = open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.message().contains("no SQLite database"), "{error}");
    assert_eq!(error.path(), path.to_str());
    assert!(error.help().is_some() && error.causes().next().is_some());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), letter);
}

#[test]
fn a_database_of_another_program_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mail.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE mail (id)").unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(open(&path).unwrap_err().is_invalid_config());
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_file_in_use_is_refused_until_it_is_free() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("storage.db");
    let first = open(&path).unwrap();
    let error = open(&path).unwrap_err();
    assert!(error.is_unavailable() && error.path() == path.to_str(), "{error:?}");
    block_on(first.create(NOBODY, "a", "x")).unwrap();
    drop(first);
    assert_eq!(block_on(open(&path).unwrap().read(NOBODY, "a")).unwrap().value, "x");
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().unwrap();
    let below = directory.path().join("data");
    let store = open(&below.join("storage.db")).unwrap();
    block_on(store.create(NOBODY, "a", "x")).unwrap();
    block_on(store.read(NOBODY, "a")).unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&below), 0o700);
    let files: Vec<_> = below.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 4, "database, log, index, lock: {files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn another_writer_makes_it_unavailable_not_broken() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("storage.db");
    let config = Config { busy_timeout: Duration::ZERO, ..Config::default() };
    let store = SqliteBackend::open(&path, &config).unwrap();
    block_on(store.create(NOBODY, "a", "x")).unwrap();

    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = block_on(store.update(NOBODY, "a", "y")).unwrap_err();
    assert!(error.is_unavailable() && error.help().is_some(), "{error:?}");
    assert_eq!(block_on(store.read(NOBODY, "a")).unwrap().value, "x");
    other.execute_batch("ROLLBACK").unwrap();
    block_on(store.update(NOBODY, "a", "y")).unwrap();
}

#[test]
fn damage_is_reported_with_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("storage.db");
    let store = open(&path).unwrap();
    for number in 0..64 {
        block_on(store.create(NOBODY, &format!("{number:02}"), vec![7; 4000])).unwrap();
    }
    drop(store);
    let mut bytes = std::fs::read(&path).unwrap();
    let page_size = usize::from(u16::from_be_bytes([bytes[16], bytes[17]]));
    // Everything but the header and the schema.
    bytes[page_size..].fill(0xEE);
    std::fs::write(&path, bytes).unwrap();

    let error = match open(&path) {
        Err(error) => error,
        Ok(store) => {
            let error = block_on(store.scan_all(NOBODY, "").collect()).unwrap_err();
            let health = block_on(store.health()).unwrap();
            assert_eq!(health.status, HealthStatus::Unhealthy);
            error
        }
    };
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.help().unwrap().contains("backup"), "{error:?}");
}

#[test]
fn a_late_call_is_not_worked_on() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("storage.db")).unwrap();
    let late = Call::builder().timeout(Duration::ZERO).build();
    assert!(block_on(store.create(&late, "a", "x")).unwrap_err().is_timeout());
    assert!(block_on(store.get(&late, "a")).unwrap_err().is_timeout());
    assert_eq!(block_on(store.get(NOBODY, "a")).unwrap(), None);
}

#[test]
fn a_checkpoint_empties_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("storage.db");
    let store = open(&path).unwrap();
    block_on(store.create(NOBODY, "a", "x")).unwrap();
    block_on(store.read(NOBODY, "a")).unwrap();
    let log = directory.path().join("storage.db-wal");
    assert!(log.metadata().unwrap().len() > 0);
    store.checkpoint().unwrap();
    assert_eq!(log.metadata().unwrap().len(), 0);
    assert_eq!(block_on(store.read(NOBODY, "a")).unwrap().value, "x");
}
