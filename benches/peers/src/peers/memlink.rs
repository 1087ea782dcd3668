//! memlink-runtime: methods called by name, with bytes in and 4,096 bytes out.

use std::any::Any;
use std::path::Path;

use anyhow::{Context, Result};
use memlink_runtime::resolver::ModuleRef;
use memlink_runtime::runtime::{ModuleHandle, ModuleRuntime, Runtime};
use peers_memlink::ROOM;

use crate::load::{copies, files};
use crate::peer::{Candidate, Files, Load, Peer, Staging, library};
use crate::work::{self, Work};

/// Its row.
pub const CANDIDATE: Candidate = Candidate {
    name: "memlink-runtime",
    krate: Some("memlink-runtime"),
    mount,
    loads: &[Load {
        name: "memlink-runtime",
        files: Files {
            name: "memlink",
            stage: |folder, count| copies("peers_memlink", folder, count),
        },
        open,
        most: usize::MAX,
        beside: None,
    }],
    note: "`Runtime::call` with the handle and the method's name, as its documentation shows, of a plugin that \
           its ABI describes. An answer always has 4,096 bytes and no length, so it can't echo 1 MiB, and the \
           caller cuts off what is too much. Every plugin that is loaded gets 64 MiB of address space.",
};

struct Mounted {
    runtime: Runtime,
    handle: ModuleHandle,
}

fn open(folder: &Path) -> Result<Box<dyn Any>> {
    let runtime = Runtime::with_local_resolver();
    for file in files(folder)? {
        load(&runtime, &file)?;
    }
    Ok(Box::new(runtime))
}

fn mount(_: &Staging) -> Result<Box<dyn Peer>> {
    let runtime = Runtime::with_local_resolver();
    let handle = load(&runtime, &library("peers_memlink")?)?;
    Ok(Box::new(Mounted { runtime, handle }))
}

fn load(runtime: &Runtime, file: &Path) -> Result<ModuleHandle> {
    let path = file.to_str().context("the path is not text")?;
    Ok(runtime.load(ModuleRef::parse(path)?)?)
}

impl Mounted {
    /// Calls, and cuts the answer to the length that it is known to have.
    fn call(&self, method: &str, args: &[u8], len: usize) -> memlink_runtime::Result<Vec<u8>> {
        let mut answer = self.runtime.call(self.handle, method, args)?;
        answer.truncate(len);
        Ok(answer)
    }
}

impl Peer for Mounted {
    fn add(&mut self) -> Option<Box<dyn Work + '_>> {
        work::add(|a, b| {
            let mut numbers = [0; 16];
            numbers[..8].copy_from_slice(&a.to_le_bytes());
            numbers[8..].copy_from_slice(&b.to_le_bytes());
            let answer = self.runtime.call(self.handle, "add", &numbers)?;
            anyhow::Ok(u64::from_le_bytes(*answer.first_chunk().context("the answer is short")?))
        })
    }

    fn echo(&mut self, bytes: usize) -> Option<Box<dyn Work + '_>> {
        if bytes > ROOM {
            return None;
        }
        work::echo(bytes, |content| self.call("echo", content, content.len()))
    }

    fn json(&mut self) -> Option<Box<dyn Work + '_>> {
        work::json(|document| self.call("json", &document, document.len()))
    }
}
