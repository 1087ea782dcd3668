//! [`Section`]: reads one table key by key, in any spelling, and complains about what is left.
//!
//! A key is asked for by its canonical name; its `camelCase` form and further aliases are
//! accepted too, but only one of them at a time. What was asked for is what is known, so the
//! list of known keys in a message can't fall behind the code. Typed values are read by
//! [`Entry`](super::entry::Entry).

use toml::de::DeTable;

use super::entry::Entry;
use super::error::ProblemKind;
use super::key_path::{KeyPath, Shown};
use super::report::Report;
use super::suggest::{camel, closest};

/// One table, as far as it has not been read yet.
pub(super) struct Section<'t> {
    entries: Vec<Entry<'t>>,
    asked: Vec<&'static str>,
    /// What to say of unknown keys when no known one is similar.
    hint: Option<&'static str>,
}

impl<'t> Section<'t> {
    pub(super) fn new(path: KeyPath, table: &'t DeTable<'t>) -> Self {
        let entries = table.iter().map(|(key, value)| Entry {
            path: path.key(key.get_ref()),
            name: key.get_ref(),
            key: key.span(),
            span: value.span(),
            value: value.get_ref(),
        });
        let entries = entries.collect();
        Self { entries, asked: Vec::new(), hint: None }
    }

    /// Says this of unknown keys when no known one is similar.
    pub(super) fn with_hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    /// All entries, whatever they are called.
    pub(super) fn into_entries(self) -> Vec<Entry<'t>> {
        self.entries
    }

    /// Takes out all entries that are tables, except those called like one of `besides`.
    pub(super) fn take_tables(&mut self, besides: &[&str]) -> Vec<Entry<'t>> {
        let (tables, rest) =
            std::mem::take(&mut self.entries).into_iter().partition(|entry: &Entry<'_>| {
                entry.value.is_table() && !besides.contains(&entry.name)
            });
        self.entries = rest;
        tables
    }

    /// Takes out the entry called `name`, or `name` in camelCase.
    pub(super) fn take(&mut self, name: &'static str, report: &mut Report) -> Option<Entry<'t>> {
        self.take_as(name, &[], report)
    }

    /// Takes out the entry called `name`, `name` in camelCase or one of `aliases`.
    pub(super) fn take_as(
        &mut self,
        name: &'static str,
        aliases: &[&str],
        report: &mut Report,
    ) -> Option<Entry<'t>> {
        self.asked.push(name);
        let camel = camel(name);
        let fits = |entry: &Entry<'_>| {
            entry.name == name || entry.name == camel || aliases.contains(&entry.name)
        };
        let (mut found, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.entries).into_iter().partition(fits);
        self.entries = rest;
        // In the order of the text: the second one is the one too many.
        found.sort_by_key(|entry| entry.key.start);
        let mut found = found.into_iter();
        let first = found.next();
        if let Some(first) = &first {
            for again in found {
                again.twice(first, report);
            }
        }
        first
    }

    /// Complains about what nobody took.
    pub(super) fn finish(self, report: &mut Report) {
        for entry in &self.entries {
            let similar = closest(entry.name, self.asked.iter().copied());
            let help = match (similar, self.hint) {
                // Answer in the spelling of the question.
                (Some(name), _) if entry.name.contains(char::is_uppercase) => {
                    format!("did you mean `{}`?", camel(name))
                }
                (Some(name), _) => format!("did you mean `{name}`?"),
                (None, Some(hint)) => hint.to_owned(),
                (None, None) => format!("known here: {}", self.asked.join(", ")),
            };
            report.push(ProblemKind::UnknownKey, &entry.path, &entry.key, "unknown key", help);
        }
    }
}

impl Entry<'_> {
    /// Complains that `self` says what `first` has already said.
    pub(super) fn twice(&self, first: &Entry<'_>, report: &mut Report) {
        let message = format!(
            "says the same as `{}` on line {}",
            Shown(first.name),
            report.position(first.key.start).line
        );
        report.push(ProblemKind::Twice, &self.path, &self.key, message, "keep one of the two");
    }
}
