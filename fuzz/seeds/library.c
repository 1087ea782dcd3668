static const char manifest[] __attribute__((section(".hotshoe"), used)) =
    "hotshoe-manifest\x1f" "1\x1e" "abi\x1f" "0.1.0\x1e" "fingerprint\x1f" "f\x1e" "rustc\x1f" "rustc 1.95.0\x1e"
    "target\x1f" "x86_64-unknown-linux-gnu\x1e" "profile\x1f" "debug\x1e" "panic\x1f" "true\x1e"
    "symbol\x1f" "hotshoe_plugin_x\x1e" "id\x1f" "x\x1e" "version\x1f" "1.2.3\x1e" "end\x1e";
int hotshoe_plugin_x = 1;
