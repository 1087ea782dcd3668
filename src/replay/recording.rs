//! [`Recording`]: a recording that is under way.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::SystemTime;

use super::model::{FORMAT, FORMAT_VERSION, Header};
use super::options::RecordOptions;
use super::recorder::{QUEUE, QueueLimit, Recorder};
use super::summary::{Loss, RecordSummary};
use super::writer::{Failed, Writer, Written};
use crate::contract::{Error, ErrorKind, Result};

/// A recording that is under way ([`PluginHost::record`](crate::PluginHost::record)). It ends when this is
/// dropped; [`finish`](Self::finish) waits for the file, and tells what is in it.
#[must_use = "the recording ends when this is dropped"]
pub struct Recording {
    file: PathBuf,
    recorder: Arc<Recorder>,
    writer: Option<JoinHandle<Result<Written, Failed>>>,
    /// Has nothing more taken down; tells whether anything still was.
    detach: Option<Box<dyn FnOnce() -> bool + Send + Sync>>,
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").field("file", &self.file).finish_non_exhaustive()
    }
}

/// Of what a recording is.
pub(crate) struct Source<'a> {
    pub(crate) instance: &'a str,
    pub(crate) plugin: &'a str,
    pub(crate) version: String,
    pub(crate) contributions: Vec<String>,
}

impl Recording {
    /// Opens the file. Nothing is recorded before [`recorder`](Self::recorder) is called.
    pub(crate) fn begin(of: Source<'_>, options: &RecordOptions) -> Result<Self> {
        let path = &options.file;
        let unwritable = |error: std::io::Error| {
            let error = match error.kind() {
                std::io::ErrorKind::AlreadyExists => Error::new(
                    ErrorKind::AlreadyExists,
                    "a new file was expected for the recording, there is one already",
                )
                .with_help("give another name, or delete that one"),
                _ => Error::new(ErrorKind::Io, "the recording cannot be written")
                    .caused_by(&error)
                    .with_help("correct the path"),
            };
            error.with_path(path)
        };
        let file = create(path).map_err(unwritable)?;
        Self::to(file, path.clone(), of, options, QUEUE).map_err(unwritable)
    }

    pub(super) fn to(
        to: impl Write + Send + 'static,
        file: PathBuf,
        of: Source<'_>,
        options: &RecordOptions,
        limit: QueueLimit,
    ) -> std::io::Result<Self> {
        let header = Header {
            format: FORMAT.to_owned(),
            format_version: FORMAT_VERSION,
            instance: of.instance.to_owned(),
            plugin: of.plugin.to_owned(),
            version: of.version,
            hotshoe: env!("CARGO_PKG_VERSION").to_owned(),
            begun: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            contributions: of.contributions,
        };
        let (sender, queue) = async_channel::bounded(limit.calls);
        let most = (options.max_calls, options.max_bytes);
        let writer = Writer::begin(to, &header, queue, most)?;
        let recorder = Arc::new(Recorder::new(options, limit, sender));
        let own = recorder.clone();
        let thread = std::thread::Builder::new().name("hotshoe-record".into());
        let writer = thread.spawn(move || writer.run(&own))?;
        Ok(Self { file, recorder, writer: Some(writer), detach: None })
    }

    pub(crate) fn recorder(&self) -> &Arc<Recorder> {
        &self.recorder
    }

    /// How it is ended.
    pub(crate) fn on_end(&mut self, detach: impl FnOnce() -> bool + Send + Sync + 'static) {
        self.detach = Some(Box::new(detach));
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Ends the recording, and waits until all that was answered is written, which blocks this thread. What
    /// is still under way counts as unfinished.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] if the file could not be written to its end.
    pub fn finish(mut self) -> Result<RecordSummary> {
        let cut_short = !self.end();
        let ended = self.writer.take().and_then(|writer| writer.join().ok());
        let failed = |message: String| Error::new(ErrorKind::Io, message).with_path(&self.file);
        let written = match ended {
            Some(Ok(written)) => written,
            Some(Err(Failed { written, error })) => {
                let calls = written.calls;
                return Err(failed(format!(
                    "the recording could not be written any more after about {calls} calls"
                ))
                .caused_by(&error)
                .with_help("make room for it, or lower `max_bytes`"));
            }
            None => return Err(failed("the thread that writes panicked".to_owned())),
        };
        let losses = &self.recorder.losses;
        let mut summary = RecordSummary {
            written: written.calls,
            bytes: written.bytes,
            too_large: losses.of(Loss::TooLarge),
            unfinished: losses.of(Loss::Unfinished),
            queue_full: losses.of(Loss::QueueFull),
            beyond_limit: losses.of(Loss::BeyondLimit),
            cut_short,
        };
        let told = summary.written
            + summary.too_large
            + summary.unfinished
            + summary.queue_full
            + summary.beyond_limit;
        // They are still under way, or were answered just now.
        summary.unfinished += self.recorder.seen.load(Ordering::Relaxed).saturating_sub(told);
        Ok(summary)
    }

    /// Whether the instance was still the same.
    fn end(&mut self) -> bool {
        let same = self.detach.take().is_none_or(|detach| detach());
        self.recorder.close();
        same
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        // The thread writes what is in its queue, and ends.
        self.end();
    }
}

/// A new file, for nobody else: it has what people said to a plugin.
fn create(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
