//! Backups that are damaged are refused before anything is written; nothing is lost on failure.
#![cfg(feature = "testing")]

use std::io::{Cursor, Seek, SeekFrom, Write};

use bytes::Bytes;
use hotshoe::testing::block_on;
use hotshoe::{
    Batch, Call, Capabilities, ErrorKind, MemoryStore, Page, Precondition, Record, RestoreMode,
    Result, Scan, Storage, StorageBackend, StorageExt, Version,
};

const NOBODY: &Call = &Call::none();

fn filled() -> MemoryStore {
    let store = MemoryStore::new();
    for (key, value) in [("a", &b"one"[..]), ("b/\u{e9}", b""), ("c", &[0, 255, 10])] {
        block_on(store.create(NOBODY, key, value)).unwrap();
    }
    store
}

fn backup_of(store: &impl StorageBackend) -> Vec<u8> {
    let mut file = Vec::new();
    block_on(store.backup(NOBODY, &mut file)).unwrap();
    file
}

fn contents(store: &impl StorageBackend) -> Vec<(String, Bytes)> {
    let entries = block_on(store.scan_all(NOBODY, "").collect()).unwrap();
    entries.into_iter().map(|entry| (entry.key, entry.record.value)).collect()
}

#[test]
fn the_format_stays_readable_for_good() {
    // Written by hand from the description of the format, with zlib's crc32.
    let mut file = b"hotshoe-backup 1\n".to_vec();
    let record = b"R\0\0\0\x01\0\0\0\0\0\0\0\x02kv1";
    file.extend(record);
    file.extend(0xFED7_D83D_u32.to_be_bytes());
    file.extend(b"E\0\0\0\0\0\0\0\x01");
    file.extend(0x264B_C410_u32.to_be_bytes());

    let store = MemoryStore::new();
    block_on(store.create(NOBODY, "k", "v1")).unwrap();
    assert_eq!(backup_of(&store), file);
    let fresh = MemoryStore::new();
    block_on(fresh.restore(NOBODY, Cursor::new(file), RestoreMode::Refuse)).unwrap();
    assert_eq!(contents(&fresh), contents(&store));
}

#[test]
fn a_backup_cut_short_anywhere_is_refused() {
    let file = backup_of(&filled());
    for length in 0..file.len() {
        let fresh = MemoryStore::new();
        let cut = Cursor::new(&file[..length]);
        let error = block_on(fresh.restore(NOBODY, cut, RestoreMode::Overwrite)).unwrap_err();
        assert!(error.is_invalid_input(), "cut to {length}: {error:?}");
        assert!(fresh.is_empty(), "cut to {length}");
    }
}

#[test]
fn a_backup_with_any_bit_changed_is_refused() {
    let file = backup_of(&filled());
    for position in 0..file.len() {
        for bit in 0..8 {
            let mut damaged = file.clone();
            damaged[position] ^= 1 << bit;
            let fresh = MemoryStore::new();
            let found =
                block_on(fresh.restore(NOBODY, Cursor::new(damaged), RestoreMode::Overwrite));
            assert!(found.is_err(), "bit {bit} of byte {position}");
            assert!(fresh.is_empty(), "bit {bit} of byte {position}");
        }
    }
}

#[test]
fn a_backup_with_anything_after_its_end_is_refused() {
    let mut file = backup_of(&filled());
    file.push(b'\n');
    let fresh = MemoryStore::new();
    let error = block_on(fresh.restore(NOBODY, Cursor::new(file), RestoreMode::Skip)).unwrap_err();
    assert!(error.message().contains("more after the end"), "{error}");
}

#[test]
fn a_newer_format_is_refused_as_such() {
    let mut file = backup_of(&filled());
    file[15] = b'2';
    let fresh = MemoryStore::new();
    let error = block_on(fresh.restore(NOBODY, Cursor::new(file), RestoreMode::Skip)).unwrap_err();
    assert!(error.is_unsupported() && error.message().contains('2'), "{error}");
}

#[test]
fn a_backup_within_a_file_is_read_from_where_the_reader_stands() {
    let mut file = Cursor::new(b"something before".to_vec());
    let start = file.seek(SeekFrom::End(0)).unwrap();
    let store = filled();
    file.write_all(&backup_of(&store)).unwrap();
    file.seek(SeekFrom::Start(start)).unwrap();
    let fresh = MemoryStore::new();
    block_on(fresh.restore(NOBODY, file, RestoreMode::Refuse)).unwrap();
    assert_eq!(contents(&fresh), contents(&store));
}

#[test]
fn records_beyond_the_limits_of_the_target_are_refused_before_anything_is_written() {
    let file = backup_of(&filled());
    let small = MemoryStore::with_capabilities(Capabilities::default().max_value_bytes(2));
    let error = block_on(small.restore(NOBODY, Cursor::new(file), RestoreMode::Skip)).unwrap_err();
    assert!(error.is_invalid_input() && small.is_empty(), "{error:?}");
    let error = block_on(filled().copy_to(NOBODY, &small)).unwrap_err();
    assert!(error.is_invalid_input() && small.is_empty(), "{error:?}");
}

