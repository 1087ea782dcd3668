//! Has an entry of a single byte.

zoo::manifest!("entry-is-short", "hotshoe_plugin_entry_is_short");

/// Too short for anything.
#[unsafe(no_mangle)]
pub static hotshoe_plugin_entry_is_short: u8 = b'a';
