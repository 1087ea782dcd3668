//! A certificate (transferable public key): its bytes as sent, and what they say.

use std::collections::BTreeSet;

use crate::binding::{Binding, SelfSig};
use crate::component::{Subkey, UserId};
use crate::error::KeyError;
use crate::group::{Part, gather};
use crate::key::KeyInfo;
use crate::packet::{slice, tag};
use crate::search;
use crate::selfsig::{Budget, Target, Verifier};
use crate::{Limits, split_certificates};

/// About how many words of one certificate are indexed.
const MAX_WORDS: usize = 4096;

/// A transferable public key.
///
/// All material is kept as sent, whether its signatures verify or not; what does not verify is
/// marked ([`Binding`]) and is not used for expiry, revocation, [`words`](Self::words) and the
/// index pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    bytes: Vec<u8>,
    parts: Vec<Part>,
    key: KeyInfo,
    expires: Option<u64>,
    revoked: bool,
    binding: Binding,
    user_ids: Vec<UserId>,
    subkeys: Vec<Subkey>,
    attributes: usize,
}

impl Certificate {
    /// Reads back one stored certificate, as [`bytes`](Self::bytes) or
    /// [`merge`](crate::merge()) gave it.
    ///
    /// # Errors
    /// As [`parse_upload`](crate::parse_upload); also if there is not exactly one certificate.
    pub fn from_bytes(bytes: &[u8], limits: &Limits) -> Result<Certificate, KeyError> {
        let mut budget = Budget::new(limits.max_verifications);
        let mut found = split_certificates(bytes, limits, &mut budget)?;
        match (found.pop(), found.len()) {
            (Some(certificate), 0) => Ok(certificate),
            (None, _) => Err(KeyError::NotOneCertificate { found: 0 }),
            (Some(_), others) => Err(KeyError::NotOneCertificate { found: others + 1 }),
        }
    }

    /// The binary key material byte for byte as it was sent.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The primary key packet: version, creation time, algorithm and size.
    #[must_use]
    pub fn key(&self) -> &KeyInfo {
        &self.key
    }