#[test]
fn a_writer_that_fails_leaves_no_backup() {
    struct Full(Vec<u8>, usize);
    impl Write for Full {
        fn write(&mut self, part: &[u8]) -> std::io::Result<usize> {
            if self.0.len() >= self.1 {
                return Err(std::io::ErrorKind::StorageFull.into());
            }
            let room = (self.1 - self.0.len()).min(part.len());
            self.0.extend(&part[..room]);
            Ok(room)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let whole = backup_of(&filled()).len();
    for room in 0..whole {
        let mut disk = Full(Vec::new(), room);
        let error = block_on(filled().backup(NOBODY, &mut disk)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.causes().next().is_some());
        let found = MemoryStore::new();
        let restored = found.restore(NOBODY, Cursor::new(disk.0), RestoreMode::Skip);
        assert!(block_on(restored).is_err());
    }
}

/// Fails from the given number of commits on.
struct Failing(MemoryStore, std::sync::atomic::AtomicI32);

impl StorageBackend for Failing {
    async fn get(&self, call: &Call, key: &str) -> Result<Option<Record>> {
        self.0.get(call, key).await
    }
    async fn put(
        &self,
        call: &Call,
        key: &str,
        value: Bytes,
        when: Precondition,
    ) -> Result<Version> {
        self.0.put(call, key, value, when).await
    }
    async fn delete(&self, call: &Call, key: &str, when: Precondition) -> Result<bool> {
        self.0.delete(call, key, when).await
    }
    async fn scan(&self, call: &Call, scan: Scan) -> Result<Page> {
        self.0.scan(call, scan).await
    }
    async fn commit(&self, call: &Call, batch: Batch) -> Result<Vec<Option<Version>>> {
        if self.1.fetch_sub(1, std::sync::atomic::Ordering::Relaxed) <= 0 {
            return Err(hotshoe::Error::new(ErrorKind::Unavailable, "the disk is busy"));
        }
        self.0.commit(call, batch).await
    }
}

fn many() -> MemoryStore {
    let store = MemoryStore::new();
    for number in 0..700 {
        block_on(store.create(NOBODY, &format!("{number:03}"), "x")).unwrap();
    }
    store
}

#[test]
fn a_restore_that_stops_says_how_far_it_came_and_can_be_repeated() {
    let file = backup_of(&many());
    let store = Failing(MemoryStore::new(), 1.into());
    let error =
        block_on(store.restore(NOBODY, Cursor::new(&file), RestoreMode::Refuse)).unwrap_err();
    assert!(error.is_unavailable());
    assert!(error.message().contains("after 256 of 700 records"), "{error}");
    store.1.store(i32::MAX, std::sync::atomic::Ordering::Relaxed);
    let summary = block_on(store.restore(NOBODY, Cursor::new(&file), RestoreMode::Skip)).unwrap();
    assert_eq!((summary.written, summary.skipped), (444, 256));
    assert_eq!(contents(&store), contents(&many()));
}

#[test]
fn a_copy_that_stopped_is_finished_by_another() {
    let (source, target) = (many(), Failing(MemoryStore::new(), 2.into()));
    assert!(block_on(source.copy_to(NOBODY, &target)).unwrap_err().is_unavailable());
    target.1.store(i32::MAX, std::sync::atomic::Ordering::Relaxed);
    let summary = block_on(source.copy_to(NOBODY, &target)).unwrap();
    assert_eq!((summary.copied, summary.present, summary.verified), (188, 512, 700));
}

#[test]
fn a_call_whose_deadline_has_passed_is_not_worked_on() {
    let late = Call::builder().timeout(std::time::Duration::ZERO).build();
    let store = filled();
    assert!(block_on(store.backup(&late, Vec::new())).unwrap_err().is_timeout());
    assert!(block_on(store.update(&late, "a", "x")).unwrap_err().is_timeout());
    assert_eq!(block_on(store.read(NOBODY, "a")).unwrap().value, "one");
}

#[test]
fn errors_name_keys_but_never_values() {
    let store = filled();
    let secret = "hunter2-".repeat(3 << 20);
    let errors = [
        block_on(store.create(NOBODY, "a", "hunter2")).unwrap_err(),
        block_on(store.put(NOBODY, "a", "hunter2".into(), Precondition::Absent)).unwrap_err(),
        block_on(store.create(NOBODY, "new", secret)).unwrap_err(),
    ];
    for error in errors {
        let shown = format!("{error:#} {error:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("\"a\"") || shown.contains("\"new\""), "{shown}");
        assert!(error.help().is_some());
    }
    assert!(!format!("{store:?}").contains("one"));
}

/// Futures of the extension can be spawned, on a backend known by its type and on the handle.
#[test]
fn futures_are_send() {
    fn send<T: Send>(_: T) {}
    fn all<S: StorageBackend>(store: &S) {
        send(store.create(NOBODY, "a", "x"));
        send(store.update(NOBODY, "a", "x"));
        send(store.remove(NOBODY, "a"));
        send(store.begin(NOBODY).commit());
        send(store.transaction(NOBODY, 3, |tx| async move {
            tx.put("b", tx.get("a").await?.unwrap_or_default());
            Ok(())
        }));
        send(async { store.scan_all(NOBODY, "").next().await });
        send(store.backup(NOBODY, Vec::new()));
        send(store.restore(NOBODY, Cursor::new(Vec::new()), RestoreMode::Skip));
        send(store.copy_to(NOBODY, store));
    }
    all(&MemoryStore::new());
    all(&Storage::new(MemoryStore::new()));
}
