//! What became of submitted material.

use serde::{Deserialize, Serialize};

/// What became of each certificate of a submission, by fingerprint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Submission {
    /// Stored for the first time.
    pub added: Vec<String>,
    /// Stored before; had something new.
    pub updated: Vec<String>,
    /// Stored before; had nothing new.
    pub unchanged: Vec<String>,
    /// Not stored.
    pub refused: Vec<Refusal>,
}

impl Submission {
    /// Whether nothing of it was acceptable.
    pub fn is_refused(&self) -> bool {
        self.added.is_empty() && self.updated.is_empty() && self.unchanged.is_empty()
    }
}

/// A certificate that was not stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Refusal {
    /// Which one.
    pub fingerprint: String,
    /// Why not, and what to do: written for the person who sent it.
    pub reason: String,
}

impl Refusal {
    /// A certificate that was not stored.
    pub fn new(fingerprint: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { fingerprint: fingerprint.into(), reason: reason.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_later_version_are_ignored_and_missing_ones_are_empty() {
        let text = r#"{ "added": ["AB"], "queued": ["CD"] }"#;
        let submission: Submission = serde_json::from_str(text).unwrap();
        assert_eq!(submission.added, ["AB"]);
        assert!(!submission.is_refused());
        assert!(submission.refused.is_empty());
    }
}
