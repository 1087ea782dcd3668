//! Real keys: what is read from them has to be what GnuPG reads from them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::io::Read as _;

use hotshoe_openpgp_keys::{
    Binding, Certificate, KeyError, Limits, Merge, SearchTerm, armor, form_value, index_html,
    index_mr, merge, parse_upload,
};

const NOW: u64 = 1_760_000_000;

fn data(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn parse(input: &[u8]) -> Vec<Certificate> {
    parse_upload(input, &Limits::default()).unwrap()
}

fn one(name: &str) -> Certificate {
    let mut all = parse(&data(name));
    assert_eq!(all.len(), 1, "{name}");
    all.remove(0)
}

fn error(input: &[u8]) -> KeyError {
    parse_upload(input, &Limits::default()).unwrap_err()
}

struct Raw<'a>(&'a [u8]);

impl pgp::ser::Serialize for Raw<'_> {
    fn to_writer<W: std::io::Write>(&self, writer: &mut W) -> pgp::errors::Result<()> {
        writer.write_all(self.0).map_err(Into::into)
    }

    fn write_len(&self) -> usize {
        self.0.len()
    }
}

const KEYRINGS: [&str; 12] = [
    "debian-archive-keyring.gpg",
    "debian-archive-removed-keys.gpg",
    "debian-archive-bookworm-stable.gpg",
    "debian-archive-trixie-stable.gpg",
    "alice.pgp",
    "alice-one-uid.pgp",
    "alice-uid-revoked.pgp",
    "bob-expired.pgp",
    "carol-revoked.pgp",
    "odd.pgp",
    "erin-p256.pgp",
    "frank-dsa.pgp",
];

/// One `pub`, `sub` or `uid` as GnuPG lists it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    kind: String,
    name: String,
    facts: String,
    expires: String,
}

fn gpg_lines(name: &str) -> Vec<Line> {
    let text = String::from_utf8(data(&format!("{name}.colons"))).unwrap();
    let mut lines: Vec<Line> = Vec::new();
    for line in text.lines() {
        let f: Vec<&str> = line.split(':').collect();
        match f[0] {
            "pub" | "sub" => lines.push(Line {
                kind: f[0].into(),
                name: String::new(),
                facts: format!("{} {} {} {} {}", f[2], f[3], f[4], f[5], f[1] == "r"),
                expires: f[6].into(),
            }),
            "fpr" => lines.last_mut().unwrap().name = f[9].into(),
            "uid" => lines.push(Line {
                kind: "uid".into(),
                name: f[9].replace("\\x3a", ":"),
                // GnuPG shows no time for a revoked user id, and shows all as revoked with the key.
                facts: if f[1] == "r" { String::new() } else { f[5].into() },
                expires: f[6].into(),
            }),
            _ => {}
        }
    }
    lines
}

fn our_lines(certificates: &[Certificate]) -> Vec<Line> {
    let time = |time: Option<u64>| time.map(|t| t.to_string()).unwrap_or_default();
    let mut lines = Vec::new();
    for c in certificates {
        let mut add = |kind: &str, key: &hotshoe_openpgp_keys::KeyInfo, revoked, expires| {
            lines.push(Line {
                kind: kind.into(),
                name: key.fingerprint().into(),
                facts: format!(
                    "{} {} {} {} {revoked}",
                    key.bits(),
                    key.algorithm(),
                    key.key_id(),
                    key.created()
                ),
                expires: time(expires),
            });
        };
        add("pub", c.key(), c.is_revoked(), c.expires());
        for s in c.subkeys() {
            add("sub", s.key(), s.is_revoked(), s.expires());
        }
        for id in c.user_ids() {
            let revoked = c.is_revoked() || id.is_revoked();
            lines.push(Line {
                kind: "uid".into(),
                name: id.text().into(),
                facts: if revoked { String::new() } else { time(id.created()) },
                expires: time(id.expires()),
            });
        }
    }
    lines
}

#[test]
fn agrees_with_gnupg() {
    for name in KEYRINGS {
        let mut ours = our_lines(&parse(&data(name)));
        let mut theirs = gpg_lines(name);
        // A key that has expired or is revoked carries that over to the parts that GnuPG lists.
        for line in ours.iter_mut().chain(theirs.iter_mut()).filter(|l| l.kind == "uid") {
            line.facts.retain(|c| c.is_ascii_digit());
        }
        ours.sort();
        theirs.sort();
        assert_eq!(ours, theirs, "{name}");
    }
}

