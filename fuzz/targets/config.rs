//! A configuration: any text.
#![no_main]

#[path = "../oracles/config.rs"]
mod config;
#[path = "../oracles/shown.rs"]
mod shown;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| config::check(bytes));
