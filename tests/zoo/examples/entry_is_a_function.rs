//! Has a function where its entry should be.

zoo::manifest!("entry-is-a-function", "hotshoe_plugin_entry_is_a_function");

/// What a C programmer would expect.
#[unsafe(no_mangle)]
pub extern "C" fn hotshoe_plugin_entry_is_a_function() -> *const () {
    std::ptr::null()
}
