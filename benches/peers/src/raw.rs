//! What was measured, all of it, for whoever wants other figures of it.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use crate::calls::Group;
use crate::load::Loads;
use crate::machine::Machine;

/// A run.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// Where and of what.
    pub machine: Machine,
    /// By work.
    pub calls: Vec<Group>,
    /// By row and number of plugins.
    pub loads: Vec<Loads>,
    /// The HTTP servers.
    pub server: peers_server::Report,
}

/// Writes the run as JSON.
pub fn write(run: &Run, file: &Path) -> Result<()> {
    let mut out = BufWriter::new(File::create(file)?);
    serde_json::to_writer(&mut out, run)?;
    Ok(out.flush()?)
}
