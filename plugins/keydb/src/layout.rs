//! Where things are in the storage.
//!
//! An index entry is a text such as `word/alice`; its key is the entry, a slash and the certificate's
//! fingerprint. Words are escaped, so that no word can pass for another entry, and long ones are
//! replaced by their digest. How long does not depend on the backend: data can be copied from one to
//! another.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// The longest key that is ever written; a backend has to take that much.
pub(crate) const MAX_KEY_BYTES: usize = 256;

/// The longest escaped word: with `word/`, a slash and a fingerprint of 64 digits it fits.
const MAX_WORD_BYTES: usize = MAX_KEY_BYTES - "word/".len() - "/".len() - 64;

pub(crate) const COUNTS: &str = "count/";

pub(crate) fn certificate(fingerprint: &str) -> String {
    format!("cert/{fingerprint}")
}

pub(crate) fn meta(fingerprint: &str) -> String {
    format!("meta/{fingerprint}")
}

/// Counting all certificates at one key would let no two uploads pass each other.
pub(crate) fn count(fingerprint: &str) -> String {
    format!("{COUNTS}{}", fingerprint.get(..2).unwrap_or("00"))
}

/// The entry of a long key id.
pub(crate) fn id_entry(key_id: &str) -> String {
    format!("id/{key_id}")
}

/// The entry of a subkey's fingerprint.
pub(crate) fn subkey_entry(fingerprint: &str) -> String {
    format!("sub/{fingerprint}")
}

/// The entry of a word.
pub(crate) fn word_entry(word: &str) -> String {
    let mut escaped = String::with_capacity(word.len());
    for c in word.chars() {
        // `~` starts a digest.
        if c.is_ascii_control() || matches!(c, '/' | '%' | '~') {
            let _ = write!(escaped, "%{:02X}", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    if escaped.len() > MAX_WORD_BYTES {
        escaped = String::from("~");
        for byte in Sha256::digest(word.as_bytes()) {
            let _ = write!(escaped, "{byte:02x}");
        }
    }
    format!("word/{escaped}")
}

/// The key of an index entry.
pub(crate) fn entry_key(entry: &str, fingerprint: &str) -> String {
    format!("{entry}/{fingerprint}")
}

/// The fingerprint in the key of an index entry.
pub(crate) fn fingerprint_of(entry_key: &str) -> &str {
    entry_key.rsplit_once('/').map_or("", |(_, fingerprint)| fingerprint)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_word_with_a_slash_is_not_found_under_its_beginning() {
        let key = entry_key(&word_entry("a/b@example.org"), "F");
        assert_eq!(key, "word/a%2Fb@example.org/F");
        assert!(!key.starts_with(&format!("{}/", word_entry("a"))));
    }

    #[test]
    fn nobody_can_write_a_word_that_passes_for_the_digest_of_another() {
        let long = word_entry(&"ü".repeat(120));
        assert!(long.starts_with("word/~"), "{long}");
        let forged = long.strip_prefix("word/").unwrap();
        assert_ne!(word_entry(forged), long);
    }

    proptest! {
        #[test]
        fn every_key_is_short_enough_and_leads_back_to_its_certificate(word in any::<String>()) {
            let fingerprint = "F".repeat(64);
            let key = entry_key(&word_entry(&word), &fingerprint);
            prop_assert!(key.len() <= MAX_KEY_BYTES);
            prop_assert_eq!(key.matches('/').count(), 2);
            prop_assert_eq!(fingerprint_of(&key), fingerprint);
        }

        #[test]
        fn different_words_have_different_entries(a in "[a-c/%~]{1,6}", b in "[a-c/%~]{1,6}") {
            prop_assert_eq!(a == b, word_entry(&a) == word_entry(&b));
        }
    }
}
