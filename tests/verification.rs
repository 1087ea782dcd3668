//! What is checked of a file before anything of it runs: signatures, digests, versions, what it
//! would bring along; and that what was checked is what is loaded.

mod support;

mod verification {
    mod alone;
    mod elf;
    mod exchange;
    mod linkage;
    mod pins;
    mod preflight;
    mod signatures;
    mod signer;
    mod tampering;
    mod trials;
}
