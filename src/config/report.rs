//! [`Report`]: collects problems while a text is read; [`Provenance`]: remembers, after that,
//! where in the text each setting stood.
//!
//! Neither keeps the text: it may hold secrets.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::error::{ConfigError, Position, Problem, ProblemKind};
use super::flaws::Flaw;
use super::key_path::KeyPath;

/// Above this a column is counted in bytes: counting characters of one endless line for each of
/// its keys would take time in the square of its length.
const COUNTED: usize = 1024;

/// Problems found so far in one text.
pub(super) struct Report<'t> {
    origin: Arc<str>,
    text: &'t str,
    line_starts: Vec<usize>,
    problems: Vec<Problem>,
    places: BTreeMap<String, Position>,
    pub(super) warnings: Vec<String>,
}

impl<'t> Report<'t> {
    pub(super) fn new(origin: Arc<str>, text: &'t str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect();
        Self {
            origin,
            text,
            line_starts,
            problems: Vec::new(),
            places: BTreeMap::new(),
            warnings: Vec::new(),
        }
    }

    /// Line and column of a byte offset.
    pub(super) fn position(&self, offset: usize) -> Position {
        let line = self.line_starts.partition_point(|start| *start <= offset).max(1);
        let start = self.line_starts[line - 1];
        let before = self.text.get(start..offset);
        let column = match before {
            Some(before) if before.len() <= COUNTED => before.chars().count(),
            _ => offset.saturating_sub(start),
        };
        Position { line, column: column + 1 }
    }

    /// Adds a problem at a place of the text.
    pub(super) fn push(
        &mut self,
        kind: ProblemKind,
        path: &KeyPath,
        span: &Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let help = help.into();
        self.problems.push(Problem {
            kind,
            key: (path.depth() > 0).then(|| path.to_string()),
            position: Some(self.position(span.start)),
            message: message.into(),
            help: (!help.is_empty()).then_some(help),
        });
    }

    /// Adds a problem with what [`place`](Self::place) was told of.
    pub(super) fn push_placed(&mut self, path: &KeyPath, flaw: Flaw) {
        self.problems.push(Problem {
            kind: flaw.kind,
            key: Some(path.to_string()),
            position: self.places.get(&path.to_string()).copied(),
            message: flaw.message,
            help: Some(flaw.help.to_owned()),
        });
    }

    pub(super) fn warn(&mut self, span: &Range<usize>, message: &str) {
        let line = format!("{}:{}: {message}", self.origin, self.position(span.start));
        self.warnings.push(line);
    }

    /// Remembers where the value at `path` stands.
    pub(super) fn place(&mut self, path: &KeyPath, span: &Range<usize>) {
        let position = self.position(span.start);
        self.places.insert(path.to_string(), position);
    }

    /// The places, if there were no problems; else the error with all of them.
    pub(super) fn finish(mut self) -> Result<Provenance, ConfigError> {
        // Tables are read in the order of their names; a person reads from top to bottom.
        self.problems.sort_by_key(|problem| problem.position);
        if self.problems.is_empty() {
            Ok(Provenance(Arc::new(Places { origin: self.origin, places: self.places })))
        } else {
            Err(ConfigError::new(self.origin, self.problems))
        }
    }

    pub(super) fn has_problems(&self) -> bool {
        !self.problems.is_empty()
    }

    /// How many problems there are so far.
    pub(super) fn count(&self) -> usize {
        self.problems.len()
    }
}

/// Where a configuration and its settings came from.
#[derive(Clone, Debug)]
pub(super) struct Provenance(Arc<Places>);

#[derive(Debug)]
struct Places {
    origin: Arc<str>,
    places: BTreeMap<String, Position>,
}

impl Default for Provenance {
    /// Made in code: no file, no lines.
    fn default() -> Self {
        Self(Arc::new(Places { origin: "configuration".into(), places: BTreeMap::new() }))
    }
}

/// Two configurations are equal if they say the same, wherever they were read.
impl PartialEq for Provenance {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Provenance {
    pub(super) fn origin(&self) -> Arc<str> {
        self.0.origin.clone()
    }

    /// Where the value at `path` stands, or the nearest thing around it.
    pub(super) fn position(&self, path: &KeyPath) -> Option<Position> {
        let mut path = Some(path.clone());
        while let Some(here) = path {
            if let Some(position) = self.0.places.get(&here.to_string()) {
                return Some(*position);
            }
            path = here.parent();
        }
        None
    }

    /// A problem with the value at `path`.
    pub(super) fn problem(
        &self,
        kind: ProblemKind,
        path: &KeyPath,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Problem {
        let help = help.into();
        Problem {
            kind,
            key: (path.depth() > 0).then(|| path.to_string()),
            position: self.position(path),
            message: message.into(),
            help: (!help.is_empty()).then_some(help),
        }
    }

    /// `value`, or the error with all problems.
    pub(super) fn conclude<T>(
        &self,
        value: T,
        mut problems: Vec<Problem>,
    ) -> Result<T, ConfigError> {
        problems.sort_by_key(|problem| problem.position);
        if problems.is_empty() { Ok(value) } else { Err(ConfigError::new(self.origin(), problems)) }
    }
}
