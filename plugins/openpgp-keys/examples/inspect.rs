//! Reads a keyring or armored key file and prints its index as a keyserver would.
//!
//! `cargo run --example inspect -- FILE`

use std::time::{SystemTime, UNIX_EPOCH};

use hotshoe_openpgp_keys::{Limits, index_mr, parse_upload};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: inspect FILE")?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let certificates = parse_upload(&std::fs::read(path)?, &Limits::default())?;
    print!("{}", index_mr(&certificates, now));
    for certificate in &certificates {
        println!(
            "{}: {} bytes, {} packets, {:?}, words {:?}",
            certificate.fingerprint(),
            certificate.bytes().len(),
            certificate.packet_count(),
            certificate.binding(),
            certificate.words(),
        );
    }
    Ok(())
}
