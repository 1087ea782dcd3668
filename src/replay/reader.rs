//! Reading a recording: line by line, none longer than it may be, and strictly.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::LONGEST_LINE;
use super::model::{FORMAT, FORMAT_VERSION, Header, Recorded};
use super::shorten::shorten;
use crate::contract::{Error, ErrorKind, Result};

/// So many characters of what is wrong are shown: each may be shown by its number.
const SHOWN: usize = 150;

/// A recording that is read: its header, then call by call. After an error it ends.
///
/// A last line without a line break, which is no call, was not written to its end (the disk was full, the
/// program was killed): it is left out, and [`is_torn`](Self::is_torn) says so.
pub struct Reader {
    lines: Lines,
    header: Header,
    calls: u64,
    torn: bool,
    over: bool,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("header", &self.header)
            .field("calls", &self.calls)
            .finish_non_exhaustive()
    }
}

impl Reader {
    /// Opens a file and reads the header.
    ///
    /// # Errors
    /// [`ErrorKind::Io`]; [`ErrorKind::InvalidInput`] if it is no recording.
    pub fn open(file: impl AsRef<Path>) -> Result<Self> {
        let file = file.as_ref();
        let opened = File::open(file).map_err(|error| {
            Error::new(ErrorKind::Io, "the recording cannot be opened")
                .caused_by(&error)
                .with_path(file)
                .with_help("correct the path")
        })?;
        Self::of(opened, Some(file.to_owned()))
    }

    /// Reads the header from anywhere.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn new(from: impl Read + Send + 'static) -> Result<Self> {
        Self::of(from, None)
    }

    fn of(from: impl Read + Send + 'static, file: Option<PathBuf>) -> Result<Self> {
        let mut lines = Lines { from: Box::new(BufReader::new(from)), number: 0, file };
        let Some(line) = lines.next()? else {
            return Err(lines.wrong("the header of a recording was expected, found nothing"));
        };
        let header = header(&line.bytes).map_err(|message| lines.wrong(&message))?;
        Ok(Self { lines, header, calls: 0, torn: false, over: false })
    }

    /// Of what it is.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Whether a last line was left out, as known at the end.
    pub fn is_torn(&self) -> bool {
        self.torn
    }

    fn read(&mut self) -> Result<Option<Recorded>> {
        let Some(line) = self.lines.next()? else { return Ok(None) };
        let recorded: Recorded = match serde_json::from_slice(&line.bytes) {
            Ok(recorded) => recorded,
            Err(_) if !line.whole => {
                self.torn = true;
                return Ok(None);
            }
            Err(error) => {
                let error = in_line(&error);
                let message = format!("a call was expected, found another thing: {error}");
                return Err(self.lines.wrong(&message));
            }
        };
        self.calls += 1;
        if recorded.number != self.calls {
            let (expected, found) = (self.calls, recorded.number);
            let message = format!("call {expected} was expected, found call {found}");
            return Err(self.lines.wrong(&message));
        }
        if !recorded.answer.fits(&recorded.call) {
            let message = format!(
                "an answer of the kind of its call was expected, found another one to call {}",
                self.calls
            );
            return Err(self.lines.wrong(&message));
        }
        Ok(Some(recorded))
    }
}

impl Iterator for Reader {
    type Item = Result<Recorded>;

    fn next(&mut self) -> Option<Result<Recorded>> {
        if self.over {
            return None;
        }
        let read = self.read();
        self.over = !matches!(read, Ok(Some(_)));
        read.transpose()
    }
}

fn header(line: &[u8]) -> std::result::Result<Header, String> {
    /// What all versions of the format have.
    #[derive(Deserialize)]
    struct Mark {
        format: String,
        format_version: u32,
    }
    let another = |error| {
        format!("the header of a recording was expected, found another thing: {}", in_line(&error))
    };
    let mark: Mark = serde_json::from_slice(line).map_err(another)?;
    if mark.format != FORMAT {
        return Err(format!(
            "the format {FORMAT} was expected, found {}",
            shorten(&mark.format, SHOWN)
        ));
    }
    if mark.format_version != FORMAT_VERSION {
        let found = mark.format_version;
        return Err(format!(
            "version {FORMAT_VERSION} of the format was expected, found version {found}: another \
             version of hotshoe wrote it"
        ));
    }
    serde_json::from_slice(line).map_err(another)
}

/// What is wrong with a line: for the parser it is the only one.
fn in_line(error: &serde_json::Error) -> String {
    let column = error.column();
    let text = error.to_string();
    let text = text.trim_end_matches(&format!(" at line 1 column {column}"));
    format!("{} (column {column})", shorten(text, SHOWN))
}

/// Lines of bounded length.
struct Lines {
    from: Box<dyn BufRead + Send>,
    /// That of the last one.
    number: u64,
    file: Option<PathBuf>,
}

struct FoundLine {
    bytes: Vec<u8>,
    /// It has its line break.
    whole: bool,
}

impl Lines {
    fn next(&mut self) -> Result<Option<FoundLine>> {
        let mut bytes = Vec::new();
        self.number += 1;
        let most = LONGEST_LINE as u64 + 1;
        let read = self.from.by_ref().take(most).read_until(b'\n', &mut bytes);
        read.map_err(|error| self.unreadable(&error))?;
        let whole = bytes.pop_if(|last| *last == b'\n').is_some();
        if bytes.len() > LONGEST_LINE {
            return Err(self.wrong(&format!(
                "a line of at most {LONGEST_LINE} bytes was expected, found a longer one"
            )));
        }
        Ok((whole || !bytes.is_empty()).then_some(FoundLine { bytes, whole }))
    }

    fn unreadable(&self, error: &io::Error) -> Error {
        let message = format!("line {} of the recording cannot be read", self.number);
        self.placed(Error::new(ErrorKind::Io, message).caused_by(error))
    }

    fn wrong(&self, what: &str) -> Error {
        let message = format!("line {} of the recording: {what}", self.number);
        let error = Error::new(ErrorKind::InvalidInput, message)
            .with_help("record anew with `PluginHost::record`: files that it wrote can be read");
        self.placed(error)
    }

    fn placed(&self, error: Error) -> Error {
        match &self.file {
            Some(file) => error.with_path(file),
            None => error,
        }
    }
}
