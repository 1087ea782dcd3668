//! What can go wrong, said so that the person who sent the key can act on it.

use thiserror::Error;

/// Why an upload, a merge or a search term was refused.
///
/// Every message names what was expected, what was found and what to do about it; all of them
/// are safe to show to the client (they never repeat key material).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The input, or the result of a merge, is longer than allowed.
    #[error(
        "{what} is too large: at most {limit} bytes are accepted, found {found}; \
         send fewer or smaller keys (for example `gpg --export-options export-minimal`)"
    )]
    TooLarge {
        /// What was measured.
        what: &'static str,
        /// The limit in bytes.
        limit: usize,
        /// The size found.
        found: usize,
    },
    /// More packets than allowed.
    #[error(
        "too many OpenPGP packets: at most {limit} are accepted; \
         send fewer keys at once, or remove third-party signatures"
    )]
    TooManyPackets {
        /// The limit.
        limit: usize,
    },
    /// More certificates than allowed in one upload.
    #[error(
        "too many keys in one upload: at most {limit} are accepted; send them in several parts"
    )]
    TooManyCertificates {
        /// The limit.
        limit: usize,
    },
    /// Nothing in the input looks like a public key.
    #[error(
        "no public key found: expected a `-----BEGIN PGP PUBLIC KEY BLOCK-----` block or a binary \
         keyring, found {found}; send the output of `gpg --armor --export KEY`"
    )]
    NoKey {
        /// What was found instead.
        found: String,
    },
    /// The ASCII armor is damaged.
    #[error(
        "damaged ASCII armor near line {line}: {reason}; export the key again and send it whole"
    )]
    Armor {
        /// One-based line number in the input.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// The upload contains secret key material. Nothing of it was kept.
    #[error(
        "this is a SECRET key: only public keys are accepted and nothing was stored; send the \
         output of `gpg --armor --export KEY`, and consider the secret key compromised if it \
         travelled over an untrusted connection"
    )]
    SecretKey,
    /// A packet header, or the body of a key packet, cannot be read.
    #[error("damaged key data at byte {offset}: {reason}; export the key again and send it whole")]
    Malformed {
        /// Byte offset within the (dearmored) data.
        offset: usize,
        /// What is wrong.
        reason: String,
    },
    /// A packet that does not belong in a transferable public key.
    #[error(
        "unexpected packet at byte {offset}: expected only public keys, user ids, user attributes, \
         subkeys and signatures, found {found}; send the output of `gpg --export KEY`"
    )]
    UnexpectedPacket {
        /// Byte offset within the (dearmored) data.
        offset: usize,
        /// Name or number of the packet.
        found: String,
    },
    /// A signature or user id came before any primary key, as in a bare revocation certificate.
    #[error(
        "found {found} without its primary key; if this is a revocation certificate, import it \
         (`gpg --import`) and send the whole revoked key"
    )]
    NoPrimaryKey {
        /// The kind of packet that came first.
        found: String,
    },
    /// Key packet version other than 4 and 6.
    #[error(
        "unsupported key version {version} at byte {offset}: versions 4 and 6 are accepted; \
         create a new key with current software"
    )]
    UnsupportedVersion {
        /// Byte offset within the (dearmored) data.
        offset: usize,
        /// The version found.
        version: u8,
    },
    /// [`Certificate::from_bytes`](crate::Certificate::from_bytes) wants exactly one certificate.
    #[error("expected exactly one key, found {found}; use `parse_upload` for several")]
    NotOneCertificate {
        /// How many were found.
        found: usize,
    },
    /// Certificates of two different primary keys cannot be merged.
    #[error("cannot merge different keys: expected {old}, found {new}; store them separately")]
    DifferentKeys {
        /// Fingerprint of the stored key.
        old: String,
        /// Fingerprint of the new key.
        new: String,
    },
    /// The search term cannot be used.
    #[error("unusable search term: {reason}")]
    Search {
        /// What is wrong and what to send instead.
        reason: String,
    },
}
