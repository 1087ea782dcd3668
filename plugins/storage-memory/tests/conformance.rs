//! What the plugin contributes keeps the storage contract.

use hotshoe::testing::storage_backend;
use hotshoe::{Capabilities, MemoryStore};
use storage_memory::Config;

#[test]
fn the_store_keeps_the_contract() {
    storage_backend(MemoryStore::new);
}

#[test]
fn a_store_with_small_values_keeps_the_contract() {
    let capabilities = Capabilities::default().max_value_bytes(4 << 10);
    storage_backend(|| MemoryStore::with_capabilities(capabilities));
}

#[test]
fn nothing_has_to_be_configured_and_nothing_unknown_is_accepted() {
    assert_eq!(serde_json::from_str::<Config>("{}").unwrap(), Config::default());
    let error = serde_json::from_str::<Config>(r#"{ "max_value_byte": 1 }"#).unwrap_err();
    assert!(error.to_string().contains("max_value_bytes"), "{error}");
}
