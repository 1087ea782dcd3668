//! How a plugin is exchanged while it runs, and what becomes of its state.

use serde::Serialize;

/// Whether two generations of a plugin can be up at the same time: `swap` in
/// [`export_plugin!`](crate::export_plugin).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum SwapMode {
    /// They can: the new one is brought up while the old one serves.
    #[default]
    Overlap,
    /// They cannot, since it owns a port, a lock or a file: the old one stops before the new one is
    /// initialised.
    Exclusive,
}

/// What becomes of a plugin's state when it is restarted, exchanged or stopped: `state` in
/// [`export_plugin!`](crate::export_plugin).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StatePolicy {
    /// It is asked for with `save_state` and handed to the successor with `restore_state`, as long
    /// as the host runs.
    #[default]
    HandedOver,
    /// There is none: neither is asked, and calls need not be held while it is exchanged.
    None,
    /// It is handed over, and also kept when the instance or the host stops: the next start gets it,
    /// whenever that is.
    Kept,
}

impl SwapMode {
    /// What a manifest may say, and what it means.
    pub(super) const WORDS: &[(&str, Self)] =
        &[("overlap", Self::Overlap), ("exclusive", Self::Exclusive)];
}

impl StatePolicy {
    /// What a manifest may say, and what it means.
    pub(super) const WORDS: &[(&str, Self)] =
        &[("handed-over", Self::HandedOver), ("none", Self::None), ("kept", Self::Kept)];
}

impl std::fmt::Display for SwapMode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(word(Self::WORDS, *self))
    }
}

impl std::fmt::Display for StatePolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(word(Self::WORDS, *self))
    }
}

/// How a value is written. Each has a word.
fn word<T: PartialEq>(words: &[(&'static str, T)], value: T) -> &'static str {
    words.iter().find(|(_, known)| *known == value).map_or("", |(word, _)| word)
}
