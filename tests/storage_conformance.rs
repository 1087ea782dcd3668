//! The in-memory store, the handle and the namespace keep the storage contract, and the suite that
//! says so finds those who do not.
#![cfg(feature = "testing")]

use std::panic::catch_unwind;
use std::sync::Arc;

use bytes::Bytes;
use hotshoe::testing::{FakeHost, block_on, storage_backend};
use hotshoe::{
    Batch, Call, Capabilities, MemoryStore, Namespaced, Operation, Page, Precondition, Record,
    Result, Scan, Storage, StorageBackend, StorageExt, Version,
};

#[test]
fn the_memory_store_keeps_the_contract() {
    storage_backend(MemoryStore::new);
}

#[test]
fn a_shared_store_keeps_the_contract() {
    storage_backend(|| Arc::new(MemoryStore::new()));
}

#[test]
fn the_handle_keeps_the_contract() {
    storage_backend(|| Storage::new(MemoryStore::new()));
}

#[test]
fn a_store_on_the_other_side_of_the_boundary_keeps_the_contract() {
    storage_backend(|| {
        let host = FakeHost::new("mail").storage(Storage::new(MemoryStore::new()));
        host.context().storage().unwrap()
    });
}

#[test]
fn a_namespace_keeps_the_contract() {
    storage_backend(|| Namespaced::new(MemoryStore::new(), "mail").unwrap());
}

#[test]
fn a_namespace_between_others_keeps_the_contract() {
    storage_backend(|| {
        let all = Arc::new(MemoryStore::new());
        for key in ["mai", "mail", "mail.", "mail0", "mailbox/a", "a", "z"] {
            block_on(all.create(&Call::none(), key, "other")).unwrap();
        }
        Namespaced::new(all, "mail").unwrap()
    });
}

#[test]
fn a_namespace_within_a_namespace_keeps_the_contract() {
    storage_backend(|| {
        let outer = Namespaced::new(MemoryStore::new(), "outer").unwrap();
        Namespaced::new(outer, "inner").unwrap()
    });
}

#[test]
fn no_key_reaches_out_of_its_namespace() {
    let call = Call::none();
    let all = Arc::new(MemoryStore::new());
    let [mail, mailbox] =
        ["mail", "mailbox"].map(|name| Namespaced::new(all.clone(), name).unwrap());
    block_on(async {
        mailbox.create(&call, "a", "secret").await.unwrap();
        for key in ["../mailbox/a", "box/a", "/mailbox/a", "mailbox/a", "a"] {
            assert_eq!(mail.get(&call, key).await.unwrap(), None, "{key}");
        }
        assert_eq!(mail.scan(&call, Scan::prefix("")).await.unwrap(), Page::default());
        let past = Scan::prefix("").after("zzz");
        assert_eq!(mail.scan(&call, past).await.unwrap(), Page::default());
        mail.put(&call, "../mailbox/a", Bytes::new(), Precondition::Any).await.unwrap();
        assert_eq!(mailbox.read(&call, "a").await.unwrap().value, "secret");
    });
}

#[test]
fn a_namespace_that_could_meet_another_is_refused() {
    for name in ["", "a/b", "/", "a\0", "a\n", &"n".repeat(129)] {
        let error = Namespaced::new(MemoryStore::new(), name).unwrap_err();
        assert!(error.is_invalid_input(), "{name:?}: {error:?}");
        assert!(error.help().is_some());
    }
    let mut narrow = Capabilities::default();
    narrow.max_key_bytes = 5;
    let narrow = || MemoryStore::with_capabilities(narrow);
    assert!(Namespaced::new(narrow(), "mail").is_err());
    assert_eq!(Namespaced::new(narrow(), "mai").unwrap().capabilities().max_key_bytes, 1);
}

/// How a backend breaks the contract.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    VersionsRestart,
    PrefixIgnoresCase,
    BatchInParts,
    AfterIncludes,
    LosesUpdates,
    Panics,
}

/// The memory store, spoilt.
struct Spoilt(MemoryStore, Fault);

impl StorageBackend for Spoilt {
    async fn get(&self, call: &Call, key: &str) -> Result<Option<Record>> {
        assert!(self.1 != Fault::Panics, "spoilt");
        let spoil = |record: Record| match self.1 {
            Fault::VersionsRestart => Record { version: Version(1), ..record },
            _ => record,
        };
        Ok(self.0.get(call, key).await?.map(spoil))
    }

    async fn put(
        &self,
        call: &Call,
        key: &str,
        value: Bytes,
        when: Precondition,
    ) -> Result<Version> {
        let when = match when {
            Precondition::At(_) if self.1 == Fault::LosesUpdates => Precondition::Any,
            when => when,
        };
        let version = self.0.put(call, key, value, when).await?;
        Ok(if self.1 == Fault::VersionsRestart { Version(1) } else { version })
    }

    async fn delete(&self, call: &Call, key: &str, when: Precondition) -> Result<bool> {
        self.0.delete(call, key, when).await
    }

    async fn scan(&self, call: &Call, mut scan: Scan) -> Result<Page> {
        if self.1 == Fault::AfterIncludes {
            scan.after = scan.after.map(|mut after| {
                after.pop();
                after
            });
        }
        if self.1 == Fault::PrefixIgnoresCase {
            let prefix = std::mem::take(&mut scan.prefix).to_lowercase();
            let mut page = self.0.scan(call, scan).await?;
            page.entries.retain(|entry| entry.key.to_lowercase().starts_with(&prefix));
            return Ok(page);
        }
        self.0.scan(call, scan).await
    }

    async fn commit(&self, call: &Call, batch: Batch) -> Result<Vec<Option<Version>>> {
        if self.1 != Fault::BatchInParts {
            return self.0.commit(call, batch).await;
        }
        let mut versions = vec![];
        for operation in batch.operations {
            versions.push(match operation {
                Operation::Put { key, value, when } => {
                    Some(self.0.put(call, &key, value, when).await?)
                }
                other => {
                    self.0.commit(call, Batch { operations: vec![other] }).await?;
                    None
                }
            });
        }
        Ok(versions)
    }
}

#[test]
fn the_suite_names_what_a_backend_breaks() {
    let cases = [
        (Fault::VersionsRestart, "every change gives a greater version"),
        (Fault::PrefixIgnoresCase, "a prefix is taken literally"),
        (Fault::BatchInParts, "a batch with one broken precondition changes nothing"),
        (Fault::AfterIncludes, "pages of any size return every key once"),
        (Fault::LosesUpdates, "of several writers with one precondition one wins"),
        (Fault::Panics, "expected no panic, found one: spoilt"),
    ];
    for (fault, expected) in cases {
        let run = || storage_backend(|| Spoilt(MemoryStore::new(), fault));
        let payload = catch_unwind(run).expect_err(expected);
        let message = payload.downcast_ref::<String>().unwrap();
        assert!(message.contains(expected), "expected {expected:?} in:\n{message}");
    }
}
