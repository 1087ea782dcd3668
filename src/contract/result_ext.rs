//! From any error to hotshoe's, with what was being done.

use super::{Error, ErrorKind, Result};

/// Turns the error of any library into an [`Error`] that says what was being done.
///
/// ```
/// use hotshoe::ResultExt;
///
/// let error = std::fs::read("/no/such/file").describe("cannot read the model").unwrap_err();
/// assert_eq!(error.message(), "cannot read the model");
/// assert!(error.causes().any(|cause| cause.contains("No such file")));
/// ```
pub trait ResultExt<T> {
    /// An error of kind [`ErrorKind::Other`] with this message, caused by the original one.
    ///
    /// # Errors
    /// Exactly where `self` is one.
    fn describe(self, message: impl Into<String>) -> Result<T>;

    /// The same with a kind.
    ///
    /// # Errors
    /// Exactly where `self` is one.
    fn describe_as(self, kind: ErrorKind, message: impl Into<String>) -> Result<T>;
}

impl<T, E: std::error::Error + 'static> ResultExt<T> for Result<T, E> {
    fn describe(self, message: impl Into<String>) -> Result<T> {
        self.describe_as(ErrorKind::Other, message)
    }

    fn describe_as(self, kind: ErrorKind, message: impl Into<String>) -> Result<T> {
        self.map_err(|error| Error::new(kind, message).caused_by(&error))
    }
}
