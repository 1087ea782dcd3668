//! What the self-signatures of one part of a certificate say.

/// Whether the primary key vouches for a part of its certificate.
///
/// Anybody can add a user id to anybody's key, so this decides what to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Binding {
    /// A self-signature verifies.
    Valid,
    /// No self-signature verifies (or there is none). Do not show or index this part.
    Invalid,
    /// Could not be checked: unsupported key algorithm, or more candidate signatures than
    /// [`Limits::max_verifications`](crate::Limits::max_verifications).
    Unchecked,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Certification, direct key signature or subkey binding: says yes, with an expiry perhaps.
    Bind,
    Revoke,
}

/// A self-signature that verified, or that has to be taken at its word.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SelfSig {
    pub(crate) kind: Kind,
    pub(crate) created: u64,
    pub(crate) expires: Option<u64>,
    /// Seconds from the creation of the key until it expires.
    pub(crate) key_lifetime: Option<u64>,
}

/// All self-signatures of one part.
#[derive(Debug, Default)]
pub(crate) struct SelfSigs {
    pub(crate) accepted: Vec<SelfSig>,
    pub(crate) unchecked: bool,
}

impl SelfSigs {
    /// The newest binding signature; of two of the same second, the later one in the certificate.
    pub(crate) fn newest(&self) -> Option<SelfSig> {
        let binds = self.accepted.iter().filter(|sig| sig.kind == Kind::Bind);
        binds.max_by_key(|sig| sig.created).copied()
    }

    /// The newest binding signature that sets when the key expires.
    pub(crate) fn newest_with_lifetime(&self) -> Option<SelfSig> {
        let binds = self.accepted.iter().filter(|sig| sig.kind == Kind::Bind);
        let with = binds.filter(|sig| sig.key_lifetime.is_some());
        with.max_by_key(|sig| sig.created).copied()
    }

    /// The newest revocation.
    pub(crate) fn revocation(&self) -> Option<SelfSig> {
        let revocations = self.accepted.iter().filter(|sig| sig.kind == Kind::Revoke);
        revocations.max_by_key(|sig| sig.created).copied()
    }

    /// A user id is revoked until it is certified anew.
    pub(crate) fn revoked_since_newest(&self) -> bool {
        match (self.revocation(), self.newest()) {
            (Some(revocation), Some(newest)) => revocation.created >= newest.created,
            (revocation, None) => revocation.is_some(),
            (None, _) => false,
        }
    }

    pub(crate) fn binding(&self) -> Binding {
        if self.unchecked {
            Binding::Unchecked
        } else if self.accepted.is_empty() {
            Binding::Invalid
        } else {
            Binding::Valid
        }
    }
}
