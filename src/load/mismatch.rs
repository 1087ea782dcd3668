//! What abi_stable says about a library, in a few lines.
//!
//! Its own report of one changed field has several hundred lines. The first difference and what to
//! do is what helps.

use hotshoe_abi::__stable::LibraryError;

use crate::contract::{Error, ErrorKind};

/// The most lines of abi_stable's report that are kept.
const LINES: usize = 8;

pub(super) fn explain(error: LibraryError) -> Error {
    let text = error.to_string();
    let incompatible = |message: &str| {
        Error::new(ErrorKind::Incompatible, message)
            .with_help("rebuild the plugin with the version of hotshoe that the host uses")
    };
    match error {
        LibraryError::AbiInstability(_) => {
            let first: Vec<&str> = text
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty() && !line.chars().all(|c| "-=#*".contains(c)))
                .take(LINES)
                .collect();
            incompatible(&format!(
                "the plugin's types are not laid out as the host's: {}",
                first.join("; ")
            ))
        }
        LibraryError::IncompatibleVersionNumber { expected_version, actual_version, .. } => {
            incompatible(&format!(
                "hotshoe-abi {expected_version} was expected, the library has {actual_version}"
            ))
        }
        LibraryError::InvalidAbiHeader { .. } => {
            incompatible("the library's header is not one of abi_stable 0.11, as this host uses")
        }
        _ => Error::new(
            ErrorKind::InvalidPlugin,
            format!(
                "the plugin's module cannot be made: {}",
                text.lines().next().unwrap_or_default()
            ),
        ),
    }
}
