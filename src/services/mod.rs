//! What plugins share: services by name, maps in memory, and what each may ask for.

mod doors;
mod grants;
mod limits;
mod permission;
mod registry;

pub(crate) use doors::validate;
#[cfg(test)]
pub(crate) use doors::{NAMED, SINGLE};
pub(crate) use grants::{Change, Grants};
pub(crate) use limits::Limits;
pub use permission::{Authority, Permission, PermissionState};
pub(crate) use registry::{Offer, ServiceRegistry};
