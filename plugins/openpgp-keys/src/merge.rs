//! Merging what is stored with what was sent: a union of packets that never loses one.

use std::collections::{HashMap, HashSet};

use crate::Limits;
use crate::certificate::Certificate;
use crate::error::KeyError;
use crate::group::Part;
use crate::packet::{Packet, slice, tag};

/// Outcome of [`merge`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merge {
    /// The new certificate has nothing that the old one lacks.
    Unchanged,
    /// Store these bytes instead of the old ones.
    Updated(Vec<u8>),
}

/// A packet's identity: two header encodings of the same body are the same packet.
type Id<'a> = (u8, &'a [u8]);

/// A part while merging.
struct Merged<'a> {
    head: &'a [u8],
    tag: u8,
    attached: Vec<&'a [u8]>,
    seen: HashSet<Id<'a>>,
}

/// Merges two certificates of the same primary key.
///
/// The union is taken packet by packet; a packet occurs once in each place. Order of the result:
/// the primary key and its signatures, user ids and user attributes with theirs, subkeys with
/// theirs; within that the old order first, then what is new. If the old packets are all in the
/// new certificate and that has this order, the result is exactly the new certificate's bytes.
///
/// # Errors
/// If the primary keys differ, or if the result exceeds `limits` (so that it could not be read
/// back): keep the old certificate then.
pub fn merge(old: &Certificate, new: &Certificate, limits: &Limits) -> Result<Merge, KeyError> {
    if primary(old) != primary(new) {
        return Err(KeyError::DifferentKeys {
            old: old.fingerprint().into(),
            new: new.fingerprint().into(),
        });
    }
    let (old_ids, new_ids) = (places(old), places(new));
    if new_ids.is_subset(&old_ids) {
        return Ok(Merge::Unchanged);
    }
    if old_ids.is_subset(&new_ids) && is_ordered(new) && new_ids.len() == new.packet_count() {
        return within(limits, new.bytes().to_vec(), new.packet_count());
    }

    let mut parts: Vec<Merged<'_>> = Vec::new();
    let mut by_id: HashMap<Id<'_>, usize> = HashMap::new();
    for certificate in [old, new] {
        for part in certificate.parts() {
            let bytes = certificate.bytes();
            let index = *by_id.entry(id(bytes, &part.head)).or_insert_with(|| {
                parts.push(Merged {
                    head: slice(bytes, &part.head.whole),
                    tag: part.head.tag,
                    attached: Vec::new(),
                    seen: HashSet::new(),
                });
                parts.len() - 1
            });
            let Some(merged) = parts.get_mut(index) else {
                continue;
            };
            for packet in &part.attached {
                if merged.seen.insert(id(bytes, packet)) {
                    merged.attached.push(slice(bytes, &packet.whole));
                }
            }
        }
    }
    parts.sort_by_key(|part| rank(part.tag));
    let count = parts.iter().map(|part| 1 + part.attached.len()).sum();
    let packets: Vec<&[u8]> = parts
        .iter()
        .flat_map(|part| std::iter::once(part.head).chain(part.attached.iter().copied()))
        .collect();
    within(limits, packets.concat(), count)
}

fn within(limits: &Limits, bytes: Vec<u8>, packets: usize) -> Result<Merge, KeyError> {
    if bytes.len() > limits.max_bytes {
        return Err(KeyError::TooLarge {
            what: "the merged key",
            limit: limits.max_bytes,
            found: bytes.len(),
        });
    }
    if packets > limits.max_packets {
        return Err(KeyError::TooManyPackets { limit: limits.max_packets });
    }
    Ok(Merge::Updated(bytes))
}

fn id<'a>(bytes: &'a [u8], packet: &Packet) -> Id<'a> {
    (packet.tag, slice(bytes, &packet.body))
}

fn primary(certificate: &Certificate) -> Option<Id<'_>> {
    let part = certificate.parts().first()?;
    Some(id(certificate.bytes(), &part.head))
}

/// Every packet together with the part it belongs to.
fn places(certificate: &Certificate) -> HashSet<(Id<'_>, Option<Id<'_>>)> {
    let bytes = certificate.bytes();
    let of_part = |part: &'_ Part| {
        let head = id(bytes, &part.head);
        let attached = part.attached.iter().map(|packet| (head, Some(id(bytes, packet))));
        std::iter::once((head, None)).chain(attached).collect::<Vec<_>>()
    };
    certificate.parts().iter().flat_map(of_part).collect()
}

fn is_ordered(certificate: &Certificate) -> bool {
    certificate.parts().is_sorted_by_key(|part| rank(part.head.tag))
}

fn rank(tag: u8) -> u8 {
    match tag {
        tag::PUBLIC_KEY => 0,
        tag::USER_ID | tag::USER_ATTRIBUTE => 1,
        _ => 2,
    }
}
