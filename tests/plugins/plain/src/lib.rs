//! A plugin with nothing but what is required, so that every default of the contract is the one in
//! force, and three contributions whose traits have defaults of their own.

use std::sync::Arc;

use bytes::Bytes;
use hotshoe::{
    Batch, Call, Context, Contributions, MemoryStore, Middleware, Next, NoConfig, Page, Plugin,
    Precondition, Record, Request, Response, Result, Scan, StorageBackend, Version,
};

/// The plugin.
pub struct Plain;

impl Plugin for Plain {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.middleware(Mark);
        to.storage("plain", Store(MemoryStore::new()));
    }
}

/// A middleware with the default priority and paths.
struct Mark;

impl Middleware for Mark {
    async fn handle(&self, mut request: Request, next: Next) -> Result<Response> {
        request.append_header("x-order", "plain");
        let mut response = next.run(request).await?;
        response.append_header("x-order", "plain");
        Ok(response)
    }
}

/// A backend with the default health and capabilities.
struct Store(MemoryStore);

impl StorageBackend for Store {
    async fn get(&self, call: &Call, key: &str) -> Result<Option<Record>> {
        self.0.get(call, key).await
    }

    async fn put(
        &self,
        call: &Call,
        key: &str,
        value: Bytes,
        when: Precondition,
    ) -> Result<Version> {
        self.0.put(call, key, value, when).await
    }

    async fn delete(&self, call: &Call, key: &str, when: Precondition) -> Result<bool> {
        self.0.delete(call, key, when).await
    }

    async fn scan(&self, call: &Call, scan: Scan) -> Result<Page> {
        self.0.scan(call, scan).await
    }

    async fn commit(&self, call: &Call, batch: Batch) -> Result<Vec<Option<Version>>> {
        self.0.commit(call, batch).await
    }
}

hotshoe::export_plugin!(Plain, provides = [middleware, storage "plain"]);
