//! gRPC over a Unix socket: the plugin is a process.

use std::any::Any;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use peers_grpc::contract::contract_client::ContractClient;
use peers_grpc::{Bytes, Numbers};
use tokio::runtime::{Builder, Runtime};
use tonic::transport::{Channel, Endpoint};

use crate::load::files;
use crate::peer::{Candidate, Files, Load, Peer, Staging};
use crate::work::{self, Work};

/// Its row.
pub const CANDIDATE: Candidate = Candidate {
    name: "gRPC on a Unix socket (tonic)",
    krate: Some("tonic"),
    mount,
    loads: &[Load {
        name: "gRPC on a Unix socket (tonic)",
        files: Files { name: "grpc", stage },
        open,
        // A thousand processes are not what anybody would do.
        most: 1,
        beside: None,
    }],
    note: "What HashiCorp's go-plugin amounts to: a server process that says on its standard output where it \
           listens, one connection, unary calls; each side has a runtime on one thread. A plugin that crashes \
           takes nothing with it. It is not loaded a thousand times, which would be a thousand processes; the \
           memory of the one counts.",
};

/// The process, which ends with this.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Grpc {
    client: ContractClient<Channel>,
    runtime: Runtime,
    _server: Server,
}

fn connect(program: &Path, socket: &Path) -> Result<Grpc> {
    let server = Command::new(program).arg("--serve").arg(socket).stdout(Stdio::piped()).spawn();
    let mut server = Server(server.context("the server did not start")?);
    let mut line = String::new();
    if let Some(output) = server.0.stdout.take() {
        BufReader::new(output).read_line(&mut line)?;
    }
    ensure!(
        line.trim() == peers_grpc::READY,
        "the server did not say that it listens, but {line:?}"
    );
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let endpoint = Endpoint::try_from(format!("unix://{}", socket.display()))?;
    let channel = runtime.block_on(endpoint.connect()).context("the server does not answer")?;
    Ok(Grpc { client: ContractClient::new(channel), runtime, _server: server })
}

fn program() -> Result<PathBuf> {
    std::env::current_exe().context("the program does not know its own file")
}

fn mount(staging: &Staging) -> Result<Box<dyn Peer>> {
    Ok(Box::new(connect(&program()?, &staging.folder().join("socket"))?))
}

fn stage(folder: &Path, count: usize) -> Result<()> {
    let program = program()?;
    (0..count)
        .try_for_each(|number| Ok(symlink(&program, folder.join(format!("plugin-{number:04}")))?))
}

fn open(folder: &Path) -> Result<Box<dyn Any>> {
    let staging = Staging::new()?;
    let mut plugins = Vec::new();
    for (number, file) in files(folder)?.iter().enumerate() {
        plugins.push(connect(file, &staging.folder().join(number.to_string()))?);
    }
    Ok(Box::new((plugins, staging)))
}

impl Peer for Grpc {
    fn add(&mut self) -> Option<Box<dyn Work + '_>> {
        work::add(|a, b| {
            let sum = self.runtime.block_on(self.client.add(Numbers { a, b }));
            sum.map(|sum| sum.into_inner().sum)
        })
    }

    fn echo(&mut self, bytes: usize) -> Option<Box<dyn Work + '_>> {
        work::echo(bytes, |content| {
            let bytes = Bytes { bytes: content.to_vec() };
            let answer = self.runtime.block_on(self.client.echo(bytes));
            answer.map(|answer| answer.into_inner().bytes)
        })
    }

    fn json(&mut self) -> Option<Box<dyn Work + '_>> {
        work::json(|document| {
            let answer = self.runtime.block_on(self.client.json(Bytes { bytes: document }));
            answer.map(|answer| answer.into_inner().bytes)
        })
    }
}
