//! State that outlives the host: saved when an instance stops, restored at its next start, in a file or
//! in the host's storage; what cannot be used is left for people to decide on.

mod support;

use std::path::PathBuf;

use bytes::Bytes;
use hotshoe::config::Config;
use hotshoe::{Call, Context, NoConfig, Plugin, PluginHost, Result, StorageBackend};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What stays when a host ends.
struct House {
    data: TempDir,
    libraries: TempDir,
}

impl House {
    fn new(libraries: &[&str]) -> Self {
        let files: Vec<PathBuf> = libraries.iter().map(|it| support::library(it)).collect();
        Self { data: tempfile::tempdir().unwrap(), libraries: support::stage(&files) }
    }

    /// A host over it that has started whatever it can.
    fn host(&self, config: &str) -> PluginHost {
        let config = Config::from_toml(config, "kept.toml").unwrap();
        let builder = PluginHost::builder()
            .config(config)
            .directory(self.libraries.path())
            .data_dir(self.data.path())
            .register_plugin(hotshoe::plugin!(Other, id = "other", state = "kept"));
        let host = builder.build().unwrap();
        host.start().wait().unwrap();
        host
    }

    fn kept(&self, name: &str) -> PathBuf {
        self.data.path().join(".state/tally").join(name)
    }
}

/// Another plugin that keeps its state.
struct Other;

impl Plugin for Other {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    async fn save_state(&self) -> Result<Option<Bytes>> {
        Ok(Some(Bytes::from_static(b"another's")))
    }

    async fn restore_state(&self, _: Bytes) -> Result<()> {
        Ok(())
    }
}

fn count(host: &PluginHost, by: u64) -> Value {
    futures_lite::future::block_on(host.execute("tally", &Call::none(), &json!(by))).result
}

fn stop(host: PluginHost) {
    host.stop().wait().unwrap();
}

#[test]
fn a_count_survives_the_end_of_the_host_in_a_file() {
    let house = House::new(&["tally"]);
    let host = house.host("");
    assert_eq!(count(&host, 7), 7);
    stop(host);
    assert!(house.kept("current").is_file());
    let host = house.host("");
    assert_eq!(count(&host, 1), 8);
    // Whoever lets go of the host instead of stopping it loses nothing.
    drop(host);
    assert_eq!(count(&house.host(""), 0), 8);
}

#[test]
fn a_count_survives_in_the_storage_which_stops_after_it_and_starts_before_it() {
    let house = House::new(&["tally", "storage-sqlite"]);
    let host = house.host("");
    assert_eq!(host.plugin("tally").unwrap().depends_on, ["storage-sqlite"]);
    assert_eq!(count(&host, 7), 7);
    stop(host);
    assert!(!house.kept("current").exists());
    let host = house.host("");
    assert_eq!(count(&host, 1), 8);
    let storage = host.storage("storage-sqlite").unwrap();
    let key = ".state/tally/current";
    let record = futures_lite::future::block_on(storage.get(&Call::none(), key)).unwrap();
    assert!(record.unwrap().value.ends_with(b"\n7"));
    // A restart of the storage is one of the count, too.
    host.restart("storage-sqlite").wait().unwrap();
    assert_eq!(count(&host, 1), 9);
    stop(host);
}

#[test]
fn one_that_is_disabled_finds_its_count_when_it_is_enabled() {
    let house = House::new(&["tally"]);
    let host = house.host("");
    assert_eq!(count(&host, 7), 7);
    host.disable("tally").wait().unwrap();
    host.enable("tally").wait().unwrap();
    assert_eq!(count(&host, 0), 7);
    host.restart("tally").wait().unwrap();
    assert_eq!(count(&host, 1), 8);
    stop(host);
}

#[test]
fn a_state_that_is_refused_stays_and_the_instance_does_not_start() {
    let house = House::new(&["tally"]);
    let host = house.host("");
    count(&host, 7);
    stop(host);
    let host = house.host("plugins.tally.config.refuses = true");
    let told = host.explain("tally");
    let at = house.kept("current");
    let expected = format!(
        "the state at {} cannot be used, and is left as it is: this count is of another time",
        at.display()
    );
    assert!(told.contains(&expected), "{told}");
    assert!(told.contains("swap.state_lost = \"start_afresh\""), "{told}");
    stop(host);
    assert_eq!(count(&house.host(""), 0), 7);
}

#[test]
fn a_state_that_is_refused_is_put_aside_if_the_operator_says_so() {
    let house = House::new(&["tally"]);
    let host = house.host("");
    count(&host, 7);
    stop(host);
    let config = "plugins.tally = { config.refuses = true, swap.state_lost = 'start_afresh' }";
    let host = house.host(config);
    // Not the instance that has seen what it refused.
    assert_eq!(count(&host, 1), 1);
    assert!(std::fs::read(house.kept("refused-1")).unwrap().ends_with(b"\n7"));
    stop(host);
}

#[test]
fn a_torn_state_and_another_plugins_state_are_left_alone() {
    let house = House::new(&["tally"]);
    let host = house.host("");
    count(&host, 7);
    stop(host);
    let whole = std::fs::read(house.kept("current")).unwrap();
    std::fs::write(house.kept("current"), &whole[1..]).unwrap();
    let host = house.host("");
    let told = host.explain("tally");
    assert!(told.contains("it is damaged"), "{told}");
    stop(host);
    assert_eq!(std::fs::read(house.kept("current")).unwrap(), whole[1..]);

    std::fs::write(house.kept("current"), &whole).unwrap();
    let host = house.host("plugins.tally.plugin = 'other'");
    let told = host.explain("tally");
    assert!(
        told.contains("a state of the plugin `other` was expected, found one of `tally` 0.1.0"),
        "{told}"
    );
    stop(host);
    assert_eq!(std::fs::read(house.kept("current")).unwrap(), whole);
}

#[test]
fn a_state_that_is_too_large_is_told_and_what_was_kept_before_stays() {
    let house = House::new(&["tally"]);
    let host = house.host("");
    count(&host, 7);
    stop(host);
    let host = house.host("plugins.tally.swap.max_state_bytes = 1");
    assert_eq!(count(&host, 10), 17);
    let error = host.stop().wait().unwrap_err();
    assert_eq!(
        error.message(),
        "its state is not kept: at most 1 bytes of state were expected, found 2"
    );
    assert_eq!(count(&house.host(""), 0), 7);
}
