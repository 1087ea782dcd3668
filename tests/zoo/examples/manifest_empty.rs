//! Has a section for the manifest, and nothing in it.

// A section without a byte is left out by the linker.
zoo::section!("\0\0\0\0");
