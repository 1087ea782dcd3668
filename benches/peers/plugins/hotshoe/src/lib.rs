//! The plugin for hotshoe, linked and loaded.

pub mod contract;

use std::sync::Arc;

use contract::Contract;
use hotshoe::{Buffer, Context, Contributions, Error, ErrorKind, NoConfig, Plugin, Result};

struct Peers;

impl Plugin for Peers {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.service::<dyn Contract, Self>(self.clone());
    }
}

impl Contract for Peers {
    fn add(&self, a: u64, b: u64) -> Result<u64> {
        Ok(a.wrapping_add(b))
    }

    fn echo(&self, bytes: Buffer) -> Result<Buffer> {
        Ok(bytes)
    }

    fn json(&self, document: &[u8]) -> Result<Buffer> {
        let mut document = document.to_vec();
        match peers_task::count_up(&mut document) {
            Ok(()) => Ok(document.into()),
            Err(_) => Err(Error::new(ErrorKind::InvalidInput, "there is no number")),
        }
    }
}

hotshoe::export_plugin!(Peers, id = "peers-0000", provides = [service "peers" = "1.0.0"]);
