//! [`Entry`]: one key with its value, read as the type that the host wants.
//!
//! Each reader gives `None` after it has reported what is wrong, so that reading goes on. A
//! message says what was expected and what was found; the found value itself is shown only if
//! it is short, a scalar, and not behind a key that looks secret.

use std::fmt::Display;
use std::num::NonZeroU32;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::error::ProblemKind;
use super::id;
use super::key_path::KeyPath;
use super::redact::mask_url;
use super::report::Report;
use crate::settings::Interval;

/// So many characters of a wrong text are repeated.
const SHOWN: usize = 40;

/// One key of a table, with its value and their places.
#[derive(Clone, Debug)]
pub(super) struct Entry<'t> {
    pub(super) path: KeyPath,
    pub(super) name: &'t str,
    /// Where the key stands.
    pub(super) key: Range<usize>,
    /// Where the value stands.
    pub(super) span: Range<usize>,
    pub(super) value: &'t DeValue<'t>,
}

impl<'t> Entry<'t> {
    pub(super) fn problem(&self, report: &mut Report, message: impl Display, help: &str) {
        let kind = ProblemKind::Value;
        report.push(kind, &self.path, &self.span, message.to_string(), help);
    }

    /// Reports that something else was expected.
    pub(super) fn unexpected<T>(
        &self,
        report: &mut Report,
        expected: &str,
        help: &str,
    ) -> Option<T> {
        let found = describe(self.value, self.path.is_secret());
        self.problem(report, format_args!("expected {expected}, found {found}"), help);
        None
    }

    pub(super) fn table(&self, report: &mut Report, expected: &str) -> Option<&'t DeTable<'t>> {
        self.value.as_table().or_else(|| self.unexpected(report, expected, ""))
    }

    pub(super) fn boolean(&self, report: &mut Report) -> Option<bool> {
        let help = "write it without quotes";
        self.value.as_bool().or_else(|| self.unexpected(report, "true or false", help))
    }

    /// A text that is not empty.
    pub(super) fn text(&self, report: &mut Report, expected: &str) -> Option<String> {
        match self.value.as_str() {
            Some(text) if !text.trim().is_empty() => Some(text.to_owned()),
            _ => self.unexpected(report, expected, ""),
        }
    }

    /// The id of an instance or of a plugin.
    pub(super) fn id(&self, report: &mut Report) -> Option<String> {
        let text = self.text(report, "an id in quotes")?;
        match id::check(&text) {
            Ok(()) => Some(text),
            Err(message) => {
                report.push(ProblemKind::Id, &self.path, &self.span, message, id::HELP);
                None
            }
        }
    }

    /// A list of texts, none of them empty.
    pub(super) fn texts(&self, report: &mut Report, expected: &str) -> Option<Vec<String>> {
        let texts = self
            .items(report, expected)?
            .into_iter()
            .map(|item| item.text(report, "a text that is not empty"));
        // Look at all items before giving up: each may have a problem of its own.
        let texts: Vec<_> = texts.collect();
        texts.into_iter().collect()
    }

    /// The items of a list.
    pub(super) fn items(&self, report: &mut Report, expected: &str) -> Option<Vec<Entry<'t>>> {
        let Some(items) = self.value.as_array() else {
            return self.unexpected(report, expected, r#"write it as ["a", "b"]"#);
        };
        let items = items.iter().enumerate().map(|(at, item)| Entry {
            path: self.path.index(at),
            name: self.name,
            key: item.span(),
            span: item.span(),
            value: Spanned::get_ref(item),
        });
        Some(items.collect())
    }

    /// A whole number that fits `T`; `expected` names the range.
    pub(super) fn whole<T: TryFrom<i64>>(&self, report: &mut Report, expected: &str) -> Option<T> {
        let number = self.value.as_integer().and_then(whole);
        let number = number.and_then(|number| T::try_from(number).ok());
        number.or_else(|| self.unexpected(report, expected, ""))
    }

    /// A whole number from 1.
    pub(super) fn above_zero(&self, report: &mut Report, help: &str) -> Option<NonZeroU32> {
        let number = self.value.as_integer().and_then(whole);
        let number = number.and_then(|number| u32::try_from(number).ok());
        let expected = "a whole number from 1 to 4294967295";
        number.and_then(NonZeroU32::new).or_else(|| self.unexpected(report, expected, help))
    }

    /// A finite number above zero.
    pub(super) fn positive(&self, report: &mut Report) -> Option<f64> {
        self.number(report, "a number above zero", |number| number > 0.0)
    }

    /// A finite number that fits; `expected` says which do.
    pub(super) fn number(
        &self,
        report: &mut Report,
        expected: &str,
        fits: fn(f64) -> bool,
    ) -> Option<f64> {
        let number = match self.value {
            DeValue::Integer(number) => whole(number).map(|number| number as f64),
            DeValue::Float(number) => number.as_str().parse().ok(),
            _ => None,
        };
        let number = number.filter(|number: &f64| number.is_finite() && fits(*number));
        number.or_else(|| self.unexpected(report, expected, ""))
    }

    /// A text that says how long, and longer than no time at all.
    pub(super) fn duration(&self, report: &mut Report) -> Option<Duration> {
        const EXPECTED: &str = r#"a time with its unit, such as "30s""#;
        if let DeValue::Integer(number) = self.value {
            let help = format!(r#"write a unit, e.g. "{}s""#, whole(number).unwrap_or(30).max(1));
            return self.unexpected(report, EXPECTED, &help);
        }
        let interval: Interval = self.parsed(report, EXPECTED)?;
        if interval.is_zero() {
            return self.unexpected(report, "a time above zero", "leave the key out instead");
        }
        Some(interval.duration())
    }

    /// A text that `T` can parse.
    pub(super) fn parsed<T>(&self, report: &mut Report, expected: &str) -> Option<T>
    where
        T: FromStr<Err: Display>,
    {
        let Some(text) = self.value.as_str() else {
            return self.unexpected(report, expected, "");
        };
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                let found = describe(self.value, self.path.is_secret());
                let message = format!("expected {expected}, found {found}: {error}");
                self.problem(report, message, "");
                None
            }
        }
    }

    /// One of a few words.
    pub(super) fn one_of<T: Copy>(&self, report: &mut Report, words: &[(&str, T)]) -> Option<T> {
        let text = self.value.as_str();
        let found = words.iter().find(|(word, _)| Some(*word) == text);
        found.map(|(_, value)| *value).or_else(|| {
            let words: Vec<_> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
            self.unexpected(report, &format!("one of {}", words.join(", ")), "")
        })
    }
}

/// The number, if it fits.
pub(super) fn whole(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// What `value` is, in a word or two, and which one where that helps and gives nothing away.
pub(super) fn describe(value: &DeValue<'_>, secret: bool) -> String {
    match value {
        DeValue::Array(_) => "a list".into(),
        DeValue::Table(_) => "a table".into(),
        DeValue::Datetime(_) => "a date or time".into(),
        DeValue::String(_) if secret => "a text (not shown)".into(),
        _ if secret => "a scalar (not shown)".into(),
        DeValue::String(text) if text.is_empty() => "an empty text".into(),
        DeValue::String(text) => format!("the text {}", quote(text)),
        DeValue::Integer(number) => format!("the number {}", excerpt(&number.to_string())),
        DeValue::Float(number) => format!("the number {}", excerpt(number.as_str())),
        DeValue::Boolean(value) => format!("the boolean {value}"),
    }
}

/// The beginning of a text, quoted, without the password of a URL.
pub(super) fn quote(text: &str) -> String {
    format!("{:?}", excerpt(&mask_url(text)))
}

fn excerpt(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
