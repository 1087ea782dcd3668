//! What abi_stable says about a library's header, in one line.

use hotshoe_abi::__stable::LibraryError;

use crate::contract::{Error, ErrorKind};

pub(super) fn explain(error: LibraryError) -> Error {
    let incompatible = |message: &str| {
        Error::new(ErrorKind::Incompatible, message)
            .with_help("rebuild the plugin with the version of hotshoe that the host uses")
    };
    match error {
        LibraryError::IncompatibleVersionNumber { expected_version, actual_version, .. } => {
            incompatible(&format!(
                "hotshoe-abi {expected_version} was expected, the library has {actual_version}"
            ))
        }
        LibraryError::InvalidAbiHeader { .. } => {
            incompatible("the library's header is not one of abi_stable 0.11, as this host uses")
        }
        other => Error::new(
            ErrorKind::InvalidPlugin,
            format!(
                "the plugin's module cannot be made: {}",
                other.to_string().lines().next().unwrap_or_default()
            ),
        ),
    }
}
