//! Which packets belong together, and which do not belong in a public key at all.

use crate::Limits;
use crate::error::KeyError;
use crate::packet::{self, Packet, slice, tag, tag_name};

/// A primary key, user id, user attribute or subkey, with the packets that follow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) head: Packet,
    /// Signatures, and unknown non-critical packets.
    pub(crate) attached: Vec<Packet>,
}

/// Groups packets into certificates.
pub(crate) fn group(packets: &[Packet], limits: &Limits) -> Result<Vec<Vec<Part>>, KeyError> {
    let mut certificates: Vec<Vec<Part>> = Vec::new();
    for packet in packets {
        let part = || Part { head: packet.clone(), attached: Vec::new() };
        let missing = || KeyError::NoPrimaryKey { found: tag_name(packet.tag) };
        match packet.tag {
            tag::PUBLIC_KEY => {
                if certificates.len() >= limits.max_certificates {
                    return Err(KeyError::TooManyCertificates { limit: limits.max_certificates });
                }
                certificates.push(vec![part()]);
            }
            tag::USER_ID | tag::USER_ATTRIBUTE | tag::PUBLIC_SUBKEY => {
                certificates.last_mut().ok_or_else(missing)?.push(part());
            }
            tag::SIGNATURE => {
                let parts = certificates.last_mut().ok_or_else(missing)?;
                let last = parts.last_mut().ok_or_else(missing)?;
                last.attached.push(packet.clone());
            }
            // Unassigned non-critical and private packets: kept where they are.
            40..=63 => {
                if let Some(last) = certificates.last_mut().and_then(|parts| parts.last_mut()) {
                    last.attached.push(packet.clone());
                }
            }
            tag::MARKER | tag::TRUST | tag::PADDING => {}
            tag::SECRET_KEY | tag::SECRET_SUBKEY => return Err(KeyError::SecretKey),
            other => {
                return Err(KeyError::UnexpectedPacket {
                    offset: packet.whole.start,
                    found: tag_name(other),
                });
            }
        }
    }
    Ok(certificates)
}

/// Splits binary input into packets and refuses secret keys before anything else is said.
pub(crate) fn packets(input: &[u8], limits: &Limits) -> Result<Vec<Packet>, KeyError> {
    let packets = packet::split(input, limits.max_packets)?;
    if packets.iter().any(|packet| matches!(packet.tag, tag::SECRET_KEY | tag::SECRET_SUBKEY)) {
        return Err(KeyError::SecretKey);
    }
    Ok(packets)
}

/// Copies the packets of the parts, in order, without any that were left out between them.
pub(crate) fn gather(source: &[u8], parts: Vec<Part>) -> (Vec<u8>, Vec<Part>) {
    let mut bytes = Vec::new();
    let mut take = |packet: &Packet| {
        let moved = packet.moved_to(bytes.len());
        bytes.extend_from_slice(slice(source, &packet.whole));
        moved
    };
    let moved = parts
        .iter()
        .map(|part| Part {
            head: take(&part.head),
            attached: part.attached.iter().map(&mut take).collect(),
        })
        .collect();
    (bytes, moved)
}
