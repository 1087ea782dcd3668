//! Killed in the midst of writing, it keeps every write that it acknowledged, and no half of one.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use hotshoe::testing::block_on;
use hotshoe::{Batch, Call, Precondition, StorageBackend, StorageExt};
use storage_sqlite::{Config, SqliteBackend};

const NOBODY: &Call = &Call::none();
const FILE: &str = "STORAGE_SQLITE_CRASH_FILE";
const ACKNOWLEDGED: &str = "acknowledged ";
/// Reads so many acknowledgements before it kills.
const ENOUGH: usize = 50;

fn open(path: &Path) -> SqliteBackend {
    SqliteBackend::open(path, &Config::default()).unwrap()
}

fn number(value: &[u8]) -> u64 {
    std::str::from_utf8(value).unwrap().parse().unwrap()
}

/// Not a test of its own: what the child process of the test below does, until it is killed.
#[test]
fn child_that_writes_until_it_is_killed() {
    let Some(path) = std::env::var_os(FILE) else { return };
    let store = open(Path::new(&path));
    let mut out = std::io::stdout();
    let done = block_on(store.get(NOBODY, "left")).unwrap();
    let done = done.map_or(0, |record| number(&record.value));
    for number in done + 1.. {
        let value = number.to_string();
        let batch = Batch::new()
            .put("left", value.clone(), Precondition::Any)
            .put(format!("each/{number}"), value.clone(), Precondition::Absent)
            .put("right", value, Precondition::Any);
        block_on(store.commit(NOBODY, batch)).unwrap();
        // When the parent is gone, so is the reason to go on.
        if writeln!(out, "{ACKNOWLEDGED}{number}").and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}

#[test]
fn what_was_acknowledged_survives_being_killed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("storage.db");
    let mut last = 0;
    // Several times over the same file: each child also recovers what the one before left.
    for round in 1..=3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_writes_until_it_is_killed", "--nocapture"])
            .env(FILE, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut acknowledged = || -> Option<u64> {
            lines.find_map(|line| Some(line.split_once(ACKNOWLEDGED)?.1.parse().unwrap()))
        };
        for _ in 0..ENOUGH * round {
            last = acknowledged().expect("the child ended before it was killed");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What is still in the pipe was acknowledged too.
        while let Some(number) = acknowledged() {
            last = number;
        }

        let store = open(&path);
        block_on(async {
            let left = store.read(NOBODY, "left").await.unwrap().value;
            let right = store.read(NOBODY, "right").await.unwrap().value;
            assert_eq!(left, right, "half of a batch");
            let kept = number(&left);
            assert!(kept >= last, "acknowledged {last}, found {kept}");
            let each = store.scan_all(NOBODY, "each/").collect().await.unwrap();
            assert_eq!(each.len() as u64, kept);
            let newest = each.iter().map(|entry| entry.record.version).max();
            let next = store.put(NOBODY, "other", "x".into(), Precondition::Any).await.unwrap();
            assert!(Some(next) > newest);
        });
    }
}
