//! Reads one policy: a table of its own, in which `true` is the policy with all defaults and `false`
//! is none.
//!
//! What a table contradicts in itself is judged only when each of its values could be read: one
//! mistake, one problem.

use std::num::NonZeroU32;
use std::ops::Range;
use std::time::Duration;

use toml::de::DeTable;

use super::entry::Entry;
use super::error::ProblemKind;
use super::flaws::Flaw;
use super::key_path::KeyPath;
use super::report::Report;
use super::section::Section;
use super::supervision::Override;

/// `false`, or what `read` makes of it.
pub(super) fn switch<T>(
    entry: &Entry<'_>,
    report: &mut Report,
    read: impl FnOnce(&Entry<'_>, &mut Report) -> Option<T>,
) -> Override<T> {
    match entry.value.as_bool() {
        Some(false) => Override::Off,
        _ => read(entry, report).into(),
    }
}

/// `false`, `true` for the default, or a table.
pub(super) fn policy<T: Default>(
    entry: &Entry<'_>,
    report: &mut Report,
    expected: &str,
    read: fn(&mut Fields<'_, '_, '_>) -> T,
    judge: fn(&T) -> Vec<Flaw>,
) -> Override<T> {
    switch(entry, report, |entry, report| match entry.value.as_bool() {
        Some(true) => Some(T::default()),
        _ => Some(judged(entry, entry.table(report, expected)?, report, read, judge)),
    })
}

/// What `read` makes of a table. Complains about what it left; if that was nothing, about the flaws
/// that it and `judge` find.
pub(super) fn judged<T>(
    entry: &Entry<'_>,
    table: &DeTable<'_>,
    report: &mut Report,
    read: impl FnOnce(&mut Fields<'_, '_, '_>) -> T,
    judge: impl FnOnce(&T) -> Vec<Flaw>,
) -> T {
    let before = report.count();
    let section = Section::new(entry.path.clone(), table);
    let mut fields = Fields { section, report, places: Vec::new(), flaws: Vec::new() };
    let policy = read(&mut fields);
    let Fields { section, report, places, mut flaws } = fields;
    section.finish(report);
    if report.count() == before {
        flaws.extend(judge(&policy));
        for flaw in flaws {
            let place = places.iter().find(|(key, ..)| *key == flaw.key);
            let (path, span) =
                place.map_or((&entry.path, &entry.key), |(_, path, span)| (path, span));
            report.push(flaw.kind, path, span, flaw.message, flaw.help);
        }
    }
    policy
}

/// The keys of one policy, where those stand that were there, and what they contradict.
pub(super) struct Fields<'f, 't, 'r> {
    section: Section<'t>,
    pub(super) report: &'f mut Report<'r>,
    places: Vec<(&'static str, KeyPath, Range<usize>)>,
    flaws: Vec<Flaw>,
}

impl Fields<'_, '_, '_> {
    pub(super) fn get<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Entry<'_>, &mut Report<'_>) -> Option<T>,
    ) -> Option<T> {
        self.get_as(key, &[], read)
    }

    pub(super) fn get_as<T>(
        &mut self,
        key: &'static str,
        aliases: &[&str],
        read: impl FnOnce(&Entry<'_>, &mut Report<'_>) -> Option<T>,
    ) -> Option<T> {
        let entry = self.section.take_as(key, aliases, self.report)?;
        self.places.push((key, entry.path.clone(), entry.span.clone()));
        read(&entry, self.report)
    }

    pub(super) fn duration(&mut self, key: &'static str) -> Option<Duration> {
        self.get(key, |entry, report| entry.duration(report))
    }

    pub(super) fn above_zero(&mut self, key: &'static str, help: &str) -> Option<NonZeroU32> {
        self.get(key, |entry, report| entry.above_zero(report, help))
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.places.iter().any(|(known, ..)| *known == key)
    }

    /// That key contradicts another one.
    pub(super) fn contradiction(
        &mut self,
        key: &'static str,
        message: impl Into<String>,
        help: &'static str,
    ) {
        let kind = ProblemKind::Contradiction;
        self.flaws.push(Flaw { key, kind, message: message.into(), help });
    }
}
