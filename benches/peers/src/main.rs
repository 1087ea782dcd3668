//! Measures hotshoe beside other ways to have plugins, and prints a report in Markdown.

mod load;
mod machine;
mod memory;
mod peer;
mod peers;
mod plot;
mod raw;
mod report;
mod rounds;
mod work;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use machine::Machine;
use peer::{Candidate, Load, Peer, Staging};
use raw::{Group, Run};
use rounds::Effort;
use work::Work;

/// Measures hotshoe beside other ways to have plugins.
#[derive(Debug, Parser)]
struct Options {
    /// Measures little: to see that everything works, not for figures.
    #[arg(long)]
    quick: bool,
    /// Only peers whose name contains this, besides the baseline. Can be given several times.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Where report, raw data and plot go; `peers` beside the build by default.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Loads plugins as a row of the tables does, and prints what that took.
    #[arg(long, hide = true, num_args = 3, value_names = ["ROW", "COUNT", "FOLDER"])]
    load: Option<Vec<String>>,
    /// Is the plugin of the peer that has it in a process.
    #[arg(long, hide = true, value_name = "SOCKET")]
    serve: Option<PathBuf>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    if let Some(socket) = &options.serve {
        return peers::serve(socket);
    }
    if let Some([row, count, folder]) = options.load.as_deref() {
        let rows: Vec<_> = peers::ALL.iter().flat_map(|candidate| candidate.loads).collect();
        return load::child(&rows, row, count.parse()?, folder.as_ref());
    }
    let out = options.out.clone().map_or_else(beside_the_build, Ok)?;
    fs::create_dir_all(&out).with_context(|| format!("there is no {}", out.display()))?;
    let effort = if options.quick { Effort::QUICK } else { Effort::FULL };
    let candidates = chosen(&options.only);
    let rows: Vec<&'static Load> =
        candidates.iter().flat_map(|candidate| candidate.loads).collect();

    let packages = candidates.iter().filter_map(|candidate| candidate.krate);
    let machine = Machine::this(packages);
    let run =
        Run { machine, calls: calls(&candidates, effort)?, loads: load::measure(&rows, effort)? };

    let report = report::markdown(&run, &candidates, &rows);
    print!("{report}");
    fs::write(out.join("report.md"), report)?;
    raw::write(&run, &out.join("raw.json"))?;
    let drawn: Vec<_> = run.calls.iter().take(2).collect();
    plot::draw(&drawn, &out.join("calls.svg"))?;
    eprintln!("report, raw data and plot: {}", out.display());
    Ok(())
}

/// `target/peers`, wherever that is.
fn beside_the_build() -> Result<PathBuf> {
    let program = std::env::current_exe().context("the program does not know its own file")?;
    let target = program.ancestors().nth(2).context("the program's file is in no folder")?;
    Ok(target.join("peers"))
}

/// The baseline, and all others or those that are named.
fn chosen(only: &[String]) -> Vec<&'static Candidate> {
    let named = |candidate: &Candidate| {
        let name = candidate.name.to_lowercase();
        only.iter().any(|part| name.contains(&part.to_lowercase()))
    };
    let all = peers::ALL.iter().enumerate();
    all.filter(|(at, candidate)| *at == 0 || only.is_empty() || named(candidate))
        .map(|(_, candidate)| candidate)
        .collect()
}

/// Mounts a plugin with each, checks what they answer, and measures them.
fn calls(candidates: &[&'static Candidate], effort: Effort) -> Result<Vec<Group>> {
    let mut mounted = Vec::new();
    for candidate in candidates {
        let staging = Staging::new()?;
        let peer = (candidate.mount)(&staging)
            .with_context(|| format!("{} could not mount its plugin", candidate.name))?;
        mounted.push((candidate.name, peer, staging));
    }
    type Kind = fn(&mut dyn Peer) -> Option<Box<dyn Work + '_>>;
    let kinds: [(&str, &str, Kind); 5] = [
        ("`add(u64, u64) -> u64`", "add(u64, u64)", |peer| peer.add()),
        ("Echo of 64 B", "echo of 64 B", |peer| peer.echo(64)),
        ("Echo of 4 KiB", "echo of 4 KiB", |peer| peer.echo(4 << 10)),
        ("Echo of 1 MiB", "echo of 1 MiB", |peer| peer.echo(1 << 20)),
        ("300 bytes of JSON, there and back", "JSON", |peer| peer.json()),
    ];
    let mut groups = Vec::new();
    for (title, short, kind) in kinds {
        eprintln!("calling: {short}");
        let mut works = Vec::new();
        for (name, peer, _) in &mut mounted {
            let mut work = kind(&mut **peer);
            if let Some(work) = &mut work {
                work.check().with_context(|| format!("{name}, {short}"))?;
            }
            works.push((*name, work));
        }
        groups.push(Group { title, short, series: rounds::interleave(works, effort) });
    }
    Ok(groups)
}
