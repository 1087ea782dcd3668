//! Self-signatures: which of a certificate's signatures its own primary key really made.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pgp::bytes::Bytes;
use pgp::errors::Result as PgpResult;
use pgp::packet::{PacketHeader, PublicKey, PublicSubkey, Signature, SignatureType};
use pgp::ser::Serialize;
use pgp::types::{KeyVersion, PublicParams, Tag, Timestamp};

use crate::binding::{Kind, SelfSig, SelfSigs};
use crate::key::{KeyInfo, hex};

/// Longer signature packets are kept, but not looked into: no real one is near this size, and
/// their parsed form would need many times their length in memory.
const MAX_SIGNATURE: usize = 128 * 1024;
/// How many bytes are hashed at most for one upload.
const MAX_HASHED: usize = 64 * 1024 * 1024;

/// What a signature is about.
#[derive(Clone, Copy)]
pub(crate) enum Target<'a> {
    Key,
    UserId(&'a [u8]),
    Attribute(&'a [u8]),
    Subkey(&'a [u8], &'a KeyInfo),
}

/// How much verification one upload may still cost.
pub(crate) struct Budget {
    checks: usize,
    bytes: usize,
}

impl Budget {
    pub(crate) fn new(checks: usize) -> Budget {
        Budget { checks, bytes: MAX_HASHED }
    }

    fn pay(&mut self, checks: usize, bytes: usize) -> bool {
        let enough = self.checks >= checks && self.bytes >= bytes;
        if enough {
            self.checks -= checks;
            self.bytes -= bytes;
        }
        enough
    }
}

/// What reading a key and verifying one signature costs, in units of roughly one RSA 4096 check.
fn price(info: &KeyInfo) -> usize {
    match info.algorithm() {
        17 => 10,
        1..=3 if info.bits() > 4096 => 4,
        19 | 28 => 4,
        _ => 1,
    }
}

enum Ability {
    Verify(Box<PublicKey>),
    /// Nothing can be verified: signatures are taken at their word, but marked as unchecked.
    Unsupported,
    /// There is no budget left: signatures are ignored.
    Exhausted,
}

/// Checks signatures against one primary key, within a budget.
pub(crate) struct Verifier<'a> {
    info: &'a KeyInfo,
    ability: Ability,
    key_length: usize,
    budget: &'a mut Budget,
}

impl<'a> Verifier<'a> {
    pub(crate) fn new(info: &'a KeyInfo, body: &[u8], budget: &'a mut Budget) -> Verifier<'a> {
        let ability = if !can_verify(info.algorithm()) {
            Ability::Unsupported
        } else if !budget.pay(price(info), body.len()) {
            Ability::Exhausted
        } else {
            header(Tag::PublicKey, body)
                .and_then(|header| quietly(|| PublicKey::try_from_reader(header, body)))
                .filter(|key| same_bytes(key, body))
                .map_or(Ability::Unsupported, |key| Ability::Verify(Box::new(key)))
        };
        Verifier { info, ability, key_length: body.len(), budget }
    }

    /// Picks the self-signatures out of `signatures` (packet bodies) on `target`.
    pub(crate) fn self_signatures<'b>(
        &mut self,
        signatures: impl Iterator<Item = &'b [u8]>,
        target: Target<'_>,
    ) -> SelfSigs {
        let mut found = SelfSigs {
            unchecked: matches!(self.ability, Ability::Exhausted),
            ..SelfSigs::default()
        };
        if matches!(self.ability, Ability::Exhausted) {
            return found;
        }
        let price = price(self.info);
        for body in signatures {
            let Some(signature) = parse_signature(body) else {
                continue;
            };
            let Some(kind) = kind_on(&signature, target) else {
                continue;
            };
            if !self.claims_issuer(&signature) {
                continue;
            }
            if let Ability::Verify(key) = &self.ability {
                let length = self.key_length + body.len() + target.body().len();
                if !self.budget.pay(price, length) {
                    found.unchecked = true;
                    continue;
                }
                if !verifies(key, &signature, target) {
                    continue;
                }
            }
            let Some(created) = signature.created().map(|time| u64::from(time.as_secs())) else {
                continue;
            };
            let seconds = |duration: pgp::types::Duration| u64::from(duration.as_secs());
            let lifetime = signature.signature_expiration_time().map(seconds);
            found.unchecked |= matches!(self.ability, Ability::Unsupported);
            found.accepted.push(SelfSig {
                kind,
                created,
                expires: lifetime.filter(|s| *s > 0).map(|s| created + s),
                key_lifetime: signature.key_expiration_time().map(seconds).filter(|s| *s > 0),
            });
        }
        found
    }

    fn claims_issuer(&self, signature: &Signature) -> bool {
        let fingerprints = signature.issuer_fingerprint();
        let ids = signature.issuer_key_id();
        (fingerprints.is_empty() && ids.is_empty())
            || fingerprints.iter().any(|f| hex(f.as_bytes()) == self.info.fingerprint())
            || ids.iter().any(|id| hex(id.as_ref()) == self.info.key_id())
    }
}

