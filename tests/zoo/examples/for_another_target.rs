//! Was built for another target, as its manifest says.

zoo::manifest!(
    "for-another-target",
    "hotshoe_plugin_for_another_target",
    "target\u{1f}sparc-sun-solaris"
);
