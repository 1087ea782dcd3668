//! Whether this host can mount what a manifest describes.

use crate::contract::{Error, ErrorKind, Result};
use crate::manifest::Manifest;

/// Checks ABI version, target and panic strategy.
///
/// # Errors
/// [`ErrorKind::Incompatible`], with expected, found and what to do.
pub(crate) fn check_build(manifest: &Manifest) -> Result<()> {
    let build = &manifest.build;
    let ours = semver::Version::parse(hotshoe_abi::VERSION)
        .map_err(|error| Error::new(ErrorKind::IllegalState, error.to_string()))?;
    let same_line =
        build.abi.major == ours.major && (ours.major > 0 || build.abi.minor == ours.minor);
    if !same_line {
        return Err(incompatible(
            format!(
                "hotshoe-abi {} was expected, the plugin was built with {}",
                line(&ours),
                build.abi
            ),
            "rebuild the plugin with the version of hotshoe that the host uses",
        ));
    }
    if build.target != hotshoe_abi::TARGET {
        return Err(incompatible(
            format!("target {} was expected, found {}", hotshoe_abi::TARGET, build.target),
            "build the plugin for the host's target",
        ));
    }
    if !build.unwinds {
        return Err(incompatible(
            "a plugin whose panics unwind was expected, this one was built with panic = \"abort\": \
             its first panic would end the host"
                .into(),
            "build it with panic = \"unwind\" (the default)",
        ));
    }
    Ok(())
}

fn line(version: &semver::Version) -> String {
    if version.major == 0 { format!("0.{}", version.minor) } else { version.major.to_string() }
}

fn incompatible(message: String, help: &str) -> Error {
    Error::new(ErrorKind::Incompatible, message).with_help(help)
}
