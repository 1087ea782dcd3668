//! Reads a `serde_json::Value` as a type, with errors that an operator can act on.
//!
//! `serde_json` says *what* did not fit, with the value, but not *where*. A small deserializer
//! ([`read`]) remembers the keys on the way and keeps expected and found apart; here the found
//! value is shown only if neither its key nor its content looks secret.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::entry::quote;
use super::error::{ConfigError, Problem, ProblemKind};
use super::key_path::KeyPath;
use super::redact::is_clean;
use super::reference::reference;
use super::report::Provenance;
use super::suggest::closest;
use crate::settings::read::{self, Fault, Step, What};

/// Reads `value`, which stands at `path`, as a `T`.
///
/// `written` is the value as it was written: where it has a reference, `value` has a secret.
pub(super) fn read<T: DeserializeOwned>(
    value: &Value,
    written: &Value,
    path: &KeyPath,
    provenance: &Provenance,
) -> Result<T, ConfigError> {
    read::read(value).map_err(|fault| refusal(fault, value, written, path, provenance))
}

/// The same for a `value` that somebody else read.
pub(super) fn refusal(
    fault: Fault,
    value: &Value,
    written: &Value,
    path: &KeyPath,
    provenance: &Provenance,
) -> ConfigError {
    let problem = problem(fault, value, written, path, provenance);
    ConfigError::new(provenance.origin(), vec![problem])
}

fn problem(
    fault: Fault,
    value: &Value,
    written: &Value,
    path: &KeyPath,
    provenance: &Provenance,
) -> Problem {
    let (mut path, mut value, mut written) = (path.clone(), Some(value), Some(written));
    let mut secret = false;
    for step in fault.path.iter().rev() {
        match step {
            Step::Key(key) => {
                path = path.key(key);
                value = value.and_then(|value| value.get(key));
                written = written.and_then(|value| value.get(key));
            }
            Step::Index(index) => {
                path = path.index(*index);
                value = value.and_then(|value| value.get(index));
                written = written.and_then(|value| value.get(index));
            }
        }
        secret |= written.is_some_and(|written| reference(written).is_some());
    }
    // A buffered value (serde's `flatten` and `untagged`) fails somewhere below the path that is
    // known, so it is not enough to look at its end.
    secret |=
        path.is_secret() || !value.is_some_and(is_clean) || written.is_some_and(holds_reference);
    let (kind, message, help) = match fault.what {
        What::Mismatch { expected, found, shown } => {
            let found = if secret { format!("{found} (not shown)") } else { shown };
            (ProblemKind::Value, format!("expected {expected}, found {found}"), String::new())
        }
        What::Unknown { what, name, known } => {
            let help = match closest(&name, known.iter().map(String::as_str)) {
                Some(known) => format!("did you mean `{known}`?"),
                None if known.is_empty() => "remove it".to_owned(),
                None => format!("known here: {}", known.join(", ")),
            };
            if what == "key" {
                path = path.key(&name);
                (ProblemKind::UnknownKey, "unknown key".to_owned(), help)
            } else if secret {
                (ProblemKind::Value, format!("unknown {what} (not shown)"), help)
            } else {
                (ProblemKind::Value, format!("unknown {what} {}", quote(&name)), help)
            }
        }
        What::Missing(key) => {
            let help = format!("add `{key}`");
            (ProblemKind::Missing, format!("the key `{key}` is missing"), help)
        }
        What::Twice(key) => {
            let message = format!("the key `{key}` is there twice, or in two spellings");
            (ProblemKind::Twice, message, "keep one of the two".to_owned())
        }
        What::Other(_) if secret => {
            let message =
                "this value does not fit (the reason is not shown: it may repeat a secret)";
            (ProblemKind::Value, message.to_owned(), String::new())
        }
        What::Other(message) => (ProblemKind::Value, message, String::new()),
    };
    provenance.problem(kind, &path, message, help)
}

fn holds_reference(value: &Value) -> bool {
    reference(value).is_some()
        || match value {
            Value::Array(items) => items.iter().any(holds_reference),
            Value::Object(map) => map.values().any(holds_reference),
            _ => false,
        }
}
