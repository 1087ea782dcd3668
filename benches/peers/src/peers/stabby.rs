//! stabby: a function whose type is checked, and a trait object that it makes.

use std::any::Any;
use std::path::Path;

use anyhow::{Result, anyhow};
use libloading::Library;
use peers_stabby::{ContractDyn, Plugin};
use stabby::libloading::StabbyLibrary;

use crate::load::{copies, files};
use crate::peer::{Candidate, Files, Load, Peer, Staging, library};
use crate::work::{self, Work};

/// Its row.
pub const CANDIDATE: Candidate = Candidate {
    name: "stabby",
    krate: Some("stabby"),
    mount,
    loads: &[Load {
        name: "stabby",
        files: Files {
            name: "stabby",
            stage: |folder, count| copies("peers_stabby", folder, count),
        },
        open,
        most: usize::MAX,
        beside: None,
    }],
    note: "A trait object that a function of the library makes, found with `get_stabbied`, which compares types, \
           as the chapter on plugins in its tutorial has it; its own `Result`, `Vec` and `String` in the \
           contract. A buffer is copied into its vector, which cannot take over one of the standard library.",
};

/// The plugin goes before its library.
struct Stabby {
    plugin: Plugin,
    _library: Library,
}

fn plugin(file: &Path) -> Result<Stabby> {
    // SAFETY: it is the library of this package, and nothing in it runs when it is opened.
    let library = unsafe { Library::new(file)? };
    let plugin = {
        // SAFETY: stabby compares the types.
        let new = unsafe { library.get_stabbied::<New>(b"peers_stabby") };
        let new = new.map_err(|error| anyhow!("the library does not fit: {error}"))?;
        new().match_owned(Ok, |error| Err(anyhow!("{}", error.as_str())))?
    };
    Ok(Stabby { plugin, _library: library })
}

type New = extern "C" fn() -> stabby::result::Result<Plugin, stabby::string::String>;

fn mount(_: &Staging) -> Result<Box<dyn Peer>> {
    Ok(Box::new(plugin(&library("peers_stabby")?)?))
}

fn open(folder: &Path) -> Result<Box<dyn Any>> {
    let plugins: Vec<_> = files(folder)?.iter().map(|file| plugin(file)).collect::<Result<_>>()?;
    Ok(Box::new(plugins))
}

impl Peer for Stabby {
    fn add(&mut self) -> Option<Box<dyn Work + '_>> {
        work::add(|a, b| self.plugin.add(a, b).match_owned(Ok, Err))
    }

    fn echo(&mut self, bytes: usize) -> Option<Box<dyn Work + '_>> {
        work::echo(bytes, |content| {
            self.plugin.echo(content.into()).match_owned(|bytes| Ok(Bytes(bytes)), Err)
        })
    }

    fn json(&mut self) -> Option<Box<dyn Work + '_>> {
        work::json(|document| {
            let document = document.as_slice().into();
            self.plugin.json(document).match_owned(|bytes| Ok(Bytes(bytes)), Err)
        })
    }
}

/// Its vector is no `AsRef`.
struct Bytes(stabby::vec::Vec<u8>);

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        self.0.as_slice()
    }
}
