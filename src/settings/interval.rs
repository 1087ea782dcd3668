//! [`Interval`]: a span of time as people write it.
//!
//! The text is read and written by `humantime`. Two things are done here instead: a bare number
//! is refused (whether `30` means seconds or milliseconds is what operators get wrong), and each
//! `number unit` part is handed over by itself, since `humantime` 2.4 panics when several parts
//! add up to one nanosecond more than a `Duration` holds.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::time::Duration;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A span of time, written with its unit: `"30s"`, `"250ms"`, `"1h 30m"`.
///
/// Units are those of `humantime`: `ns us ms s m h d w M y` and their longer spellings (`sec`,
/// `min`, `hours`, `days`, …); a month is 30.44 days, a year 365.25. A bare number is an error.
/// What is displayed or serialised reads back as the same interval.
///
/// ```
/// # use hotshoe::settings::Interval;
/// use std::time::Duration;
///
/// let interval: Interval = "1h 30m".parse()?;
/// assert_eq!(interval, Interval::from(Duration::from_secs(5_400)));
/// assert_eq!(interval.to_string(), "1h 30m");
/// assert!("30".parse::<Interval>().is_err());
/// # Ok::<(), hotshoe::settings::IntervalError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval(Duration);

impl Interval {
    /// The interval that lasts `duration`.
    pub const fn new(duration: Duration) -> Self {
        Self(duration)
    }

    /// How long it lasts.
    pub const fn duration(self) -> Duration {
        self.0
    }
}

impl Deref for Interval {
    type Target = Duration;

    fn deref(&self) -> &Duration {
        &self.0
    }
}

impl From<Duration> for Interval {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl From<Interval> for Duration {
    fn from(interval: Interval) -> Self {
        interval.0
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

impl FromStr for Interval {
    type Err = IntervalError;

    fn from_str(text: &str) -> Result<Self, IntervalError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(IntervalError(
                r#"an empty text is no time; write for example "30s""#.into(),
            ));
        }
        if text.parse::<f64>().is_ok() {
            return Err(IntervalError::bare(text));
        }
        let mut sum = Duration::ZERO;
        for part in parts(text) {
            let part = humantime::parse_duration(part).map_err(IntervalError::part)?;
            sum = sum
                .checked_add(part)
                .ok_or_else(|| IntervalError("no time is longer than 584 billion years".into()))?;
        }
        Ok(Self(sum))
    }
}

/// Splits `1h30m 5s` into `1h`, `30m ` and `5s`: a new part starts where a digit follows a unit.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let mut after_unit = false;
        let end = rest.char_indices().find_map(|(at, c)| {
            let starts = after_unit && c.is_ascii_digit();
            after_unit |= c.is_alphabetic();
            starts.then_some(at)
        });
        let (part, next) = rest.split_at(end.unwrap_or(rest.len()));
        rest = next;
        (!part.is_empty()).then_some(part)
    })
}

impl Serialize for Interval {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Interval {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Asked for a text, serde_json words the refusal of a number itself; ours says what to write.
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(IntervalVisitor)
        } else {
            deserializer.deserialize_str(IntervalVisitor)
        }
    }
}

struct IntervalVisitor;

impl Visitor<'_> for IntervalVisitor {
    type Value = Interval;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#"a time with its unit, such as "30s""#)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Interval, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Interval, E> {
        Err(E::custom(IntervalError::bare(&number.to_string())))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Interval, E> {
        Err(E::custom(IntervalError::bare(&number.to_string())))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Interval, E> {
        Err(E::custom(IntervalError::bare(&number.to_string())))
    }
}

/// Why a text is no [`Interval`]. Its `Display` says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntervalError(String);

impl IntervalError {
    fn part(error: humantime::DurationError) -> Self {
        use humantime::DurationError as E;
        Self(match error {
            E::UnknownUnit { unit, .. } if !unit.is_empty() => {
                format!("{unit:?} is no unit of time; use ms, s, min, h or days")
            }
            E::NumberOverflow => "this time is too long, or finer than a nanosecond".into(),
            _ => r#"a time is numbers with units; write for example "1h 30m""#.into(),
        })
    }

    fn bare(number: &str) -> Self {
        // Only a plain count makes a sensible example: no "-3s", no "1e99s".
        let example = match number {
            n if n.len() <= 9 && n.bytes().all(|b| b.is_ascii_digit()) => n,
            _ => "30",
        };
        Self(format!(r#"a bare number has no unit; write a unit, e.g. "{example}s""#))
    }
}

impl fmt::Display for IntervalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for IntervalError {}
