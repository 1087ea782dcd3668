//! `libloading` alone: the symbols of a library that was opened, called as C functions.

use std::any::Any;
use std::path::Path;

use anyhow::{Result, ensure};
use libloading::{Library, Symbol};
use peers_raw::{Add, Bytes, Echo, Json, OK};

use crate::load::{copies, files};
use crate::peer::{Candidate, Files, Load, Peer, Staging, library};
use crate::work::{self, Work};

/// Its row.
pub const CANDIDATE: Candidate = Candidate {
    name: "libloading",
    krate: Some("libloading"),
    mount,
    loads: &[Load {
        name: "libloading",
        files: Files { name: "raw", stage: |folder, count| copies("peers_raw", folder, count) },
        open,
        most: usize::MAX,
        beside: None,
    }],
    note: "A library opened and C functions called through their symbols, as its documentation shows. Nothing \
           is checked and nothing guarded. Buffers change their owner and carry the function that frees them.",
};

struct Raw(Library);

fn mount(_: &Staging) -> Result<Box<dyn Peer>> {
    // SAFETY: it is the library of this package, and nothing in it runs when it is opened.
    Ok(Box::new(Raw(unsafe { Library::new(library("peers_raw")?)? })))
}

fn open(folder: &Path) -> Result<Box<dyn Any>> {
    let open = |file| {
        // SAFETY: it is a copy of the library of this package, and nothing in it runs when it is opened.
        let library = unsafe { Library::new(file)? };
        // SAFETY: the plugin's crate declares the type next to the function.
        unsafe { library.get::<Add>("peers_add")? };
        Ok(library)
    };
    Ok(Box::new(files(folder)?.iter().map(open).collect::<Result<Vec<_>>>()?))
}

impl Peer for Raw {
    fn add(&mut self) -> Option<Box<dyn Work + '_>> {
        // SAFETY: the plugin's crate declares the type next to the function.
        let add: Symbol<'_, Add> = unsafe { self.0.get("peers_add").ok()? };
        work::add(move |a, b| {
            let mut sum = 0;
            // SAFETY: as above.
            let code = unsafe { add(a, b, &mut sum) };
            if code == OK { Ok(sum) } else { Err(code) }
        })
    }

    fn echo(&mut self, bytes: usize) -> Option<Box<dyn Work + '_>> {
        // SAFETY: the plugin's crate declares the type next to the function.
        let echo: Symbol<'_, Echo> = unsafe { self.0.get("peers_echo").ok()? };
        work::echo(bytes, move |content| {
            let mut bytes = Bytes::from(content.to_vec());
            // SAFETY: as above.
            let code = unsafe { echo(&mut bytes) };
            if code == OK { Ok(bytes) } else { Err(code) }
        })
    }

    fn json(&mut self) -> Option<Box<dyn Work + '_>> {
        // SAFETY: the plugin's crate declares the type next to the function.
        let json: Symbol<'_, Json> = unsafe { self.0.get("peers_json").ok()? };
        work::json(move |document| {
            let mut bytes = Bytes::from(document);
            // SAFETY: as above.
            let code = unsafe { json(&mut bytes) };
            ensure!(code == OK, "code {code}");
            Ok(bytes)
        })
    }
}
