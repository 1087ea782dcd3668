//! `Box<dyn Trait>`: no plugins at all, and what everything else is compared with.

use std::hint::black_box;

use anyhow::Result;
use peers_task::NoCount;

use crate::peer::{Candidate, Peer, Staging};
use crate::work::{self, Work};

/// Its row.
pub const CANDIDATE: Candidate = Candidate {
    name: "`Box<dyn Trait>`",
    krate: None,
    mount,
    loads: &[],
    note: "The baseline: a trait object in the program itself. Its methods return a `Result`, as those of a \
           plugin's contract do. Buffers are moved in and out.",
};

/// Nothing here fails but the document without a number.
trait Contract {
    fn add(&self, a: u64, b: u64) -> Result<u64, NoCount>;
    fn echo(&self, bytes: Vec<u8>) -> Result<Vec<u8>, NoCount>;
    fn json(&self, document: Vec<u8>) -> Result<Vec<u8>, NoCount>;
}

struct Implementation;

impl Contract for Implementation {
    fn add(&self, a: u64, b: u64) -> Result<u64, NoCount> {
        Ok(a.wrapping_add(b))
    }

    fn echo(&self, bytes: Vec<u8>) -> Result<Vec<u8>, NoCount> {
        Ok(bytes)
    }

    fn json(&self, mut document: Vec<u8>) -> Result<Vec<u8>, NoCount> {
        peers_task::count_up(&mut document)?;
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
