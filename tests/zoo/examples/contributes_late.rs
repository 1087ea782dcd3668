//! Comes back from `contribute` when it was given up long ago, and contributes then.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hotshoe::{
    Context, Contributions, LinkedPlugin, Plugin, Request, Response, Result, handler_fn,
};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Its presence ends the wait.
    release: PathBuf,
    /// Written when it is dropped.
    farewell: PathBuf,
}

struct Specimen(Config);

impl Plugin for Specimen {
    type Config = Config;

    async fn initialize(_: Context, config: Config) -> Result<Self> {
        Ok(Self(config))
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        while !self.0.release.exists() {
            std::thread::park_timeout(Duration::from_millis(2));
        }
        to.handler("GET", "/fault", handler_fn(|_: Request| async { Ok(Response::new(200)) }));
    }
}

impl Drop for Specimen {
    fn drop(&mut self) {
        // Whoever waits for the file notices if it does not come.
        let _ = std::fs::write(&self.0.farewell, "gone");
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(Specimen, id = "contributes-late");
