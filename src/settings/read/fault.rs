//! [`Fault`]: what did not fit, and where, as told by a type's `Deserialize`.
//!
//! serde hands over expected and found separately; both are kept apart here, so that whoever
//! makes the message can decide whether the found value may be shown.

use std::fmt::{self, Display};

use serde::de::{Error, Expected, Unexpected};
use serde::{Deserialize, Serialize};

/// A failed attempt to read a value as a type.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Fault {
    /// The way to the value, innermost step first: it grows while the error travels up.
    pub(crate) path: Vec<Step>,
    pub(crate) what: What,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum What {
    /// `found` is only the kind of the value, `shown` has the value.
    Mismatch {
        expected: String,
        found: String,
        shown: String,
    },
    Unknown {
        what: String,
        name: String,
        known: Vec<String>,
    },
    Missing(String),
    Twice(String),
    /// A type's own message; nobody knows whether it repeats the value.
    Other(String),
}

impl What {
    fn unknown(what: &str, name: &str, known: &[&str]) -> Self {
        Self::Unknown {
            what: what.to_owned(),
            name: name.to_owned(),
            known: known.iter().map(ToString::to_string).collect(),
        }
    }
}

/// What stands before a fault where it travels as the cause of an error.
const MARK: &str = "hotshoe-settings-fault ";

/// A fault on its way through a boundary.
#[derive(Debug)]
struct Carried(String);

impl Display for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Carried {}

impl Fault {
    /// This fault within an error. It may hold a secret: the host has to
    /// [take it out](Self::carried_by) and to find words of its own.
    pub(crate) fn carry(&self) -> crate::contract::Error {
        let json = serde_json::to_string(self).unwrap_or_default();
        crate::contract::Error::new(
            crate::contract::ErrorKind::InvalidConfig,
            "its settings are not accepted",
        )
        .caused_by(&Carried(format!("{MARK}{json}")))
    }

    /// The fault within an error, if there is one.
    #[cfg(feature = "host")]
    pub(crate) fn carried_by(error: &crate::contract::Error) -> Option<Self> {
        serde_json::from_str(error.causes().next()?.strip_prefix(MARK)?).ok()
    }

    pub(crate) fn within(mut self, step: Step) -> Self {
        self.path.push(step);
        self
    }

    fn mismatch(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let kind = match found {
            Unexpected::Bool(_) => "a boolean",
            Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "a number",
            Unexpected::Char(_) | Unexpected::Str(_) => "a text",
            Unexpected::Bytes(_) => "bytes",
            Unexpected::Unit => "nothing",
            Unexpected::Seq => "a list",
            Unexpected::Map => "a table",
            _ => "something else",
        };
        let shown = match found {
            Unexpected::Bool(value) => format!("the boolean {value}"),
            Unexpected::Unsigned(number) => format!("the number {number}"),
            Unexpected::Signed(number) => format!("the number {number}"),
            Unexpected::Float(number) => format!("the number {number}"),
            Unexpected::Str(text) => format!("the text {}", quote(text)),
            _ => kind.to_owned(),
        };
        What::Mismatch { expected: plain(&expected.to_string()), found: kind.to_owned(), shown }
            .into()
    }
}

/// A text in quotes, cut if very long.
fn quote(text: &str) -> String {
    const SHOWN: usize = 40;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}", format!("{}…", &text[..end])),
        None => format!("{text:?}"),
    }
}

/// What serde calls `u16` or `struct Server`, in the words of somebody who writes a file.
fn plain(expected: &str) -> String {
    fn range<T: Display>(min: T, max: T) -> String {
        format!("a whole number from {min} to {max}")
    }
    match expected {
        "u8" => range(u8::MIN, u8::MAX),
        "u16" => range(u16::MIN, u16::MAX),
        "u32" => range(u32::MIN, u32::MAX),
        "u64" | "usize" => range(u64::MIN, u64::MAX),
        "i8" => range(i8::MIN, i8::MAX),
        "i16" => range(i16::MIN, i16::MAX),
        "i32" => range(i32::MIN, i32::MAX),
        "i64" | "isize" => range(i64::MIN, i64::MAX),
        "f32" | "f64" => "a number".into(),
        "a boolean" => "true or false".into(),
        "a string" => "a text in quotes".into(),
        "a sequence" => "a list".into(),
        "a map" => "a table".into(),
        other if other.starts_with("struct ") => "a table".into(),
        other => other.to_owned(),
    }
}

impl From<What> for Fault {
    fn from(what: What) -> Self {
        Self { path: Vec::new(), what }
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the value: a wrapper may put this text into a message of its own.
        f.write_str("the value does not fit")
    }
}

impl std::error::Error for Fault {}

impl Error for Fault {
    fn custom<T: Display>(message: T) -> Self {
        What::Other(message.to_string()).into()
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::mismatch(found, expected)
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::mismatch(found, expected)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        let found = "another number of items".to_owned();
        let shown = format!("{length} items");
        What::Mismatch { expected: expected.to_string(), found, shown }.into()
    }

    fn unknown_variant(name: &str, known: &'static [&'static str]) -> Self {
        What::unknown("value", name, known).into()
    }

    fn unknown_field(name: &str, known: &'static [&'static str]) -> Self {
        What::unknown("key", name, known).into()
    }

    fn missing_field(key: &'static str) -> Self {
        What::Missing(key.to_owned()).into()
    }

    fn duplicate_field(key: &'static str) -> Self {
        What::Twice(key.to_owned()).into()
    }
}
