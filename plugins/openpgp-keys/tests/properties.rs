//! Nothing panics and nothing gets lost, whatever is sent.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use hotshoe_openpgp_keys::{
    Certificate, Limits, Merge, SearchTerm, armor, form_value, index_html, index_mr, merge,
    parse_upload, words_of,
};
use proptest::prelude::*;

fn data(name: &str) -> Vec<u8> {
    fs::read(format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

const FILES: [&str; 7] = [
    "alice.pgp",
    "bob-expired.pgp",
    "carol-revoked.pgp",
    "odd.pgp",
    "erin-p256.pgp",
    "frank-dsa.pgp",
    "debian-archive-trixie-stable.asc",
];

/// Everything one can do with an upload.
fn exercise(input: &[u8]) {
    let limits = Limits::default();
    let Ok(found) = parse_upload(input, &limits) else {
        return;
    };
    for c in &found {
        let again = Certificate::from_bytes(c.bytes(), &limits).unwrap();
        assert_eq!(again.fingerprint(), c.fingerprint());
        assert_eq!(merge(c, &again, &limits), Ok(Merge::Unchanged));
        let text = armor(c.bytes(), &[]);
        assert_eq!(parse_upload(text.as_bytes(), &limits).unwrap()[0].bytes(), c.bytes());
        let _ = c.words();
    }
    let mr = index_mr(&found, 0);
    assert!(mr.is_ascii() && mr.lines().all(|l| matches!(l.split(':').count(), 3 | 5 | 7)));
    let _ = index_html(&found, 0);
}

/// Elements for building certificates: packets of Alice's key, by kind.
fn parts() -> (Vec<u8>, Vec<Vec<Vec<u8>>>) {
    let mut packets = Vec::new();
    let all = data("alice-uid-revoked.pgp");
    let mut rest = &all[..];
    while !rest.is_empty() {
        let (header, length) = match rest[0] & 3 {
            0 => (2, usize::from(rest[1])),
            _ => (3, usize::from(u16::from_be_bytes([rest[1], rest[2]]))),
        };
        let (packet, tail) = rest.split_at(header + length);
        packets.push(packet.to_vec());
        rest = tail;
    }
    let primary = packets.remove(0);
    let mut groups: Vec<Vec<Vec<u8>>> = Vec::new();
    for packet in packets {
        let is_signature = (packet[0] >> 2) & 15 == 2;
        if is_signature {
            groups.last_mut().unwrap().push(packet);
        } else {
            groups.push(vec![packet]);
        }
    }
    // More signatures, user attributes and packets of private use to shuffle around.
    for n in 0..4u8 {
        groups.push(vec![vec![0xd1, 3, 2, 100, n], vec![0xc2, 2, 9, n], vec![0xfc, 1, n]]);
        groups.push(vec![vec![0xcd, 1, b'a' + n], vec![0xc2, 2, 9, n]]);
    }
    (primary, groups)
}

/// A certificate of Alice's key with some of the parts, in some order, some of them twice.
fn certificate() -> impl Strategy<Value = Certificate> {
    let (primary, groups) = parts();
    let choice = (0..groups.len(), any::<u8>());
    prop::collection::vec(choice, 0..12).prop_map(move |choices| {
        let mut bytes = primary.clone();
        for (group, mask) in choices {
            let group = &groups[group];
            bytes.extend_from_slice(&group[0]);
            for (n, packet) in group[1..].iter().enumerate() {
                if mask >> n & 1 == 1 {
                    bytes.extend_from_slice(packet);
                }
            }
        }
        Certificate::from_bytes(&bytes, &Limits::default()).unwrap()
    })
}

/// The packets of a certificate with the part they belong to, computed in another way.
fn places(bytes: &[u8]) -> BTreeSet<(Vec<u8>, Vec<u8>)> {
    let mut places = BTreeSet::new();
    let mut head = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let old = rest[0] & 0x40 == 0;
        let (header, length) = match (old, rest[0] & 3) {
            (true, 1) => (3, usize::from(u16::from_be_bytes([rest[1], rest[2]]))),
            _ => (2, usize::from(rest[1])),
        };
        let tag = if old { (rest[0] >> 2) & 15 } else { rest[0] & 63 };
        let (packet, tail) = rest.split_at(header + length);
        if matches!(tag, 6 | 13 | 14 | 17) {
            head = packet.to_vec();
        }
        places.insert((head.clone(), packet.to_vec()));
        rest = tail;
    }
    places
}

fn merged(old: &Certificate, new: &Certificate) -> Certificate {
    match merge(old, new, &Limits::default()).unwrap() {
        Merge::Unchanged => old.clone(),
        Merge::Updated(bytes) => Certificate::from_bytes(&bytes, &Limits::default()).unwrap(),
    }
}

proptest! {
    #[test]
    fn any_bytes(input in prop::collection::vec(any::<u8>(), 0..600)) {
        exercise(&input);
        let _ = form_value(&input, "keytext");
    }

    #[test]
    fn any_text(term in ".{0,80}") {
        let _ = SearchTerm::parse(&term);
        let _ = SearchTerm::parse(&format!("0x{term}"));
        prop_assert!(words_of(&term).iter().all(|w| w.chars().count() >= 2));
        exercise(format!("-----BEGIN PGP PUBLIC KEY BLOCK-----\n{term}\n-----END PGP ").as_bytes());
    }

    #[test]
    fn packet_like_bytes(packets in prop::collection::vec(
        (any::<u8>(), prop::collection::vec(any::<u8>(), 0..60)), 0..12
    )) {
        let mut input = vec![0xc6, 6, 4, 0, 0, 0, 1, 99];
        for (tag, mut body) in packets {
            let tag = [2, 2, 2, 6, 13, 14, 17, 40, 60, 12][usize::from(tag) % 10];
            if let Some(first) = body.first_mut() && tag != 13 {
                *first = 3 + *first % 4;
            }
            input.extend([0xc0 | tag, u8::try_from(body.len()).unwrap()]);
            input.extend(body);
        }
        exercise(&input);
    }

    #[test]
    fn damaged_keys(
        file in 0..FILES.len(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
        whole in any::<bool>(),
    ) {
        let mut input = data(FILES[file]);
        for (at, value) in flips {
            let at = at.index(input.len());
            input[at] ^= value;
        }
        if !whole {
            input.truncate(cut.index(input.len()));
        }
        exercise(&input);
    }

    #[test]
    fn merge_is_a_union(a in certificate(), b in certificate(), c in certificate()) {
        let ab = merged(&a, &b);
        let union: BTreeSet<_> = places(a.bytes()).union(&places(b.bytes())).cloned().collect();
        prop_assert_eq!(&places(ab.bytes()), &union);
        prop_assert_eq!(&places(merged(&b, &a).bytes()), &union);
        prop_assert_eq!(merge(&ab, &a, &Limits::default()), Ok(Merge::Unchanged));
        prop_assert_eq!(merge(&ab, &b, &Limits::default()), Ok(Merge::Unchanged));
        prop_assert_eq!(merge(&a, &a, &Limits::default()), Ok(Merge::Unchanged));
        let left = merged(&ab, &c);
        let right = merged(&a, &merged(&b, &c));
        prop_assert_eq!(places(left.bytes()), places(right.bytes()));
        // Whoever has less gets exactly what is stored, if that is in order.
        let tidy = merged(&Certificate::from_bytes(&parts().0, &Limits::default()).unwrap(), &ab);
        if merge(&a, &tidy, &Limits::default()) != Ok(Merge::Unchanged) {
            let all = merged(&a, &tidy);
            prop_assert_eq!(all.bytes(), tidy.bytes());
        }
    }
}

#[test]
fn every_single_bit_of_a_key() {
    let input = data("odd.pgp");
    for bit in 0..input.len() * 8 {
        let mut damaged = input.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        exercise(&damaged);
    }
}

#[test]
fn costly_uploads_end_soon() {
    // Many copies of a valid DSA self-signature, and many keys whose reading is costly.
    let frank = data("frank-dsa.pgp");
    let at = frank.windows(5).position(|w| w == b"Frank").unwrap();
    let end = at + usize::from(frank[at - 1]);
    let signature = 2 + usize::from(frank[end + 1]);
    let mut many = frank[..end].to_vec();
    for _ in 0..30_000 {
        many.extend_from_slice(&frank[end..end + signature]);
    }
    let keys = frank.repeat(1024);
    for input in [many, keys] {
        let start = Instant::now();
        let found = parse_upload(&input, &Limits::default()).unwrap();
        assert_eq!(found[0].user_ids()[0].text(), "Frank Dsa <frank@example.org>");
        let took = start.elapsed();
        println!("{} bytes: {took:?}", input.len());
        assert!(took < Duration::from_secs(60), "{took:?}");
    }
}
