//! One library, linked and loaded: a host for each.

use hotshoe::config::{Config, InstanceConfig, Linked};
use hotshoe::{PluginHost, Result};
use tempfile::TempDir;

/// Two hosts with the same instances of one plugin.
pub struct Mounts {
    pub hosts: [(&'static str, PluginHost); 2],
    /// Dropped after the hosts.
    pub folder: TempDir,
}

impl Mounts {
    /// Starts the plugin `id` of the crate whose library is called so, a dependency of the benchmarks.
    pub fn start(library: &str, id: &str, instances: &[InstanceConfig]) -> Result<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let plugins = folder.path().join("plugins");
        std::fs::create_dir(&plugins).expect("a folder for plugins");
        std::fs::copy(super::library(library), plugins.join("plugin.so")).expect("a copy");
        let host = |name: &str, change: &dyn Fn(&mut Config)| {
            let mut config = Config::default();
            config.plugins.data_dir = Some(folder.path().join(name));
            change(&mut config);
            let mut builder = PluginHost::builder().config(config);
            for instance in instances {
                builder = builder.instance(instance.clone());
            }
            let host = builder.build()?;
            let report = host.start().wait()?;
            assert!(report.is_complete(), "{report}");
            Ok::<_, hotshoe::Error>(host)
        };
        let only = || Some(Linked::Only(vec![id.to_owned()]));
        let linked = host("linked", &|config| config.plugins.linked = only())?;
        let loaded = host("loaded", &|config| config.plugins.directories = vec![plugins.clone()])?;
        Ok(Self { hosts: [("linked", linked), ("loaded", loaded)], folder })
    }

    pub fn stop(self) -> Result<()> {
        self.hosts.iter().try_for_each(|(_, host)| host.stop().wait())
    }
}
