//! All instances of a plugin are brought to one version, or none of them.

mod support;

use futures_lite::future::block_on;
use hotshoe::config::Config;
use hotshoe::{Call, ErrorKind, PluginHost};
use semver::Version;
use serde_json::json;
use turnstile::builds::{Manner, make};

const TWO: &str = r#"
[plugins.east]
plugin = "turnstile"
pool = "gate"
[plugins.west]
plugin = "turnstile"
pool = "gate"
swap.max_state_bytes = 1
"#;

struct House {
    host: PluginHost,
    plugins: tempfile::TempDir,
}

impl House {
    fn new() -> Self {
        let plugins = support::stage(&[support::library("turnstile")]);
        let config = Config::from_toml(TWO, "update.toml").unwrap();
        let host = PluginHost::builder().config(config).directory(plugins.path());
        let host = host.build().unwrap();
        let report = host.start().wait().unwrap();
        assert!(report.is_complete(), "{report}");
        Self { host, plugins }
    }

    fn add(&self, version: &str, manner: Manner) {
        let library = std::fs::read(support::library("turnstile")).unwrap();
        let file = self.plugins.path().join(format!("libturnstile-{version}.so"));
        std::fs::write(file, make(&library, version, manner)).unwrap();
    }

    fn versions(&self) -> Vec<String> {
        let of = |id| self.host.plugin(id).unwrap().version.unwrap().to_string();
        ["east", "west"].map(of).to_vec()
    }

    fn count(&self, id: &str) -> serde_json::Value {
        block_on(self.host.execute(id, &Call::none(), &json!(null))).result["count"].clone()
    }
}

fn version(text: &str) -> Version {
    Version::parse(text).unwrap()
}

#[test]
fn all_instances_of_a_plugin_are_brought_to_one_version() {
    let house = House::new();
    house.add("7.0.101", Manner::Good);
    house.add("7.0.102", Manner::Unwell);
    let report = house.host.update("turnstile", version("7.0.101")).wait().unwrap();
    let swapped: Vec<_> = report.swaps.iter().map(|swap| swap.instance.as_str()).collect();
    assert_eq!(swapped, ["east", "west"]);
    assert_eq!(house.versions(), ["7.0.101", "7.0.101"]);
    let again = house.host.update("turnstile", version("7.0.101")).wait().unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AlreadyExists);
    house.host.stop().wait().unwrap();
}

#[test]
fn if_one_instance_cannot_be_updated_those_before_it_are_rolled_back() {
    let house = House::new();
    house.add("7.0.101", Manner::Good);
    // The state of `west` is larger than it may be, then.
    for _ in 0..10 {
        assert_eq!(house.host.publish(&Call::none(), "turns.by", ""), 2);
    }
    while ["east", "west"].iter().any(|id| house.count(id) != json!(10)) {
        std::thread::yield_now();
    }
    let error = house.host.update("turnstile", version("7.0.101")).wait().unwrap_err();
    assert_eq!((error.kind(), error.plugin()), (ErrorKind::ResourceLimit, Some("west")));
    insta::assert_snapshot!(error.to_string(), @"plugin `west`: nothing was updated: at most 1 bytes of state were expected, found 2");
    assert_eq!(house.versions(), ["7.0.100", "7.0.100"]);
    assert_eq!([house.count("east"), house.count("west")], [json!(10), json!(10)]);
    house.host.stop().wait().unwrap();
}

#[test]
fn a_version_that_is_not_there_is_told_with_those_that_are() {
    let house = House::new();
    house.add("7.0.103", Manner::Good);
    let error = house.host.update("turnstile", version("7.0.199")).wait().unwrap_err();
    insta::assert_snapshot!(error.to_string(), @"plugin `turnstile`: version 7.0.199 was expected in the directories of plugins, found: 7.0.103, 7.0.100");
    let error = house.host.update("turnpike", version("7.0.199")).wait().unwrap_err();
    insta::assert_snapshot!(error.to_string(), @"plugin `turnpike`: no instance of the plugin `turnpike` runs");
    house.host.stop().wait().unwrap();
}
