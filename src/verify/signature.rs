//! Signatures of minisign, detached: `libquota.so.minisig` beside `libquota.so`.
//!
//! What is signed is the whole file, its manifest included; so a signature holds for one plugin in
//! one version. The format is <https://jedisct1.github.io/minisign/>.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use minisign_verify::{Error as MinisignError, PublicKey, Signature, StreamVerifier};

use super::regular;
use crate::config::{self, SecurityPolicy, Signatures, TrustedKey};
use crate::contract::{Error, ErrorKind, Result, ResultExt};

/// A signature has four short lines, a key two.
const MAX_BYTES: u64 = 16 << 10;

/// The keys that are trusted, ready for use.
#[derive(Debug, Default)]
pub(super) struct Keys(Vec<Key>);

#[derive(Debug)]
struct Key {
    name: String,
    key: PublicKey,
    trusted: TrustedKey,
}

impl Keys {
    /// # Errors
    /// [`ErrorKind::InvalidConfig`], naming the key that cannot be read.
    pub(super) fn read(keys: &BTreeMap<String, TrustedKey>) -> Result<Self> {
        let read = |(name, trusted): (&String, &TrustedKey)| {
            let no_key = |error: &(dyn std::error::Error + 'static)| {
                let error = Error::new(
                    ErrorKind::InvalidConfig,
                    format!("the trusted key `{name}` is no public key of minisign"),
                )
                .caused_by(error)
                .with_help(
                    "minisign's public keys are files of two lines; the second one is the key",
                );
                match &trusted.public_key {
                    config::PublicKey::File(path) => error.with_path(path),
                    config::PublicKey::Text(_) => error,
                }
            };
            let key = match &trusted.public_key {
                config::PublicKey::Text(text) => PublicKey::from_base64(text),
                config::PublicKey::File(path) => {
                    let text = regular::read_text(path, MAX_BYTES);
                    PublicKey::decode(&text.map_err(|error| no_key(&error))?)
                }
            };
            let key = key.map_err(|error| no_key(&error))?;
            Ok(Key { name: name.clone(), key, trusted: trusted.clone() })
        };
        keys.iter().map(read).collect::<Result<_>>().map(Self)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Where the signature of a file is.
fn beside(library: &Path) -> PathBuf {
    let mut name = library.as_os_str().to_owned();
    name.push(".minisig");
    name.into()
}

/// A signature that was read, before the file has been.
pub(super) enum Claim {
    /// There is none, or by nobody who is trusted with this plugin: the reason and what to do.
    Unsigned(String, String),
    /// It names a trusted key.
    Signed(Box<Signature>, usize),
}

impl Claim {
    /// Reads the signature beside `library`, the plugin `plugin`.
    ///
    /// # Errors
    /// [`ErrorKind::Untrusted`] for a file that is no signature, [`ErrorKind::Io`] for one that
    /// cannot be read.
    pub(super) fn read(library: &Path, plugin: &str, keys: &Keys) -> Result<Self> {
        use std::io::ErrorKind::{FileTooLarge, InvalidData, InvalidInput, NotFound};

        let path = beside(library);
        let text = match regular::read_text(&path, MAX_BYTES) {
            Ok(text) => text,
            Err(error) => match error.kind() {
                NotFound => {
                    return Ok(Self::Unsigned(
                        format!("there is no signature `{}`", name(&path)),
                        format!("sign it: minisign -Sm {}", name(library)),
                    ));
                }
                InvalidInput | InvalidData | FileTooLarge => {
                    return Err(no_signature(&path, &error));
                }
                _ => {
                    return Err(error)
                        .describe_as(ErrorKind::Io, format!("`{}` cannot be opened", name(&path)));
                }
            },
        };
        let signature = Signature::decode(&text).map_err(|error| no_signature(&path, &error))?;
        let mut others = Vec::new();
        for (at, key) in keys.0.iter().enumerate() {
            match key.key.verify_stream(&signature) {
                Err(MinisignError::UnexpectedKeyId) => {}
                Err(error) => return Err(no_signature(&path, &error)),
                Ok(_) if key.trusted.covers(plugin) => {
                    return Ok(Self::Signed(Box::new(signature), at));
                }
                Ok(_) => others.push(key.name.as_str()),
            }
        }
        Ok(match others.first() {
            Some(other) => Self::Unsigned(
                format!(
                    "it is signed with the key `{other}`, which is not trusted with `{plugin}`"
                ),
                format!(
                    "add \"{plugin}\" to `plugins` in [plugins.security.keys.{other}], if it is meant to"
                ),
            ),
            None => Self::Unsigned(
                "it is signed with a key that is not trusted".into(),
                "name the key in [plugins.security.keys], if you trust it".into(),
            ),
        })
    }

    /// What the file's bytes go through, if it is signed.
    ///
    /// # Errors
    /// [`ErrorKind::Untrusted`] if the signature and its key do not fit after all.
    pub(super) fn check<'c>(&'c self, keys: &'c Keys) -> Result<Option<Check<'c>>> {
        let Self::Signed(signature, at) = self else { return Ok(None) };
        let Key { name, key, .. } = &keys.0[*at];
        let stream = key
            .verify_stream(signature)
            .describe_as(ErrorKind::Untrusted, "its signature and the key do not fit")?;
        Ok(Some(Check { stream, key: name }))
    }

    /// Fails if the policy demands more than this; a warning if it only wants it.
    ///
    /// # Errors
    /// [`ErrorKind::Untrusted`].
    pub(super) fn judge(&self, policy: &SecurityPolicy) -> Result<Option<String>> {
        let Self::Unsigned(reason, help) = self else { return Ok(None) };
        match policy.signatures {
            Signatures::Off => Ok(None),
            Signatures::Warn => Ok(Some(format!("{reason}; {help}"))),
            Signatures::Require => Err(Error::new(
                ErrorKind::Untrusted,
                format!("a signature by a trusted key was expected, {reason}"),
            )
            .with_help(help)),
        }
    }
}

/// A signature whose file is being read.
pub(super) struct Check<'c> {
    stream: StreamVerifier<'c>,
    key: &'c str,
}

impl Check<'_> {
    pub(super) fn update(&mut self, piece: &[u8]) {
        self.stream.update(piece);
    }

    /// # Errors
    /// [`ErrorKind::Untrusted`] if the file, the signature or its trusted comment was changed.
    pub(super) fn finish(mut self) -> Result<()> {
        self.stream.finalize().map_err(|error| {
            Error::new(
                ErrorKind::Untrusted,
                format!(
                    "the file that was signed with the key `{}` was expected, this one differs, or \
                     its signature does",
                    self.key
                ),
            )
            .caused_by(&error)
            .with_help("do not use it; get the file and its signature again from where it is made")
        })
    }
}

fn no_signature(path: &Path, error: &(dyn std::error::Error + 'static)) -> Error {
    let legacy = matches!(
        error.downcast_ref(),
        Some(MinisignError::UnsupportedLegacyMode | MinisignError::UnexpectedAlgorithm)
    );
    let (found, help) = if legacy {
        ("one of the older form", "sign the file again, without `-l`")
    } else {
        ("none", "sign the file again: minisign -Sm writes four lines")
    };
    Error::new(
        ErrorKind::Untrusted,
        format!(
            "a signature of minisign in its present form was expected in `{}`, it holds {found}",
            name(path)
        ),
    )
    .caused_by(error)
    .with_help(help)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