#[test]
fn all_real_self_signatures_verify() {
    for name in KEYRINGS {
        for c in parse(&data(name)) {
            let name = format!("{name} {}", c.fingerprint());
            assert_eq!(c.binding(), Binding::Valid, "{name}");
            for id in c.user_ids() {
                assert_eq!(id.binding(), Binding::Valid, "{name} {}", id.text());
            }
            for subkey in c.subkeys() {
                assert_eq!(subkey.binding(), Binding::Valid, "{name}");
            }
        }
    }
}

#[test]
fn bytes_are_as_sent() {
    for name in KEYRINGS {
        let input = data(name);
        let all = parse(&input);
        let joined: Vec<u8> = all.iter().flat_map(|c| c.bytes().to_vec()).collect();
        assert_eq!(joined, input, "{name}");
        for c in &all {
            assert_eq!(&Certificate::from_bytes(c.bytes(), &Limits::default()).unwrap(), c);
        }
    }
    assert!(parse(&data("debian-archive-keyring.gpg")).len() > 5);
    assert!(matches!(
        Certificate::from_bytes(&data("debian-archive-keyring.gpg"), &Limits::default()),
        Err(KeyError::NotOneCertificate { found }) if found > 5
    ));
}

#[test]
fn armor_round_trip() {
    for name in KEYRINGS {
        let input = data(name);
        let text = armor(&input, &[("Comment", "two\nlines: é"), ("Hash\n", "x")]);
        assert!(text.contains("\nComment: two_lines: _\nHash_: x\n\n"));
        assert!(text.is_ascii() && text.lines().all(|line| line.len() <= 64));
        // rPGP writes the same block (it does not verify checksums) and reads it.
        let plain = armor(&input, &[]);
        let mut theirs = Vec::new();
        let kind = pgp::armor::BlockType::PublicKey;
        pgp::armor::write(&Raw(&input), kind, &mut theirs, None, true).unwrap();
        assert_eq!(plain.as_bytes(), theirs);
        let mut bytes = Vec::new();
        pgp::armor::Dearmor::new(text.as_bytes()).read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, input, "{name}");
        assert_eq!(parse(text.as_bytes()), parse(&input), "{name}");
    }
    for length in 0..200 {
        let bytes: Vec<u8> = (0..length).collect();
        let mut decoded = Vec::new();
        let text = armor(&bytes, &[]);
        pgp::armor::Dearmor::new(text.as_bytes()).read_to_end(&mut decoded).unwrap();
        assert_eq!(decoded, bytes);
    }
    // GnuPG writes the same text.
    assert_eq!(armor(&data("alice.pgp"), &[]).as_bytes(), data("alice.asc"));
    let text = data("debian-archive-trixie-stable.asc");
    assert_eq!(parse(&text)[0].bytes(), data("debian-archive-trixie-stable.gpg"));
}

#[test]
fn armor_as_people_send_it() {
    let text = String::from_utf8(data("alice.asc")).unwrap();
    let alice = parse(text.as_bytes());
    let crlf = text.replace('\n', "\r\n");
    let spaces = text.replace('\n', " \n  ");
    let without_checksum: String =
        text.lines().filter(|l| !l.starts_with('=')).map(|l| format!("{l}\n")).collect();
    let wrong_checksum = text.replace("\n=", "\n=AAAA\n=").replace("\n=AAAA\n=", "\n=AA");
    let header = text.replacen("-\n\n", "-\nVersion: x\nComment: y\n", 1);
    let bom = format!("\u{feff}{text}");
    let around = format!("Łukasz, here is my key:\n\n{text}\nRegards\n-- \nAlice");
    let message = format!("-----BEGIN PGP MESSAGE-----\n\nAAAA\n-----END PGP MESSAGE-----\n{text}");
    for variant in [crlf, spaces, without_checksum, header, bom, around, message] {
        assert_eq!(parse(variant.as_bytes()), alice, "{variant}");
    }
    assert!(parse_upload(wrong_checksum.as_bytes(), &Limits::default()).is_ok());
    let odd = armor(&data("odd.pgp"), &[]);
    let both = parse(format!("{text}\nand\n{odd}").as_bytes());
    assert_eq!((both.len(), &both[0]), (2, &alice[0]));

    let cut = &text[..text.len() / 2];
    assert!(matches!(error(cut.as_bytes()), KeyError::Armor { .. }));
    let twice = format!("{cut}\n{text}");
    assert!(matches!(error(twice.as_bytes()), KeyError::Armor { .. }));
    let damaged = text.replacen("\n\n", "\n\n!!!!", 1);
    assert!(matches!(error(damaged.as_bytes()), KeyError::Armor { .. }));
    let message = "-----BEGIN PGP MESSAGE-----\n\nAAAA\n-----END PGP MESSAGE-----\n";
    assert!(error(message.as_bytes()).to_string().contains("`PGP MESSAGE`"));
}