    /// Fingerprint of the primary key, upper-case hex, 40 (v4) or 64 (v6) digits.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        self.key.fingerprint()
    }

    /// Long key id of the primary key, 16 upper-case hex digits.
    #[must_use]
    pub fn key_id(&self) -> &str {
        self.key.key_id()
    }

    /// When the primary key was created, seconds since 1970.
    #[must_use]
    pub fn created(&self) -> u64 {
        self.key.created()
    }

    /// When the primary key expires according to its newest self-signature; `None` is never.
    #[must_use]
    pub fn expires(&self) -> Option<u64> {
        self.expires
    }

    /// Whether the primary key has expired at `now` (seconds since 1970).
    #[must_use]
    pub fn is_expired(&self, now: u64) -> bool {
        self.expires.is_some_and(|time| time <= now)
    }

    /// Whether the primary key revoked itself. (Designated revokers cannot be checked without
    /// their key and are not considered.)
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        self.revoked
    }

    /// Whether anything in the certificate is signed by its own primary key. A server should
    /// refuse new certificates that are [`Binding::Invalid`]: nobody owns them.
    #[must_use]
    pub fn binding(&self) -> Binding {
        self.binding
    }

    /// The user ids in the order sent, including those without a valid self-signature.
    #[must_use]
    pub fn user_ids(&self) -> &[UserId] {
        &self.user_ids
    }

    /// The user ids to show: all but [`Binding::Invalid`] ones.
    pub fn shown_user_ids(&self) -> impl Iterator<Item = &UserId> {
        let shown = |id: &&UserId| id.binding() != Binding::Invalid;
        self.user_ids.iter().filter(shown)
    }

    /// The subkeys in the order sent.
    #[must_use]
    pub fn subkeys(&self) -> &[Subkey] {
        &self.subkeys
    }

    /// How many user attributes (photos) there are.
    #[must_use]
    pub fn user_attribute_count(&self) -> usize {
        self.attributes
    }

    /// How many packets the certificate has.
    #[must_use]
    pub fn packet_count(&self) -> usize {
        self.parts.iter().map(|part| 1 + part.attached.len()).sum()
    }

    /// The primary key and the subkeys to find the certificate by: all but
    /// [`Binding::Invalid`] subkeys, as anybody can attach anybody's subkey.
    pub fn keys(&self) -> impl Iterator<Item = &KeyInfo> {
        let bound = |subkey: &&Subkey| subkey.binding() != Binding::Invalid;
        std::iter::once(&self.key).chain(self.subkeys.iter().filter(bound).map(Subkey::key))
    }

    /// The words to find the certificate by: [`words_of`](crate::words_of) all
    /// [shown](Self::shown_user_ids) user ids, sorted, each once. User ids after the first 4096
    /// words are not considered.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let mut words = BTreeSet::new();
        for id in self.shown_user_ids() {
            if words.len() >= MAX_WORDS {
                break;
            }
            words.extend(search::words_of(id.text()));
        }
        words.into_iter().collect()
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Makes a certificate of the packets of one key; `source` is where they are.
    pub(crate) fn assemble(
        source: &[u8],
        parts: Vec<Part>,
        budget: &mut Budget,
    ) -> Result<Certificate, KeyError> {
        let offset = parts.first().map_or(0, |part| part.head.whole.start);
        let (bytes, parts) = gather(source, parts);
        let mut rest = parts.iter();
        let primary = rest.next().ok_or(KeyError::NotOneCertificate { found: 0 })?;
        let primary_body = slice(&bytes, &primary.head.body);
        let key = KeyInfo::parse(primary_body, offset)?;
        let mut verifier = Verifier::new(&key, primary_body, budget);

        let direct = verifier.self_signatures(signatures(&bytes, primary), Target::Key);
        // The direct key signature rules version 6 keys. On version 4 keys it often only names a
        // designated revoker, and counts if it sets an expiry.
        let mut newest: Vec<SelfSig> = direct.newest_with_lifetime().into_iter().collect();
        let mut bindings = vec![direct.binding()];
        let (mut user_ids, mut subkeys, mut attributes) = (Vec::new(), Vec::new(), 0);
        for part in rest {
            let body = slice(&bytes, &part.head.body);
            let sent = signatures(&bytes, part);
            let found;
            match part.head.tag {
                tag::USER_ID => {
                    found = verifier.self_signatures(sent, Target::UserId(body));
                    newest.extend(found.newest());
                    user_ids.push(UserId::new(body, &found));
                }
                tag::USER_ATTRIBUTE => {
                    found = verifier.self_signatures(sent, Target::Attribute(body));
                    newest.extend(found.newest());
                    attributes += 1;
                }
                _ => {
                    let info = KeyInfo::parse(body, offset + part.head.whole.start)?;
                    found = verifier.self_signatures(sent, Target::Subkey(body, &info));
                    subkeys.push(Subkey::new(info, &found));
                }
            }
            bindings.push(found.binding());
        }
        let binding = [Binding::Valid, Binding::Unchecked]
            .into_iter()
            .find(|wanted| bindings.contains(wanted))
            .unwrap_or(Binding::Invalid);
        let ruling = direct.newest().filter(|_| key.version() == 6);
        let expires = ruling
            .or_else(|| newest.into_iter().max_by_key(|sig| sig.created))
            .and_then(|sig| sig.key_lifetime)
            .map(|seconds| key.created() + seconds);
        let revoked = direct.revocation().is_some();
        Ok(Certificate {
            bytes,
            parts,
            key,
            expires,
            revoked,
            binding,
            user_ids,
            subkeys,
            attributes,
        })
    }
}

fn signatures<'a>(bytes: &'a [u8], part: &'a Part) -> impl Iterator<Item = &'a [u8]> {
    part.attached
        .iter()
        .filter(|packet| packet.tag == tag::SIGNATURE)
        .map(|packet| slice(bytes, &packet.body))
}
