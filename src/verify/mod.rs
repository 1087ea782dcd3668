//! What can be known of a library file without running any code of it.
//!
//! Reads headers and one section, nothing else: a thousand plugins cost a thousand small reads.

mod compatible;
mod file;

pub(crate) use compatible::check_build;
pub(crate) use file::{Inspection, inspect};
