//! Names a function of the C library as its entry.

zoo::manifest!("manifest-lies-about-its-symbol", "malloc");