#[test]
fn refusals() {
    for name in ["bob-secret.pgp", "bob-secret.asc"] {
        assert_eq!(error(&data(name)), KeyError::SecretKey);
    }
    let mixed = [data("alice.pgp"), data("bob-secret.pgp")].concat();
    assert_eq!(error(&mixed), KeyError::SecretKey);
    let mixed = [data("alice.asc"), data("bob-secret.asc")].concat();
    assert_eq!(error(&mixed), KeyError::SecretKey);
    // A secret key in a public key block.
    let disguised = armor(&data("bob-secret.pgp"), &[]);
    assert_eq!(error(disguised.as_bytes()), KeyError::SecretKey);
    assert!(KeyError::SecretKey.to_string().contains("SECRET"));

    assert!(matches!(error(&data("carol-revocation.asc")), KeyError::NoPrimaryKey { .. }));
    assert!(matches!(error(b""), KeyError::NoKey { .. }));
    assert!(matches!(error(b"hello"), KeyError::NoKey { .. }));
    assert!(matches!(error(&[0xff; 100]), KeyError::Malformed { .. }));
    let alice = data("alice.pgp");
    for cut in 1..alice.len() {
        // Cut at a packet boundary it is a smaller key, elsewhere damaged; never a panic.
        if let Ok(found) = parse_upload(&alice[..cut], &Limits::default()) {
            assert_eq!(found[0].bytes(), &alice[..cut]);
        }
    }
    let literal = [&alice[..], &[0xcb, 1, b'b']].concat();
    assert!(matches!(error(&literal), KeyError::UnexpectedPacket { .. }));
    assert!(matches!(error(&[0xc6, 1, 3]), KeyError::UnsupportedVersion { version: 3, .. }));

    let limits = |change: fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        limits
    };
    let ring = data("debian-archive-keyring.gpg");
    let small = limits(|l| l.max_bytes = 1000);
    assert!(matches!(parse_upload(&ring, &small), Err(KeyError::TooLarge { limit: 1000, .. })));
    let few = limits(|l| l.max_packets = 10);
    assert_eq!(parse_upload(&ring, &few), Err(KeyError::TooManyPackets { limit: 10 }));
    let few = limits(|l| l.max_certificates = 2);
    assert_eq!(parse_upload(&ring, &few), Err(KeyError::TooManyCertificates { limit: 2 }));
    let text = [data("alice.asc"), data("alice.asc"), data("alice.asc")].concat();
    assert_eq!(parse_upload(&text, &few), Err(KeyError::TooManyCertificates { limit: 2 }));
    let none = limits(|l| l.max_verifications = 0);
    let unchecked = parse_upload(&alice, &none).unwrap();
    assert_eq!(unchecked[0].binding(), Binding::Unchecked);
    assert_eq!(unchecked[0].shown_user_ids().count(), 2);
}

#[test]
fn packets_that_are_not_kept() {
    let alice = data("alice.pgp");
    // Marker before, trust (as gpg 1 keyrings have it), padding after; a private packet stays.
    let marker = [0xca, 3, b'P', b'G', b'P'];
    let (trust, padding, private) = ([0xcc, 2, 0, 0], [0xd5, 1, 7], [0xfd, 2, 1, 2]);
    let input = [&marker[..], &private, &alice, &trust, &private, &padding].concat();
    let found = parse(&input);
    assert_eq!(found[0].bytes(), [&alice[..], &private].concat());
    // Old and new packet headers are the same packet.
    assert_eq!(alice[0], 0x98);
    let new_header = [&[0xc6], &alice[1..]].concat();
    let other = parse(&new_header).remove(0);
    assert_eq!(other.bytes(), new_header);
    let alice = one("alice.pgp");
    assert_eq!(merge(&alice, &other, &Limits::default()), Ok(Merge::Unchanged));
}

