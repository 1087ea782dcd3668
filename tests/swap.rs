//! Instances that are exchanged while they serve.

mod support;

use std::path::PathBuf;

use futures_lite::future::block_on;
use hotshoe::config::Config;
use hotshoe::{Call, Handle, PluginHost};
use serde_json::{Value, json};
use tempfile::TempDir;
use turnstile::Turns;
use turnstile::builds::{Manner, make};

/// A host that runs the library as Cargo has built it, and a place for other builds.
struct House {
    host: PluginHost,
    library: Vec<u8>,
    /// Dropped after the host.
    plugins: TempDir,
    builds: TempDir,
}

impl House {
    fn new(config: &str) -> Self {
        let library = support::library("turnstile");
        let plugins = support::stage(std::slice::from_ref(&library));
        let host = PluginHost::builder()
            .config(Config::from_toml(config, "swap.toml").unwrap())
            .directory(plugins.path())
            .build()
            .unwrap();
        let report = host.start().wait().unwrap();
        assert!(report.is_complete(), "{report}");
        let library = std::fs::read(library).unwrap();
        Self { host, library, plugins, builds: tempfile::tempdir().unwrap() }
    }

    /// Another build, in a file of its own.
    fn build(&self, version: &str, manner: Manner) -> PathBuf {
        let file = self.builds.path().join(format!("libturnstile-{version}-{manner:?}.so"));
        std::fs::write(&file, make(&self.library, version, manner)).unwrap();
        file
    }

    fn turns(&self) -> Handle<dyn Turns> {
        self.host.service::<dyn Turns>().unwrap()
    }

    fn told(&self) -> Value {
        block_on(self.host.execute("turnstile", &Call::none(), &json!(null))).result
    }

    fn version(&self) -> String {
        self.host.plugin("turnstile").unwrap().version.unwrap().to_string()
    }
}

#[test]
fn handles_follow_to_the_next_generation_which_has_the_state_of_the_one_before() {
    let house = House::new("");
    let turns = house.turns();
    for number in 0..10 {
        assert_eq!(turns.turn(number).unwrap(), number);
    }
    let report = house.host.swap("turnstile", house.build("7.0.101", Manner::Good)).wait().unwrap();
    assert_eq!((report.from.as_str(), report.to.as_str()), ("7.0.100", "7.0.101"));
    assert_eq!((report.left_behind, report.state), (0, Some(2)));
    assert_eq!(turns.turn(7).unwrap(), 7);
    assert_eq!(house.told()["count"], 11);
    assert_eq!((house.told()["build"].as_str(), &*house.version()), (Some("7.0.101"), "7.0.101"));
    house.host.promote("turnstile").wait().unwrap();
    assert_eq!(block_on(turns.turn_slowly(8, 3)).unwrap(), 8);
    house.host.stop().wait().unwrap();
}
