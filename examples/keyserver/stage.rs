//! The plugins that Cargo built along with an example, in a directory of their own.
//!
//! They are dev-dependencies with `crate-type = ["cdylib", "rlib"]`, so `cargo run --example …`
//! builds their libraries into `target/<profile>/deps`, among all other things. An
//! application of yours would have a directory that its packages install into.

use std::fs;
use std::path::{Path, PathBuf};

use hotshoe::{Result, ResultExt};

/// Puts these plugins into the directory of that name, beside this program's own.
pub fn built_plugins(directory: &str, names: &[&str]) -> Result<PathBuf> {
    let program = std::env::current_exe().describe("this program does not know where it is")?;
    let profile = program.ancestors().nth(2).unwrap_or(Path::new("."));
    let directory = profile.join(directory);
    fs::create_dir_all(&directory).describe("the directory for plugins cannot be made")?;
    for name in names {
        let file = format!(
            "{}{}{}",
            std::env::consts::DLL_PREFIX,
            name.replace('-', "_"),
            std::env::consts::DLL_SUFFIX
        );
        let (from, to) = (profile.join("deps").join(&file), directory.join(&file));
        // Copied beside and renamed: a server that runs may have the old file open.
        let fresh = directory.join(format!("{file}.new"));
        fs::copy(&from, &fresh).and_then(|_| fs::rename(&fresh, &to)).describe(format!(
            "{} cannot be copied to {}",
            from.display(),
            to.display()
        ))?;
    }
    Ok(directory)
}
