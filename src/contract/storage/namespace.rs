//! [`Namespaced`]: a part of a backend that looks like a whole one.
//!
//! Every key is stored as `<namespace>/<key>`. A namespace has no `/`, so no prefix is the start
//! of another one's, and whatever key is asked for stays below its own prefix: nothing has to be
//! escaped and nothing can reach out.

use bytes::Bytes;

use super::limits::shown;
use super::{
    Batch, Capabilities, Operation, Page, Precondition, Record, Scan, StorageBackend, Version,
};
use crate::contract::{Call, Error, ErrorKind, Health, Result};

/// The longest namespace, in bytes.
const MAX_NAMESPACE_BYTES: usize = 128;

/// A backend in which every key belongs to one namespace.
///
/// It is itself a [`StorageBackend`]; its keys may be as long as those of the backend below, less
/// the prefix. Errors of the backend below name keys with their prefix.
///
/// ```
/// use std::sync::Arc;
/// use hotshoe::{Call, MemoryStore, Namespaced, StorageBackend, StorageExt};
/// # use hotshoe::Result;
///
/// # async fn example() -> Result<()> {
/// let all = Arc::new(MemoryStore::new());
/// let mine = Namespaced::new(all.clone(), "mail")?;
/// let call = Call::none();
/// mine.create(&call, "from", "ada").await?;
/// assert!(all.get(&call, "mail/from").await?.is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Namespaced<S> {
    backend: S,
    prefix: String,
}

impl<S: StorageBackend> Namespaced<S> {
    /// The part of `backend` that is called `namespace`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] when the namespace is empty, longer than 128 bytes, contains a
    /// `/` or a control character, or leaves no room for keys in this backend.
    pub fn new(backend: S, namespace: &str) -> Result<Self> {
        let refuse = |why: &str| {
            Err(Error::new(
                ErrorKind::InvalidInput,
                format!("{} cannot be a storage namespace: {why}", shown(namespace)),
            )
            .with_help("use a short name without `/` and control characters"))
        };
        if namespace.is_empty() {
            return refuse("it is empty");
        }
        if namespace.len() > MAX_NAMESPACE_BYTES {
            return refuse("it has more than 128 bytes");
        }
        if namespace.contains('/') {
            return refuse("it contains a `/`, which ends a namespace");
        }
        if namespace.contains(char::is_control) {
            return refuse("it contains a control character");
        }
        let prefix = format!("{namespace}/");
        if prefix.len() >= backend.capabilities().max_key_bytes {
            return refuse("it is as long as the longest key of the backend");
        }
        Ok(Self { backend, prefix })
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        &self.prefix[..self.prefix.len() - 1]
    }

    /// The key as the backend below knows it. Checked here, so that errors name limits that the
    /// caller can see.
    fn inner(&self, key: &str) -> Result<String> {
        self.capabilities().check_key(key)?;
        Ok(self.prefixed(key))
    }

    fn prefixed(&self, key: &str) -> String {
        let mut inner = String::with_capacity(self.prefix.len() + key.len());
        inner.push_str(&self.prefix);
        inner.push_str(key);
        inner
    }

    /// The key as the caller knows it, in place.
    fn outer(&self, mut key: String) -> Result<String> {
        if !key.starts_with(&self.prefix) {
            return Err(Error::new(
                ErrorKind::Other,
                format!("a scan below {} returned a key from outside", shown(&self.prefix)),
            )
            .with_help("the backend breaks its contract; run the conformance suite on it"));
        }
        key.drain(..self.prefix.len());
        Ok(key)
    }
}

impl<S: std::fmt::Debug> std::fmt::Debug for Namespaced<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Namespaced")
            .field("prefix", &self.prefix)
            .field("backend", &self.backend)
            .finish()
    }
}

impl<S: StorageBackend> StorageBackend for Namespaced<S> {
    async fn get(&self, call: &Call, key: &str) -> Result<Option<Record>> {
        self.backend.get(call, &self.inner(key)?).await
    }

    async fn put(
        &self,
        call: &Call,
        key: &str,
        value: Bytes,
        when: Precondition,
    ) -> Result<Version> {
        self.backend.put(call, &self.inner(key)?, value, when).await
    }

    async fn delete(&self, call: &Call, key: &str, when: Precondition) -> Result<bool> {
        self.backend.delete(call, &self.inner(key)?, when).await
    }

    async fn scan(&self, call: &Call, scan: Scan) -> Result<Page> {
        let inner = Scan {
            prefix: self.prefixed(&scan.prefix),
            after: scan.after.map(|after| self.prefixed(&after)),
            limit: scan.limit,
        };
        let mut page = self.backend.scan(call, inner).await?;
        for entry in &mut page.entries {
            entry.key = self.outer(std::mem::take(&mut entry.key))?;
        }
        page.next = page.next.map(|next| self.outer(next)).transpose()?;
        Ok(page)
    }

    async fn commit(&self, call: &Call, mut batch: Batch) -> Result<Vec<Option<Version>>> {
        self.capabilities().check_batch(&batch)?;
        for operation in &mut batch.operations {
            let (Operation::Put { key, .. }
            | Operation::Delete { key, .. }
            | Operation::Check { key, .. }) = operation;
            *key = self.prefixed(key);
        }
        self.backend.commit(call, batch).await
    }

    async fn health(&self) -> Result<Health> {
        self.backend.health().await
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.backend.capabilities();
        capabilities.max_key_bytes = capabilities.max_key_bytes.saturating_sub(self.prefix.len());
        capabilities
    }
}
