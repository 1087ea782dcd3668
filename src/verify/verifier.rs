//! All that is checked of a file before it may be loaded, in its order.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use object::ReadCache;

use super::compatible::check_build;
use super::elf::{Inspected, Inspection, inspect};
use super::library_file::{self, Final, LibraryFile};
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
    /// Whether every file is loaded from a sealed copy, whatever the policy says of it.
    copies: bool,
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
    /// What the manifest was read from.
    pub(crate) text: Arc<str>,
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
        Ok(Self { policy, keys, copies: false })
    }

    /// Copies every plugin that it accepts: for directories in which files are overwritten while
    /// they are in use.
    #[cfg(any(test, feature = "watch"))]
    pub(crate) fn with_copies(self) -> Self {
        Self { copies: true, ..self }
    }

    /// Opens a file and checks it. Nothing of it runs.
    ///
    /// # Errors
    /// Why it may not be loaded: with expected, found and what to do, and the plugin's id as far as
    /// it is known.
    pub(crate) fn verify(&self, path: &Path) -> Result<Verdict> {
        self.judge(path, self.copies)
    }

    /// As [`verify`](Self::verify), of a file that is to be opened beside an earlier one, perhaps of
    /// the same name: it has a sealed copy and a digest, whatever the policy says.
    ///
    /// # Errors
    /// As for [`verify`](Self::verify), and [`ErrorKind::Unsupported`] where the system has no such
    /// memory or forbids it.
    pub(crate) fn verify_copy(&self, path: &Path) -> Result<Verdict> {
        self.judge(path, true)
    }

    fn judge(&self, path: &Path, copy: bool) -> Result<Verdict> {
        self.verify_file(path, copy).map_err(|error| error.with_phase("verify").with_path(path))
    }

    fn verify_file(&self, path: &Path, copy: bool) -> Result<Verdict> {
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
        self.verify_plugin(path, file, stamp, *found, copy)
            .map(|verified| Verdict::Plugin(Box::new(verified)))
            .map_err(|error| error.with_plugin(id))
    }

    fn verify_plugin(
        &self,
        path: &Path,
        file: File,
        stamp: Stamp,
        found: Inspected,
        copy: bool,
    ) -> Result<Verified> {
        // What costs nothing comes first, though it is not final for bytes that may still change.
        self.check(&found)?;
        let mut verified = if self.needs_bytes(&found.manifest) {
            self.verify_bytes(path, file, stamp, found, copy)?
        } else {
            let file = LibraryFile::on_disk(path.to_owned(), stamp);
            Verified { manifest: found.manifest, text: found.text, file, warning: None }
        };
        if copy {
            verified.file = verified.file.copied()?;
        }
        Ok(verified)
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
        copy: bool,
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
            return Ok(Verified { manifest: found.manifest, text: found.text, file, warning });
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
        let (digest, bytes) = match self.policy.load_from {
            from if copy || from == LoadFrom::Memory => {
                let (bytes, digest) = library_file::take(&mut file, path, update)?;
                (digest, Some(bytes))
            }
            _ => (library_file::read_all(&mut file, None, &mut update)?, None),
        };
        if let Some(signature) = signature {
            signature.finish()?;
        }
        // Read once more, from bytes that are final now.
        let found = match &bytes {
            Some(Final::Sealed(copy, _)) => read(copy),
            Some(Final::Read(bytes)) => inspect(bytes.as_slice(), bytes.len() as u64),
            None => read(&file),
        };
        let found = match found? {
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
        let file = match bytes {
            Some(bytes) => LibraryFile::sealed(path.to_owned(), stamp, bytes, digest),
            None => LibraryFile::on_disk(path.to_owned(), stamp),
        };
        Ok(Verified { manifest: found.manifest, text: found.text, file, warning })
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// One of the plugins of the tests; Cargo builds it beside this program.
    fn library() -> std::path::PathBuf {
        let folder = std::env::current_exe().unwrap();
        folder.with_file_name("libplain.so")
    }

    fn verified(verdict: Result<Verdict>) -> LibraryFile {
        match verdict {
            Ok(Verdict::Plugin(verified)) => verified.file,
            other => panic!("a plugin was expected, found {other:?}"),
        }
    }

    #[test]
    fn a_copy_is_made_of_one_file_or_of_all_whatever_the_policy_says() {
        let from_path = SecurityPolicy { load_from: LoadFrom::Path, ..Default::default() };
        let wanted = SecurityPolicy { signatures: Signatures::Warn, ..from_path.clone() };
        for policy in [SecurityPolicy::default(), from_path, wanted] {
            let verifier = Verifier::new(policy).unwrap();
            let path = library();
            assert_eq!(verified(verifier.verify(&path)).digest(), None);
            let digest = verified(verifier.verify_copy(&path)).digest();
            assert!(digest.is_some());
            let verifier = verifier.with_copies();
            assert_eq!(verified(verifier.verify(&path)).digest(), digest);
        }
    }

    /// A pin holds for the copy, and the copy is made although the policy does without.
    #[test]
    fn a_pinned_file_that_would_be_loaded_by_its_path_is_copied_too() {
        let path = library();
        let manifest = peek(&path).unwrap();
        let digest = verified(Verifier::new(Default::default()).unwrap().verify_copy(&path));
        let digest = Sha256::from_bytes(digest.digest().unwrap());
        for (pin, accepted) in [(digest, true), (Sha256::from_bytes([7; 32]), false)] {
            let versions = [(manifest.version.clone(), vec![pin])].into();
            let policy = SecurityPolicy {
                load_from: LoadFrom::Path,
                pins: [(manifest.id.clone(), versions)].into(),
                ..Default::default()
            };
            let verdict = Verifier::new(policy).unwrap().verify_copy(&path);
            assert_eq!(verdict.is_ok(), accepted, "{verdict:?}");
        }
    }
}
