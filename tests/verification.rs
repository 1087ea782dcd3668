//! What is checked of a file before anything of it runs: signatures, digests, versions, what it
//! would bring along; and that what was checked is what is loaded.

#[path = "support/rig.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod rig;
mod support;

mod verification {
    mod elf;
    mod exchange;
    mod linkage;
    mod pins;
    mod preflight;
    mod signatures;
    mod signer;
    mod tampering;
}
