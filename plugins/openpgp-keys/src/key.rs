//! Facts that stand in a public key packet itself: fingerprint, creation time, algorithm, size.

use sha1::{Digest, Sha1};
use sha2::Sha256;

use crate::error::KeyError;

/// What a primary key or subkey packet says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    version: u8,
    fingerprint: String,
    created: u64,
    algorithm: u8,
    bits: u32,
}

impl KeyInfo {
    /// Packet version: 4 or 6.
    #[must_use]
    pub fn version(&self) -> u8 {
        self.version
    }

    /// Upper-case hex: 40 digits for version 4, 64 for version 6.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The long key id, 16 upper-case hex digits: the end of a version 4 fingerprint, the start
    /// of a version 6 fingerprint.
    #[must_use]
    pub fn key_id(&self) -> &str {
        let id = match self.version {
            4 => self.fingerprint.get(24..),
            _ => self.fingerprint.get(..16),
        };
        id.unwrap_or_default()
    }

    /// Creation time, seconds since 1970.
    #[must_use]
    pub fn created(&self) -> u64 {
        self.created
    }

    /// OpenPGP public key algorithm id (1 RSA, 17 DSA, 22 EdDSA legacy, 27 Ed25519, ...).
    #[must_use]
    pub fn algorithm(&self) -> u8 {
        self.algorithm
    }

    /// Key size in bits as GnuPG shows it (Curve25519 is 255); 0 if the algorithm is not known.
    #[must_use]
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// Reads the body of a public key or public subkey packet that starts at `offset`.
    ///
    /// The fingerprint is taken over the bytes as sent, so it also holds for algorithms and
    /// encodings that no parser here knows.
    pub(crate) fn parse(body: &[u8], offset: usize) -> Result<KeyInfo, KeyError> {
        let malformed = |reason: &str| KeyError::Malformed { offset, reason: reason.into() };
        let version = *body.first().ok_or_else(|| malformed("the key packet is empty"))?;
        if version != 4 && version != 6 {
            return Err(KeyError::UnsupportedVersion { offset, version });
        }
        let (Some(&[c0, c1, c2, c3, algorithm]), Some(rest)) =
            (body.get(1..).and_then(|b| b.first_chunk::<5>()), body.get(6..))
        else {
            return Err(malformed("the key packet ends before its algorithm"));
        };
        let created = u64::from(u32::from_be_bytes([c0, c1, c2, c3]));

        let (fingerprint, material) = if version == 4 {
            let length = u16::try_from(body.len())
                .map_err(|_| malformed("the key packet is longer than 65535 bytes"))?;
            let mut hash = Sha1::new();
            hash.update([0x99]);
            hash.update(length.to_be_bytes());
            hash.update(body);
            (hex(&hash.finalize()), rest)
        } else {
            let Some((length, material)) = rest.split_first_chunk::<4>() else {
                return Err(malformed("the key packet ends before its key material"));
            };
            if usize::try_from(u32::from_be_bytes(*length)).ok() != Some(material.len()) {
                return Err(malformed("the length of the key material is wrong"));
            }
            let length =
                u32::try_from(body.len()).map_err(|_| malformed("the key packet is too long"))?;
            let mut hash = Sha256::new();
            hash.update([0x9b]);
            hash.update(length.to_be_bytes());
            hash.update(body);
            (hex(&hash.finalize()), material)
        };
        let bits = bits(algorithm, material)
            .ok_or_else(|| malformed("the key packet ends within its key material"))?;
        Ok(KeyInfo { version, fingerprint, created, algorithm, bits })
    }
}

/// Size of a key; `None` if the material ends early.
fn bits(algorithm: u8, material: &[u8]) -> Option<u32> {
    match algorithm {
        // RSA, Elgamal, DSA: the first number is the modulus or prime.
        1..=3 | 16 | 17 | 20 => {
            let (length, number) = material.split_first_chunk::<2>()?;
            let bits = u16::from_be_bytes(*length);
            number.get(..usize::from(bits.div_ceil(8)))?;
            Some(bits.into())
        }
        18 | 19 | 22 => {
            let (length, rest) = material.split_first()?;
            Some(curve_bits(rest.get(..usize::from(*length))?))
        }
        25 | 27 => material.get(..32).map(|_| 255),
        26 => material.get(..56).map(|_| 448),
        28 => material.get(..57).map(|_| 448),
        _ => Some(0),
    }
}

/// Curve sizes by object identifier (RFC 9580, section 9.2, and what GnuPG writes).
fn curve_bits(oid: &[u8]) -> u32 {
    match oid {
        [0x2b, 0x06, 0x01, 0x04, 0x01, 0x97, 0x55, 0x01, 0x05, 0x01]
        | [0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01]
        | [0x2b, 0x65, 0x6e | 0x70] => 255,
        [0x2b, 0x65, 0x6f | 0x71] => 448,
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]
        | [0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x07]
        | [0x2b, 0x81, 0x04, 0x00, 0x0a] => 256,
        [0x2b, 0x81, 0x04, 0x00, 0x22] | [0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x0b] => {
            384
        }
        [0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x0d] => 512,
        [0x2b, 0x81, 0x04, 0x00, 0x23] => 521,
        _ => 0,
    }
}

/// Upper-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02X}");
        text
    })
}
