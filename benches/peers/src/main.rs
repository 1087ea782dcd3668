//! Measures hotshoe beside other ways to have plugins.

mod peer;
mod peers;
mod work;

use anyhow::{Context, Result};

fn main() -> Result<()> {
    for candidate in peers::ALL {
        let staging = peer::Staging::new()?;
        let mut mounted = (candidate.mount)(&staging).with_context(|| candidate.name.to_owned())?;
        let check =
            |work: Option<Box<dyn work::Work + '_>>| work.map_or(Ok(()), |mut work| work.check());
        check(mounted.add())?;
        check(mounted.echo(64))?;
        check(mounted.json())?;
        println!("{} ({:?}): {}", candidate.name, candidate.krate, candidate.note);
        for load in candidate.loads {
            println!("{} {} {}", load.name, load.files.name, load.most);
        }
    }
    Ok(())
}
