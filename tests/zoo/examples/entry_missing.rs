//! Has a manifest, and no entry.

zoo::manifest!("entry-missing", "hotshoe_plugin_entry_missing");
