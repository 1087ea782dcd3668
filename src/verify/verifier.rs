//! All that is checked of a file before it may be loaded, in its order.

use std::fs::File;
use std::path::Path;

use object::ReadCache;

use super::compatible::check_build;
use super::elf::{Inspected, Inspection, inspect};
use super::library_file::{self, LibraryFile};
use super::regular;
use super::signature::{Claim, Keys};
use super::stamp::Stamp;
use crate::config::{LoadFrom, SecurityPolicy, Sha256, Signatures};
use crate::contract::{Error, ErrorKind, Result, ResultExt};
use crate::manifest::Manifest;

/// Checks files by one policy.
#[derive(Debug)]
pub(crate) struct Verifier {
    policy: SecurityPolicy,
    keys: Keys,
}

/// What became of a file.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It may be loaded.
    Plugin(Box<Verified>),
    /// It is something else: the reason, for one line in the log.
    NoPlugin(String),
}

/// A file that may be loaded.
#[derive(Debug)]
pub(crate) struct Verified {
    pub(crate) manifest: Manifest,
    pub(crate) file: LibraryFile,
    /// What the policy wants and does not demand.
    pub(crate) warning: Option<String>,
}

impl Verifier {
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] if a key cannot be read, or signatures are required and no key is
    /// trusted.
    pub(crate) fn new(policy: SecurityPolicy) -> Result<Self> {
        let keys = Keys::read(&policy.keys)?;
        if policy.signatures == Signatures::Require && keys.is_empty() {
            return Err(Error::new(
                ErrorKind::InvalidConfig,
                "`[plugins.security]` requires signatures, and no key is trusted",
            )
            .with_help(
                "name one in [plugins.security.keys.<name>] public_key, or set signatures = \
                 \"off\" if you trust every file in the directory",
            ));
        }
        Ok(Self { policy, keys })
    }

    /// Opens a file and checks it. Nothing of it runs.
    ///
    /// # Errors
    /// Why it may not be loaded: with expected, found and what to do, and the plugin's id as far as
    /// it is known.
    pub(crate) fn verify(&self, path: &Path) -> Result<Verdict> {
        self.verify_file(path).map_err(|error| error.with_phase("verify").with_path(path))
    }

    fn verify_file(&self, path: &Path) -> Result<Verdict> {
        let (file, metadata) = match regular::open(path) {
            Ok(opened) => opened,
            Err(error) if error.kind() == std::io::ErrorKind::InvalidInput => {
                return Ok(Verdict::NoPlugin(error.to_string()));
            }
            Err(error) => return Err(library_file::not_opened(path, &error)),
        };
        let stamp = Stamp::of(&metadata);
        let found = match read(&file)? {
            Inspection::Plugin(found) => found,
            Inspection::NoPlugin(reason) => return Ok(Verdict::NoPlugin(reason)),
        };
        let id = found.manifest.id.clone();
        self.verify_plugin(path, file, stamp, *found)
            .map(|verified| Verdict::Plugin(Box::new(verified)))
            .map_err(|error| error.with_plugin(id))
    }

    fn verify_plugin(
        &self,
        path: &Path,
        file: File,
        stamp: Stamp,
        found: Inspected,
    ) -> Result<Verified> {
        // What costs nothing comes first, though it is not final for bytes that may still change.
        self.check(&found)?;
        if !self.needs_bytes(&found.manifest) {
            let file = LibraryFile::on_disk(path.to_owned(), stamp);
            return Ok(Verified { manifest: found.manifest, file, warning: None });
        }
        self.verify_bytes(path, file, stamp, found)
    }

    /// Checks what a library says of itself.
    fn check(&self, found: &Inspected) -> Result<()> {
        check_build(&found.manifest)?;
        found.entry.check(&found.manifest.build.symbol)?;
        self.check_version(&found.manifest)?;
        found.linkage.check(&self.policy)
    }

    /// Fails if the plugin is older than it may be.
    ///
    /// # Errors
    /// [`ErrorKind::Untrusted`].
    pub(crate) fn check_version(&self, manifest: &Manifest) -> Result<()> {
        match self.policy.minimum.get(&manifest.id) {
            Some(minimum) if manifest.version < *minimum => Err(Error::new(
                ErrorKind::Untrusted,
                format!(
                    "version {minimum} or later was expected, this is version {}",
                    manifest.version
                ),
            )
            .with_help(format!(
                "update the plugin, or lower `{}` in [plugins.security.minimum]",
                manifest.id
            ))),
            _ => Ok(()),
        }
    }

    /// Whether the policy looks at every byte of this plugin.
    fn needs_bytes(&self, manifest: &Manifest) -> bool {
        self.policy.signatures != Signatures::Off || self.policy.pins.contains_key(&manifest.id)
    }

    /// Checks every byte, and keeps those that were checked.
    fn verify_bytes(
        &self,
        path: &Path,
        mut file: File,
        stamp: Stamp,
        found: Inspected,
    ) -> Result<Verified> {
        let id = found.manifest.id.as_str();
        let claim = match self.policy.signatures {
            Signatures::Off => None,
            _ => Some(Claim::read(path, id, &self.keys)?),
        };
        let warning = match &claim {
            Some(claim) => claim.judge(&self.policy)?,
            None => None,
        };
        let pinned = self.policy.pins.contains_key(id);
        if matches!(claim, Some(Claim::Unsigned(..))) && !pinned {
            // Nothing vouches for its bytes, so nothing is gained by keeping them.
            let file = LibraryFile::on_disk(path.to_owned(), stamp);
            return Ok(Verified { manifest: found.manifest, file, warning });
        }
        let mut signature = match &claim {
            Some(claim) => claim.check(&self.keys)?,
            None => None,
        };
        let mut update = |piece: &[u8]| {
            if let Some(signature) = &mut signature {
                signature.update(piece);
            }
        };
        let (digest, sealed) = match self.policy.load_from {
            LoadFrom::Memory => {
                let (copy, digest) = library_file::seal(&mut file, path, update)?;
                (digest, Some(copy))
            }
            _ => (library_file::read_all(&mut file, None, &mut update)?, None),
        };
        if let Some(signature) = signature {
            signature.finish()?;
        }
        // Read once more, from bytes that are final now.
        let found = match read(sealed.as_ref().unwrap_or(&file))? {
            Inspection::Plugin(found) if found.manifest.id == id => found,
            _ => {
                return Err(Error::new(
                    ErrorKind::InvalidPlugin,
                    format!(
                        "the plugin `{id}` was expected, the file was changed while it was read"
                    ),
                )
                .with_help("put new files into the directory by renaming them into place"));
            }
        };
        self.check(&found)?;
        self.check_pin(&found.manifest, digest)?;
        let file = match sealed {
            Some(copy) => LibraryFile::sealed(path.to_owned(), stamp, copy, digest),
            None => LibraryFile::on_disk(path.to_owned(), stamp),
        };
        Ok(Verified { manifest: found.manifest, file, warning })
    }

    fn check_pin(&self, manifest: &Manifest, digest: [u8; 32]) -> Result<()> {
        let Some(versions) = self.policy.pins.get(&manifest.id) else { return Ok(()) };
        let digest = Sha256::from_bytes(digest);
        let Manifest { id, version, .. } = manifest;
        let help = |what: &str| {
            format!("{what}: \"{version}\" = \"sha256:{digest}\" in [plugins.security.pins.{id}]")
        };
        match versions.get(version) {
            Some(pins) if pins.contains(&digest) => Ok(()),
            Some(pins) => Err(Error::new(
                ErrorKind::Untrusted,
                format!(
                    "the file with the SHA-256 digest {} was expected, found {digest}",
                    pins.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
                ),
            )
            .with_help(help("if this file is the right one, pin it"))),
            None => Err(Error::new(
                ErrorKind::Untrusted,
                format!("one of the pinned versions was expected, version {version} is not pinned"),
            )
            .with_help(help("if you trust this file, pin it"))),
        }
    }
}

/// The manifest in a file, whatever may be wrong with the rest of it.
pub(crate) fn peek(path: &Path) -> Option<Manifest> {
    let (file, _) = regular::open(path).ok()?;
    match read(&file) {
        Ok(Inspection::Plugin(found)) => Some(found.manifest),
        _ => None,
    }
}

/// The manifest of a file that was verified by another process.
///
/// # Errors
/// [`ErrorKind::InvalidPlugin`].
pub(crate) fn manifest_of(file: &LibraryFile) -> Result<Manifest> {
    match read(&file.reopen()?)? {
        Inspection::Plugin(found) => Ok(found.manifest),
        Inspection::NoPlugin(reason) => {
            Err(Error::new(ErrorKind::InvalidPlugin, format!("a plugin was expected: {reason}")))
        }
    }
}

/// Looks at an open file.
fn read(file: &File) -> Result<Inspection> {
    let length =
        file.metadata().describe_as(ErrorKind::Io, "the file's size cannot be read")?.len();
    let cache = ReadCache::new(file);
    inspect(&cache, length)
}
