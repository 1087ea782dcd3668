//! hotshoe: the same plugin, linked into the program and loaded from a folder, both supervised as by default;
//! and loaded, called through a direct handle, which nobody supervises.

use std::any::Any;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use hotshoe::config::Config;
use hotshoe::{Buffer, Handle, PluginHost};
use libloading::Library;
use peers_hotshoe::contract::Contract;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use sha2::{Digest, Sha256};

use crate::load::files;
use crate::peer::{Candidate, Files, Load, Peer, Staging, library};
use crate::work::{self, Work};

/// The row of the plugin in the program.
pub const LINKED: Candidate = Candidate {
    name: "hotshoe, linked",
    krate: Some("hotshoe"),
    mount: mount_linked,
    loads: &[],
    note: "The plugin compiled in, called through a handle of the host. Every call is supervised as by default: \
           panics are contained, calls counted, latencies sampled, and the plugin can be exchanged. Bytes are handed \
           over as `Buffer`, whose memory changes its owner.",
};

/// The row of the plugin in a library.
pub const LOADED: Candidate = Candidate {
    name: "hotshoe, loaded",
    krate: Some("hotshoe"),
    mount: mount_loaded,
    loads: &[UNPINNED, PINNED],
    note: "The same crate as a library in a folder, everything else the same. Loading is \
           from nothing to a host whose plugins have started, and includes reading manifests, checking the ABI \
           and resolving what requires what; pinned, the digests are in a page of configuration.",
};

/// The row of the plugin in a library, without supervision.
pub const DIRECT: Candidate = Candidate {
    name: "hotshoe, loaded, direct handle",
    krate: Some("hotshoe"),
    mount: mount_direct,
    loads: &[],
    note: "The same library, called through a direct handle: panics are contained, and nothing is counted, timed or \
           limited.",
};

const ID: &str = "peers-0000";
const FILES: Files = Files { name: "hotshoe", stage };

/// What loading is compared with: nothing but the system's loader.
pub const BARE_FILES: Load = Load {
    name: "bare `dlopen` of hotshoe's files",
    files: FILES,
    open: open_bare,
    most: usize::MAX,
    beside: None,
};

/// What loading only what was verified is compared with.
pub const VERIFIED_COPIES: Load = Load {
    name: "verified copies of hotshoe's files",
    files: FILES,
    open: open_verified,
    most: usize::MAX,
    beside: None,
};

const UNPINNED: Load = Load {
    name: "hotshoe",
    files: FILES,
    open: open_unpinned,
    most: usize::MAX,
    beside: Some(BARE_FILES.name),
};

const PINNED: Load = Load {
    name: "hotshoe, pinned by digest",
    files: FILES,
    open: open_pinned,
    most: usize::MAX,
    beside: Some(VERIFIED_COPIES.name),
};

/// A host, and a handle to its only plugin.
struct Hotshoe<H> {
    handle: H,
    host: PluginHost,
}

fn mount_linked(_: &Staging) -> Result<Box<dyn Peer>> {
    let host = PluginHost::builder().linked([ID]).build()?;
    start(&host)?;
    mounted(host.service()?, host)
}

fn mount_loaded(staging: &Staging) -> Result<Box<dyn Peer>> {
    let host = host_of_a_library(staging)?;
    mounted(host.service()?, host)
}

fn mount_direct(staging: &Staging) -> Result<Box<dyn Peer>> {
    let host = host_of_a_library(staging)?;
    let handle: Handle<dyn Contract> = host.service()?;
    Ok(Box::new(Hotshoe { handle: handle.direct()?, host }))
}

fn host_of_a_library(staging: &Staging) -> Result<PluginHost> {
    fs::copy(library("peers_hotshoe")?, staging.folder().join("peers.so"))?;
    let host = PluginHost::builder().directory(staging.folder()).build()?;
    start(&host)?;
    Ok(host)
}

fn mounted(handle: Handle<dyn Contract>, host: PluginHost) -> Result<Box<dyn Peer>> {
    Ok(Box::new(Hotshoe { handle, host }))
}

