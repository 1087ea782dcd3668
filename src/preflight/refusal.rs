//! An error on its way from the child to the parent. Whoever shows it bounds what it shows.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::contract::{Error, ErrorKind};

/// Why the library does not open, or which layouts do not agree.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Refusal {
    kind: String,
    message: String,
    causes: Vec<String>,
    help: String,
}

impl Refusal {
    /// What the child says.
    pub(super) fn of(error: &Error) -> Self {
        Self {
            kind: error.kind().as_str().into(),
            message: error.message().into(),
            causes: error.causes().map(Into::into).collect(),
            help: error.help().unwrap_or_default().into(),
        }
    }

    /// What the parent hears.
    pub(super) fn into_error(self) -> Error {
        let kinds = [
            ErrorKind::Incompatible,
            ErrorKind::InvalidPlugin,
            ErrorKind::Io,
            ErrorKind::Panic,
            ErrorKind::ResourceLimit,
        ];
        let kind = kinds.into_iter().find(|known| known.as_str() == self.kind);
        let mut error = Error::new(kind.unwrap_or(ErrorKind::Other), self.message);
        if !self.help.is_empty() {
            error = error.with_help(self.help);
        }
        let causes = self.causes.into_iter().rev();
        match causes.fold(None, |next, text| Some(Cause { text, next: next.map(Box::new) })) {
            Some(cause) => error.caused_by(&cause),
            None => error,
        }
    }
}

/// A reason, and the one behind it.
#[derive(Debug)]
struct Cause {
    text: String,
    next: Option<Box<Cause>>,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Cause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.next.as_deref().map(|next| next as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str, causes: usize) -> Refusal {
        Refusal {
            kind: "incompatible".into(),
            message: text.into(),
            causes: vec![text.into(); causes],
            help: text.into(),
        }
    }

    #[test]
    fn a_refusal_arrives_as_it_was_sent() {
        let sent = refusal("text", 2).into_error();
        let received = Refusal::of(&sent).into_error();
        assert_eq!(received.kind(), ErrorKind::Incompatible);
        assert_eq!(format!("{received:#}"), "text\n  because: text\n  because: text\n  help: text");
    }
}
