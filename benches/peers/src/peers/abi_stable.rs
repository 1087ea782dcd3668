//! abi_stable: a root module whose layout is checked, and a trait object that it makes.

use std::any::Any;
use std::path::Path;

use abi_stable::library::lib_header_from_path;
use abi_stable::std_types::{RResult, RVec};
use anyhow::{Context, Result};
use peers_abi_stable::{ModuleRef, Plugin};

use crate::load::{copies, files};
use crate::peer::{Candidate, Files, Load, Peer, Staging, library};
use crate::work::{self, Work};

/// Its row.
pub const CANDIDATE: Candidate = Candidate {
    name: "abi_stable",
    krate: Some("abi_stable"),
    mount,
    loads: &[Load {
        name: "abi_stable",
        files: Files {
            name: "abi-stable",
            stage: |folder, count| copies("peers_abi_stable", folder, count),
        },
        open,
        most: usize::MAX,
        beside: None,
    }],
    note: "A `#[sabi_trait]` object that the root module of a library makes, as in its example of a plugin \
           system; `RResult` and `RVec` in the contract. The layout of each library is checked when it is \
           loaded. Panics end the process.",
};

struct AbiStable(Plugin);

fn plugin(file: &Path) -> Result<Plugin> {
    let header = lib_header_from_path(file).context("the library did not open")?;
    Ok(header.init_root_module::<ModuleRef>().context("the library does not fit")?.new()())
}

fn mount(_: &Staging) -> Result<Box<dyn Peer>> {
    Ok(Box::new(AbiStable(plugin(&library("peers_abi_stable")?)?)))
}

fn open(folder: &Path) -> Result<Box<dyn Any>> {
    let plugins: Vec<_> = files(folder)?.iter().map(|file| plugin(file)).collect::<Result<_>>()?;
    Ok(Box::new(plugins))
}

impl Peer for AbiStable {
    fn add(&mut self) -> Option<Box<dyn Work + '_>> {
        work::add(|a, b| RResult::into_result(self.0.add(a, b)))
    }

    fn echo(&mut self, bytes: usize) -> Option<Box<dyn Work + '_>> {
        work::echo(bytes, |content| self.0.echo(RVec::from(content.to_vec())).into_result())
    }

    fn json(&mut self) -> Option<Box<dyn Work + '_>> {
        work::json(|document| self.0.json(RVec::from(document)).into_result())
    }
}
