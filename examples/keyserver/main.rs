//! An OpenPGP keyserver whose every feature is a plugin. Its client is `gpg`:
//!
//! ```sh
//! cargo run --example keyserver
//! gpg --keyserver hkp://127.0.0.1:11371 --search-keys ada
//! ```
//!
//! The plugins are loaded from a directory; `--linked` runs the very same crates compiled in.

mod options;
mod stage;

use std::net::SocketAddr;
use std::process::ExitCode;

use axum::extract::ConnectInfo;
use clap::Parser;
use hotshoe::config::{Config, Linked};
use hotshoe::{Call, PluginHost, Result, ResultExt};
use options::Options;
use tokio::net::TcpListener;

// Mentioned, so that the linker keeps them for `--linked`.
use {
    access_log as _, hkp as _, keydb as _, keyserver_stats as _, ratelimit as _,
    storage_memory as _, storage_sqlite as _,
};

const PLUGINS: [&str; 7] = [
    "access-log",
    "hkp",
    "keydb",
    "keyserver-stats",
    "ratelimit",
    "storage-memory",
    "storage-sqlite",
];

fn main() -> ExitCode {
    // In a child of this program that tries a plugin: does so, and never returns.
    hotshoe::preflight::hook();
    start()
}

#[tokio::main]
async fn start() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| "info".into()))
        .with_writer(std::io::stderr)
        .init();
    match run(Options::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<ExitCode> {
    let config = configure(&options)?;
    let listen = options.listen(&config)?;
    let host = PluginHost::builder().config(config).health_path("/health").build()?;
    let report = host.start().await?;
    println!("{report}");
    if options.check {
        host.stop().await?;
        return Ok(if report.is_complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    serve(&host, &listen).await?;
    host.stop().await?;
    println!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// The configuration file, with what the command line says instead.
fn configure(options: &Options) -> Result<Config> {
    let mut config =
        Config::from_file(&options.config).describe("the configuration is not usable")?;
    config.plugins.data_dir = Some(options.data.clone());
    if options.linked {
        config.plugins.linked = Some(Linked::Only(PLUGINS.map(Into::into).into()));
    } else {
        let directory = match &options.plugins {
            Some(directory) => directory.clone(),
            None => stage::built_plugins("keyserver-plugins", &PLUGINS)?,
        };
        config.plugins.directories = vec![directory];
        config.plugins.watch |= options.watch;
    }
    // Whatever else in the directory offers to keep things, this backend is meant; the other one stays
    // switched off.
    config.plugins.storage = Some(format!("storage-{}", options.storage.name()));
    for (id, instance) in &mut config.plugins.instances {
        if let Some(backend) = id.strip_prefix("storage-") {
            instance.enabled = backend == options.storage.name();
        }
    }
    Ok(config)
}

async fn serve(host: &PluginHost, listen: &str) -> Result<()> {
    let listener = TcpListener::bind(listen)
        .await
        .describe(format!("cannot listen on {listen}; choose another address with --listen"))?;
    let address = listener.local_addr().describe("the listener has no address")?;
    // The plugins are asked for everything; who calls is what only the connection knows.
    let plugins = host.tower_service().with_call(|head| {
        let peer = head.extensions.get::<ConnectInfo<SocketAddr>>();
        let call = Call::builder();
        match peer {
            Some(ConnectInfo(address)) => call.set("peer", address.ip().to_string()).build(),
            None => call.build(),
        }
    });
    let routes = axum::Router::new().fallback_service(plugins);
    println!("serving on http://{address}, end with Ctrl-C");
    axum::serve(listener, routes.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(options::end())
        .await
        .describe("serving failed")
}
