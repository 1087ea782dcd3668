//! wasmtime with components: the canonical ABI hands everything over.

use std::any::Any;
use std::path::Path;

use anyhow::{Context, Result};
use wasmtime::Store;
use wasmtime::component::{Component, Linker};

use super::wasmtime_core::{engine, write};
use crate::load::files;
use crate::peer::{Candidate, Files, Load, Peer, Staging};
use crate::work::{self, Work};

/// Its row.
pub const CANDIDATE: Candidate = Candidate {
    name: "wasmtime, component",
    krate: Some("wasmtime"),
    mount,
    loads: &[Load {
        name: "wasmtime, components",
        files: Files { name: "wasmtime-component", stage },
        open,
        most: usize::MAX,
        beside: None,
    }],
    note: "As the core module, and called through what `bindgen!` makes of the WIT: `list<u8>` is a slice on \
           the way in and a vector on the way out. The guest hands back the list that it was given; its \
           `realloc` only counts up, and its `post-return` begins anew.",
};

const GUEST: &str = concat!(
    "(component (core module $module",
    include_str!("../guest/component_core.wat"),
    include_str!("../guest/count_up.wat"),
    ")",
    include_str!("../guest/component.wat"),
    ")"
);

mod contract {
    #![allow(missing_docs, unused_qualifications, reason = "a macro writes it")]

    wasmtime::component::bindgen!({
        inline: "
            package peers:task;

            world plugin {
                export add: func(a: u64, b: u64) -> u64;
                export echo: func(content: list<u8>) -> list<u8>;
                export json: func(document: list<u8>) -> list<u8>;
            }
        ",
    });
}

use contract::{Plugin, PluginPre};

/// A plugin, ready to be called.
struct Started {
    store: Store<()>,
    plugin: Plugin,
}

fn stage(folder: &Path, count: usize) -> Result<()> {
    write(folder, count, "cwasm", &engine(1)?.precompile_component(GUEST.as_bytes())?)
}

fn open(folder: &Path) -> Result<Box<dyn Any>> {
    Ok(Box::new(start(folder)?))
}

fn start(folder: &Path) -> Result<Vec<Started>> {
    let files = files(folder)?;
    let linker = Linker::new(&engine(files.len())?);
    files.iter().map(|file| Started::new(&linker, file)).collect()
}

fn mount(staging: &Staging) -> Result<Box<dyn Peer>> {
    stage(staging.folder(), 1)?;
    let started = start(staging.folder())?.pop();
    Ok(Box::new(started.context("one was staged")?))
}

impl Started {
    fn new(linker: &Linker<()>, file: &Path) -> Result<Self> {
        // SAFETY: this program wrote the file, with this engine's `precompile_component`.
        let component = unsafe { Component::deserialize_file(linker.engine(), file)? };
        let mut store = Store::new(linker.engine(), ());
        let plugin =
            PluginPre::new(linker.instantiate_pre(&component)?)?.instantiate(&mut store)?;
        Ok(Self { store, plugin })
    }
}

impl Peer for Started {
    fn add(&mut self) -> Option<Box<dyn Work + '_>> {
        work::add(|a, b| self.plugin.call_add(&mut self.store, a, b))
    }

    fn echo(&mut self, bytes: usize) -> Option<Box<dyn Work + '_>> {
        work::echo(bytes, |content| self.plugin.call_echo(&mut self.store, content))
    }

    fn json(&mut self) -> Option<Box<dyn Work + '_>> {
        work::json(|document| self.plugin.call_json(&mut self.store, &document))
    }
}
