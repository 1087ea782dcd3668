//! The peers: one module each, and one line below.

mod abi_stable;
mod boxed;
mod extism;
mod grpc;
mod hotshoe;
mod memlink;
mod mlua;
mod plux;
mod raw;
mod stabby;
mod wasmtime_component;
mod wasmtime_core;
mod zenoh;

use std::path::Path;

use anyhow::{Result, anyhow};

use crate::peer::Candidate;

/// All of them, in the order of the tables; the first is what the others are compared with.
pub static ALL: &[Candidate] = &[
    boxed::CANDIDATE,
    raw::CANDIDATE,
    hotshoe::LINKED,
    hotshoe::LOADED,
    hotshoe::DIRECT,
    abi_stable::CANDIDATE,
    stabby::CANDIDATE,
    zenoh::CANDIDATE,
    memlink::CANDIDATE,
    plux::CANDIDATE,
    wasmtime_core::CANDIDATE,
    wasmtime_component::CANDIDATE,
    extism::CANDIDATE,
    mlua::CANDIDATE,
    grpc::CANDIDATE,
];

/// Is the plugin of the peer that has it in a process.
pub fn serve(socket: &Path) -> Result<()> {
    peers_grpc::serve(socket).map_err(|error| anyhow!("the server failed: {error}"))
}
