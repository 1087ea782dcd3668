//! Extism: plugins take bytes and give bytes, which Extism keeps in a memory of its own.

use std::any::Any;
use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use extism::{Manifest, Plugin, PluginBuilder, Wasm};

use super::wasmtime_core::write;
use crate::load::files;
use crate::peer::{Candidate, Files, Load, Peer, Staging};
use crate::work::{self, Work};

/// Its row.
pub const CANDIDATE: Candidate = Candidate {
    name: "extism",
    krate: Some("extism"),
    mount,
    loads: &[Load {
        name: "extism",
        files: Files { name: "extism", stage },
        open,
        most: usize::MAX,
        beside: None,
    }],
    note: "A plugin that is kept between calls and called through `Plugin::call`. Bytes are all that it takes \
           and gives; two numbers are sixteen of them. The plugin copies its input and its output through \
           Extism's functions, eight bytes a call, as the development kits do. Each call tells a thread \
           that watches over time limits when it begins and when it ends; the wide range is whether that \
           thread has to be woken. For loading: a plugin from each file, compiled code from wasmtime's cache \
           as the documentation recommends, and one call, as that is what starts a plugin.",
};

const GUEST: &str = concat!(
    "(module",
    include_str!("../guest/extism.wat"),
    include_str!("../guest/count_up.wat"),
    ")"
);

const FIRST: &str = "plugin-0000.wasm";

/// Beside the plugins: where the compiled code is.
const CACHE: &str = "cache.toml";

fn stage(folder: &Path, count: usize) -> Result<()> {
    write(folder, count, "wasm", &wat::parse_str(GUEST)?)?;
    let cached = folder.join("cached");
    fs::write(folder.join(CACHE), format!("[cache]\ndirectory = {:?}\n", cached))?;
    // Fills the cache.
    start(folder, &folder.join(FIRST))?;
    Ok(())
}

fn open(folder: &Path) -> Result<Box<dyn Any>> {
    let mut plugins = Vec::new();
    for file in files(folder)? {
        if file.extension().is_some_and(|extension| extension == "wasm") {
            let mut plugin = start(folder, &file)?;
            ensure!(add(&mut plugin, 20, 22)? == 42, "{} adds wrongly", file.display());
            plugins.push(plugin);
        }
    }
    Ok(Box::new(plugins))
}

fn mount(staging: &Staging) -> Result<Box<dyn Peer>> {
    stage(staging.folder(), 1)?;
    Ok(Box::new(Mounted(start(staging.folder(), &staging.folder().join(FIRST))?)))
}

fn start(folder: &Path, file: &Path) -> Result<Plugin> {
    PluginBuilder::new(Manifest::new([Wasm::file(file)]))
        .with_cache_config(folder.join(CACHE))
        .build()
}

fn add(plugin: &mut Plugin, a: u64, b: u64) -> Result<u64> {
    let mut numbers = [0; 16];
    numbers[..8].copy_from_slice(&a.to_le_bytes());
    numbers[8..].copy_from_slice(&b.to_le_bytes());
    plugin.call("add", &numbers[..])
}

struct Mounted(Plugin);

impl Peer for Mounted {
    fn add(&mut self) -> Option<Box<dyn Work + '_>> {
        work::add(|a, b| add(&mut self.0, a, b))
    }

    fn echo(&mut self, bytes: usize) -> Option<Box<dyn Work + '_>> {
        work::echo(bytes, |content| self.0.call::<_, Vec<u8>>("echo", content))
    }

    fn json(&mut self) -> Option<Box<dyn Work + '_>> {
        work::json(|document| self.0.call::<_, Vec<u8>>("json", document))
    }
}
