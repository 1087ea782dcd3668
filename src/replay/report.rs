//! [`Report`]: what a replay has shown.

use std::fmt;

use hotshoe_abi::plain::{LONGEST, Line};

use super::latency::Latencies;
use super::options::Tolerance;
use super::shorten::shorten;
use crate::contract::{Error, ErrorKind, Result};

/// A refusal shows so many differences; the report has more.
const SHOWN: usize = 8;

/// So many characters of a name and of a version are shown.
const NAME: usize = 64;

/// What a replay has shown. As text it is all of this, in some lines.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// The instance whose calls were recorded.
    pub instance: String,
    /// The version that answered them then.
    pub version: String,
    /// Calls that were answered as recorded.
    pub passed: u64,
    /// Calls that were answered otherwise.
    pub differed: u64,
    /// Calls that were not made, because [`skip`](super::ReplayOptions::skip) names what they went to.
    pub skipped: u64,
    /// The first of those that were answered otherwise.
    pub differences: Vec<Difference>,
    /// How long the calls took that were compared.
    pub latency: Latencies,
    /// The recording was not written to its end.
    pub torn: bool,
}

/// A call that was answered otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// The call's number in the recording.
    pub number: u64,
    /// What was called: `GET /search`, `execute`.
    pub call: String,
    /// In what the answers differ, each in one line.
    pub what: Vec<String>,
    /// Headers of the request whose values are not in the recording: it was made without them.
    pub redacted: Vec<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "call {}, {}: {}", self.number, self.call, self.what.join("; "))?;
        if !self.redacted.is_empty() {
            let names: Vec<String> = self
                .redacted
                .iter()
                .map(|name| format!("`{}`", Line(shorten(name, NAME))))
                .collect();
            write!(f, " (made without {}, which is not in the recording)", names.join(", "))?;
        }
        Ok(())
    }
}

impl Report {
    /// Whether what was replayed to may take the place of what was recorded.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`], with the first differences, if it does not answer alike; if too little was
    /// compared; if calls take too long.
    pub fn verdict(&self, tolerance: &Tolerance) -> Result<()> {
        let of = format!("the recording of {}", self.of());
        let compared = self.passed + self.differed;
        if compared < tolerance.calls {
            let message = format!(
                "at least {} calls of {of} were expected to be compared, found {compared}",
                tolerance.calls
            );
            return Err(Error::new(ErrorKind::Conflict, message)
                .with_help("record for longer, or skip less of it"));
        }
        if self.differed > tolerance.differences {
            let but = match tolerance.differences {
                0 => String::new(),
                some => format!(", but for {some} of them,"),
            };
            let message = format!(
                "all calls of {of}{but} were expected to be answered alike, {} of {compared} are not{}",
                self.differed,
                Listed(self, SHOWN)
            );
            return Err(Error::__laid_out(ErrorKind::Conflict, message).with_help(
                "if it is meant so: name what may differ in `ignore`, or record the new version",
            ));
        }
        let ratio = self.latency.ratio();
        if let Some(most) = tolerance.max_latency_ratio
            && ratio > most
        {
            let message = format!(
                "calls were expected to take at most {most} times as long as in {of}, found \
                 {ratio:.2} times: {}",
                self.latency
            );
            return Err(Error::new(ErrorKind::Conflict, message)
                .with_help("replay once more on an idle machine, or raise `max_latency_ratio`"));
        }
        Ok(())
    }
}

impl Report {
    /// What was recorded, as the file says.
    fn of(&self) -> String {
        let shown = |text| Line(shorten(text, NAME)).to_string();
        format!("`{}` {}", shown(&self.instance), shown(&self.version))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, differed, skipped, .. } = self;
        write!(
            f,
            "replayed {}: {passed} calls were answered alike, {differed} otherwise, {skipped} skipped",
            self.of()
        )?;
        if passed + differed > 0 {
            write!(f, "\nlatency: {}", self.latency)?;
        }
        if self.torn {
            f.write_str("\nthe recording was not written to its end: its last line is left out")?;
        }
        write!(f, "{}", Listed(self, usize::MAX))
    }
}

/// The first differences, each in a line of its own.
struct Listed<'r>(&'r Report, usize);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(report, most) = *self;
        let mut left = LONGEST;
        let mut shown = 0;
        for difference in report.differences.iter().take(most) {
            let text = difference.to_string();
            let length = text.chars().count();
            if most != usize::MAX && length > left {
                break;
            }
            left = left.saturating_sub(length);
            shown += 1;
            write!(f, "\n  {text}")?;
        }
        match report.differed - shown {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}