fn start(host: &PluginHost) -> Result<()> {
    let report = host.start().wait()?;
    ensure!(report.is_complete(), "{report}");
    Ok(())
}

impl<H> Drop for Hotshoe<H> {
    fn drop(&mut self) {
        if let Err(error) = self.host.stop().wait() {
            eprintln!("hotshoe did not stop: {error}");
        }
    }
}

impl<H: Contract> Peer for Hotshoe<H> {
    fn add(&mut self) -> Option<Box<dyn Work + '_>> {
        work::add(|a, b| self.handle.add(a, b))
    }

    fn echo(&mut self, bytes: usize) -> Option<Box<dyn Work + '_>> {
        work::echo(bytes, |content| self.handle.echo(Buffer::from(content.to_vec())))
    }

    fn json(&mut self) -> Option<Box<dyn Work + '_>> {
        work::json(|document| self.handle.json(&document))
    }
}

/// Copies of the library, each with an id of its own in its manifest, and beside the folder a page of
/// configuration that pins them.
fn stage(folder: &Path, count: usize) -> Result<()> {
    let library = fs::read(library("peers_hotshoe")?)?;
    let places: Vec<usize> = library
        .windows(ID.len())
        .enumerate()
        .filter(|(_, window)| *window == ID.as_bytes())
        .map(|(at, _)| at)
        .collect();
    ensure!(!places.is_empty() && count <= 10_000, "the library holds its id, of four digits");
    let mut page = String::new();
    for number in 0..count {
        let mut copy = library.clone();
        let id = format!("peers-{number:04}");
        for place in &places {
            copy[*place..][..id.len()].copy_from_slice(id.as_bytes());
        }
        let digest = Sha256::digest(&copy).iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        let version = env!("CARGO_PKG_VERSION");
        let _ = writeln!(page, "[plugins.security.pins.{id}]\n\"{version}\" = \"sha256:{digest}\"");
        fs::write(folder.join(format!("{id}.so")), copy)?;
    }
    Ok(fs::write(pins(folder), page)?)
}

fn pins(folder: &Path) -> PathBuf {
    folder.with_extension("toml")
}

fn open_bare(folder: &Path) -> Result<Box<dyn Any>> {
    let libraries: Result<Vec<_>> = files(folder)?.iter().map(|file| open_library(file)).collect();
    Ok(Box::new(libraries?))
}

fn open_library(file: &Path) -> Result<Library> {
    // SAFETY: it is a copy of the library of this package; the symbol is looked up, not used.
    unsafe {
        let library = Library::new(file)?;
        library.get::<*const ()>("hotshoe_plugin_peers_hotshoe")?;
        Ok(library)
    }
}

/// What loading only what was verified cannot do without.
fn open_verified(folder: &Path) -> Result<Box<dyn Any>> {
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    let mut opened = Vec::new();
    for path in files(folder)? {
        let bytes = fs::read(&path)?;
        std::hint::black_box(Sha256::digest(&bytes));
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let mut copy = fs::File::from(memfd_create("plugin", flags)?);
        copy.write_all(&bytes)?;
        fcntl_add_seals(&copy, seals)?;
        let name = PathBuf::from(format!("/proc/self/fd/{}", copy.as_raw_fd()));
        // The file stays open, or the next one would have the name of this.
        opened.push((open_library(&name)?, copy));
    }
    Ok(Box::new(opened))
}

fn open_unpinned(folder: &Path) -> Result<Box<dyn Any>> {
    open(Config::default(), folder)
}

fn open_pinned(folder: &Path) -> Result<Box<dyn Any>> {
    open(Config::from_file(pins(folder)).context("the page of pins")?, folder)
}

fn open(config: Config, folder: &Path) -> Result<Box<dyn Any>> {
    let host = PluginHost::builder().config(config.with_directory(folder)).build()?;
    start(&host)?;
    Ok(Box::new(host))
}
