//! A small HTTP service with five plugins, one good and four bad, under load: how the bad ones are kept
//! from doing harm, by nothing but [`policy.toml`](policy.toml).
//!
//! ```sh
//! cargo run --example resilience
//! ```
//!
//! Real libraries are loaded from a directory, and real clients ask over real connections: first only
//! for the good plugin, then for all of them. A table shows how each one is. At the end it is checked,
//! by what the clients saw and by what the host counted, that the good plugin was not harmed, that each
//! bad one was cut off as its policy says, and that each request had exactly one answer. The program
//! fails if that is not so; try it with a policy of your own that lacks something (`--policy`).

mod load;
#[path = "../keyserver/stage.rs"]
mod stage;
mod table;
mod verdict;
mod watch;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, HeaderValue};
use clap::Parser;
use hotshoe::config::Config;
use hotshoe::{Call, PluginHost, Result, ResultExt};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use load::Crowd;
use table::Table;
use verdict::Verdict;
use watch::Watch;

/// The instances that the policies are for, each with the route of its name.
const PLUGINS: [&str; 5] = ["good", "slow", "failing", "blocking", "crashing"];

/// So many clients ask for each plugin.
const CLIENTS: u32 = 8;
/// The path of a second service, without plugins, that as many clients ask as all plugins together. It
/// tells what the machine itself, busy with all of this and perhaps with other things, adds to what is
/// measured.
const CONTROL: &str = "control";

/// A small HTTP service with good and bad plugins under load
#[derive(Parser)]
struct Options {
    /// How long it takes: a quarter of that with the good plugin alone
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u64).range(4..))]
    seconds: u64,
    /// What keeps the plugins from doing harm
    #[arg(long, value_name = "FILE", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/resilience/policy.toml"))]
    policy: PathBuf,
    /// Print tables one below the other, as when the output is no terminal
    #[arg(long)]
    plain: bool,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all was as it should be.
fn run(options: &Options) -> Result<bool> {
    // What plugins write goes into a folder of its own, gone at the end.
    let data = tempfile::tempdir().describe("there is no temporary folder")?;
    let mut config =
        Config::from_file(&options.policy).describe("the configuration is not usable")?;
    config.plugins.directories = vec![stage::built_plugins("resilience-plugins", &["unruly"])?];
    // A plugin starts as the instances of the policy, and not as itself.
    config.plugins.auto_load = false;
    config.plugins.data_dir = Some(data.path().to_owned());
    config.plugins.strict = true;

    let host = PluginHost::builder().config(config.clone()).build()?;
    host.start().wait()?;
    let service = Service::start(plugins_of(&host))?;
    let control = Service::start(Router::new().fallback(nothing))?;
    println!("# The policies: {}\n", options.policy.display());
    println!("{}", std::fs::read_to_string(&options.policy).describe("it is gone")?);
    println!("# The service: http://{}/good and the others", service.address);

    let time = Duration::from_secs(options.seconds);
    let mut watch = Watch::new(&host, Table::new(options.plain));
    let mut under_load = |plugins: &[&'static str], time| {
        let paths = plugins.iter().map(|plugin| (*plugin, service.address, CLIENTS));
        let control = (CONTROL, control.address, CLIENTS * plugins.len() as u32);
        let paths: Vec<_> = paths.chain([control]).collect();
        let crowd = Crowd::start(&paths, time);
        watch.look_on(time);
        crowd.join()
    };
    println!("\n# The good plugin alone\n");
    let alone = under_load(&["good"], time / 4);
    println!("\n# All of them\n");
    let all = under_load(&PLUGINS, time - time / 4);
    watch.catch_up();

    let metrics = host.plugin_metrics();
    let (config, alone, all) = (&config, &alone, &all);
    let verdict = Verdict { config, metrics, watch: &watch, alone, all, broken: 0 };
    let passed = verdict.print();
    drop(watch);
    host.stop().wait()?;
    Ok(passed)
}

/// An HTTP service on a port that is free, with threads of its own.
struct Service {
    address: SocketAddr,
    /// Dropping it ends the service.
    _runtime: Runtime,
}

impl Service {
    fn start(routes: Router) -> Result<Self> {
        let runtime = Runtime::new().describe("there are no threads to serve with")?;
        let listener = runtime
            .block_on(TcpListener::bind(("127.0.0.1", 0)))
            .describe("cannot listen on this machine itself")?;
        let address = listener.local_addr().describe("the listener has no address")?;
        runtime.spawn(async move { axum::serve(listener, routes).await });
        Ok(Self { address, _runtime: runtime })
    }
}

/// The plugins' routes.
fn plugins_of(host: &PluginHost) -> Router {
    // Errors carry the id of their request as well as answers do.
    let plugins = host.tower_service().with_call(|head| {
        let id = head.headers.get("x-request-id").and_then(|id| id.to_str().ok());
        id.map_or_else(Call::none, |id| Call::builder().request_id(id).build())
    });
    Router::new().fallback_service(plugins)
}

/// What a request costs on this machine at this moment that no plugin answers.
async fn nothing(head: HeaderMap) -> ([(&'static str, HeaderValue); 1], &'static str) {
    let id = head.get("x-request-id").cloned();
    ([("x-request-id", id.unwrap_or(HeaderValue::from_static("")))], "done\n")
}
