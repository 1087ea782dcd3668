//! Records what a plugin is built with, for its manifest: compiler, target, profile and a
//! fingerprint of this crate's own sources. Two libraries with the same fingerprint and the same
//! target share every layout, so the full layout check is needed once per fingerprint and not once
//! per file.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let version = Command::new(rustc)
        .arg("--version")
        .output()
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .unwrap_or_else(|| "unknown".into());
    set("HOTSHOE_RUSTC", version.trim());
    set("HOTSHOE_TARGET", &env::var("TARGET").unwrap_or_default());
    set("HOTSHOE_PROFILE", &env::var("PROFILE").unwrap_or_default());

    let mut sources = Vec::new();
    collect(Path::new("src"), &mut sources);
    sources.sort();
    let mut hash = Fnv::new();
    // The types of abi_stable cross, too; which of its patch releases was taken cannot be asked
    // here, but they do not change layouts, by its own rules for versions.
    hash.add(b"abi_stable 0.11");
    hash.add(env::var("CARGO_PKG_VERSION").unwrap_or_default().as_bytes());
    for source in &sources {
        hash.add(source.as_os_str().as_encoded_bytes());
        hash.add(&fs::read(source).expect("a source file of this crate is readable"));
    }
    set("HOTSHOE_FINGERPRINT", &format!("{:032x}", hash.0));

    println!("cargo:rerun-if-changed=src");
    println!("cargo:rerun-if-changed=build.rs");
}

/// Every file below `folder`.
fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of this crate is readable") {
        let path = entry.expect("an entry of this crate is readable").path();
        if path.is_dir() {
            collect(&path, into);
        } else {
            into.push(path);
        }
    }
}

fn set(name: &str, value: &str) {
    println!("cargo:rustc-env={name}={value}");
}

/// FNV-1a, 128 bits: no secret is kept here, only an accidental collision must not happen.
struct Fnv(u128);

impl Fnv {
    fn new() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 ^= u128::from(*byte);
            self.0 = self.0.wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }
}
