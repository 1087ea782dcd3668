//! A plugin that counts, and whose count is kept over the end of its host.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use bytes::Bytes;
use hotshoe::{Call, Context, Error, ErrorKind, Plugin, Result};
use serde_json::Value;

/// The settings.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whether it refuses any state, as a version with another layout would.
    pub refuses: bool,
}

/// The plugin.
pub struct Tally {
    config: Config,
    count: AtomicU64,
}

impl Plugin for Tally {
    type Config = Config;

    async fn initialize(_: Context, config: Config) -> Result<Self> {
        Ok(Self { config, count: AtomicU64::new(0) })
    }

    /// Counts by the number that is given.
    async fn execute(&self, _: &Call, input: Value) -> Result<Value> {
        let by = input.as_u64().unwrap_or(0);
        Ok((self.count.fetch_add(by, SeqCst) + by).into())
    }

    async fn save_state(&self) -> Result<Option<Bytes>> {
        Ok(Some(self.count.load(SeqCst).to_string().into()))
    }

    async fn restore_state(&self, state: Bytes) -> Result<()> {
        // Also when it is refused: half of a state must be seen by nobody.
        let count = std::str::from_utf8(&state).ok().and_then(|text| text.parse().ok());
        self.count.store(count.unwrap_or(u64::MAX), SeqCst);
        if count.is_none() || self.config.refuses {
            return Err(Error::new(ErrorKind::InvalidInput, "this count is of another time"));
        }
        Ok(())
    }
}

hotshoe::export_plugin!(Tally, state = "kept");
