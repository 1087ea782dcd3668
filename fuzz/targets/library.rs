//! The file of a library: any bytes.
#![no_main]

#[path = "../oracles/library.rs"]
mod library;
#[path = "../oracles/shown.rs"]
mod shown;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| library::check(bytes));
