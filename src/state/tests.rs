//! What is kept is found again, whole, wherever it lies; what cannot be used is left alone.

use futures_lite::future::block_on;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::contract::{
    Batch, Call, Capabilities, MemoryStore, Page, Precondition, Record, Scan, StorageBackend,
    Version as StoredVersion,
};

fn version() -> Version {
    Version::new(1, 2, 3)
}

fn sealed(state: &[u8]) -> Vec<u8> {
    Envelope::encode("counter", &version(), 7, state)
}

/// A store in memory that promises what these say.
struct Promising(MemoryStore, Capabilities);

impl StorageBackend for Promising {
    async fn get(&self, call: &Call, key: &str) -> Result<Option<Record>> {
        self.0.get(call, key).await
    }

    async fn put(
        &self,
        call: &Call,
        key: &str,
        value: Bytes,
        when: Precondition,
    ) -> Result<StoredVersion> {
        self.0.put(call, key, value, when).await
    }

    async fn delete(&self, call: &Call, key: &str, when: Precondition) -> Result<bool> {
        self.0.delete(call, key, when).await
    }

    async fn scan(&self, call: &Call, scan: Scan) -> Result<Page> {
        self.0.scan(call, scan).await
    }

    async fn commit(&self, call: &Call, batch: Batch) -> Result<Vec<Option<StoredVersion>>> {
        self.0.commit(call, batch).await
    }

    fn capabilities(&self) -> Capabilities {
        self.1
    }
}

fn store(capabilities: Capabilities) -> Storage {
    Storage::new(Promising(MemoryStore::new(), capabilities))
}

/// The state of the instance `a`, in this folder, and in this storage.
fn kept(folder: &TempDir, storage: Option<&Storage>) -> KeptState {
    let storage = storage.map(|storage| ("store".to_owned(), storage.clone()));
    KeptState::new("a", "counter", &version(), folder.path(), storage)
}

fn found(kept: &KeptState) -> Option<Result<Bytes>> {
    block_on(kept.load()).unwrap().map(|found| found.state)
}

fn count(kept: &KeptState) -> String {
    String::from_utf8(found(kept).unwrap().unwrap().to_vec()).unwrap()
}

fn save(kept: &KeptState, state: &str) {
    block_on(kept.save(Some(state.as_bytes()))).unwrap();
}

fn current(folder: &TempDir) -> std::path::PathBuf {
    folder.path().join("a").join("current")
}

proptest! {
    #[test]
    fn what_is_sealed_is_what_is_opened(
        plugin in "[a-zA-Z0-9_.-]{1,64}",
        saved in any::<u64>(),
        state in proptest::collection::vec(any::<u8>(), 0..2000),
    ) {
        let sealed = Envelope::encode(&plugin, &version(), saved, &state);
        let opened = Envelope::decode(sealed.into()).unwrap();
        let expected = Envelope { plugin, version: version(), saved, state: state.into() };
        prop_assert_eq!(opened, expected);
    }

    #[test]
    fn any_bytes_are_opened_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
        prop_assert!(Envelope::decode(bytes.into()).is_err());
    }
}

#[test]
fn a_state_that_is_cut_off_grown_or_changed_anywhere_is_refused() {
    let whole = sealed(b"some state\n");
    for length in 0..whole.len() {
        assert!(Envelope::decode(whole[..length].to_vec().into()).is_err(), "cut to {length}");
    }
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut changed = whole.clone();
            changed[at] ^= 1 << bit;
            assert!(Envelope::decode(changed.into()).is_err(), "bit {bit} of byte {at}");
        }
    }
    let grown = [whole, b"x".to_vec()].concat();
    assert!(Envelope::decode(grown.into()).is_err());
}

#[test]
fn the_format_stays_readable_for_good() {
    // Written by hand from the description of the format, with `sha256sum`.
    let text = "hotshoe-state 1 49526421b138cd3aee319bb0731e779b842dd89dab9cc14f12730c7167780c70\n\
                {\"plugin\":\"counter\",\"version\":\"1.2.3\",\"saved\":7,\"length\":2}\n42";
    assert_eq!(sealed(b"42"), text.as_bytes());
    let opened = Envelope::decode(text.as_bytes().to_vec().into()).unwrap();
    assert_eq!((opened.saved, &opened.state[..]), (7, &b"42"[..]));
    let later = text.replacen("state 1", "state 2", 1);
    let error = Envelope::decode(later.into_bytes().into()).unwrap_err();
    assert_eq!(error.message(), "a state of format 1 was expected, found format \"2\"");
}

