//! Calls: all peers in one process, interleaved; and that in several processes, one after the other.
//!
//! Where a process happens to have its code and its stack decides about a cycle more or less in a call of five.
//! That stays the same however long it runs, so the next one has another go.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::peer::{Candidate, Peer, Staging};
use crate::rounds::{self, Effort, Series};
use crate::work::Work;

/// All peers at one work.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Group {
    /// What is called.
    pub title: String,
    /// In a word.
    pub short: String,
    /// By peer; the first is the baseline.
    pub series: Vec<Series>,
}

type Kind = fn(&mut dyn Peer) -> Option<Box<dyn Work + '_>>;

const KINDS: [(&str, &str, Kind); 5] = [
    ("`add(u64, u64) -> u64`", "add(u64, u64)", |peer| peer.add()),
    ("Echo of 64 B", "echo of 64 B", |peer| peer.echo(64)),
    ("Echo of 4 KiB", "echo of 4 KiB", |peer| peer.echo(4 << 10)),
    ("Echo of 1 MiB", "echo of 1 MiB", |peer| peer.echo(1 << 20)),
    ("300 bytes of JSON, there and back", "JSON", |peer| peer.json()),
];

/// Has as many processes measure as the effort says; `options` are those that choose peers and effort.
pub fn measure(options: &[String], effort: Effort) -> Result<Vec<Group>> {
    let mut all: Vec<Group> = Vec::new();
    for process in 0..effort.processes {
        eprintln!("calling: {} of {}", process + 1, effort.processes);
        let groups = in_a_child(options)?;
        if all.is_empty() {
            all = groups;
            continue;
        }
        let more = groups.into_iter().flat_map(|group| group.series);
        for (series, more) in all.iter_mut().flat_map(|group| &mut group.series).zip(more) {
            series.nanos.extend(more.nanos);
        }
    }
    Ok(all)
}

fn in_a_child(options: &[String]) -> Result<Vec<Group>> {
    let program = std::env::current_exe().context("the program does not know its own file")?;
    let output = Command::new(program).arg("--calls").args(options).output();
    let output = output.context("the process that calls did not start")?;
    let failed = || String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), failed());
    serde_json::from_slice(&output.stdout).with_context(failed)
}

/// In the child: mounts a plugin with each, checks what they answer, measures, and prints that.
pub fn child(candidates: &[&'static Candidate], effort: Effort) -> Result<()> {
    let mut mounted = Vec::new();
    for candidate in candidates {
        let staging = Staging::new()?;
        let peer = (candidate.mount)(&staging)
            .with_context(|| format!("{} could not mount its plugin", candidate.name))?;
        mounted.push((candidate.name, peer, staging));
    }
    let mut groups = Vec::new();
    for (title, short, kind) in KINDS {
        let mut works = Vec::new();
        for (name, peer, _) in &mut mounted {
            let mut work = kind(&mut **peer);
            if let Some(work) = &mut work {
                work.check().with_context(|| format!("{name}, {short}"))?;
            }
            works.push((*name, work));
        }
        let series = rounds::interleave(works, effort);
        groups.push(Group { title: title.to_owned(), short: short.to_owned(), series });
    }
    println!("{}", serde_json::to_string(&groups)?);
    Ok(())
}