#[test]
fn states() {
    let bob = one("bob-expired.pgp");
    assert_eq!(bob.expires(), Some(1_609_372_800));
    assert!(bob.is_expired(NOW) && !bob.is_expired(1_609_372_799) && !bob.is_revoked());
    assert!(one("carol-revoked.pgp").is_revoked() && !one("carol-before.pgp").is_revoked());
    let alice = one("alice-uid-revoked.pgp");
    let revoked: Vec<bool> = alice.user_ids().iter().map(|id| id.is_revoked()).collect();
    assert_eq!(revoked.iter().filter(|r| **r).count(), 1);
    assert!(!alice.is_revoked());
    let v6 = one("rfc9580-v6.asc");
    assert_eq!(
        v6.fingerprint(),
        "CB186C4F0609A697E4D52DFA6C722B0C1F1E27C18A56708F6525EC27BAD9ACC9"
    );
    assert_eq!((v6.key_id(), v6.key().algorithm()), ("CB186C4F0609A697", 27));
    assert_eq!((v6.binding(), v6.subkeys()[0].binding()), (Binding::Valid, Binding::Valid));
}

#[test]
fn strangers_cannot_add_to_a_key() {
    // Bob's user id with Bob's signature, and Debian's subkey, on Alice's key.
    let (alice, bob) = (data("alice.pgp"), one("bob-expired.pgp"));
    let bob_id = bob.bytes().windows(3).position(|w| w == b"Bob").unwrap() - 2;
    let forged = [&alice[..], &bob.bytes()[bob_id..]].concat();
    let forged = parse(&forged).remove(0);
    let bindings: Vec<Binding> = forged.user_ids().iter().map(|id| id.binding()).collect();
    assert_eq!(bindings, [Binding::Valid, Binding::Valid, Binding::Invalid]);
    assert!(!forged.words().iter().any(|w| w.contains("bob")));
    assert!(!index_mr(std::slice::from_ref(&forged), NOW).contains("Bob"));
    assert!(!index_html(std::slice::from_ref(&forged), NOW).contains("Bob"));
    // Carol's revocation does not revoke Alice.
    let carol = one("carol-revoked.pgp");
    let key_length = 2 + usize::from(carol.bytes()[1]);
    let revocation_length = 2 + usize::from(carol.bytes()[key_length + 1]);
    let revocation = &carol.bytes()[key_length..key_length + revocation_length];
    let alice_key = 2 + usize::from(alice[1]);
    let forged = [&alice[..alice_key], revocation, &alice[alice_key..]].concat();
    assert!(!parse(&forged)[0].is_revoked());
    // A changed user id loses its signature, and the certificate its owner.
    let mut changed = data("odd.pgp");
    let at = changed.windows(5).position(|w| w == b"100% ").unwrap();
    changed[at] = b'2';
    assert_eq!(parse(&changed)[0].binding(), Binding::Invalid);
}

#[test]
fn unknown_algorithms() {
    // An algorithm nobody knows: kept; self-signatures cannot be checked, strangers' do not count.
    let key = [0xc6, 7, 4, 0, 0, 0, 1, 99, 1];
    let id = [0xcd, 2, b'm', b'e'];
    let unsigned = parse(&[&key[..], &id].concat()).remove(0);
    assert_eq!((unsigned.key().algorithm(), unsigned.key().bits()), (99, 0));
    assert_eq!(unsigned.binding(), Binding::Invalid);
    // Certification 0x13, created at 2, key expires after 3, no issuer, algorithm 99.
    let signature =
        [0xc2, 22, 4, 0x13, 99, 8, 0, 12, 5, 2, 0, 0, 0, 2, 5, 9, 0, 0, 0, 3, 0, 0, 7, 7];
    let signed = parse(&[&key[..], &id, &signature].concat()).remove(0);
    assert_eq!(signed.binding(), Binding::Unchecked);
    assert_eq!((signed.expires(), signed.user_ids()[0].created()), (Some(4), Some(2)));
    assert_eq!(signed.words(), ["me"]);
}

