//! Packet boundaries: finding where each packet starts and ends, without touching its bytes.

use std::ops::Range;

use pgp::packet::PacketHeader;
use pgp::types::PacketLength;

use crate::error::KeyError;

/// Packet type ids used here (RFC 9580, section 5).
pub(crate) mod tag {
    pub(crate) const SIGNATURE: u8 = 2;
    pub(crate) const SECRET_KEY: u8 = 5;
    pub(crate) const PUBLIC_KEY: u8 = 6;
    pub(crate) const SECRET_SUBKEY: u8 = 7;
    pub(crate) const MARKER: u8 = 10;
    pub(crate) const TRUST: u8 = 12;
    pub(crate) const USER_ID: u8 = 13;
    pub(crate) const PUBLIC_SUBKEY: u8 = 14;
    pub(crate) const USER_ATTRIBUTE: u8 = 17;
    pub(crate) const PADDING: u8 = 21;
}

/// One packet, as ranges into the buffer it was found in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) tag: u8,
    /// Header and body.
    pub(crate) whole: Range<usize>,
    pub(crate) body: Range<usize>,
}

impl Packet {
    /// The same packet at another place of a buffer.
    pub(crate) fn moved_to(&self, start: usize) -> Packet {
        let header = self.body.start.saturating_sub(self.whole.start);
        let end = start.saturating_add(self.whole.len());
        Packet { tag: self.tag, whole: start..end, body: start.saturating_add(header)..end }
    }
}

/// The bytes of a range; empty if the range is not inside the buffer (which does not happen).
pub(crate) fn slice<'a>(bytes: &'a [u8], range: &Range<usize>) -> &'a [u8] {
    bytes.get(range.clone()).unwrap_or_default()
}

/// Splits a binary sequence of packets. The ranges cover the input without gaps.
pub(crate) fn split(input: &[u8], max_packets: usize) -> Result<Vec<Packet>, KeyError> {
    let mut packets = Vec::new();
    let mut start = 0;
    while start < input.len() {
        if packets.len() >= max_packets {
            return Err(KeyError::TooManyPackets { limit: max_packets });
        }
        let packet = packet_at(input, start)?;
        start = packet.whole.end;
        packets.push(packet);
    }
    Ok(packets)
}

fn packet_at(input: &[u8], start: usize) -> Result<Packet, KeyError> {
    let malformed = |reason: String| KeyError::Malformed { offset: start, reason };
    let mut rest = input.get(start..).unwrap_or_default();
    let available = rest.len();
    let header = PacketHeader::try_from_reader(&mut rest).map_err(|error| {
        if error.kind() == std::io::ErrorKind::UnexpectedEof {
            malformed("the data ends within a packet header".into())
        } else {
            malformed("expected an OpenPGP packet header, found other bytes".into())
        }
    })?;
    let body_start = start + (available - rest.len());
    let length = match header.packet_length() {
        PacketLength::Fixed(length) => usize::try_from(length).unwrap_or(usize::MAX),
        PacketLength::Partial(_) | PacketLength::Indeterminate => {
            return Err(malformed(
                "expected a packet of known length, found a partial or indeterminate length, \
                 which keys must not use"
                    .into(),
            ));
        }
    };
    if length > rest.len() {
        return Err(malformed(format!(
            "the packet says {length} bytes, but only {} follow",
            rest.len()
        )));
    }
    let end = body_start + length;
    Ok(Packet { tag: header.tag().into(), whole: start..end, body: body_start..end })
}

/// A name for messages.
pub(crate) fn tag_name(tag: u8) -> String {
    let name = match tag {
        1 | 3 => "an encrypted session key",
        tag::SIGNATURE => "a signature",
        4 => "a one-pass signature (a signed message)",
        tag::SECRET_KEY => "a secret key",
        tag::PUBLIC_KEY => "a public key",
        tag::SECRET_SUBKEY => "a secret subkey",
        8 => "compressed data",
        9 | 18 | 20 => "encrypted data",
        tag::MARKER => "a marker",
        11 => "literal data (a message)",
        tag::TRUST => "a trust packet",
        tag::USER_ID => "a user id",
        tag::PUBLIC_SUBKEY => "a public subkey",
        tag::USER_ATTRIBUTE => "a user attribute",
        tag::PADDING => "padding",
        other => return format!("a packet of unknown type {other}"),
    };
    name.into()
}
