//! User ids and subkeys of a certificate.

use crate::binding::{Binding, SelfSigs};
use crate::key::KeyInfo;

/// A user id of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserId {
    raw: Vec<u8>,
    text: String,
    created: Option<u64>,
    expires: Option<u64>,
    revoked: bool,
    binding: Binding,
}

impl UserId {
    pub(crate) fn new(body: &[u8], found: &SelfSigs) -> UserId {
        UserId {
            raw: body.to_vec(),
            text: String::from_utf8_lossy(body).into_owned(),
            created: found.newest().map(|sig| sig.created),
            expires: found.newest().and_then(|sig| sig.expires),
            revoked: found.revoked_since_newest(),
            binding: found.binding(),
        }
    }

    /// The bytes as sent; usually, but not always, UTF-8.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The user id as text; bytes that are not UTF-8 become U+FFFD.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// When the newest self-signature was made, seconds since 1970.
    #[must_use]
    pub fn created(&self) -> Option<u64> {
        self.created
    }

    /// When the newest self-signature expires; `None` is never.
    #[must_use]
    pub fn expires(&self) -> Option<u64> {
        self.expires
    }

    /// Whether the owner revoked it and did not certify it again since.
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        self.revoked
    }

    /// Whether the newest self-signature has expired at `now` (seconds since 1970).
    #[must_use]
    pub fn is_expired(&self, now: u64) -> bool {
        self.expires.is_some_and(|time| time <= now)
    }

    /// Whether the primary key vouches for it.
    #[must_use]
    pub fn binding(&self) -> Binding {
        self.binding
    }
}

/// A subkey of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subkey {
    key: KeyInfo,
    expires: Option<u64>,
    revoked: bool,
    binding: Binding,
}

impl Subkey {
    pub(crate) fn new(key: KeyInfo, found: &SelfSigs) -> Subkey {
        let lifetime = found.newest().and_then(|sig| sig.key_lifetime);
        Subkey {
            expires: lifetime.map(|seconds| key.created() + seconds),
            revoked: found.revocation().is_some(),
            binding: found.binding(),
            key,
        }
    }

    /// Fingerprint, key id, creation time, algorithm and size.
    #[must_use]
    pub fn key(&self) -> &KeyInfo {
        &self.key
    }

    /// When it expires, seconds since 1970; `None` is never.
    #[must_use]
    pub fn expires(&self) -> Option<u64> {
        self.expires
    }

    /// Whether the primary key revoked it.
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        self.revoked
    }

    /// Whether the primary key vouches for it. The subkey's own back signature is not checked.
    #[must_use]
    pub fn binding(&self) -> Binding {
        self.binding
    }
}
