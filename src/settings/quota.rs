//! [`Quota`]: so many in so long, as people write it.
//!
//! Only the value: a count and a span. Counting against it is the business of whoever enforces
//! it (supervision, a rate-limit plugin).

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Interval;

/// How many in how long: `"100/min"`, `"50/s"`, `"1000/h"`, `"5/day"`, `"3/10s"`.
///
/// After the slash stands a unit (`s`, `sec`, `second`, `min`, `minute`, `h`, `hour`, `d`, `day`)
/// or an [`Interval`]. Neither side may be zero. What is displayed or serialised reads back as
/// the same quota.
///
/// ```
/// # use hotshoe::settings::Quota;
/// use std::time::Duration;
///
/// let quota: Quota = "100/minute".parse()?;
/// assert_eq!(quota.count().get(), 100);
/// assert_eq!(quota.per(), Duration::from_secs(60));
/// assert_eq!(quota.to_string(), "100/min");
/// # Ok::<(), hotshoe::settings::QuotaError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quota {
    count: NonZeroU32,
    per: Duration,
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Quota {
    /// `count` in each `per`; `None` if `per` is zero.
    pub const fn new(count: NonZeroU32, per: Duration) -> Option<Self> {
        if per.is_zero() { None } else { Some(Self { count, per }) }
    }

    /// `count` a second.
    pub const fn per_second(count: NonZeroU32) -> Self {
        Self { count, per: SECOND }
    }

    /// `count` a minute.
    pub const fn per_minute(count: NonZeroU32) -> Self {
        Self { count, per: MINUTE }
    }

    /// `count` an hour.
    pub const fn per_hour(count: NonZeroU32) -> Self {
        Self { count, per: HOUR }
    }

    /// `count` a day of 24 hours.
    pub const fn per_day(count: NonZeroU32) -> Self {
        Self { count, per: DAY }
    }

    /// How many.
    pub const fn count(self) -> NonZeroU32 {
        self.count
    }

    /// In how long; never zero.
    pub const fn per(self) -> Duration {
        self.per
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.count)?;
        match self.per {
            SECOND => f.write_str("s"),
            MINUTE => f.write_str("min"),
            HOUR => f.write_str("h"),
            DAY => f.write_str("day"),
            other => Interval::new(other).fmt(f),
        }
    }
}

impl FromStr for Quota {
    type Err = QuotaError;

    fn from_str(text: &str) -> Result<Self, QuotaError> {
        let Some((count, per)) = text.split_once('/') else {
            return Err(QuotaError(
                r#"a quota has a slash; write how many in how long, e.g. "100/min""#.into(),
            ));
        };
        let count = count.trim();
        let count = match count.parse::<u32>().map(NonZeroU32::new) {
            Ok(Some(count)) => count,
            Ok(None) => {
                return Err(QuotaError(
                    "a quota of 0 allows nothing; leave the key out for no limit, or write a count from 1"
                        .into(),
                ));
            }
            Err(_) => {
                return Err(QuotaError(format!(
                    "before the slash of a quota stands a whole number from 1 to {}, not {:?}",
                    u32::MAX,
                    Excerpt(count)
                )));
            }
        };
        let per = per.trim();
        let per = match per {
            "s" | "sec" | "second" => SECOND,
            "min" | "minute" => MINUTE,
            "h" | "hour" => HOUR,
            "d" | "day" => DAY,
            other => match other.parse::<Interval>() {
                Ok(interval) if !interval.is_zero() => interval.duration(),
                _ => {
                    return Err(QuotaError(format!(
                        r#"after the slash of a quota stands s, min, h, day or a time such as "10s", not {:?}"#,
                        Excerpt(per)
                    )));
                }
            },
        };
        Ok(Self { count, per })
    }
}

/// The beginning of a text: an error need not repeat a page.
struct Excerpt<'a>(&'a str);

impl fmt::Debug for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(24) {
            Some((end, _)) => write!(f, "{:?}…", &self.0[..end]),
            None => write!(f, "{:?}", self.0),
        }
    }
}

impl Serialize for Quota {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Quota {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(QuotaVisitor)
    }
}

struct QuotaVisitor;

impl Visitor<'_> for QuotaVisitor {
    type Value = Quota;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#"how many in how long, such as "100/min""#)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Quota, E> {
        text.parse().map_err(E::custom)
    }
}

/// Why a text is no [`Quota`]. Its `Display` says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaError(String);

impl fmt::Display for QuotaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for QuotaError {}
