//! [`KeyPath`]: where in a configuration a value stands, `plugins.storage.config.hosts[2]`.
//!
//! Besides its spelling a path knows whether one of its keys looks like the name of a secret:
//! what stands below such a key is shown in no message.

use std::fmt;

use super::redact::looks_secret;

/// Keys longer than this are cut in messages; nobody's key is this long except by accident.
const SHOWN: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

/// The keys and indices that lead to a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct KeyPath(Vec<Step>);

impl KeyPath {
    pub(super) fn root() -> Self {
        Self::default()
    }

    /// This path, one key further down.
    pub(super) fn key(&self, key: &str) -> Self {
        self.with(Step::Key(key.to_owned()))
    }

    /// This path, at one element of a list.
    pub(super) fn index(&self, index: usize) -> Self {
        self.with(Step::Index(index))
    }

    /// The path without its last step; `None` at the root.
    pub(super) fn parent(&self) -> Option<Self> {
        let (_, parent) = self.0.split_last()?;
        Some(Self(parent.to_vec()))
    }

    pub(super) fn depth(&self) -> usize {
        self.0.len()
    }

    /// Whether a key on the way looks like the name of a secret.
    pub(super) fn is_secret(&self) -> bool {
        self.0.iter().any(|step| matches!(step, Step::Key(key) if looks_secret(key)))
    }

    fn with(&self, step: Step) -> Self {
        let mut steps = Vec::with_capacity(self.0.len() + 1);
        steps.extend_from_slice(&self.0);
        steps.push(step);
        Self(steps)
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if at == 0 => write!(f, "{}", Shown(key))?,
                Step::Key(key) => write!(f, ".{}", Shown(key))?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// A key as TOML would have it: bare where that is possible, else quoted and escaped (so that no
/// line break of a key gets into a log), and cut if very long.
pub(super) struct Shown<'a>(pub(super) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shown, cut) = match self.0.char_indices().nth(SHOWN) {
            Some((end, _)) => (&self.0[..end], "…"),
            None => (self.0, ""),
        };
        let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if !shown.is_empty() && shown.chars().all(bare) {
            write!(f, "{shown}{cut}")
        } else {
            write!(f, "{shown:?}{cut}")
        }
    }
}
