//! The thread that writes a recording.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_channel::Receiver;

use super::LONGEST_LINE;
use super::model::{Header, Recorded};
use super::recorder::{Recorder, size};
use super::summary::Loss;

/// Writes what comes out of a queue, until that is closed and empty.
pub(super) struct Writer<W: Write> {
    to: BufWriter<W>,
    queue: Receiver<Recorded>,
    max_calls: u64,
    max_bytes: u64,
    written: Written,
}

/// What is in the file.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Written {
    pub(super) calls: u64,
    pub(super) bytes: u64,
}

/// What is in the file, and why there is no more.
pub(super) struct Failed {
    pub(super) written: Written,
    pub(super) error: io::Error,
}

impl<W: Write> Writer<W> {
    /// Writes the header at once: whoever began the recording hears if that fails.
    pub(super) fn begin(
        to: W,
        header: &Header,
        queue: Receiver<Recorded>,
        (max_calls, max_bytes): (u64, u64),
    ) -> io::Result<Self> {
        let written = Written::default();
        let mut this = Self { to: BufWriter::new(to), queue, max_calls, max_bytes, written };
        let line = serde_json::to_string(header)?;
        this.line(line.as_bytes())?;
        this.to.flush()?;
        Ok(this)
    }

    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        self.to.write_all(line)?;
        self.to.write_all(b"\n")?;
        self.written.bytes += line.len() as u64 + 1;
        Ok(())
    }

    /// Writes all that comes.
    pub(super) fn run(mut self, recorder: &Arc<Recorder>) -> Result<Written, Failed> {
        match self.write_all(recorder) {
            Ok(()) => Ok(self.written),
            Err(error) => {
                tracing::warn!(%error, "a recording cannot be written any more");
                recorder.full.store(true, Ordering::Relaxed);
                self.queue.close();
                // What is buffered would be tried once more when it is dropped.
                let _ = self.to.into_parts();
                Err(Failed { written: self.written, error })
            }
        }
    }

    fn write_all(&mut self, recorder: &Recorder) -> io::Result<()> {
        let mut text = Vec::new();
        while let Ok(mut recorded) = self.queue.recv_blocking() {
            recorder.queued.fetch_sub(size(&recorded), Ordering::Relaxed);
            recorded.number = self.written.calls + 1;
            text.clear();
            serde_json::to_writer(&mut text, &recorded)?;
            if text.len() > LONGEST_LINE {
                recorder.losses.count(Loss::TooLarge);
            } else if self.written.calls >= self.max_calls
                || self.written.bytes + text.len() as u64 + 1 > self.max_bytes
            {
                recorder.full.store(true, Ordering::Relaxed);
                recorder.losses.count(Loss::BeyondLimit);
            } else {
                self.line(&text)?;
                self.written.calls += 1;
            }
            // What was answered is there when nothing goes on, whatever becomes of the program.
            if self.queue.is_empty() {
                self.to.flush()?;
            }
        }
        self.to.flush()
    }
}
