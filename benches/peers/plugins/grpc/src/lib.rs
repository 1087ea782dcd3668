//! The plugin as a gRPC server on a Unix socket, in a process of its own: what HashiCorp's go-plugin does.

use std::path::Path;

use contract::contract_server::{Contract, ContractServer};
use tokio::net::UnixListener;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

/// The stubs, as tonic's build script writes them.
#[allow(missing_docs, unused_qualifications, reason = "it is generated")]
pub mod contract {
    include!(concat!(env!("OUT_DIR"), "/peers.Contract.rs"));
}

/// What is added.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Numbers {
    /// One.
    #[prost(uint64, tag = "1")]
    pub a: u64,
    /// The other.
    #[prost(uint64, tag = "2")]
    pub b: u64,
}

/// What they are together.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Sum {
    /// The sum.
    #[prost(uint64, tag = "1")]
    pub sum: u64,
}

/// Bytes of any kind.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Bytes {
    /// The bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub bytes: Vec<u8>,
}

struct Implementation;

#[tonic::async_trait]
impl Contract for Implementation {
    async fn add(&self, request: Request<Numbers>) -> Result<Response<Sum>, Status> {
        let Numbers { a, b } = request.into_inner();
        Ok(Response::new(Sum { sum: a.wrapping_add(b) }))
    }

    async fn echo(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    async fn json(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        let mut document = request.into_inner();
        peers_task::count_up(&mut document.bytes)
            .map_err(|_| Status::invalid_argument("there is no number"))?;
        Ok(Response::new(document))
    }
}

/// The line on standard output that says that the server listens. (go-plugin's says where, too.)
pub const READY: &str = "listening";

/// Serves until the process ends.
///
/// # Errors
/// If the socket cannot be made, or the server fails.
pub fn serve(socket: &Path) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let incoming = UnixListenerStream::new(UnixListener::bind(socket)?);
        println!("{READY}");
        let service = ContractServer::new(Implementation);
        Ok(Server::builder().add_service(service).serve_with_incoming(incoming).await?)
    })
}
