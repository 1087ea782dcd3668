//! OpenPGP and HKP logic of a keyserver: pure functions from bytes to bytes, without I/O.
//!
//! * [`parse_upload`] takes what a client sent apart into [`Certificate`]s;
//! * [`merge()`] unites a certificate with what is stored already;
//! * [`armor()`], [`index_mr`] and [`index_html`] write answers to lookups;
//! * [`SearchTerm`] and [`words_of`] are the two sides of a word index;
//! * [`form_value`] gets `keytext` out of a `POST /pks/add`.
//!
//! Uploaded key material is never written anew: certificates are cut out of the input at packet
//! boundaries, so [`Certificate::bytes`] is byte for byte what was sent. Self-signatures are
//! verified (by [rPGP](https://docs.rs/pgp)) to decide what to show, not what to keep; see
//! [`Binding`]. Signatures by other keys are kept and never verified.
//!
//! No input makes these functions panic, and memory use stays within a small multiple of
//! [`Limits`].
//!
//! ```
//! use hotshoe_openpgp_keys::{Limits, Merge, armor, merge, parse_upload};
//!
//! # fn main() -> Result<(), hotshoe_openpgp_keys::KeyError> {
//! # let upload = include_bytes!("../tests/data/alice.asc");
//! let limits = Limits::default();
//! for certificate in parse_upload(upload, &limits)? {
//!     println!("{} {:?}", certificate.fingerprint(), certificate.words());
//!     assert_eq!(merge(&certificate, &certificate, &limits)?, Merge::Unchanged);
//!     println!("{}", armor(certificate.bytes(), &[]));
//! }
//! # Ok(())
//! # }
//! ```

mod armor;
mod binding;
mod certificate;
mod component;
mod error;
mod group;
mod index;
mod key;
mod merge;
mod packet;
mod search;
mod selfsig;

pub use armor::armor;
pub use binding::Binding;
pub use certificate::Certificate;
pub use component::{Subkey, UserId};
pub use error::KeyError;
pub use index::{index_html, index_mr};
pub use key::KeyInfo;
pub use merge::{Merge, merge};
pub use search::{SearchTerm, words_of};
use selfsig::Budget;

/// How much a client may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one upload, as sent (armored or not), and of one merged certificate. Default 8 MiB.
    pub max_bytes: usize,
    /// Packets of one upload, and of one merged certificate. Default 32768.
    pub max_packets: usize,
    /// Certificates of one upload. Default 1024.
    pub max_certificates: usize,
    /// Work to spend on verifying the self-signatures of one upload, in units of about one RSA
    /// 4096 check; what is left then counts as [`Binding::Unchecked`]. Default 4096.
    pub max_verifications: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_bytes: 8 * 1024 * 1024,
            max_packets: 32_768,
            max_certificates: 1024,
            max_verifications: 4096,
        }
    }
}

/// Takes apart what a client sent: a binary keyring, or text with one or several ASCII-armored
/// public key blocks.
///
/// A certificate starts at each primary key packet. What happens to packets:
///
/// * public keys, user ids, user attributes, subkeys and signatures are kept, in the order sent;
/// * unassigned non-critical (types 40 to 59) and private (60 to 63) packets are kept after the
///   packet they follow, or dropped before the first key;
/// * marker, trust (a keyring's local data) and padding packets are dropped;
/// * secret keys refuse the whole upload, and so do messages, unassigned critical packets
///   (types 22 to 39), anything before its primary key, such as a bare revocation certificate,
///   and partial or indeterminate lengths.
///
/// The same key may occur more than once in the result; [`merge()`] the parts.
///
/// # Errors
/// [`KeyError`] says what was expected, what was found and what to do; nothing is kept then.
pub fn parse_upload(input: &[u8], limits: &Limits) -> Result<Vec<Certificate>, KeyError> {
    if input.len() > limits.max_bytes {
        return Err(KeyError::TooLarge {
            what: "the upload",
            limit: limits.max_bytes,
            found: input.len(),
        });
    }
    let mut budget = Budget::new(limits.max_verifications);
    let input = input.strip_prefix("\u{feff}".as_bytes()).unwrap_or(input);
    // A packet starts with a byte above 127. So may text, but that rarely reads as packets.
    if input.first().is_some_and(|byte| byte & 0x80 != 0) {
        let binary = split_certificates(input, limits, &mut budget);
        let may_be_text = matches!(
            binary,
            Err(KeyError::Malformed { .. }
                | KeyError::UnexpectedPacket { .. }
                | KeyError::NoPrimaryKey { .. }
                | KeyError::NoKey { .. })
        );
        if !may_be_text || !armor::is_armored(input) {
            return binary;
        }
    }
    if !armor::is_armored(input) {
        let found = match input {
            [] => "nothing at all",
            _ => "other data",
        };
        return Err(KeyError::NoKey { found: found.into() });
    }
    let mut certificates = Vec::new();
    let mut left = *limits;
    for block in armor::dearmor(input)? {
        let with_totals = |error| match error {
            KeyError::TooManyPackets { .. } => {
                KeyError::TooManyPackets { limit: limits.max_packets }
            }
            KeyError::TooManyCertificates { .. } => {
                KeyError::TooManyCertificates { limit: limits.max_certificates }
            }
            other => other,
        };
        let found = split_certificates(&block, &left, &mut budget).map_err(with_totals)?;
        let packets: usize = found.iter().map(Certificate::packet_count).sum();
        left.max_packets = left.max_packets.saturating_sub(packets);
        left.max_certificates = left.max_certificates.saturating_sub(found.len());
        certificates.extend(found);
    }
    Ok(certificates)
}

/// Splits a binary keyring.
fn split_certificates(
    input: &[u8],
    limits: &Limits,
    budget: &mut Budget,
) -> Result<Vec<Certificate>, KeyError> {
    if input.len() > limits.max_bytes {
        return Err(KeyError::TooLarge {
            what: "the key",
            limit: limits.max_bytes,
            found: input.len(),
        });
    }
    let packets = group::packets(input, limits)?;
    let groups = group::group(&packets, limits)?;
    if groups.is_empty() {
        return Err(KeyError::NoKey { found: "no key packets".into() });
    }
    groups.into_iter().map(|parts| Certificate::assemble(input, parts, budget)).collect()
}

/// The first value of a field in an `application/x-www-form-urlencoded` body, such as `keytext`
/// in `POST /pks/add`. Bytes that are not UTF-8 become U+FFFD.
///
/// The caller bounds the size of the body; the value is at most three times as long.
#[must_use]
pub fn form_value(body: &[u8], name: &str) -> Option<String> {
    form_urlencoded::parse(body).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}
