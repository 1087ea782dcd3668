use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use futures_lite::future::block_on;
use hotshoe_openpgp_keys::SearchTerm;

use super::*;
use crate::testing::{
    ALICE, ALICE_ONE_UID, CAROL_BEFORE, CAROL_REVOKED, DEBIAN, Memory, certificate,
};

fn database(memory: Memory) -> Database<Arc<Memory>> {
    Database::new(Arc::new(memory), &Config::default()).unwrap()
}

fn store(database: &Database<Arc<Memory>>, bytes: &[u8]) -> Outcome {
    let conflicts = Counter::default();
    block_on(database.store(&Call::none(), &certificate(bytes), &conflicts)).unwrap()
}

fn find(database: &Database<Arc<Memory>>, term: &str) -> Result<Vec<Bytes>> {
    block_on(database.find(&Call::none(), &SearchTerm::parse(term).unwrap()))
}

/// The index is exactly what the stored material and its description say.
fn assert_consistent(database: &Database<Arc<Memory>>) {
    let memory = &database.storage;
    let mut expected = Vec::new();
    let certificates = memory.keys("cert/");
    for key in &certificates {
        let certificate = certificate(&memory.value(key).unwrap());
        let fingerprint = certificate.fingerprint();
        assert_eq!(*key, layout::certificate(fingerprint));
        let meta = memory.value(&layout::meta(fingerprint)).unwrap();
        let meta: Meta = serde_json::from_slice(&meta).unwrap();
        assert_eq!(meta.entries, entries_of(&certificate, database.max_entries).0);
        expected.extend(meta.entries.iter().map(|entry| entry_key(entry, fingerprint)));
    }
    expected.sort();
    let mut index = memory.keys("id/");
    index.extend(memory.keys("sub/"));
    index.extend(memory.keys("word/"));
    index.sort();
    assert_eq!(index, expected);
    assert_eq!(block_on(database.count(&Call::none())).unwrap(), certificates.len() as u64);
}

#[test]
fn a_certificate_is_stored_byte_for_byte_and_found_by_everything_it_says() {
    let database = database(Memory::default());
    assert_eq!(store(&database, ALICE), Outcome::Added);
    assert_consistent(&database);
    let alice = certificate(ALICE);
    let mut terms: Vec<String> = alice.words();
    terms.extend(alice.keys().map(|key| format!("0x{}", key.fingerprint())));
    terms.extend(alice.keys().map(|key| format!("0x{}", key.key_id())));
    terms.extend(alice.shown_user_ids().map(|id| id.text().to_owned()));
    for term in terms {
        assert_eq!(find(&database, &term).unwrap(), [Bytes::from_static(ALICE)], "{term}");
    }
    assert!(find(&database, "mallory@example.org").unwrap().is_empty());
    assert!(find(&database, &format!("0x{}", "A".repeat(40))).unwrap().is_empty());
}

#[test]
fn what_is_sent_again_is_merged_and_the_index_follows() {
    let database = database(Memory::default());
    assert_eq!(store(&database, ALICE_ONE_UID), Outcome::Added);
    assert_eq!(store(&database, ALICE), Outcome::Updated);
    assert_eq!(store(&database, ALICE), Outcome::Unchanged);
    assert_eq!(store(&database, ALICE_ONE_UID), Outcome::Unchanged);
    assert_consistent(&database);
    for word in certificate(ALICE).words() {
        assert_eq!(find(&database, &word).unwrap().len(), 1, "{word}");
    }
}

#[test]
fn a_revocation_is_merged() {
    let database = database(Memory::default());
    store(&database, CAROL_BEFORE);
    assert_eq!(store(&database, CAROL_REVOKED), Outcome::Updated);
    let fingerprint = certificate(CAROL_BEFORE).fingerprint().to_owned();
    let found = find(&database, &fingerprint).unwrap();
    assert!(certificate(found.first().unwrap()).is_revoked());
    assert_consistent(&database);
}

#[test]
fn entries_that_an_older_version_wrote_are_deleted_by_the_list_it_left() {
    let database = database(Memory::default());
    store(&database, ALICE_ONE_UID);
    let alice = certificate(ALICE);
    let call = Call::none();
    let (old, key) = ("word/from-an-older-version", layout::meta(alice.fingerprint()));
    let mut meta: Meta = serde_json::from_slice(&database.storage.value(&key).unwrap()).unwrap();
    meta.entries.push(old.to_owned());
    let batch = Batch::new().put(key, write_meta(&meta).unwrap(), Precondition::Any).put(
        entry_key(old, alice.fingerprint()),
        "",
        Precondition::Any,
    );
    block_on(database.storage.commit(&call, batch)).unwrap();
    assert_eq!(store(&database, ALICE), Outcome::Updated);
    assert_consistent(&database);
}

#[test]
fn whoever_was_slower_tries_again() {
    let database = database(Memory::default());
    database.storage.conflicts.store(5, SeqCst);
    assert_eq!(store(&database, ALICE), Outcome::Added);
    assert_consistent(&database);
}

#[test]
fn after_many_conflicts_it_gives_up_and_nothing_is_stored() {
    let database = database(Memory::default());
    database.storage.conflicts.store(usize::MAX, SeqCst);
    let conflicts = Counter::default();
    let error = block_on(database.store(&Call::none(), &certificate(ALICE), &conflicts));
    assert!(error.unwrap_err().is_conflict());
    assert_eq!(conflicts.get(), MAX_ATTEMPTS as u64);
    assert!(database.storage.keys("").is_empty());
}

