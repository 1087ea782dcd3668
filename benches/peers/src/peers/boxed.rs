//! `Box<dyn Trait>`: no plugins at all, and what everything else is compared with.

use std::hint::black_box;

use anyhow::{Result, anyhow};

use super::hotshoe;
use crate::peer::{Candidate, Peer, Staging};
use crate::work::{self, Work};

/// Its row.
pub const CANDIDATE: Candidate = Candidate {
    name: "`Box<dyn Trait>`",
    krate: None,
    mount,
    loads: &[hotshoe::BARE_FILES, hotshoe::VERIFIED_COPIES],
    note: "The baseline: a trait object in the program itself. Its methods return a `Result` whose error is a \
           pointer, as those of hotshoe's contract do. Buffers are moved in and out. Loading is compared with files of \
           hotshoe's that are opened with nothing but the system's loader, a symbol looked up in each; and, \
           where only what was verified is loaded, with files that are read, hashed (SHA-256) and copied into \
           sealed memory before that.",
};

trait Contract {
    fn add(&self, a: u64, b: u64) -> Result<u64>;
    fn echo(&self, bytes: Vec<u8>) -> Result<Vec<u8>>;
    fn json(&self, document: Vec<u8>) -> Result<Vec<u8>>;
}

struct Implementation;

impl Contract for Implementation {
    fn add(&self, a: u64, b: u64) -> Result<u64> {
        Ok(a.wrapping_add(b))
    }

    fn echo(&self, bytes: Vec<u8>) -> Result<Vec<u8>> {
        Ok(bytes)
    }

    fn json(&self, mut document: Vec<u8>) -> Result<Vec<u8>> {
        peers_task::count_up(&mut document).map_err(|error| anyhow!("{error:?}"))?;
        Ok(document)
    }
}

struct Boxed(Box<dyn Contract>);

fn mount(_: &Staging) -> Result<Box<dyn Peer>> {
    // Behind the box the compiler does not know what it calls.
    Ok(Box::new(Boxed(black_box(Box::new(Implementation)))))
}

impl Peer for Boxed {
    fn add(&mut self) -> Option<Box<dyn Work + '_>> {
        work::add(|a, b| self.0.add(a, b))
    }

    fn echo(&mut self, bytes: usize) -> Option<Box<dyn Work + '_>> {
        work::echo(bytes, |content| self.0.echo(content.to_vec()))
    }

    fn json(&mut self) -> Option<Box<dyn Work + '_>> {
        work::json(|document| self.0.json(document))
    }
}
