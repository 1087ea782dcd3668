//! [`Envelope`]: a state with what has to be known of it before it is handed to a plugin.
//!
//! Two lines of text, so that people can look at them, then the state:
//!
//! ```text
//! hotshoe-state 1 4f0c…                                    the format, and the SHA-256 of all that follows
//! {"plugin":"counter","version":"1.2.0","saved":1767225600000000,"length":7}
//! …
//! ```

use bytes::Bytes;
use semver::Version;
use serde::{Deserialize, Serialize};
use sha2::Digest;

use crate::config::Sha256;
use crate::contract::{Error, ErrorKind, Result};

/// What each one begins with.
const MAGIC: &str = "hotshoe-state ";

/// The only format there is so far.
const FORMAT: &str = "1";

/// The longest line, in bytes: ids have 64, versions are short.
const LONGEST: usize = 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Envelope {
    /// The plugin whose state it is.
    pub(super) plugin: String,
    /// The version that wrote it.
    pub(super) version: Version,
    /// When, in microseconds since 1970; later than what was saved before.
    pub(super) saved: u64,
    pub(super) state: Bytes,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    plugin: String,
    version: Version,
    saved: u64,
    length: u64,
}

impl Envelope {
    pub(super) fn encode(plugin: &str, version: &Version, saved: u64, state: &[u8]) -> Vec<u8> {
        let head = Head {
            plugin: plugin.to_owned(),
            version: version.clone(),
            saved,
            length: state.len() as u64,
        };
        let head = serde_json::to_string(&head).expect("its keys are texts") + "\n";
        let digest = digest(&[head.as_bytes(), state]);
        [format!("{MAGIC}{FORMAT} {digest}\n").as_bytes(), head.as_bytes(), state].concat()
    }

    /// # Errors
    /// [`ErrorKind::InvalidInput`], saying what was expected and what was found.
    pub(super) fn decode(bytes: Bytes) -> Result<Self> {
        let torn = |why: &str| Error::new(ErrorKind::InvalidInput, format!("it is damaged: {why}"));
        let (first, rest) = line(&bytes).ok_or_else(|| torn("its first line is missing"))?;
        let first = first
            .strip_prefix(MAGIC)
            .ok_or_else(|| torn("it does not begin as a state that was kept"))?;
        let (format, sum) = first.split_once(' ').unwrap_or((first, ""));
        if format != FORMAT {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("a state of format {FORMAT} was expected, found format {format:?}"),
            )
            .with_help("use the host that wrote it, or a newer one"));
        }
        if digest(&[rest]) != sum {
            return Err(torn("it is not what was written, by its checksum"));
        }
        let (head, state) = line(rest).ok_or_else(|| torn("its second line is missing"))?;
        let head: Head = serde_json::from_str(head)
            .map_err(|error| torn("its second line cannot be read").caused_by(&error))?;
        if head.length != state.len() as u64 {
            let (expected, found) = (head.length, state.len());
            return Err(torn(&format!("{expected} bytes were expected, found {found}")));
        }
        let state = bytes.slice_ref(state);
        Ok(Self { plugin: head.plugin, version: head.version, saved: head.saved, state })
    }
}

/// The first line, and what comes after it.
fn line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().take(LONGEST).position(|byte| *byte == b'\n')?;
    let (line, rest) = bytes.split_at(end);
    Some((std::str::from_utf8(line).ok()?, rest.get(1..)?))
}

fn digest(parts: &[&[u8]]) -> String {
    let mut sum = sha2::Sha256::new();
    parts.iter().for_each(|part| sum.update(part));
    Sha256::from_bytes(sum.finalize().into()).to_string()
}
