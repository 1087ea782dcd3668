//! What the tests of plugins need.
