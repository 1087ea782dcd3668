//! Has nothing but zeroes where its entry should be.

zoo::manifest!("entry-is-zeroed", "hotshoe_plugin_entry_is_zeroed");

/// As large as a real one, and empty.
#[unsafe(no_mangle)]
pub static hotshoe_plugin_entry_is_zeroed: [u64; 64] = [0; 64];
