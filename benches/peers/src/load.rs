//! Loading: each row and number of plugins in a process of its own, so that neither memory nor libraries of
//! others are there already.

use std::any::Any;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::memory::Memory;
use crate::peer::{Load, library};
use crate::rounds::Effort;

/// What was measured of one row with so many plugins.
#[derive(Clone, Debug, Serialize)]
pub struct Loads {
    /// The row.
    pub name: &'static str,
    /// Plugins at once.
    pub count: usize,
    /// By repetition.
    pub samples: Vec<Sample>,
}

impl Loads {
    /// The time for all, by repetition, in nanoseconds.
    pub fn nanos(&self) -> Vec<f64> {
        self.samples.iter().map(|sample| sample.nanos).collect()
    }

    /// A figure of one plugin, by repetition.
    pub fn per_plugin(&self, figure: impl Fn(&Sample) -> f64) -> Vec<f64> {
        self.samples.iter().map(|sample| figure(sample) / self.count as f64).collect()
    }
}

/// What a process says of itself.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Sample {
    /// Until all plugins were loaded and started.
    pub nanos: f64,
    /// What came with them.
    pub memory: Memory,
}

/// Loads one plugin and many, as often as the effort says, the rows in turn.
pub fn measure(rows: &[&'static Load], effort: Effort) -> Result<Vec<Loads>> {
    let folder = tempfile::tempdir().context("there is no folder for temporary files")?;
    let mut all = Vec::new();
    for (count, repetitions) in [(1, effort.loads_of_one), (effort.many, effort.loads_of_many)] {
        let mut group: Vec<Loads> = rows
            .iter()
            .filter(|row| count <= row.most)
            .map(|row| Loads { name: row.name, count, samples: Vec::new() })
            .collect();
        for repetition in 0..repetitions {
            eprintln!("loading {count}: {} of {repetitions}", repetition + 1);
            for row in rows.iter().filter(|row| count <= row.most) {
                let files = folder.path().join(format!("{}-{count}", row.files.name));
                if !files.is_dir() {
                    fs::create_dir(&files)?;
                    (row.files.stage)(&files, count)
                        .with_context(|| format!("no files for {}", row.name))?;
                }
                let sample = in_a_child(row, count, &files)?;
                if let Some(loads) = group.iter_mut().find(|loads| loads.name == row.name) {
                    loads.samples.push(sample);
                }
            }
        }
        all.append(&mut group);
    }
    Ok(all)
}

fn in_a_child(row: &Load, count: usize, files: &Path) -> Result<Sample> {
    let program = std::env::current_exe().context("the program does not know its own file")?;
    let output = Command::new(program)
        .arg("--load")
        .args([row.name, &count.to_string()])
        .arg(files)
        .output()
        .context("the process that loads did not start")?;
    let failed = || {
        format!("{} plugins of {}: {}", count, row.name, String::from_utf8_lossy(&output.stderr))
    };
    ensure!(output.status.success(), failed());
    serde_json::from_slice(&output.stdout).with_context(failed)
}

/// In the child: loads, and prints what that took.
pub fn child(rows: &[&'static Load], name: &str, count: usize, files: &Path) -> Result<()> {
    let Some(row) = rows.iter().find(|row| row.name == name) else {
        bail!("no peer loads as {name:?}");
    };
    ensure!(fs::read_dir(files)?.count() >= count, "there are too few files");
    let before = Memory::now();
    let begin = Instant::now();
    let loaded: Box<dyn Any> = (row.open)(files)?;
    let nanos = begin.elapsed().as_secs_f64() * 1e9;
    let memory = Memory::now() - before;
    println!("{}", serde_json::to_string(&Sample { nanos, memory })?);
    drop(loaded);
    Ok(())
}

/// Writes so many copies of a plugin's library.
pub fn copies(name: &str, folder: &Path, count: usize) -> Result<()> {
    let library = library(name)?;
    for number in 0..count {
        fs::copy(&library, folder.join(format!("plugin-{number:04}.so")))?;
    }
    Ok(())
}

/// The files in a folder, in order.
pub fn files(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let mut paths =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}
