//! Which index entries a certificate has.

use std::collections::BTreeSet;

use hotshoe_openpgp_keys::Certificate;

use crate::layout::{id_entry, subkey_entry, word_entry};

/// The index entries of a certificate, each once, and how many words had to be left out because
/// only `limit` entries fit into one atomic change.
///
/// Key ids come first, then whole e-mail addresses, then other words: what is left out hurts least.
pub(crate) fn entries_of(certificate: &Certificate, limit: usize) -> (Vec<String>, usize) {
    let ids = certificate.keys().map(|key| id_entry(key.key_id()));
    let subkeys = certificate.keys().skip(1).map(|key| subkey_entry(key.fingerprint()));
    let (addresses, words): (Vec<_>, Vec<_>) =
        certificate.words().into_iter().partition(|word| word.contains('@'));
    let words = addresses.iter().chain(&words).map(|word| word_entry(word));

    let mut seen = BTreeSet::new();
    let mut entries: Vec<String> =
        ids.chain(subkeys).chain(words).filter(|entry| seen.insert(entry.clone())).collect();
    let left_out = entries.len().saturating_sub(limit);
    entries.truncate(limit);
    (entries, left_out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ALICE, certificate};

    #[test]
    fn a_certificate_is_found_by_its_keys_its_address_and_its_words() {
        let alice = certificate(ALICE);
        let (entries, left_out) = entries_of(&alice, 1000);
        assert_eq!(left_out, 0);
        assert_eq!(entries.first(), Some(&format!("id/{}", alice.key_id())));
        for key in alice.keys().skip(1) {
            assert!(entries.contains(&format!("sub/{}", key.fingerprint())));
        }
        for word in alice.words() {
            assert!(entries.contains(&word_entry(&word)), "{word}");
        }
    }

    #[test]
    fn where_not_all_fits_plain_words_are_left_out_first() {
        let alice = certificate(ALICE);
        let all = entries_of(&alice, usize::MAX).0;
        let keys = all.iter().filter(|entry| !entry.starts_with("word/")).count();
        let addresses = alice.words().iter().filter(|word| word.contains('@')).count();
        let (entries, left_out) = entries_of(&alice, keys + addresses);
        assert_eq!(left_out, all.len() - keys - addresses);
        assert!(entries.iter().skip(keys).all(|entry| entry.contains('@')), "{entries:?}");
    }
}
