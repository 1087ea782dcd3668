//! What became of the calls that were made during a recording.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Why a call is not in the recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// Its body, or that of its answer, is too long.
    TooLarge,
    /// It was given up before its answer was there; or a body was not read to its end.
    Unfinished,
    /// The disk is slower than the calls.
    QueueFull,
    /// The file is as large as it may be.
    BeyondLimit,
    /// The file cannot be written any more.
    NotWritten,
}

/// How many calls were lost, by reason.
#[derive(Debug, Default)]
pub(super) struct Losses([AtomicU64; 5]);

impl Losses {
    pub(super) fn count(&self, loss: Loss) {
        self.0[loss as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn of(&self, loss: Loss) -> u64 {
        self.0[loss as usize].load(Ordering::Relaxed)
    }
}

/// What a [`Recording`](super::Recording) has come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordSummary {
    /// Calls that are in the file.
    pub written: u64,
    /// Bytes that the file has.
    pub bytes: u64,
    /// Calls that were passed over because a body, an input or an output is longer than
    /// [`max_body`](super::RecordOptions::max_body), or all of it than any recording may have it (16 MiB).
    pub too_large: u64,
    /// Calls that were given up before they were answered, with bodies that were not read to their end, or
    /// that were still under way at the end of the recording.
    pub unfinished: u64,
    /// Calls that were passed over because so many waited to be written: no call waits for the disk.
    pub queue_full: u64,
    /// Calls that were passed over because the file had reached
    /// [`max_bytes`](super::RecordOptions::max_bytes) or [`max_calls`](super::RecordOptions::max_calls).
    pub beyond_limit: u64,
    /// The instance was stopped, restarted or replaced meanwhile: what was made after that is not there, nor
    /// counted.
    pub cut_short: bool,
}

impl fmt::Display for RecordSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} calls were written, {} bytes", self.written, self.bytes)?;
        let passed_over = [
            (self.too_large, "too long"),
            (self.unfinished, "not answered, or not read to their end"),
            (self.queue_full, "made while too many waited for the disk"),
            (self.beyond_limit, "made after the file was full"),
        ];
        for (count, why) in passed_over.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, "; {count} passed over: {why}")?;
        }
        if self.cut_short {
            f.write_str("; the instance was stopped or exchanged meanwhile")?;
        }
        Ok(())
    }
}
