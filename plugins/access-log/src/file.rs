//! The log file: lines of JSON, appended.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hotshoe::{Error, ErrorKind, Result, ResultExt};

use crate::line::Line;

/// How much is collected in memory before it is written anyway.
const BUFFER: usize = 64 << 10;

/// The file, opened once. Writing never fails a request: what goes wrong is kept for
/// [`trouble`](File::trouble).
pub(crate) struct File {
    path: PathBuf,
    collects: bool,
    state: Mutex<State>,
    written: AtomicU64,
    lost: AtomicU64,
}

struct State {
    file: std::fs::File,
    /// Whole lines that are not in the file yet.
    collected: Vec<u8>,
    /// How many lines `collected` holds.
    lines: u64,
    trouble: Option<String>,
}

impl File {
    /// Opens the file, with its folder. If `collects`, lines wait for [`flush`](Self::flush).
    pub(crate) fn open(path: &Path, collects: bool) -> Result<Self> {
        let open = || {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            OpenOptions::new().create(true).append(true).open(path)
        };
        let file = open().map_err(|error| {
            Error::new(ErrorKind::Io, "the access log's file was expected to be writable")
                .with_path(path)
                .with_help("check the data folder's owner and permissions, and `file`")
                .caused_by(&error)
        })?;
        let state = State { file, collected: Vec::new(), lines: 0, trouble: None };
        Ok(Self {
            path: path.to_owned(),
            collects,
            state: Mutex::new(state),
            written: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        })
    }

    pub(crate) fn write(&self, line: &Line<'_>) {
        let Ok(mut json) = serde_json::to_vec(line) else {
            self.lost.fetch_add(1, Relaxed);
            return;
        };
        json.push(b'\n');
        let mut state = self.lock();
        state.collected.extend_from_slice(&json);
        state.lines += 1;
        if !self.collects || state.collected.len() >= BUFFER {
            // The error is kept for `trouble`.
            let _ = self.write_out(&mut state);
        }
    }

    /// Writes out what was collected.
    ///
    /// # Errors
    /// If the file cannot be written to; the lines are lost then.
    pub(crate) fn flush(&self) -> Result<()> {
        self.write_out(&mut self.lock())
    }

    /// What went wrong last, unless something went well since.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.lock().trouble.clone()
    }

    pub(crate) fn written(&self) -> u64 {
        self.written.load(Relaxed)
    }

    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }

    fn write_out(&self, state: &mut State) -> Result<()> {
        if state.lines == 0 {
            return Ok(());
        }
        let result = state.file.write_all(&state.collected);
        // Kept for another try, lines would fill the memory while the disk is full.
        state.collected.clear();
        let lines = std::mem::take(&mut state.lines);
        let counter = if result.is_ok() { &self.written } else { &self.lost };
        counter.fetch_add(lines, Relaxed);
        state.trouble = result.as_ref().err().map(|error| {
            format!("the access log {} cannot be written to: {error}", self.path.display())
        });
        result.describe_as(ErrorKind::Io, "the access log cannot be written to")
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = self.flush();
    }
}
