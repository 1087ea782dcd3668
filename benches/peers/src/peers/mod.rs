//! The peers: one module each, and one line below.

mod boxed;
mod raw;

use crate::peer::Candidate;

/// All of them, in the order of the tables; the first is what the others are compared with.
pub static ALL: &[Candidate] = &[
    boxed::CANDIDATE,
    raw::CANDIDATE,
    // hotshoe: linked, loaded, bare.
    // abi_stable, stabby, zenoh-plugin-trait, memlink-runtime, plux-rs.
    // wasmtime (core, component), extism, mlua, gRPC.
];