#[test]
fn without_durable_storage_it_lies_in_a_file_with_the_one_before_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let forgets = store(Capabilities::default());
    let kept = kept(&folder, Some(&forgets));
    assert!(found(&kept).is_none());
    save(&kept, "one");
    save(&kept, "two");
    assert_eq!(count(&kept), "two");
    let previous = std::fs::read(folder.path().join("a/previous")).unwrap();
    assert_eq!(Envelope::decode(previous.into()).unwrap().state, "one");
    block_on(kept.save(None)).unwrap();
    assert!(found(&kept).is_none());
}

#[test]
fn in_durable_storage_it_lies_where_no_plugin_reaches() {
    let folder = tempfile::tempdir().unwrap();
    let durable = store(Capabilities::default().durable(true));
    let kept = kept(&folder, Some(&durable));
    save(&kept, "one");
    save(&kept, "two");
    assert_eq!(count(&kept), "two");
    let at = |key: &str| block_on(durable.get(&Call::none(), key)).unwrap().unwrap().value;
    assert_eq!(Envelope::decode(at(".state/a/current")).unwrap().state, "two");
    assert_eq!(Envelope::decode(at(".state/a/previous")).unwrap().state, "one");
    assert!(!current(&folder).exists());
}

#[test]
fn what_was_saved_last_counts_wherever_it_lies() {
    let folder = tempfile::tempdir().unwrap();
    let capabilities = Capabilities::default().durable(true).max_value_bytes(300);
    let durable = store(capabilities);
    let both = kept(&folder, Some(&durable));
    save(&both, "in the storage");
    let large = "x".repeat(300);
    save(&both, &large);
    assert_eq!(count(&both), large);
    save(&both, "in the storage again");
    assert_eq!(count(&both), "in the storage again");
    // The backend is gone for a while.
    save(&kept(&folder, None), "in the file");
    assert_eq!(count(&both), "in the file");
}

#[test]
fn a_torn_state_and_one_of_another_plugin_are_told_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let kept = kept(&folder, None);
    save(&kept, "one");
    let whole = std::fs::read(current(&folder)).unwrap();
    let torn = &whole[..whole.len() - 1];
    std::fs::write(current(&folder), torn).unwrap();
    let error = found(&kept).unwrap().unwrap_err();
    assert_eq!(error.message(), "it is damaged: it is not what was written, by its checksum");
    assert_eq!(std::fs::read(current(&folder)).unwrap(), torn);

    std::fs::write(current(&folder), &whole).unwrap();
    let other = KeptState::new("a", "other", &version(), folder.path(), None);
    let error = found(&other).unwrap().unwrap_err();
    assert_eq!(
        error.message(),
        "a state of the plugin `other` was expected, found one of `counter` 1.2.3"
    );
    assert_eq!(std::fs::read(current(&folder)).unwrap(), whole);
}

#[test]
fn only_so_many_are_put_aside_and_none_of_them_is_lost() {
    for storage in [None, Some(store(Capabilities::default().durable(true)))] {
        let folder = tempfile::tempdir().unwrap();
        let kept = kept(&folder, storage.as_ref());
        assert!(block_on(kept.put_aside()).unwrap().is_empty());
        for number in 1..=PUT_ASIDE {
            save(&kept, &number.to_string());
            let aside = block_on(kept.put_aside()).unwrap();
            assert!(aside[0].contains(&format!("a/refused-{number}")), "{aside:?}");
            assert!(found(&kept).is_none());
        }
        save(&kept, "one too many");
        let error = block_on(kept.put_aside()).unwrap_err();
        assert!(error.message().starts_with("8 states that could not be used lie at "), "{error}");
        assert_eq!(count(&kept), "one too many");
    }
}
