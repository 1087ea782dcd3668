//! The manifest's section of a library: any bytes.
#![no_main]

#[path = "../oracles/manifest.rs"]
mod manifest;
#[path = "../oracles/shown.rs"]
mod shown;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| manifest::check(bytes));
