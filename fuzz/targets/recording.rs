//! A recording: any bytes.
#![no_main]

#[path = "../oracles/recording.rs"]
mod recording;
#[path = "../oracles/shown.rs"]
mod shown;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| recording::check(bytes));
