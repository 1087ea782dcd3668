//! [`ConfigError`]: all that is wrong with a configuration, in one error.
//!
//! An operator who fixes a file wants the whole list, not one item a run. So reading goes on
//! after a problem, and the error carries every [`Problem`], each with its place, what was
//! expected, what was found and what to do. No message repeats a value that may be a secret.

use std::fmt;
use std::io;
use std::sync::Arc;

use hotshoe_abi::plain::Line;

/// `Display` lists so many problems; [`ConfigError::problems`] has them all.
const LISTED: usize = 50;

/// What is wrong with a configuration: one [`Problem`] or many.
///
/// `Display` gives one line for each: `file:line:column: key: what; what to do`.
///
/// ```
/// # use hotshoe::config::{Config, ProblemKind};
/// let error = Config::from_toml("[plugins]\nload_tiemout = \"30s\"\nstrict = 1", "app.toml")
///     .unwrap_err();
/// assert_eq!(error.problems().len(), 2);
/// assert!(error.has(ProblemKind::UnknownKey));
/// assert!(error.to_string().contains("did you mean `load_timeout`?"));
/// ```
#[derive(thiserror::Error)]
#[error("{}", Listing(self))]
pub struct ConfigError {
    origin: Arc<str>,
    problems: Vec<Problem>,
    source: Option<io::Error>,
}

impl ConfigError {
    pub(super) fn new(origin: Arc<str>, problems: Vec<Problem>) -> Self {
        Self { origin, problems, source: None }
    }

    /// The configuration itself could not be read.
    pub(super) fn unreadable(origin: Arc<str>, error: io::Error, help: &str) -> Self {
        let problem = Problem {
            kind: ProblemKind::Unreadable,
            key: None,
            position: None,
            message: format!("cannot be read: {error}"),
            help: Some(help.to_owned()),
        };
        Self { origin, problems: vec![problem], source: Some(error) }
    }

    /// The file's name, or what the caller gave in its place.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// All problems; those of a text from top to bottom. Never empty.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Whether there is a problem of this kind among them.
    pub fn has(&self, kind: ProblemKind) -> bool {
        self.problems.iter().any(|problem| problem.kind == kind)
    }

    /// Whether the file could not be read at all.
    pub fn is_unreadable(&self) -> bool {
        self.has(ProblemKind::Unreadable)
    }

    /// Whether the text is no TOML.
    pub fn is_syntax(&self) -> bool {
        self.has(ProblemKind::Syntax)
    }
}

/// The same list: a `main` that returns an error shows it to operators this way.
impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

struct Listing<'a>(&'a ConfigError);

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ConfigError { origin, problems, .. } = self.0;
        let origin = Line(origin);
        if problems.len() > 1 {
            writeln!(f, "{} problems in {origin}:", problems.len())?;
        }
        for (at, problem) in problems.iter().take(LISTED).enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            write!(f, "{origin}")?;
            // Editors and terminals follow `file:line:column`, so no space before the line.
            f.write_str(if problem.position.is_some() { ":" } else { ": " })?;
            problem.fmt(f)?;
        }
        match problems.len().saturating_sub(LISTED) {
            0 => Ok(()),
            more => write!(f, "\n… and {more} more"),
        }
    }
}

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub(super) kind: ProblemKind,
    pub(super) key: Option<String>,
    pub(super) position: Option<Position>,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

impl Problem {
    /// What kind of problem it is.
    pub fn kind(&self) -> ProblemKind {
        self.kind
    }

    /// The key's path, such as `plugins.hkp.enabled`, where one is known.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// The place in the text. `None` for configurations that were made in code.
    pub fn position(&self) -> Option<Position> {
        self.position
    }

    /// What was expected and what was found.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(position) = self.position {
            write!(f, "{position}: ")?;
        }
        if let Some(key) = &self.key {
            write!(f, "{}: ", Line(key))?;
        }
        write!(f, "{}", Line(&self.message))?;
        match &self.help {
            Some(help) => write!(f, "; {}", Line(help)),
            None => Ok(()),
        }
    }
}

/// What kind of [`Problem`] it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProblemKind {
    /// The file could not be read, or is no UTF-8.
    Unreadable,
    /// The text is no TOML.
    Syntax,
    /// A key that nobody reads, most often a slip of the pen.
    UnknownKey,
    /// A value of the wrong type or out of its range.
    Value,
    /// A key that must be there is not.
    Missing,
    /// Two keys say the same thing, or one and the same thing is configured twice.
    Twice,
    /// Two keys contradict each other.
    Contradiction,
    /// An id that is none, or that is reserved.
    Id,
    /// A reference to the environment, a file or a feature flag that leads nowhere.
    Reference,
}

/// Line and column, both from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}
