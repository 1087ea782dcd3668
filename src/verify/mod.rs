//! What can be known of a library file without running any code of it, and whether it may be loaded.
//!
//! A file is opened once. Its headers, its manifest and its dynamic table are read: a thousand
//! plugins cost a thousand small reads. Every byte is read only of a plugin that is pinned, or if
//! signatures are looked at; those bytes are kept, sealed, and loaded from where they are. See
//! [`Verifier`] for the order, and [`LibraryFile`] for what happens when the file is exchanged.

mod compatible;
mod elf;
mod entry;
mod free_memory;
mod library_file;
mod linkage;
mod memory;
mod regular;
mod signature;
mod stamp;
#[cfg(test)]
mod tests;
mod verifier;
mod waiting;

pub(crate) use library_file::{LibraryFile, Loadable};
pub(crate) use stamp::{Identity, Stamp};
pub(crate) use verifier::{Verdict, Verified, Verifier, manifest_of, peek};
