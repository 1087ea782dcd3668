//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use hotshoe::config::Config;
use hotshoe::{Result, ResultExt};

/// An OpenPGP keyserver whose every feature is a plugin.
#[derive(Parser)]
pub struct Options {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/keyserver/keyserver.toml"))]
    pub config: PathBuf,
    /// Where the plugins are; those that Cargo has just built, unless said otherwise
    #[arg(long, value_name = "DIR", conflicts_with = "linked")]
    pub plugins: Option<PathBuf>,
    /// Run the plugins compiled into this program instead of loading them
    #[arg(long)]
    pub linked: bool,
    /// Take in what is put into the directory of plugins while the server runs: new plugins, and new builds
    /// of those that run
    #[arg(long, conflicts_with = "linked")]
    pub watch: bool,
    /// Where keys are kept
    #[arg(long, value_enum, default_value_t = Backend::Sqlite)]
    pub storage: Backend,
    /// Where plugins have their folders
    #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/target/keyserver-data"))]
    pub data: PathBuf,
    /// The address to serve on; what `[server] bind` says, unless given
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Start every plugin, print the table, stop; fail unless everything could be started
    #[arg(long)]
    pub check: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Backend {
    /// Gone when the program ends
    Memory,
    /// In a file below the data directory
    Sqlite,
}

impl Backend {
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite => "sqlite",
        }
    }
}

impl Options {
    /// The address to serve on. `:11371` means all addresses, as in Go.
    pub fn listen(&self, config: &Config) -> Result<String> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Server {
            bind: String,
        }
        let address = match &self.listen {
            Some(address) => address.clone(),
            None => config.application::<Server>("server").describe("no address to serve on")?.bind,
        };
        Ok(if address.starts_with(':') { format!("0.0.0.0{address}") } else { address })
    }
}

/// Done when the program is asked to end.
pub async fn end() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
