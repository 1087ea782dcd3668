//! TOML to JSON-shaped values, for everything that is not the host's: applications' tables and
//! plugins' own settings.
//!
//! Dates become texts. Two things have no such shape and are refused by name: `inf` and `nan`,
//! and integers beyond 64 bits. Nesting is cut at [`DEEPEST`], so that whoever walks, compares or
//! drops the value later needs no deep stack.

use std::ops::Range;

use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};

use super::error::ProblemKind;
use super::key_path::KeyPath;
use super::report::Report;

/// Keys and indices on the way from the top of the file to a value.
const DEEPEST: usize = 64;

/// The table at `path` as a map, the place of each of its values remembered.
pub(super) fn object(
    table: &DeTable<'_>,
    path: &KeyPath,
    report: &mut Report,
) -> Map<String, Value> {
    let mut map = Map::new();
    for (key, item) in table {
        let path = path.key(key.get_ref());
        report.place(&path, &key.span());
        let item = value(item.get_ref(), &path, &item.span(), report);
        map.insert(key.get_ref().to_string(), item);
    }
    map
}

/// The value at `path`. What can't be converted is reported, and is null.
pub(super) fn value(
    value: &DeValue<'_>,
    path: &KeyPath,
    span: &Range<usize>,
    report: &mut Report,
) -> Value {
    let refused = match value {
        DeValue::String(text) => return Value::String(text.to_string()),
        DeValue::Boolean(boolean) => return Value::Bool(*boolean),
        DeValue::Datetime(datetime) => return Value::String(datetime.to_string()),
        DeValue::Integer(number) => {
            let (digits, radix) = (number.as_str(), number.radix());
            if let Ok(number) = i64::from_str_radix(digits, radix) {
                return number.into();
            }
            if let Ok(number) = u64::from_str_radix(digits, radix) {
                return number.into();
            }
            ("an integer of more than 64 bits", "write it as a text, in quotes")
        }
        DeValue::Float(number) => {
            let number: Option<f64> = number.as_str().parse().ok();
            if let Some(number) = number.and_then(serde_json::Number::from_f64) {
                return Value::Number(number);
            }
            ("infinite, or no number, or out of range", "settings hold finite numbers only")
        }
        DeValue::Array(_) | DeValue::Table(_) if path.depth() >= DEEPEST => {
            ("nested more than 64 levels deep", "flatten it")
        }
        DeValue::Table(table) => return Value::Object(object(table, path, report)),
        DeValue::Array(items) => {
            let items = items.iter().enumerate().map(|(at, item)| {
                let path = path.index(at);
                report.place(&path, &item.span());
                self::value(item.get_ref(), &path, &item.span(), report)
            });
            return Value::Array(items.collect());
        }
    };
    let (message, help) = refused;
    report.push(ProblemKind::Value, path, span, format!("this is {message}"), help);
    Value::Null
}
