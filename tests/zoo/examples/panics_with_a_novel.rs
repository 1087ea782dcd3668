//! Says far too much when it fails: in a panic, or in an error.

use hotshoe::{Context, Error, ErrorKind, LinkedPlugin, Plugin, Result};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    panic: bool,
}

enum Specimen {}

impl Plugin for Specimen {
    type Config = Config;

    async fn initialize(_: Context, config: Config) -> Result<Self> {
        let novel = "It was a dark and stormy night.\n".repeat(10_000);
        assert!(!config.panic, "{novel}");
        Err(Error::new(ErrorKind::Other, novel.clone()).with_help(novel))
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(Specimen, id = "panics-with-a-novel");
