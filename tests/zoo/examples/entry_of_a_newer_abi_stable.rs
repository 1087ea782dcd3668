//! Has an entry as another version of abi_stable would write it.

/// What every version begins with.
#[repr(C)]
pub struct Header {
    magic: [u8; 32],
    major: u32,
    minor: u32,
    rest: [u64; 64],
}

zoo::manifest!("entry-of-a-newer-abi-stable", "hotshoe_plugin_entry_of_a_newer_abi_stable");

/// The right beginning, with a version that does not exist yet.
#[unsafe(no_mangle)]
pub static hotshoe_plugin_entry_of_a_newer_abi_stable: Header =
    Header { magic: MAGIC, major: 0, minor: 99, rest: [0; 64] };

const MAGIC: [u8; 32] = *b"abi stable library for Rust     ";
