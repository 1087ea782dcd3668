//! Measures hotshoe beside other ways to have plugins, and prints a report in Markdown.

mod calls;
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

use anyhow::{Context, Result, ensure};
use clap::Parser;
use machine::Machine;
use peer::{Candidate, Load};
use raw::Run;
use rounds::Effort;

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
    /// Calls the peers, and prints what that took.
    #[arg(long, hide = true)]
    calls: bool,
    /// Loads plugins as a row of the tables does, and prints what that took.
    #[arg(long, hide = true, num_args = 3, value_names = ["ROW", "COUNT", "FOLDER"])]
    load: Option<Vec<String>>,
    /// Is one of the HTTP servers.
    #[arg(long, hide = true, value_name = "KIND")]
    serve_http: Option<String>,
    /// Is the plugin of the peer that has it in a process.
    #[arg(long, hide = true, value_name = "SOCKET")]
    serve: Option<PathBuf>,
}

impl Options {
    /// Those that choose peers and effort.
    fn for_a_child(&self) -> Vec<String> {
        let quick = self.quick.then(|| "--quick".to_owned());
        let only = self.only.iter().map(|name| format!("--only={name}"));
        quick.into_iter().chain(only).collect()
    }
}

fn main() -> Result<()> {
    let options = Options::parse();
    if let Some(socket) = &options.serve {
        return peers::serve(socket);
    }
    if let Some(kind) = &options.serve_http {
        return peers_server::serve(peers_server::Kind::of(kind).context("no such server")?);
    }
    if let Some([row, count, folder]) = options.load.as_deref() {
        let rows: Vec<_> = peers::ALL.iter().flat_map(|candidate| candidate.loads).collect();
        return load::child(&rows, row, count.parse()?, folder.as_ref());
    }
    let effort = if options.quick { Effort::QUICK } else { Effort::FULL };
    for name in &options.only {
        let known: Vec<&str> = peers::ALL.iter().map(|candidate| candidate.name).collect();
        ensure!(
            known.iter().any(|known| is_part(name, known)),
            "a part of a peer's name was expected, found {name:?}; there are: {}",
            known.join("; ")
        );
    }
    let candidates = chosen(&options.only);
    if options.calls {
        return calls::child(&candidates, effort);
    }
    let out = options.out.clone().map_or_else(beside_the_build, Ok)?;
    fs::create_dir_all(&out).with_context(|| format!("there is no {}", out.display()))?;
    let rows: Vec<&'static Load> =
        candidates.iter().flat_map(|candidate| candidate.loads).collect();

    let packages = candidates.iter().filter_map(|candidate| candidate.krate);
    let machine = Machine::this(packages);
    let calls = calls::measure(&options.for_a_child(), effort)?;
    let loads = load::measure(&rows, effort)?;
    eprintln!("serving: HTTP, with five middlewares");
    let server = peers_server::compare(options.quick)?;
    let run = Run { machine, calls, loads, server };

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
    let named = |candidate: &Candidate| only.iter().any(|part| is_part(part, candidate.name));
    let all = peers::ALL.iter().enumerate();
    all.filter(|(at, candidate)| *at == 0 || only.is_empty() || named(candidate))
        .map(|(_, candidate)| candidate)
        .collect()
}

/// Whether a name has this part, in whichever case.
fn is_part(part: &str, name: &str) -> bool {
    name.to_lowercase().contains(&part.to_lowercase())
}