#[test]
fn many_uploads_at_once_lose_nothing() {
    let database = Arc::new(database(Memory::default()));
    let certificates = parse_upload(DEBIAN, &Limits::default()).unwrap();
    let threads: Vec<_> = (0..4)
        .map(|thread: usize| {
            let (database, mut certificates) = (database.clone(), certificates.clone());
            let middle = thread % certificates.len();
            certificates.rotate_left(middle);
            std::thread::spawn(move || {
                for certificate in certificates {
                    let conflicts = Counter::default();
                    block_on(database.store(&Call::none(), &certificate, &conflicts)).unwrap();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_consistent(&database);
    let distinct: BTreeSet<_> = certificates.iter().map(Certificate::fingerprint).collect();
    assert_eq!(database.storage.keys("cert/").len(), distinct.len());
}

#[test]
fn all_words_have_to_occur_whichever_is_the_rarest_and_however_short_the_pages() {
    for page in [1, 2, 256] {
        let database = database(Memory::paged(page));
        for certificate in parse_upload(DEBIAN, &Limits::default()).unwrap() {
            let conflicts = Counter::default();
            block_on(database.store(&Call::none(), &certificate, &conflicts)).unwrap();
        }
        store(&database, ALICE);
        assert_consistent(&database);
        let of = |term: &str| find(&database, term).unwrap().len();
        let all = of("debian archive automatic signing key");
        assert!(all > 1, "{all}");
        assert!(of("debian bookworm automatic") < all);
        assert!(of("debian bookworm automatic") > 0);
        assert_eq!(of("debian alice"), 0);
    }
}

#[test]
fn too_many_results_are_an_error_that_says_what_to_do() {
    let config = Config { max_results: 2, ..Config::default() };
    let database = Database::new(Arc::new(Memory::default()), &config).unwrap();
    for certificate in parse_upload(DEBIAN, &Limits::default()).unwrap() {
        let conflicts = Counter::default();
        block_on(database.store(&Call::none(), &certificate, &conflicts)).unwrap();
    }
    for term in ["debian", "debian archive"] {
        let error = find(&database, term).unwrap_err();
        assert!(error.is_resource_limit());
        assert!(error.help().unwrap().contains("fingerprint"), "{error}");
    }
}

#[test]
fn a_certificate_above_the_limit_is_refused_and_so_is_a_merge_that_would_be() {
    let max_certificate_bytes = ALICE.len() - 1;
    let config = Config { max_certificate_bytes, ..Config::default() };
    let database = Database::new(Arc::new(Memory::default()), &config).unwrap();
    assert!(
        matches!(store(&database, ALICE), Outcome::Refused(reason) if reason.contains("large"))
    );
    assert_eq!(store(&database, ALICE_ONE_UID), Outcome::Added);
    assert!(matches!(store(&database, ALICE), Outcome::Refused(_)));
    assert_consistent(&database);
    assert_eq!(database.storage.value(&database.storage.keys("cert/")[0]).unwrap(), ALICE_ONE_UID);
}

#[test]
fn a_key_that_nobody_signed_is_refused() {
    // A primary key packet alone: the first packet of the certificate.
    let first = 3 + usize::from(u16::from_be_bytes([ALICE[1], ALICE[2]]));
    let bare = match ALICE[0] {
        0x99 => &ALICE[..first],
        0x98 => &ALICE[..2 + usize::from(ALICE[1])],
        other => panic!("another packet header: {other:#x}"),
    };
    let database = database(Memory::default());
    let outcome = store(&database, bare);
    assert!(matches!(&outcome, Outcome::Refused(reason) if reason.contains("--export")));
    assert!(database.storage.keys("").is_empty());
}

#[test]
fn where_batches_are_small_the_index_is_cut_and_an_update_still_fits() {
    let mut database = database(Memory::with_max_batch(MIN_BATCH));
    assert_eq!(database.max_entries * 2 + FIXED_STEPS, MIN_BATCH - 1);
    database.max_entries = 4;
    assert!(entries_of(&certificate(ALICE_ONE_UID), usize::MAX).0.len() > 4);
    assert_eq!(store(&database, ALICE_ONE_UID), Outcome::Added);
    assert_eq!(store(&database, ALICE), Outcome::Updated);
    assert_consistent(&database);
    assert!(database.storage.largest_batch.load(SeqCst) <= 2 * 4 + FIXED_STEPS);
}

#[test]
fn a_storage_that_cannot_hold_the_index_is_refused_at_once() {
    let memory = Memory::with_max_batch(8);
    let error = Database::new(Arc::new(memory), &Config::default()).err().unwrap();
    assert!(error.is_unsupported());
    assert!(error.to_string().contains("found 1024 and 8"), "{error}");
}

#[test]
fn a_limit_of_zero_is_an_error_that_names_the_setting() {
    let config = Config { max_results: 0, ..Config::default() };
    let error = Database::new(Memory::default(), &config).err().unwrap();
    assert!(error.is_invalid_config());
    assert!(error.to_string().contains("`max_results`"), "{error}");
}