#[test]
fn merging() {
    let limits = Limits::default();
    let (old, new) = (one("alice-one-uid.pgp"), one("alice.pgp"));
    assert_eq!(merge(&new, &old, &limits), Ok(Merge::Unchanged));
    assert_eq!(merge(&old, &new, &limits), Ok(Merge::Updated(new.bytes().to_vec())));
    let revoked = one("alice-uid-revoked.pgp");
    assert_eq!(merge(&new, &revoked, &limits), Ok(Merge::Updated(revoked.bytes().to_vec())));
    let (before, after) = (one("carol-before.pgp"), one("carol-revoked.pgp"));
    assert_eq!(merge(&before, &after, &limits), Ok(Merge::Updated(after.bytes().to_vec())));
    assert_eq!(merge(&after, &before, &limits), Ok(Merge::Unchanged));
    assert!(matches!(merge(&old, &before, &limits), Err(KeyError::DifferentKeys { .. })));
    let small = Limits { max_bytes: new.bytes().len() - 1, ..limits };
    assert!(matches!(merge(&old, &new, &small), Err(KeyError::TooLarge { .. })));
    // A second copy of everything changes nothing, and is not stored twice.
    let twice = [new.bytes(), &new.bytes()[2 + usize::from(new.bytes()[1])..]].concat();
    let twice = parse(&twice).remove(0);
    assert_eq!(merge(&new, &twice, &limits), Ok(Merge::Unchanged));
    assert_eq!(merge(&old, &twice, &limits), Ok(Merge::Updated(new.bytes().to_vec())));
}

#[test]
fn indexes() {
    let all: Vec<Certificate> = ["alice.pgp", "odd.pgp", "bob-expired.pgp", "carol-revoked.pgp"]
        .into_iter()
        .map(one)
        .collect();
    let mr = index_mr(&all, NOW);
    let expected = "info:1:4\n\
        pub:B27C9A0AE4AD7C928A639DB0304378ADC0A02015:22:255:1709294400::\n\
        uid:Alice Example <alice@example.org>:1709294400::\n\
        uid:Alice M%C3%BCller-L%C3%BCdenscheidt (work) <a.mueller@firma.example>:1709380800::\n\
        pub:80D70D67DC2957D322A1AE721A14EC179DF7D8A8:22:255:1709294400::\n\
        uid:<script>alert(\"x%3Ay\")</script> 100%25 & co%3A <dave+tag@sub.example.org>:1709294400::\n\
        pub:19094EB540F641513A9F7A229F06B2E309FF32D8:1:2048:1577836800:1609372800:e\n\
        uid:Bob Expired <bob@example.com>:1577836800::\n\
        pub:80475CE239CAAD8BF2822BDD113BEEBD8C1CDF66:22:255:1709294400::r\n\
        uid:Carol Revoked <carol@example.net>:1709294400::\n";
    assert_eq!(mr, expected);
    assert_eq!(index_mr(&[], NOW), "info:1:0\n");

    let html = index_html(&all, NOW);
    assert!(!html.contains("<script") && html.contains("&lt;script&gt;alert(&quot;x:y&quot;)"));
    assert!(html.contains("expired 2020-12-31") && html.contains("revoked"));
    assert!(html.contains("?op=get&amp;search=0xB27C9A0AE4AD7C928A639DB0304378ADC0A02015"));
}

#[test]
fn searching() {
    let alice = one("alice.pgp");
    let finds = |term: &str| SearchTerm::parse(term).unwrap().matches(&alice);
    for term in [
        "0xB27C9A0AE4AD7C928A639DB0304378ADC0A02015",
        "0x304378adc0a02015",
        "0x54E11C3CCC8E1AF6",
        "2ADBEAC03C32CAEF391B352954E11C3CCC8E1AF6",
        "alice@example.org",
        "Alice <ALICE@example.org>",
        "Müller alice",
        "firma.example",
    ] {
        assert!(finds(term), "{term}");
    }
    for term in ["bob", "alice bob", "lice@example.org", "0x304378adc0a02016"] {
        assert!(!finds(term), "{term}");
    }
}

#[test]
fn forms() {
    let text = String::from_utf8(data("alice.asc")).unwrap();
    let body = form_urlencoded::Serializer::new(String::new())
        .append_pair("options", "nm")
        .append_pair("keytext", &text)
        .finish();
    assert_eq!(form_value(body.as_bytes(), "keytext"), Some(text));
    assert_eq!(form_value(body.as_bytes(), "key"), None);
    assert_eq!(form_value(b"keytext=%FF%zz&keytext=2", "keytext").as_deref(), Some("\u{fffd}%zz"));
}
