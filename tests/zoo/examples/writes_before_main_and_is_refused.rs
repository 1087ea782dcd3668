//! Would write a file when it is opened, and was built with an ABI that no host has.

zoo::manifest!(
    "writes-before-main-and-is-refused",
    "hotshoe_plugin_writes_before_main_and_is_refused",
    "abi\u{1f}0.99.0"
);

zoo::before_main!(zoo::leave_a_trace);
