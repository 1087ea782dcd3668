//! zenoh-plugin-trait: traits cross as they are in Rust, between two that the same compiler built.

use std::any::Any;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use peers_zenoh::{Running, Start};
use zenoh_plugin_trait::PluginsManager;
use zenoh_util::LibLoader;

use crate::load::{copies, files};
use crate::peer::{Candidate, Files, Load, Peer, Staging, library};
use crate::work::{self, Work};

/// Its row.
pub const CANDIDATE: Candidate = Candidate {
    name: "zenoh-plugin-trait",
    krate: Some("zenoh-plugin-trait"),
    mount,
    loads: &[Load {
        name: "zenoh-plugin-trait",
        files: Files { name: "zenoh", stage: |folder, count| copies("peers_zenoh", folder, count) },
        open,
        most: usize::MAX,
        beside: None,
    }],
    note: "`PluginsManager` loads the library from its path and starts it; what is called is the instance, a \
           boxed trait object as zenoh's own, looked up once. The manager compares compiler and versions; \
           everything else crosses as Rust has it, a vector as a vector, and nothing is guarded.",
};

type Manager = PluginsManager<Start, Running>;

/// Plugins that are stopped before their libraries are closed, which the manager would do in the other order.
struct Mounted(Manager);

impl Drop for Mounted {
    fn drop(&mut self) {
        self.0.started_plugins_iter_mut().for_each(|plugin| plugin.stop());
    }
}

fn open(folder: &Path) -> Result<Box<dyn Any>> {
    Ok(Box::new(start(&files(folder)?)?))
}

fn start(files: &[PathBuf]) -> Result<Mounted> {
    let mut plugins = Mounted(Manager::dynamic(LibLoader::empty(), ""));
    for file in files {
        let path = file.to_str().context("the path is not text")?;
        plugins
            .0
            .declare_dynamic_plugin_by_paths(path, path, &[path], true)
            .and_then(|plugin| plugin.load())
            .map_err(|error| anyhow!(error))?
            .context("zenoh loads no plugins")?
            .start(&Start)
            .map_err(|error| anyhow!(error))?;
    }
    Ok(plugins)
}

fn mount(_: &Staging) -> Result<Box<dyn Peer>> {
    Ok(Box::new(start(&[library("peers_zenoh")?])?))
}

impl Mounted {
    fn instance(&self) -> Option<&Running> {
        Some(self.0.started_plugins_iter().next()?.instance())
    }
}

impl Peer for Mounted {
    fn add(&mut self) -> Option<Box<dyn Work + '_>> {
        let plugin = self.instance()?;
        work::add(|a, b| plugin.add(a, b))
    }

    fn echo(&mut self, bytes: usize) -> Option<Box<dyn Work + '_>> {
        let plugin = self.instance()?;
        work::echo(bytes, |content| plugin.echo(content.to_vec()))
    }

    fn json(&mut self) -> Option<Box<dyn Work + '_>> {
        let plugin = self.instance()?;
        work::json(|document| plugin.json(document))
    }
}
