//! What storage behind a plugin costs: `cargo bench --bench storage`.
//!
//! `storage-memory` against the same store as a trait object; then `storage-sqlite` against rusqlite
//! used directly, with the same SQL, the same pragmas, statements that are kept prepared, one
//! connection for reading and one for writing, all on the caller's thread. `synchronous = "normal"`, so
//! that a commit does not wait for the disk: with "full" nothing else would show.

mod support;

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use futures_lite::future::block_on;
use hotshoe::config::InstanceConfig;
use hotshoe::{Batch, Call, MemoryStore, Precondition, Storage, StorageBackend};
use rusqlite::{
    Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params,
};
use support::compare;
use support::mounts::Mounts;
// So that they are linked in.
use {storage_memory as _, storage_sqlite as _};

const KEYS: usize = 1000;
const BATCH: usize = 10;

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    targets = memory, sqlite
}
criterion_main!(benches);

/// Who is called, and how often: `key` and `value` are those of the call.
trait Store {
    fn get(&mut self, key: &str);
    fn put(&mut self, key: &str, value: &[u8; 256]);
    fn commit(&mut self, keys: &[String], value: &[u8; 256]);
}

impl Store for Storage {
    fn get(&mut self, key: &str) {
        let record = block_on(StorageBackend::get(self, &Call::none(), key));
        assert!(black_box(record).is_ok_and(|record| record.is_some()));
    }

    fn put(&mut self, key: &str, value: &[u8; 256]) {
        let value = value.to_vec().into();
        let version =
            block_on(StorageBackend::put(self, &Call::none(), key, value, Precondition::Any));
        assert!(black_box(version).is_ok());
    }

    fn commit(&mut self, keys: &[String], value: &[u8; 256]) {
        let put = |batch: Batch, key: &String| batch.put(key, value.to_vec(), Precondition::Any);
        let batch = keys.iter().fold(Batch::default(), put);
        let versions = block_on(StorageBackend::commit(self, &Call::none(), batch));
        assert!(black_box(versions).is_ok());
    }
}

fn memory(criterion: &mut Criterion) {
    let instance = InstanceConfig::new("storage-memory");
    let mounts =
        Mounts::start("storage_memory", "storage-memory", &[instance]).expect("both mounts start");
    let direct: Box<dyn Store> = Box::new(Storage::new(MemoryStore::new()));
    bench(criterion, "memory", vec![("trait object", direct)], &mounts);
    mounts.stop().expect("both stop");
}

fn sqlite(criterion: &mut Criterion) {
    let settings = serde_json::json!({ "synchronous": "normal" });
    let instance = InstanceConfig::new("storage-sqlite").with_settings(settings);
    let mounts =
        Mounts::start("storage_sqlite", "storage-sqlite", &[instance]).expect("both mounts start");
    let path = mounts.folder.path().join("direct.db");
    let direct: Box<dyn Store> = Box::new(Direct::open(&path).expect("a database"));
    bench(criterion, "sqlite", vec![("rusqlite", direct)], &mounts);
    mounts.stop().expect("both stop");
}

fn bench(
    criterion: &mut Criterion,
    backend: &str,
    mut stores: Vec<(&'static str, Box<dyn Store>)>,
    mounts: &Mounts,
) {
    for (mount, host) in &mounts.hosts {
        let storage = host.storage(&format!("storage-{backend}")).expect("a backend");
        stores.push((mount, Box::new(storage)));
    }
    let keys: Vec<String> = (0..KEYS).map(|number| format!("users/{number:06}/profile")).collect();
    for (_, store) in &mut stores {
        keys.chunks(BATCH).for_each(|keys| store.commit(keys, &[7; 256]));
    }
    type Work = fn(&mut dyn Store, &[String], usize);
    let works: [(&str, u64, Work); 3] = [
        ("get", 200, |store, keys, at| store.get(&keys[at % KEYS])),
        ("put", 50, |store, keys, at| store.put(&keys[at % KEYS], &[at as u8; 256])),
        ("commit of 10", 20, |store, keys, at| {
            let first = at * BATCH % KEYS;
            store.commit(&keys[first..first + BATCH], &[at as u8; 256]);
        }),
    ];
    for (name, times, work) in works {
        let mut group = criterion.benchmark_group(format!("{backend}: {name}"));
        for (store_name, store) in &mut stores {
            let mut at = 0;
            group.bench_function(BenchmarkId::from_parameter(store_name), |bencher| {
                bencher.iter(|| {
                    at += 7;
                    work(&mut **store, &keys, at);
                });
            });
        }
        group.finish();
        // Side by side, round after round: a ratio that a busy machine does not move.
        let works = stores.iter_mut().map(|(name, store)| {
            let (keys, mut at) = (&keys, 0);
            let run: support::Work<'_> = Box::new(move |times| {
                for _ in 0..times {
                    at += 7;
                    work(&mut **store, keys, at);
                }
            });
            (*name, run)
        });
        compare(&format!("{backend}: {name}, interleaved"), times, works.collect());
    }
}

