//! Has something else where its entry should be, as large as a real one.

zoo::manifest!("entry-is-foreign", "hotshoe_plugin_entry_is_foreign");

/// As large as a real one, with a beginning of its own.
#[unsafe(no_mangle)]
pub static hotshoe_plugin_entry_is_foreign: [u8; 512] = [b'x'; 512];
