//! `keydb` keeps OpenPGP certificates: it provides the service `keydb`
//! ([`KeyDb`]) on whatever storage the operator chose.
//!
//! A certificate is kept byte for byte as it was first sent; what is sent later is merged, packet by
//! packet, and never loses anything. Material, description and index of one certificate change in
//! one atomic batch, conditional on the version that was read, so that neither a `kill -9` nor two
//! uploads at once leave half an index. Of one upload with several certificates each is a batch of
//! its own: after a crash the first ones are stored, and sending all of them again is safe.
//!
//! Not stored: secret keys, material that is no certificate, and new certificates with nothing in
//! them that their own primary key signed, because nobody owns those.
//!
//! # Configuration
//!
//! | setting | default | |
//! | --- | --- | --- |
//! | `max_upload_bytes` | `8388608` | the largest upload |
//! | `max_certificate_bytes` | `1048576` | the largest certificate, with all that was merged into it; never more than the storage takes as one value |
//! | `max_results` | `100` | the most certificates that one lookup hands out |
//!
//! # Permissions
//!
//! | permission | what for |
//! | --- | --- |
//! | `storage` | certificates and their index |
//! | `events.publish:keys.*` | `keys.added` and `keys.changed`, after the change is stored |
//!
//! # Keys in storage
//!
//! | key | value |
//! | --- | --- |
//! | `cert/<fingerprint>` | the certificate, binary |
//! | `meta/<fingerprint>` | JSON: when it was added and changed, its index entries |
//! | `id/<key id>/<fingerprint>` | empty: a key or subkey of the certificate |
//! | `sub/<fingerprint>/<fingerprint>` | empty: a subkey of the certificate |
//! | `word/<word>/<fingerprint>` | empty: a word of its user ids |
//! | `count/<two digits>` | how many certificates have a fingerprint that starts so |

mod config;
mod counters;
mod database;
mod index;
mod layout;
mod meta;
mod search;
mod service;
#[cfg(test)]
mod testing;

use std::sync::Arc;

use hotshoe::{Context, Contributions, Health, Metric, Plugin, Result, StorageBackend};
use keyserver_api::KeyDb;

pub use config::Config;
use database::Database;
use service::Service;

/// The plugin.
pub struct KeyDatabase {
    service: Arc<Service>,
    storage: hotshoe::Storage,
}

impl Plugin for KeyDatabase {
    type Config = Config;

    async fn initialize(context: Context, config: Config) -> Result<Self> {
        let storage = context.storage()?;
        let database = Database::new(storage.clone(), &config)?;
        let publish = move |call: &_, topic: &str, payload: Vec<u8>| {
            context.publish(call, topic, payload).map(drop)
        };
        Ok(Self { service: Arc::new(Service::new(database, publish)), storage })
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.service::<dyn KeyDb, Service>(self.service.clone());
    }

    async fn start(&self) -> Result<()> {
        let certificates = self.service.count_certificates().await?;
        tracing::info!(certificates, "the key database is ready");
        Ok(())
    }

    async fn health(&self) -> Result<Health> {
        self.storage.health().await
    }

    fn metrics(&self) -> Vec<Metric> {
        self.service.metrics()
    }
}

hotshoe::export_plugin! {
    KeyDatabase,
    name = "Key database",
    category = "keys",
    tags = ["openpgp", "keyserver"],
    provides = [service "keydb" = "1.0.0"],
    permissions = ["storage", "events.publish:keys.*"],
    state = "none",
}
