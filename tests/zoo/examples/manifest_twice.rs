//! Has two manifests.

zoo::manifest!("manifest-twice", "hotshoe_plugin_manifest_twice");
zoo::manifest!("manifest-twice-again", "hotshoe_plugin_manifest_twice");