fn verifies(key: &PublicKey, signature: &Signature, target: Target<'_>) -> bool {
    let verified = match target {
        Target::Key => quietly(|| signature.verify_key(key)),
        Target::UserId(id) => {
            quietly(|| signature.verify_certification(key, Tag::UserId, &Raw(id)))
        }
        Target::Attribute(body) => {
            quietly(|| signature.verify_certification(key, Tag::UserAttribute, &Raw(body)))
        }
        Target::Subkey(body, info) => opaque_subkey(body, info)
            .and_then(|subkey| quietly(|| signature.verify_subkey_binding(key, &subkey))),
    };
    verified.is_some()
}

fn parse_signature(body: &[u8]) -> Option<Signature> {
    if body.len() > MAX_SIGNATURE {
        return None;
    }
    let header = header(Tag::Signature, body)?;
    quietly(|| Signature::try_from_reader(header, body))
}

/// What a signature type means on a target; `None` if it does not belong there.
fn kind_on(signature: &Signature, target: Target<'_>) -> Option<Kind> {
    use SignatureType as T;
    match (target, signature.typ()?) {
        (Target::Key, T::Key) => Some(Kind::Bind),
        (Target::Key, T::KeyRevocation) => Some(Kind::Revoke),
        (
            Target::UserId(_) | Target::Attribute(_),
            T::CertGeneric | T::CertPersona | T::CertCasual | T::CertPositive,
        ) => Some(Kind::Bind),
        (Target::UserId(_) | Target::Attribute(_), T::CertRevocation) => Some(Kind::Revoke),
        (Target::Subkey(..), T::SubkeyBinding) => Some(Kind::Bind),
        (Target::Subkey(..), T::SubkeyRevocation) => Some(Kind::Revoke),
        _ => None,
    }
}

impl Target<'_> {
    fn body(&self) -> &[u8] {
        match self {
            Target::Key => &[],
            Target::UserId(body) | Target::Attribute(body) | Target::Subkey(body, _) => body,
        }
    }
}

/// A subkey to hash, not to use: its key material stays as sent, of whatever algorithm it is.
fn opaque_subkey(body: &[u8], info: &KeyInfo) -> Option<PublicSubkey> {
    let material = body.get(if info.version() == 4 { 6.. } else { 10.. })?;
    let header = header(Tag::PublicSubkey, body)?;
    let created = Timestamp::from_secs(u32::try_from(info.created()).ok()?);
    let params = PublicParams::Unknown { data: Bytes::copy_from_slice(material) };
    quietly(|| {
        PublicSubkey::new_with_header(
            header,
            KeyVersion::from(info.version()),
            info.algorithm().into(),
            created,
            None,
            params,
        )
    })
    .filter(|subkey| same_bytes(subkey, body))
}

/// Algorithms whose signatures rPGP can verify with the features this crate turns on.
fn can_verify(algorithm: u8) -> bool {
    matches!(algorithm, 1 | 3 | 17 | 19 | 22 | 27 | 28)
}

fn header(tag: Tag, body: &[u8]) -> Option<PacketHeader> {
    u32::try_from(body.len()).ok().map(|length| PacketHeader::new_fixed(tag, length))
}

/// Signatures cover the key as rPGP would write it, so only keys it writes unchanged are checked.
fn same_bytes(key: &impl Serialize, body: &[u8]) -> bool {
    quietly(|| key.to_bytes()).is_some_and(|bytes| bytes == body)
}

/// Runs a parser or verifier of rPGP on untrusted data. A panic there is a bug, but it must not
/// take a server down: it counts as "cannot be read" and "does not verify".
fn quietly<T>(work: impl FnOnce() -> PgpResult<T>) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()?.ok()
}

/// Packet bodies are hashed exactly as they were sent.
struct Raw<'a>(&'a [u8]);

impl Serialize for Raw<'_> {
    fn to_writer<W: std::io::Write>(&self, writer: &mut W) -> PgpResult<()> {
        writer.write_all(self.0).map_err(Into::into)
    }

    fn write_len(&self) -> usize {
        self.0.len()
    }
}
