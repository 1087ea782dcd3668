//! Between the contract's traits and the objects that cross, both ways.
//!
//! *Export* (contract to table) is compiled into the library that implements a trait, *import*
//! (table to contract) into the one that calls it. A plugin exports its contributions and imports
//! the host's storage; a host does the reverse. Each file has both directions of one kind.

mod handler;
mod health;
mod level;
#[allow(unsafe_code, reason = "a pinned field is reached through its pinned owner")]
mod scope;
mod storage;

pub(crate) use handler::Exported;
pub(crate) use health::{export_health, import_health};
pub(crate) use level::{MAX_FIELDS, level_filter, level_number};
pub(crate) use scope::Scope;
pub use scope::current_plugin;
#[cfg(feature = "host")]
pub(crate) use storage::{
    export_batch, export_precondition, export_scan, import_capabilities, import_found, import_page,
    import_versions,
};
pub(crate) use storage::{export_storage, import_storage};
