//! What plugins share: services by name, maps in memory, and what each may ask for.

mod grants;
mod limits;
mod registry;

pub(crate) use grants::Grants;
pub(crate) use limits::Limits;
pub(crate) use registry::{Provided, ServiceRegistry};
