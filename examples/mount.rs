//! The smallest host: mounts every plugin of a directory, prints what came of it, and stops.
//!
//! ```sh
//! cargo run --example mount -- path/to/plugins
//! ```

use std::process::ExitCode;

use hotshoe::{PluginHost, Result};

fn main() -> Result<ExitCode> {
    let Some(directory) = std::env::args_os().nth(1) else {
        eprintln!("usage: mount DIRECTORY");
        return Ok(ExitCode::FAILURE);
    };
    // What plugins write goes into a folder of its own, gone at the end.
    let data = tempfile::tempdir().expect("a temporary folder can be made");
    let host = PluginHost::builder()
        .directory(std::path::Path::new(&directory))
        .data_dir(data.path())
        .build()?;
    let report = host.start().wait()?;
    println!("{report}");
    host.stop().wait()?;
    Ok(if report.is_complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
