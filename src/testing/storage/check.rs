//! What a check is, how checks are run, and how they say what they expected and found.

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;

use crate::contract::{Call, Error, Precondition, Record, Result, StorageBackend, Version};
use crate::testing::block_on;

/// A check over new, empty stores.
pub(super) type Check<S> = Named<fn(&dyn Fn() -> S) -> Outcome>;

/// A check with the sentence that it checks.
pub(super) type Named<F> = (&'static str, F);

/// What a check found.
pub(super) type Outcome = Result<(), Failure>;

/// Why a check failed.
pub(super) struct Failure(String);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(format!("expected success, found the error {error:?}"))
    }
}

/// Runs all checks, then panics if any failed.
pub(super) fn run<F: Copy>(checks: &[Named<F>], call: impl Fn(F) -> Outcome) {
    let failed: Vec<String> = checks
        .iter()
        .filter_map(|&(name, check)| {
            let why = match catch_unwind(AssertUnwindSafe(|| call(check))) {
                Ok(Ok(())) => return None,
                Ok(Err(Failure(why))) => why,
                Err(payload) => format!("expected no panic, found one: {}", said(&*payload)),
            };
            Some(format!("- {name}:\n    {}", why.replace('\n', "\n    ")))
        })
        .collect();
    assert!(
        failed.is_empty(),
        "{} of {} storage checks failed\n{}",
        failed.len(),
        checks.len(),
        failed.join("\n")
    );
}

fn said(payload: &(dyn std::any::Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("not a text")
}

/// Fails unless both are equal; `what` says of what.
pub(super) fn equal<T: PartialEq + Debug>(what: &str, found: T, expected: T) -> Outcome {
    if found == expected {
        return Ok(());
    }
    let (expected, found) = (short(&expected), short(&found));
    Err(Failure(format!("{what}: expected {expected}, found {found}")))
}

/// What fits on a few lines: some checks store megabytes.
fn short(value: &impl Debug) -> String {
    const SHOWN: usize = 400;
    let text = format!("{value:?}");
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}… ({} characters)", &text[..end], text.len()),
        None => text,
    }
}

/// Fails unless `holds`.
pub(super) fn ensure(holds: bool, why: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(Failure(why())) }
}

/// Fails unless this is an error that `is` accepts.
pub(super) fn refused<T: Debug>(
    what: &str,
    expected: &str,
    found: Result<T>,
    is: impl Fn(&Error) -> bool,
) -> Outcome {
    match found {
        Err(error) if is(&error) => {
            ensure(!error.message().is_empty(), || format!("{what}: the error has no message"))
        }
        found => {
            let found = short(&found);
            Err(Failure(format!("{what}: expected the error {expected}, found {found}")))
        }
    }
}

pub(super) fn conflict<T: Debug>(what: &str, found: Result<T>) -> Outcome {
    refused(what, "conflict", found, Error::is_conflict)
}

pub(super) fn invalid<T: Debug>(what: &str, found: Result<T>) -> Outcome {
    refused(what, "invalid_input", found, Error::is_invalid_input)
}

/// A store, called synchronously by nobody in particular.
pub(super) struct Store<S>(pub(super) S);

pub(super) const NOBODY: &Call = &Call::none();

impl<S: StorageBackend> Store<S> {
    pub(super) fn get(&self, key: &str) -> Result<Option<Record>> {
        block_on(self.0.get(NOBODY, key))
    }

    pub(super) fn value(&self, key: &str) -> Result<Option<Bytes>> {
        Ok(self.get(key)?.map(|record| record.value))
    }

    pub(super) fn put(
        &self,
        key: &str,
        value: impl Into<Bytes>,
        when: Precondition,
    ) -> Result<Version> {
        block_on(self.0.put(NOBODY, key, value.into(), when))
    }

    pub(super) fn set(&self, key: &str, value: &'static str) -> Result<Version> {
        self.put(key, value, Precondition::Any)
    }

    pub(super) fn delete(&self, key: &str, when: Precondition) -> Result<bool> {
        block_on(self.0.delete(NOBODY, key, when))
    }

    /// The versions of these keys.
    pub(super) fn versions(&self, keys: &[&str]) -> Result<Vec<Option<Version>>> {
        keys.iter().map(|key| Ok(self.get(key)?.map(|record| record.version))).collect()
    }
}
