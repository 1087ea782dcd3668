//! hotshoe-abi grows at the end of its tables. What was built against an earlier or a later version
//! of it works, in an earlier or a later host; what was built against a version that grew in any
//! other way is refused, with the type and the field.
//!
//! All of it with real libraries, built here from variants of the crate. An *earlier* plugin is one
//! without what was appended to today's tables, in today's host, and today's in a host of a later
//! hotshoe-abi; a *later* plugin is one of that hotshoe-abi in today's host.
//!
//! What is refused is refused before any code of it runs but constructors, of which it has none: so
//! these cases need no process of their own.
//!
//! The behaviour suite runs with plugins of the later version, too.

#[path = "../support/mod.rs"]
mod support;
#[path = "../support/variants/mod.rs"]
mod variants;

mod faults;
mod growth;