/// What an application would write without plugins.
struct Direct {
    reader: Connection,
    writer: Connection,
}

impl Direct {
    fn open(path: &Path) -> rusqlite::Result<Self> {
        let connect = || {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
                | OpenFlags::SQLITE_OPEN_CREATE
                | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(path, flags)?;
            connection.busy_timeout(Duration::from_secs(5))?;
            connection.execute_batch(
                "PRAGMA synchronous = NORMAL;
                 PRAGMA secure_delete = ON;
                 PRAGMA cell_size_check = ON;
                 PRAGMA trusted_schema = OFF;
                 PRAGMA journal_mode = WAL;",
            )?;
            Ok::<_, rusqlite::Error>(connection)
        };
        let writer = connect()?;
        writer.execute_batch(
            "CREATE TABLE meta (
                 name TEXT PRIMARY KEY NOT NULL,
                 value INTEGER NOT NULL
             ) STRICT, WITHOUT ROWID;
             INSERT INTO meta VALUES ('schema', 1), ('version', 0);
             CREATE TABLE records (
                 key TEXT PRIMARY KEY NOT NULL COLLATE BINARY,
                 value BLOB NOT NULL,
                 version INTEGER NOT NULL
             ) STRICT;",
        )?;
        let reader = connect()?;
        reader.execute_batch("PRAGMA query_only = ON")?;
        Ok(Self { reader, writer })
    }

    fn write(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<i64>,
    ) -> rusqlite::Result<i64> {
        let transaction = self.writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version = work(&transaction)?;
        transaction.commit()?;
        Ok(version)
    }
}

/// The last version that was given before so many are taken.
fn reserve(transaction: &Transaction<'_>, count: i64) -> rusqlite::Result<i64> {
    let last: i64 = transaction
        .prepare_cached(
            "UPDATE meta SET value = value + ?1 WHERE name = 'version' RETURNING value",
        )?
        .query_row([count], |row| row.get(0))?;
    Ok(last - count)
}

const INSERT: &str = "INSERT INTO records (key, value, version) VALUES (?1, ?2, ?3)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, version = excluded.version";

impl Store for Direct {
    fn get(&mut self, key: &str) {
        let record = self
            .reader
            .prepare_cached("SELECT value, version FROM records WHERE key = ?1")
            .and_then(|mut statement| {
                statement
                    .query_row([key], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?)))
                    .optional()
            });
        assert!(black_box(record).is_ok_and(|record| record.is_some()));
    }

    fn put(&mut self, key: &str, value: &[u8; 256]) {
        let version = self.write(|transaction| {
            let last = reserve(transaction, 1)?;
            transaction.prepare_cached(INSERT)?.execute(params![key, value, last + 1])?;
            Ok(last + 1)
        });
        assert!(black_box(version).is_ok());
    }

    fn commit(&mut self, keys: &[String], value: &[u8; 256]) {
        let versions = self.write(|transaction| {
            let mut last = reserve(transaction, keys.len() as i64)?;
            let mut insert = transaction.prepare_cached(INSERT)?;
            for key in keys {
                last += 1;
                insert.execute(params![key, value, last])?;
            }
            Ok(last)
        });
        assert!(black_box(versions).is_ok());
    }
}
