//! Services that many applications offer to their plugins: who is calling ([`Identity`]) and a
//! cache ([`Cache`]).
//!
//! Declared here, so that plugins of different applications ask for the same ones; provided by the
//! application (`builder.service::<dyn Cache, _>(MemoryCache::new(…))`) or by a plugin (in front of
//! a directory service, or Redis). A plugin asks with `requires = [service "cache" = "^1"]` and
//! `context.service::<dyn Cache>()`.

mod memory_cache;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use memory_cache::MemoryCache;

use crate::contract::Result;
use crate::extension::{Deferred, Json};

crate::extension_point! {
    /// Tells who is calling.
    ///
    /// # Errors
    /// An error means that nobody can tell now; credentials that are not accepted are `None`.
    pub trait Identity: "identity", "1.0.0" {
        /// Whose credentials these are, such as the value of an `authorization` header.
        fn authenticate(&self, credentials: String) -> Deferred<Option<Json<Caller>>>;
    }
}

crate::extension_point! {
    /// Keeps what can be had again, for a while.
    ///
    /// # Contract
    /// A value may be gone at any time. Keys are shared by all who use the service: begin them with
    /// the instance's id.
    pub trait Cache: "cache", "1.0.0" {
        /// The value, if it is still there.
        fn get(&self, key: &str) -> Result<Option<Bytes>>;
        /// Keeps a value, at most for so many milliseconds.
        fn put(&self, key: &str, value: Bytes, milliseconds: Option<u64>) -> Result<()>;
        /// Forgets a value; whether it was there.
        fn remove(&self, key: &str) -> Result<bool>;
    }
}

/// Who is calling; what [`CallBuilder::user`](crate::CallBuilder::user) takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Caller {
    /// Who it is.
    pub user_id: String,
    /// In which roles.
    #[serde(default)]
    pub roles: Vec<String>,
}

impl Caller {
    /// Somebody in these roles.
    pub fn new<R: Into<String>>(
        user_id: impl Into<String>,
        roles: impl IntoIterator<Item = R>,
    ) -> Self {
        Self { user_id: user_id.into(), roles: roles.into_iter().map(Into::into).collect() }
    }
}
