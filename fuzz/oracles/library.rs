//! Any bytes are a plugin, something else, or an error.

use hotshoe::ErrorKind;
use hotshoe::manifest::Manifest;

use crate::shown;

/// Reads `bytes` as the file of a library.
pub fn check(bytes: &[u8]) {
    match Manifest::from_library(bytes) {
        Ok(Some(manifest)) => {
            assert!(bytes.starts_with(b"\x7fELF"), "a plugin is an ELF file");
            let id = manifest.id.as_bytes();
            assert!(bytes.windows(id.len()).any(|found| found == id), "its id is in the file");
        }
        Ok(None) => {}
        Err(error) => {
            let kind = error.kind();
            assert!(matches!(kind, ErrorKind::InvalidPlugin | ErrorKind::Incompatible), "{kind:?}");
            assert!(bytes.starts_with(b"\x7fELF"), "other files are nobody's business: {error}");
            shown::refusal(&error);
        }
    }
}
