//! The plugins that are part of this program.

use super::{Candidate, Source};
use crate::contract::Result;
use crate::manifest::Manifest;
use crate::sdk::LinkedPlugin;

/// What the crates linked into this program submitted through `inventory`.
pub(crate) fn submitted() -> Vec<LinkedPlugin> {
    inventory::iter::<LinkedPlugin>.into_iter().copied().collect()
}

impl Candidate {
    /// A linked plugin with its manifest read.
    ///
    /// # Errors
    /// As for reading any manifest; the macro cannot check ranges and versions.
    pub(crate) fn linked(plugin: LinkedPlugin) -> Result<Self> {
        let manifest = Manifest::parse(plugin.manifest_text())?;
        let text = plugin.manifest_text().into();
        Ok(Self { manifest, text, source: Source::Linked(plugin), warning: None })
    }
}
