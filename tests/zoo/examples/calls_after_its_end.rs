//! Leaves a thread behind that calls the host when the instance has ended, and writes down what it gets.

use std::path::PathBuf;
use std::time::Duration;

use futures_lite::future::block_on;
use hotshoe::{Call, Context, LinkedPlugin, Plugin, Request, Result};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Its presence is the sign to begin.
    release: PathBuf,
    /// Where it writes what it got.
    farewell: PathBuf,
}

struct Specimen;

impl Plugin for Specimen {
    type Config = Config;

    async fn initialize(context: Context, config: Config) -> Result<Self> {
        std::thread::spawn(move || {
            while !config.release.exists() {
                std::thread::park_timeout(Duration::from_millis(2));
            }
            let call = Call::none();
            let said = [
                block_on(context.request(Request::builder("GET", "/steady").build())).map(drop),
                block_on(context.execute::<Value>(&call, "steady", &json!(1))).map(drop),
                context.publish(&call, "steady.tick", "late").map(drop),
                context.shared("late").map(drop),
                context.metrics().count("late", 1),
                block_on(context.stopping()),
            ];
            let said: Vec<String> = said
                .into_iter()
                .map(|said| said.map_or_else(|error| error.to_string(), |()| "ok".to_owned()))
                .collect();
            let new = config.farewell.with_extension("new");
            // Whoever waits for the file notices if it does not come.
            let _ = std::fs::write(&new, said.join("\n"));
            let _ = std::fs::rename(&new, &config.farewell);
        });
        Ok(Self)
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(
    Specimen,
    id = "calls-after-its-end",
    permissions = ["request", "execute:steady", "events.publish:steady.*", "shared:late"]
);
