//! [`Stored`]: where the state of one instance lies in the host's storage.

use std::fmt;

use bytes::Bytes;

use super::{PUT_ASIDE, too_many_aside};
use crate::contract::{Batch, Call, Namespaced, Precondition, Result, Storage, StorageBackend};

/// The host's own part of the storage. Plugins have theirs by the ids of instances, none of which
/// begins with a dot.
const NAMESPACE: &str = ".state";

const NOBODY: &Call = &Call::none();

pub(super) struct Stored {
    instance: String,
    /// The instance behind the storage.
    backend: String,
    storage: Namespaced<Storage>,
}

impl Stored {
    /// Nothing for a storage that forgets when the host ends.
    pub(super) fn new(instance: &str, backend: String, storage: Storage) -> Option<Self> {
        if !storage.capabilities().durable {
            return None;
        }
        let storage = Namespaced::new(storage, NAMESPACE).ok()?;
        Some(Self { instance: instance.to_owned(), backend, storage })
    }

    fn key(&self, name: &str) -> String {
        format!("{}/{name}", self.instance)
    }

    fn current(&self) -> String {
        self.key("current")
    }

    pub(super) fn has_room(&self, bytes: usize) -> bool {
        bytes <= self.storage.capabilities().max_value_bytes
    }

    pub(super) async fn read(&self) -> Result<Option<Bytes>> {
        Ok(self.storage.get(NOBODY, &self.current()).await?.map(|record| record.value))
    }

    pub(super) async fn write(&self, bytes: Bytes) -> Result<()> {
        let mut batch = Batch::new().put(self.current(), bytes, Precondition::Any);
        if let Some(before) = self.read().await? {
            batch = batch.put(self.key("previous"), before, Precondition::Any);
        }
        self.storage.commit(NOBODY, batch).await.map(drop)
    }

    pub(super) async fn clear(&self) -> Result<()> {
        self.move_to(self.key("previous")).await.map(drop)
    }

    pub(super) async fn put_aside(&self) -> Result<Option<String>> {
        for number in 1..=PUT_ASIDE {
            let key = self.key(&format!("refused-{number}"));
            if self.storage.get(NOBODY, &key).await?.is_none() {
                let moved = self.move_to(key.clone()).await?;
                return Ok(moved.then(|| self.place_of(&key)));
            }
        }
        match self.read().await? {
            Some(_) => Err(too_many_aside(self)),
            None => Ok(None),
        }
    }

    /// Moves what is there to another key; whether there was something.
    async fn move_to(&self, key: String) -> Result<bool> {
        let Some(bytes) = self.read().await? else { return Ok(false) };
        let batch = Batch::new()
            .put(key, bytes, Precondition::Any)
            .delete(self.current(), Precondition::Any);
        self.storage.commit(NOBODY, batch).await?;
        Ok(true)
    }

    fn place_of(&self, key: &str) -> String {
        format!("`{NAMESPACE}/{key}` in the storage `{}`", self.backend)
    }
}

impl fmt::Display for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place_of(&self.current()))
    }
}
